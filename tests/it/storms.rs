//! A storm of notifications, a thousand a second for a minute: each has its answer, none costs more than a write, no
//! account is polled more often than once a minute in the long run, and what the last one told of is found.

use std::collections::BTreeMap;
use std::time::Duration;

use counterfoil::domain::connection::{Connection, Provider};
use counterfoil::domain::ids::ConnectionId;
use counterfoil::flow::connections::client_secret_name;
use counterfoil::flow::hear;
use counterfoil::ports::notification::Reply;
use counterfoil::runtime::pump;
use counterfoil_sandbox::Provider as _;
use counterfoil_sandbox::xero::App;
use secrecy::SecretString;
use serde_json::json;

use crate::notifications::signed;
use crate::world::World;

const CONTACT: &str = "xero.new_or_updated_contact";
const ORGANISATIONS: usize = 10;
const SECONDS: u64 = 60;
const A_SECOND: u64 = 1_000;

/// Organisations that are connected, each with a flow that takes notice of its contacts.
async fn organisations(world: &World) -> Vec<uuid::Uuid> {
    let books =
        world.stack.connections.get(&ConnectionId::from("books")).await.expect("read").expect("there");
    let mut tenants = Vec::new();
    for n in 0..ORGANISATIONS {
        let name = format!("books-{n}");
        let tenant = world.sandbox.xero.add_organisation(&name);
        let app = App::custom_connection(&name, "secret", &name, tenant);
        world.sandbox.xero.register_app(app).expect("an app");
        let connection = Connection {
            id: ConnectionId::from(name.as_str()),
            client_id: name.clone(),
            own_user: name.clone(),
            account: tenant.to_string(),
            ..(*books).clone()
        };
        let secret = client_secret_name(&connection.grant_id());
        world.stack.ports.vault.write(&secret, SecretString::from("secret")).await.expect("the vault");
        world.stack.connections.save(&connection).await.expect("saved");
        let trigger = format!("{{ type: {CONTACT}, connection: {name} }}");
        world
            .given_flow(&format!("flow: {name}\ntrigger: {trigger}\nsteps:\n  - set: {{ seen: yes }}\n"))
            .await;
        tenants.push(tenant);
    }
    tenants
}

/// By organisation.
fn polls(world: &World) -> BTreeMap<String, usize> {
    let mut polls = BTreeMap::new();
    for call in world.sandbox.xero.calls().into_iter().filter(|call| call.path.ends_with("/Contacts")) {
        *polls.entry(call.account).or_default() += 1;
    }
    polls
}

async fn pollers_take_up_what_is_due(world: &World) {
    let polled = world.flowing(pump::wakes(&world.stack, CONTACT)).await.expect("polled");
    assert_eq!(polled.map(|report| report.failures).unwrap_or_default(), Vec::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_notifications_a_second_for_a_minute_are_all_taken_and_cost_a_write_each_and_few_polls() {
    let world = World::new().await;
    hear::add_key(&world.stack, Provider::Xero, SecretString::from("key")).await.expect("kept");
    let tenants = organisations(&world).await;
    world.advance(Duration::from_mins(10));
    world.sandbox.xero.harness().counters.clear();

    let (mut sequence, mut writes) = (0, 0);
    for second in 1..=SECONDS {
        // Of the last one nobody hears but by the last notifications.
        if second == 1 || second == SECONDS {
            for tenant in &tenants {
                let ledger = world.sandbox.xero.ledger_of(*tenant);
                ledger.add_contact_named(&format!("Of second {second}")).expect("a contact");
            }
        }
        let before = world.counted.counts();
        for n in 0..A_SECOND {
            sequence += 1;
            let tenant = tenants[usize::try_from(n).expect("a number") % ORGANISATIONS];
            let event = json!({"eventCategory": "CONTACT", "eventType": "UPDATE", "tenantId": tenant});
            let body =
                json!({"events": [event], "firstEventSequence": sequence, "lastEventSequence": sequence});
            assert_eq!(signed(&world.stack, "key", &body.to_string()).await, Reply::empty(200));
            world.advance(Duration::from_millis(1));
        }
        writes += world.counted.counts().since(&before).writes;
        pollers_take_up_what_is_due(&world).await;
    }
    let meanwhile = polls(&world);
    // Two more minutes: the wake-ups that are on their way, and then nothing.
    for _ in 0..120 {
        world.advance(Duration::from_secs(1));
        pollers_take_up_what_is_due(&world).await;
    }
    world.drain().await;

    let notifications = SECONDS * A_SECOND;
    println!(
        "{notifications} notifications: {writes} writes; polls meanwhile {meanwhile:?}, in all {:?}",
        polls(&world)
    );
    assert!(writes <= notifications + notifications / 100, "{writes} writes");
    assert_eq!(meanwhile.len(), ORGANISATIONS);
    assert!(meanwhile.values().all(|polls| *polls <= 3), "two at first, and one a minute: {meanwhile:?}");
    assert!(
        polls(&world).values().all(|polls| *polls <= 4),
        "and it is quiet after one more: {:?}",
        polls(&world)
    );
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for run in world.runs().await {
        let event = run.row.message.event.expect("an event");
        let name = event.record["Name"].as_str().expect("a name").to_owned();
        told.entry(run.row.flow_name).or_default().push(name);
    }
    assert_eq!(told.len(), ORGANISATIONS);
    for (flow, mut names) in told {
        names.sort();
        assert_eq!(names, ["Of second 1", "Of second 60"], "{flow}");
    }
}
