//! What the template says that the product counts on, read as text: names and settings that no type holds together.

use counterfoil::domain::connection::Provider;
use counterfoil::flow::consent::{CONNECT, STEPS};
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

#[test]
fn every_step_of_a_consent_has_a_route_to_the_console() {
    for (method, step) in STEPS {
        let path = format!("{CONNECT}{{provider}}/{step}");
        let key = format!("      RouteKey: {method} {}\n", path.trim_end_matches('/'));
        let (_, after) = TEMPLATE.split_once(&key).unwrap_or_else(|| panic!("no route: {key}"));
        let route = after.split_once("\n\n").expect("its end").0;
        assert!(route.contains("integrations/${ConsoleIntegration}"), "{key} {route}");
    }
}

#[test]
fn both_dispatchers_may_send_to_both_dead_letter_queues_as_a_run_says_itself_whether_it_is_bulk() {
    for role in ["DispatcherRole", "DispatcherBulkRole"] {
        let sends: Vec<&str> = resource(role).split("Action: sqs:SendMessage\n").skip(1).collect();
        for queue in ["RunsDeadQueue", "RunsBulkDeadQueue"] {
            let own = format!("!GetAtt {queue}.Arn");
            let is_allowed =
                |after: &&str| after.lines().next().is_some_and(|resources| resources.contains(&own));
            assert!(sends.iter().any(is_allowed), "{role} {queue}");
        }
    }
}

#[test]
fn whoever_may_renew_tokens_may_tell_the_owner_that_a_grant_has_ended() {
    let is_name = |line: &&str| line.starts_with("  ") && line[2..].starts_with(char::is_alphabetic);
    let names = TEMPLATE.lines().filter(is_name).filter_map(|line| line.trim().strip_suffix(':'));
    let renews = |name: &&str| resource(name).contains("secretsmanager:PutSecretValue");
    let who: Vec<&str> =
        names.filter(|name| name.ends_with("Role") || *name == "OperatorPolicy").filter(renews).collect();
    assert!(who.len() > POLLED.len() && who.contains(&"OperatorPolicy"), "{who:?}");
    for name in who {
        let tells = resource(name).split_once("Action: sns:Publish\n").map(|(_, after)| after.trim_start());
        assert!(tells.is_some_and(|after| after.starts_with("Resource: !Ref OwnerTopic")), "{name}");
    }
}
