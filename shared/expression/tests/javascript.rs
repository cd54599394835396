use super::super::{WantedBy, WantedLink};
use super::*;

fn code(script: &str) -> &'static str {
    run(script, json!({})).unwrap_err().code()
}

#[test]
fn a_step_returns_data_computed_from_the_scope() {
    let record = json!({"Lines": [{"q": 2, "p": 1.25}, {"q": 1, "p": 0.5}]});
    let script = "const total = record.Lines.reduce((sum, line) => sum + line.q * line.p, 0)\nreturn { total, none: undefined, empty: null, list: [undefined, 1e21, -0, 0.1] }";
    assert_eq!(
        run(script, record).unwrap().to_string(),
        r#"{"total":3,"empty":null,"list":[null,1e21,0,0.1]}"#
    );
    assert_eq!(run("const x = 1", json!({})).unwrap(), Value::Null);
}

#[test]
fn what_the_code_throws_comes_back_with_its_line() {
    let error = run("const a = 1\nthrow new Error('no phone')", json!({})).unwrap_err();
    assert_eq!((error.code(), error.message(), error.line()), ("javascript_threw", "no phone", Some(2)));
    let error = run("\n\nreturn record.Account.Name", json!({})).unwrap_err();
    assert_eq!((error.code(), error.line()), ("javascript_threw", Some(3)));
    assert_eq!(run("throw 'plain'", json!({})).unwrap_err().message(), "plain");
    assert_eq!(run("return typo", json!({})).unwrap_err().message(), "ReferenceError: typo is not defined");
}

#[test]
fn wrong_code_is_refused_with_line_and_column_before_it_ever_runs() {
    let error = Script::compile("const a = 1\nreturn a +").unwrap_err();
    assert_eq!(error.line, 2, "{error}");
    for source in ["}; (function () {", "return 1 }", "await 1", "import x from 'y'", "a\0b"] {
        assert!(Script::compile(source).is_err(), "{source}");
    }
    assert_eq!(run("const record = 1; const item = 2; return record + item", json!({})).unwrap(), json!(3));
}

#[test]
fn clock_chance_and_code_from_text_are_not_there() {
    for gone in [
        "return Date.now()",
        "return new Date()",
        "return new Date('2026-01-01')",
        "return Math.random()",
        "return eval('1')",
        "return new Function('return 1')()",
        "return (() => {}).constructor('return 1')()(1)",
        "return (async () => {}).constructor('return 1')()()",
        "return (function* () {}).constructor('yield 1')().next()",
        "setTimeout(() => {}, 1)",
        "return fetch('http://localhost')",
        "return require('fs')",
        "return process.env",
        "return performance.now()",
        "return new WeakRef({})",
        "return new SharedArrayBuffer(8)",
        "console.log(1)",
        "queueMicrotask(() => {})",
    ] {
        assert_eq!(code(gone), "javascript_threw", "{gone}");
    }
    assert!(run("return Date.now()", json!({})).unwrap_err().message().contains("today(zone)"));
    assert!(
        run("return new globalThis['Da' + 'te']()", json!({})).unwrap_err().message().contains("today(zone)")
    );
}

#[test]
fn what_has_no_place_in_json_is_refused_with_its_place() {
    for (script, place, word) in [
        ("return { a: [1, () => 1] }", "a[1]", "function"),
        ("return 10n", "", "BigInt"),
        ("return { s: Symbol() }", "s", "Symbol"),
        ("return Promise.resolve(1)", "", "Promise"),
        ("const a = {}; a.b = { a }; return a", "b.a", "itself"),
        ("return { n: 0 / 0 }", "n", "not a number"),
        ("return new Map([[1, 2]])", "", "Map"),
        ("return new Error('x')", "", "Error"),
        ("return '\\ud800'", "", "Unicode"),
    ] {
        let error = run(script, json!({})).unwrap_err();
        assert_eq!((error.code(), error.place()), ("javascript_result", place), "{script}");
        assert!(error.message().contains(word), "{script}: {error}");
    }
}

#[test]
fn getters_and_proxies_in_a_result_are_read_once_and_may_throw() {
    assert_eq!(run("return { get a() { return 1 } }", json!({})).unwrap(), json!({"a": 1}));
    assert_eq!(code("return { get a() { throw new Error('no') } }"), "javascript_threw");
    assert_eq!(
        run("return new Proxy({ a: 1 }, { get: (o, k) => o[k] * 2 })", json!({})).unwrap(),
        json!({"a": 2})
    );
    assert_eq!(
        code("return new Proxy({}, { ownKeys: () => { throw new Error('no') } })"),
        "javascript_threw"
    );
}

