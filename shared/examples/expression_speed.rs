//! Measures what expressions cost: `cargo run --release -p counterfoil --example expression_speed`.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement for people"
)]

use std::time::Instant;

use counterfoil::domain::time::Stamp;
use counterfoil::expression::{CompiledValue, Engine, Scope, Script, Template};
use serde_json::{Value, json};

fn main() {
    let engine = Engine::default();
    let lines: Vec<Value> = (0..200).map(|n| json!({"Id": n, "Quantity": n, "UnitPrice": 12.5, "Family": "Hardware", "Description": "A line"})).collect();
    let small = scope(
        json!({"Id": "006A", "Name": "Acme", "Amount": 12.5, "CloseDate": "2026-09-14", "Phone": "(09) 366 1234"}),
    );
    let large = scope(json!({"Id": "006A", "Lines": lines}));

    let path = Template::compile("{{ record.Amount }}").unwrap();
    time("a bare path", 10_000, || path.render(&small, &engine).unwrap());
    let one = Template::compile("{{ record.Amount * 2 }}").unwrap();
    time("a template with one JavaScript expression", 2_000, || one.render(&small, &engine).unwrap());
    let date = Template::compile("{{ date(record.CloseDate).plus({ days: 20 }) }}").unwrap();
    time("a template with a date", 2_000, || date.render(&small, &engine).unwrap());
    let step = Script::compile("return { phone: phone(record.Phone, 'NZ'), due: date(record.CloseDate).plus({ days: 20 }).toString() }").unwrap();
    time("a small step", 2_000, || step.run(&small, &engine).unwrap());
    let map = Script::compile(
        "return record.Lines.map(line => ({ ...line, total: line.Quantity * line.UnitPrice }))",
    )
    .unwrap();
    time("a map over 200 lines", 200, || map.run(&large, &engine).unwrap());
    let with = json!({"LineItems": {"each": "record.Lines", "as": "line", "with": {
        "Amount": "{{ line.UnitPrice }}", "Code": "{{ table('account', line.Family) }}", "Text": "{{ line.Description.toUpperCase() }}"
    }}});
    let with = CompiledValue::compile(&with).unwrap();
    time("an `each` over 200 lines with two JavaScript expressions", 100, || {
        with.render(&large, &engine).unwrap()
    });
    time("compiling an expression", 2_000, || Template::compile("{{ record.Amount * 2 }}").unwrap());
}

fn scope(record: Value) -> Scope {
    let tables = json!({"account": {"Hardware": "200"}});
    Scope::new(Stamp::parse("2026-09-14T20:00:00Z").unwrap()).with("record", record).with("tables", tables)
}

fn time<T>(what: &str, times: u32, mut run: impl FnMut() -> T) {
    run();
    let start = Instant::now();
    for _ in 0..times {
        run();
    }
    println!("{:>10.1} µs  {what}", start.elapsed().as_secs_f64() * 1e6 / f64::from(times));
}
