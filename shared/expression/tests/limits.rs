use std::cell::Cell;

use super::super::Limits;
use super::*;

/// Few checks, so that the tests are quick; the count stands in for the clock.
fn bounded(script: &str) -> Result<Value, ExpressionError> {
    let engine = Engine::new(Limits { interrupt_checks: 50, ..Limits::default() }, || Box::new(|| false));
    Script::compile(script).unwrap().run(&scope(json!({})), &engine)
}

fn code(script: &str) -> &'static str {
    bounded(script).map_err(|error| error.code()).unwrap_err()
}

#[test]
fn an_endless_loop_is_stopped_even_if_it_catches_everything() {
    assert_eq!(code("while (true) {}"), "javascript_timeout");
    assert_eq!(
        code("while (true) { try { while (true) {} } catch (e) {} finally { continue } }"),
        "javascript_timeout"
    );
    assert_eq!(code("return { get a() { while (true) {} } }"), "javascript_timeout");
    assert_eq!(code("return new (class { toJSON() { for (;;) {} } })()"), "javascript_timeout");
}

#[test]
fn the_deadline_is_asked_for_once_a_step_and_ends_it() {
    let engine = Engine::new(Limits::default(), || {
        let left = Cell::new(3);
        Box::new(move || {
            left.set(left.get() - 1);
            left.get() == 0
        })
    });
    let script = Script::compile("for (;;) {}").unwrap();
    for _ in 0..2 {
        assert_eq!(script.run(&scope(json!({})), &engine).unwrap_err().code(), "javascript_timeout");
    }
}

#[test]
fn a_pattern_that_backtracks_without_end_is_stopped() {
    assert_eq!(code("return /^(a+)+$/.test('a'.repeat(40) + 'b')"), "javascript_timeout");
}

#[test]
fn a_step_that_eats_memory_is_stopped() {
    for script in [
        "const a = []; for (;;) a.push('x'.repeat(1e6) + a.length)",
        "let s = 'x'; for (;;) s += s + 'y'.repeat(1000).split('').join('z')",
        "return new Array(1e7).fill('x').map((x, i) => ({ x, i }))",
        "let a = { b: 1 }; for (;;) a = { a, b: [a, a] }",
    ] {
        let code = code(script);
        assert!(
            ["javascript_memory", "javascript_timeout", "javascript_threw"].contains(&code),
            "{script}: {code}"
        );
    }
    assert_eq!(code("const a = []; for (;;) a.push(new Array(1000).fill(1))"), "javascript_memory");
}

#[test]
fn text_of_a_gigabyte_is_never_made() {
    let code = code("return 'a'.repeat(2 ** 30).length");
    assert!(["javascript_memory", "javascript_threw"].contains(&code), "{code}");
}

#[test]
fn a_list_that_pretends_to_be_endless_is_refused() {
    for script in [
        "return new Array(4294967295).indexOf(1)",
        "const a = []; a.length = 4e9; return a.join()",
        "return Array(4e9).fill(0)",
        "return Array.prototype.includes.call({ length: 2 ** 53 }, 1)",
        "const a = []; a[4e9] = 1; a.forEach(() => {})",
        "return new Array(4e9)",
    ] {
        let code = code(script);
        assert!(["javascript_threw", "javascript_result"].contains(&code), "{script}: {code}");
    }
}

#[test]
fn a_function_that_calls_itself_without_end_is_named() {
    assert_eq!(code("const f = () => f() + 1; return f()"), "javascript_stack");
    let nested = format!("return {}1{}", "[".repeat(50_000), "]".repeat(50_000));
    assert!(Script::compile(&nested).is_err());
    assert_eq!(code("let a = []; for (let i = 0; i < 5000; i++) a = [a]; return a"), "javascript_result");
}

#[test]
fn a_small_result_that_unfolds_into_a_huge_one_is_refused() {
    assert_eq!(code("let a = ['x']; for (let i = 0; i < 60; i++) a = [a, a]; return a"), "javascript_result");
    assert_eq!(
        code("const s = 'x'.repeat(1e6); return Array.from({ length: 100 }, () => s)"),
        "javascript_result"
    );
}

#[test]
fn an_engine_that_failed_does_not_harm_the_next() {
    for _ in 0..3 {
        code("const a = []; for (;;) a.push([1, 2, 3])");
        assert_eq!(bounded("return 1").unwrap(), json!(1));
    }
}