#[test]
fn a_number_that_is_too_long_fails_only_where_it_is_read() {
    let record = exact(r#"{"a": {"Big": 12345678901234567.89, "list": [9007199254740993]}, "b": 1.5}"#);
    assert_eq!(run("return record.b + record.a.list.length", record.clone()).unwrap(), json!(2.5));
    for script in
        ["return record.a.Big", "return record.a.list[0]", "return record", "return JSON.stringify(record)"]
    {
        let error = run(script, record.clone()).unwrap_err();
        assert_eq!(error.code(), "number_too_long", "{script}");
    }
    assert_eq!(render("{{ record.b * 2 }}", record.clone()).unwrap(), json!(3));
    assert_eq!(render("{{ record.a.Big }}", record.clone()).unwrap().to_string(), "12345678901234567.89");
    assert_eq!(render("{{ record.a.Big + 0 }}", record.clone()).unwrap_err().code(), "number_too_long");
    assert_eq!(run("record.a.Big = 1; return record.a.Big", record).unwrap(), json!(1));
}

#[test]
fn a_step_may_change_its_copy_and_an_expression_may_not() {
    let record = json!({"list": [3, 1, 2]});
    assert_eq!(
        run("record.list.sort(); record.x = 1; return record", record.clone()).unwrap(),
        json!({"list": [1, 2, 3], "x": 1})
    );
    assert_eq!(render("{{ record.list.sort() }}", record.clone()).unwrap_err().code(), "javascript_threw");
    assert_eq!(render("{{ record.list.toSorted() }}", record).unwrap(), json!([1, 2, 3]));
}

#[test]
fn nothing_that_one_run_does_to_the_language_reaches_another() {
    let poison = "Object.prototype.owned = 1; Array.prototype.map = () => 'no'; String.prototype.trim = null; globalThis.left = 1; JSON.parse = 1; record.__proto__.x = 1; return 1";
    assert_eq!(run(poison, json!({})).unwrap(), json!(1));
    let check =
        "return [typeof left, ({}).owned, [1].map(x => x + 1), ' a '.trim(), typeof JSON.parse, ({}).x]";
    assert_eq!(run(check, json!({})).unwrap(), json!(["undefined", null, [2], "a", "function", null]));
    let parsed = run("return [record.x, Object.keys(record)]", exact(r#"{"__proto__": {"x": 1}}"#)).unwrap();
    assert_eq!(parsed[1], json!(["__proto__"]));
}

#[test]
fn all_steps_are_there_when_the_code_does_not_say_which() {
    let scope = scope(json!({})).with_step("a", json!({"x": 1})).with_step("b", json!(2));
    let run = |script: &str| Script::compile(script).unwrap().run(&scope, &Engine::default()).unwrap();
    assert_eq!(run("return Object.keys(steps)"), json!(["a", "b"]));
    assert_eq!(run("return steps.a.x + steps['b']"), json!(3));
    assert_eq!(run("const { b } = steps; return b"), json!(2));
}

#[test]
fn a_link_that_is_not_known_yet_is_asked_for_by_name_and_key() {
    let template = Template::compile("{{ links.invoice(record.Id) }}").unwrap();
    let error = template.render(&scope(json!({"Id": "006A"})), &Engine::default()).unwrap_err();
    assert_eq!(
        error.wanted(),
        Some(&WantedLink { name: "invoice".into(), by: WantedBy::Key, key: "006A".into() })
    );
    let known = scope(json!({"Id": "006A"})).with(
        "links",
        json!({"invoice": {"key": {"006A": "INV"}, "all": {"00": ["INV"]}, "source": {"INV": null}}}),
    );
    assert_eq!(template.render(&known, &Engine::default()).unwrap(), json!("INV"));
    let script = Script::compile("return [links.invoice.all('00'), links.invoice.source('INV')]").unwrap();
    assert_eq!(script.run(&known, &Engine::default()).unwrap(), json!([["INV"], null]));
    let caught = Script::compile("try { links.bill(1) } catch (e) {} return 1")
        .unwrap()
        .run(&known, &Engine::default());
    assert_eq!(caught.unwrap_err().code(), "link_wanted");
}
