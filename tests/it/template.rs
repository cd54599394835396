//! What the template says that the product counts on, read as text: names and settings that no type holds together.

use counterfoil::domain::connection::Provider;
use counterfoil::ports::queue::POLLED;

const TEMPLATE: &str = include_str!("../../infra/aws/template.yaml");

/// The resource of that name, without what comes after it.
fn resource(name: &str) -> &'static str {
    let begin = TEMPLATE.find(&format!("\n  {name}:\n")).unwrap_or_else(|| panic!("no {name}")) + 1;
    let is_next = |line: &str| line.starts_with("  ") && !line.starts_with("   ") && !line.starts_with("  #");
    let mut end = begin;
    for (n, line) in TEMPLATE[begin..].split_inclusive('\n').enumerate() {
        if n > 0 && is_next(line) {
            break;
        }
        end += line.len();
    }
    &TEMPLATE[begin..end]
}

/// `salesforce.new_record` is `SalesforceNewRecord` in the template.
fn named(trigger: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    trigger.split(['.', '_']).map(capital).collect()
}

#[test]
fn a_poller_that_asks_to_be_woken_again_may_send_to_its_own_queue() {
    for (trigger, _) in POLLED.into_iter().filter(|(trigger, _)| Provider::of(trigger).is_some()) {
        let name = named(trigger);
        let role = resource(&format!("{name}Role"));
        let sends = role.split("Action: sqs:SendMessage\n").nth(1).and_then(|after| after.lines().next());
        let own = format!("!GetAtt Wake{name}Queue.Arn");
        assert!(sends.is_some_and(|resources| resources.contains(&own)), "{trigger}: {sends:?}");
    }
}

#[test]
fn what_providers_send_has_room_for_a_thousand_a_second_of_its_own() {
    let stage = resource("HttpApiStage");
    let rate =
        |line: &str| line.split("ThrottlingRateLimit: ").nth(1)?.trim_end_matches([' ', '}']).parse().ok();
    for route in ["XeroWebhookRoute", "SalesforceOutboundMessageRoute"] {
        let key = resource(route).lines().find_map(|line| line.trim().strip_prefix("RouteKey: "));
        let own = format!("{}: {{", key.expect("a route"));
        let settings = stage.lines().find(|line| line.trim().starts_with(&own));
        let rate: Option<u32> = settings.and_then(rate);
        assert!(rate >= Some(1_000), "{own} {rate:?}");
        assert!(stage.contains(route), "the stage waits for {route}");
    }
}

#[test]
fn only_changes_of_records_wake_pollers_and_only_as_events() {
    let rule = resource("SalesforceChangeRule");
    assert!(rule.contains("detail-type: [{ suffix: ChangeEvent }]"), "{rule}");
    let targets: Vec<&str> = rule.lines().filter(|line| line.contains("Id: ")).collect();
    assert_eq!(targets.len(), 3);
    assert!(targets.iter().all(|target| target.contains(r#"Input: '{"v":1,"why":"event"}'"#)), "{targets:?}");
}
