use proptest::prelude::*;

use super::super::{Condition, Template};
use super::*;

fn holds(condition: &str, record: Value) -> bool {
    Condition::compile(condition).unwrap().holds(&scope(record), &Engine::default()).unwrap()
}

#[test]
fn a_lone_expression_keeps_its_type_and_mixed_text_is_text() {
    let record = exact(r#"{"Amount": 1.10, "Name": "Acme", "Lines": [{"a": 1}], "None": null}"#);
    assert_eq!(render("{{ record.Amount }}", record.clone()).unwrap().to_string(), "1.10");
    assert_eq!(render("{{ record.Lines }}", record.clone()).unwrap(), json!([{"a": 1}]));
    assert_eq!(render("{{record.Lines.length}}", record.clone()).unwrap(), json!(1));
    assert_eq!(render("{{ record.Nope.x[3].y }}", record.clone()).unwrap(), Value::Null);
    assert_eq!(
        render("{{ record.Name }}: {{ record.Amount }}{{ record.None }} {{ record.Lines }}", record.clone())
            .unwrap(),
        json!(r#"Acme: 1.10 [{"a":1}]"#)
    );
    assert_eq!(render("{{ record.Amount * 2 }}", record.clone()).unwrap().to_string(), "2.2");
    assert_eq!(render(r"plain \{{ record.Name }}", record).unwrap(), json!("plain {{ record.Name }}"));
}

#[test]
fn braces_inside_an_expression_do_not_end_it() {
    assert_eq!(render("{{ {a: {b: '}}'}}.a.b }}!", json!({})).unwrap(), json!("}}!"));
    assert_eq!(render("{{ `${[1, 2].map(x => ({ x })).length}` }}", json!({})).unwrap(), json!("2"));
}

#[test]
fn a_mistake_is_found_when_it_is_compiled_with_its_place() {
    let unclosed = Template::compile("a\nbc {{ record.Id").unwrap_err();
    assert_eq!((unclosed.line, unclosed.column), (2, 4));
    let wrong = Template::compile("ab\n{{ 1 +* 2 }}").unwrap_err();
    assert_eq!((wrong.line, wrong.code()), (2, "syntax"));
    assert!(wrong.column >= 6 && wrong.column <= 9, "{wrong}");
    for text in [
        "{{ }}",
        "{{ a) + (b }}",
        "{{ return 1 }}",
        "{{ await x }}",
        "{{ 'a }}",
        "{{ let a = 1 }}",
        "{{ 1;2 }}",
    ] {
        assert!(Template::compile(text).is_err(), "{text}");
    }
}

#[test]
fn a_name_that_nobody_knows_is_named() {
    let error = render("{{ recrod.Id }}", json!({})).unwrap_err();
    assert_eq!(error.code(), "unknown_name");
    assert!(error.message().contains("recrod") && error.message().contains("record"));
    assert_eq!(render("{{ previous.Id }}", json!({})).unwrap(), Value::Null);
    assert_eq!(render("{{ previous === null }}", json!({})).unwrap(), json!(true));
}

#[test]
fn conditions_follow_the_rules_of_javascript_with_and_without_braces() {
    let record = exact(r#"{"zero": 0.00, "text": "", "list": [], "long": 12345678901234567.89, "n": 3}"#);
    for (condition, expected) in [
        ("record.zero", false),
        ("record.text", false),
        ("record.list", true),
        ("record.long", true),
        ("record.nope", false),
        ("record.n > 2", true),
        ("{{ record.n > 3 }}", false),
        ("{{ record.n }} > 2", true),
        ("{{ record.n }} > 2 && {{ record.zero }}", false),
        ("record.list.length > 0", false),
        ("!record.text", true),
        ("NaN", false),
        ("record.text || 'x'", true),
        ("date('2026-01-01') < today()", true),
        ("true", true),
        ("{{false}}", false),
    ] {
        assert_eq!(holds(condition, record.clone()), expected, "{condition}");
    }
}

#[test]
fn the_paths_that_a_template_mentions_are_listed_with_their_offsets() {
    let text = "Dear {{ record.Name }}, {{ steps.invoice.Total + steps['x'].y }}";
    let references = Template::compile(text).unwrap().references();
    let paths: Vec<String> = references.iter().map(|reference| reference.path.join(".")).collect();
    assert_eq!(paths, ["record.Name", "steps.invoice.Total", "steps.x.y"]);
    for reference in references {
        assert!(text[reference.offset..].starts_with(reference.root()));
    }
}

#[test]
fn loops_lie_over_each_other() {
    let outer = scope(json!({})).with_item("line", json!({"a": 1}));
    let inner = outer.with_item("line", json!({"a": 2})).with_item("part", json!(3));
    let render = |text: &str, scope: &Scope| {
        Template::compile(text).unwrap().render(scope, &Engine::default()).unwrap()
    };
    assert_eq!(render("{{ line.a + part }}", &inner), json!(5));
    assert_eq!(render("{{ line.a }}", &outer), json!(1));
}

proptest! {
    #[test]
    fn a_decimal_passes_a_bare_path_untouched(text in "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?") {
        let record = exact(&format!(r#"{{"Lines": [{{"Amount": {text}}}]}}"#));
        let rendered = render("{{ record.Lines[0].Amount }}", record.clone()).unwrap();
        prop_assert_eq!(rendered.to_string(), exact(&text).to_string());
        prop_assert_eq!(render("= {{ record.Lines[0].Amount }}", record).unwrap(), json!(format!("= {}", exact(&text))));
    }

    #[test]
    fn no_text_makes_the_compiler_panic(text in "[a-z{}`'\"/\\\\.$ é(]{0,40}") {
        let _ = Template::compile(&text).map(|template| template.references());
        let _ = Condition::compile(&text).map(|condition| condition.references());
    }
}
