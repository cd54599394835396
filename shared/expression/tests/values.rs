use super::super::CompiledValue;
use super::*;

fn with(tree: Value, record: Value) -> Result<Value, ExpressionError> {
    CompiledValue::compile(&tree).unwrap().render(&scope(record), &Engine::default())
}

#[test]
fn an_empty_value_leaves_its_key_out() {
    let tree = json!({
        "Name": "{{ record.Name }}", "Phone": "{{ record.Phone }}", "Fax": " ", "Zero": 0, "No": false, "Null": null,
        "Address": {"City": "{{ record.City }}"}, "Tags": ["{{ record.Name }}", "{{ record.City }}"], "Made": "{{ ({a: null, b: [], c: 1}) }}",
        "List": [], "Object": {}, "None": "{{ [] }}"
    });
    let expected = json!({"Name": "Acme", "Zero": 0, "No": false, "Tags": ["Acme"], "Made": {"c": 1}, "List": [], "Object": {}});
    assert_eq!(with(tree, json!({"Name": "Acme"})).unwrap(), expected);
}

#[test]
fn clear_is_the_only_way_to_a_null() {
    let tree = json!({"Phone": {"clear": true}, "clear": ["Fax", "Mobile"], "Name": "x"});
    assert_eq!(
        with(tree, json!({})).unwrap(),
        json!({"Phone": null, "Name": "x", "Fax": null, "Mobile": null})
    );
    let tree = json!({"object": "Account", "fields": {"Name": "x"}, "clear": ["Fax"]});
    assert_eq!(
        with(tree, json!({})).unwrap(),
        json!({"object": "Account", "fields": {"Name": "x", "Fax": null}})
    );
    let tree = json!({"object": "Account", "fields": {"Name": "{{ record.x }}"}, "clear": ["Fax"]});
    assert_eq!(with(tree, json!({})).unwrap(), json!({"object": "Account", "fields": {"Fax": null}}));
}

#[test]
fn each_maps_a_list_and_adds_to_it() {
    let tree = json!({"LineItems": {
        "each": "record.Lines", "as": "line", "when": "line.Quantity > 0",
        "with": {"ItemCode": "{{ line.Code }}", "UnitAmount": "{{ line.Price }}", "AccountCode": "{{ table('account', line.Family) }}"},
        "plus": [{"Description": "Freight", "UnitAmount": "{{ record.Freight }}"}, {"Description": "{{ record.Nothing }}"}]
    }});
    let record = exact(
        r#"{"Freight": 9.90, "Lines": [{"Code": "A", "Price": 1.10, "Quantity": 1, "Family": "Hardware"}, {"Code": "B", "Quantity": 0}, {"Price": 12345678901234567.890, "Quantity": 2}]}"#,
    );
    assert_eq!(
        with(tree.clone(), record).unwrap().to_string(),
        r#"{"LineItems":[{"ItemCode":"A","UnitAmount":1.10,"AccountCode":"200"},{"UnitAmount":12345678901234567.890,"AccountCode":"260"},{"Description":"Freight","UnitAmount":9.90}]}"#
    );
    assert_eq!(with(tree, json!({})).unwrap(), json!({"LineItems": [{"Description": "Freight"}]}));
    assert_eq!(
        with(json!({"a": {"each": "{{ record.Lines }}", "with": "{{ item }}"}}), json!({"Lines": []}))
            .unwrap(),
        Value::Null
    );
}

#[test]
fn loops_nest_and_take_expressions_and_lists() {
    let tree = json!({"each": "record.a.filter(x => x.on)", "as": "outer", "with": {"each": "outer.b", "with": "{{ outer.n }}-{{ item }}"}});
    let record = json!({"a": [{"on": true, "n": 1, "b": [1, 2]}, {"on": false, "n": 2, "b": [3]}, {"on": true, "n": 3, "b": [4]}]});
    assert_eq!(with(tree, record).unwrap(), json!([["1-1", "1-2"], ["3-4"]]));
    assert_eq!(
        with(json!({"each": ["x", "{{ record.y }}"], "with": {"v": "{{ item }}"}}), json!({"y": 2})).unwrap(),
        json!([{"v": "x"}, {"v": 2}])
    );
    assert_eq!(with(json!({"each": "record.a"}), json!({"a": [1, null, 2]})).unwrap(), json!([1, 2]));
}

#[test]
fn an_error_says_where_in_the_tree_it_happened() {
    let tree = json!({"Lines": {"each": "record.a", "as": "line", "with": {"Amount": "{{ line.x.y.z() }}"}}});
    let error = with(tree, json!({"a": [{"x": {"y": {}}}]})).unwrap_err();
    assert_eq!((error.place(), error.code()), ("Lines[0].Amount", "javascript_threw"));
    assert_eq!(with(json!({"a": [{"each": "record.n"}]}), json!({"n": 5})).unwrap_err().place(), "a[0].each");
    let wrong = |tree: Value| CompiledValue::compile(&tree).unwrap_err().place;
    assert_eq!(wrong(json!({"a": [1, {"b": "{{ 1 + }}"}]})), "a[1].b");
    assert_eq!(wrong(json!({"a": {"each": "x", "wiht": {}}})), "a.wiht");
    assert_eq!(wrong(json!({"a": {"each": "x", "as": "a-b"}})), "a.as");
}

#[test]
fn the_action_says_which_entries_may_stay() {
    let tree =
        json!({"Phones": [{"PhoneType": "DEFAULT", "PhoneNumber": "{{ record.p }}"}], "Other": [{"a": 1}]});
    let keep = |place: &str, entry: &Value| place != "Phones" || entry.get("PhoneNumber").is_some();
    let compiled = CompiledValue::compile(&tree).unwrap();
    assert_eq!(
        compiled.render_keeping(&scope(json!({})), &Engine::default(), &keep).unwrap(),
        json!({"Other": [{"a": 1}]})
    );
}

#[test]
fn a_number_written_in_the_flow_keeps_its_text_and_the_tree_lists_its_paths() {
    let tree = exact(r#"{"a": 1.10, "b": 090e0, "c": "{{ steps.x.y }}", "d": {"each": "record.l", "when": "item.z", "plus": ["{{ settings.s }}"]}}"#.replace("090e0", "90.0").as_str());
    assert_eq!(with(tree.clone(), json!({})).unwrap().to_string(), r#"{"a":1.10,"b":90.0}"#);
    let paths: Vec<String> = CompiledValue::compile(&tree)
        .unwrap()
        .references()
        .iter()
        .map(|reference| reference.path.join("."))
        .collect();
    assert_eq!(paths, ["steps.x.y", "record.l", "item.z", "settings.s"]);
}
