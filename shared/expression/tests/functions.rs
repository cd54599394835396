use super::super::Template;
use super::super::functions::{GUIDES, NAMES};
use super::*;

fn fails(expression: &str) -> ExpressionError {
    render(&format!("{{{{ {expression} }}}}"), json!({})).unwrap_err()
}

#[test]
fn every_documented_example_gives_what_it_says() {
    for guide in GUIDES {
        for (expression, expected) in guide.examples {
            let rendered =
                Template::expression(expression).unwrap().render(&scope(json!({})), &Engine::default());
            assert_eq!(rendered.map(|value| value.to_string()), Ok(expected.to_string()), "{expression}");
        }
    }
    assert_eq!(GUIDES.map(|guide| guide.name), NAMES);
}

#[test]
fn a_date_that_can_be_read_two_ways_is_refused_without_a_pattern() {
    for text in ["03/04/2026", "3.4.2026", "April 3", "20260403", "2026-13-01"] {
        assert_eq!(fails(&format!("date('{text}')")).code(), "not_a_date", "{text}");
    }
    assert_eq!(fails("date('2026-09-14').format('YYYY')").code(), "bad_pattern");
    assert_eq!(fails("date('2026-09-14').format('HH:mm')").code(), "bad_pattern");
    assert_eq!(fails("date('2026-09-14').plus({ fortnights: 1 })").code(), "bad_span");
    assert_eq!(fails("date('2026-09-14').plus({ days: 0.5 })").code(), "bad_span");
    assert_eq!(fails("date('2026-09-14').plus({ years: 9000 })").code(), "bad_span");
    assert_eq!(fails("date('2026-09-14T10:00:00Z').in('Mars/Olympus')").code(), "unknown_zone");
    assert_eq!(fails("today('Nowhere')").code(), "unknown_zone");
}

#[test]
fn dates_go_through_summer_time_by_the_calendar() {
    let expression = "{{ date('2026-09-26T11:00:00Z').in('Pacific/Auckland').plus({ days: 1 }).format(\"yyyy-MM-dd'T'HH:mm:ssXXX\") }}";
    assert_eq!(render(expression, json!({})).unwrap(), json!("2026-09-27T23:00:00+13:00"));
}

#[test]
fn a_telephone_number_that_is_none_is_named_by_its_shape() {
    let error = fails("phone('ask Jane 12', 'NZ')");
    assert_eq!(error.code(), "invalid_phone");
    assert!(error.message().contains("aaa aaaa 99") && !error.message().contains("Jane"));
    assert!(fails("phone('366 1234')").message().contains("no country"));
    assert_eq!(fails("phone('09 366 1234', 'Middle Earth')").code(), "unknown_country");
}

#[test]
fn what_is_not_in_a_map_or_table_fails_and_names_what_is() {
    assert_eq!(fails("status('Lost', { Won: 'A' })").code(), "unknown_status");
    let error = fails("table('tax', 'AU')");
    assert_eq!(error.code(), "unknown_key");
    assert!(error.message().contains("`NZ`"));
    assert!(fails("table('taxes', 'NZ')").message().contains("`account`, `tax`"));
}

#[test]
fn money_ends_as_a_number_with_its_digits() {
    let result = run(
        "return { total: money.add('0.10', '0.20'), text: `${money.round(2)}`, parts: money.split('10', 4) }",
        json!({}),
    )
    .unwrap();
    assert_eq!(result.to_string(), r#"{"total":0.30,"text":"2.00","parts":[2.50,2.50,2.50,2.50]}"#);
    assert_eq!(
        render("{{ money.mul('12345678901234.56', '100.01') }}", json!({})).unwrap().to_string(),
        "1234691346912468.3456"
    );
    assert_eq!(fails("money.add('1,5', 2)").code(), "not_an_amount");
    assert_eq!(fails("money.add(null, 2)").code(), "not_an_amount");
    assert_eq!(fails("money.split(1, 0)").code(), "bad_split");
    assert_eq!(fails("money.split(1, 2.5)").code(), "bad_split");
    assert_eq!(fails("money.add('12345678901234567.89', 0) * 2").code(), "number_too_long");
}

#[test]
fn an_error_of_a_value_function_can_be_caught() {
    let result = run("try { phone('x', 'NZ') } catch (error) { return error.code }", json!({}));
    assert_eq!(result.unwrap(), json!("invalid_phone"));
}
