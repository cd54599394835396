//! Grants whose place another one took, or that nothing came of: they end at their provider and leave the vault, and
//! never one that something uses.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use counterfoil::domain::connection::{Connection, ConnectionState, GrantKind, Provider};
use counterfoil::domain::ids::ConnectionId;
use counterfoil::flow::Stack;
use counterfoil::flow::connect::{self, Wanted};
use counterfoil::flow::connections::{client_secret_name, token_name};
use counterfoil::flow::consent::{self, Invited, Outcome};
use counterfoil::ports::http::{Method, Request};
use counterfoil::ports::table::Key;
use counterfoil_sandbox::salesforce::Client;
use counterfoil_sandbox::xero::App;
use counterfoil_sandbox::{Fault, Provider as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::browser::{ADDRESS, Page, Person};
use crate::connecting::{connection, identified, invited, outcome, world};
use crate::consents::{mails, token};
use crate::trouble::{Life, mortal, mortal_ports};
use crate::vaults::{Clinging, Names, behind};
use crate::world::{World, XERO, new_stack};

const REVOCATION: &str = "/connect/revocation";

/// Ada, whom Xero knows already, and Bob.
async fn world_of_two() -> World {
    let world = world().await;
    let request = Request {
        method: Method::Post,
        url: format!("{XERO}/_sandbox/users"),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: json!({"name": "Bob", "email": "bob@example.com"}).to_string().into_bytes(),
        timeout: Duration::from_secs(30),
    };
    let added = world.ports().http.send(request).await.expect("an answer");
    assert!(added.status < 300, "{}", String::from_utf8_lossy(&added.body));
    world
}

/// The first user, or Bob, allows it; where that leads back to isn't opened yet.
async fn allowed_by(person: &mut Person, who: &str, invited: &Invited) -> String {
    let leave = person.look_at(invited.url.expose_secret()).await.leads_to().expect("the way");
    let page = person.open(&format!("{leave}&login_hint={who}")).await;
    person.send(&page, "allow", &[]).await.leads_to().expect("the way back")
}

const ADA: &str = "demo%40example.com";
const BOB: &str = "bob%40example.com";

async fn connected_by(world: &World, who: &str, name: &str) -> Connection {
    let invited = invited(world, name, Provider::Xero).await;
    let mut person = Person::new(&world.stack);
    let back = allowed_by(&mut person, who, &invited).await;
    let page = person.open(&back).await;
    assert!(page.text.contains("is connected to"), "{}", page.text);
    connection(world, name).await.expect("connected")
}

fn revocations(world: &World) -> usize {
    world.sandbox.xero.calls().iter().filter(|call| call.path == REVOCATION).count()
}

/// What the vault has of a connection's grant: the client's secret, and tokens.
async fn in_vault(world: &World, connection: &Connection) -> (bool, bool) {
    let (vault, grant) = (world.ports().vault, connection.grant_id());
    let client = vault.read(&client_secret_name(&grant)).await.expect("the vault").is_some();
    (client, vault.read(&token_name(&grant)).await.expect("the vault").is_some())
}

async fn answers(world: &World, name: &str) {
    let connection = connection(world, name).await.expect("there");
    world.flowing(identified(&world.another_process(), &connection)).await.expect("it answers");
}

/// The keeper comes by for two days.
async fn two_days_pass(world: &World) {
    for _ in 0..16 {
        world.advance(Duration::from_hours(3));
        world.keep().await;
    }
}

// ------------------------------------------------------------ another person

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_that_another_persons_took_the_place_of_is_revoked_and_forgotten_when_everybody_knows() {
    let world = world_of_two().await;
    let before = connected_by(&world, ADA, "ledger").await;
    let warm = world.another_process();
    world.flowing(token(&warm, "ledger", None)).await.expect("a token");
    let after = connected_by(&world, BOB, "ledger").await;
    assert_ne!(before.consent, after.consent);
    world.keep().await;
    assert_eq!(revocations(&world), 0, "who believes what was, a moment longer, loses nothing");
    world.flowing(token(&warm, "ledger", None)).await.expect("a token");

    world.advance(Duration::from_mins(5));
    world.keep().await;
    assert_eq!(revocations(&world), 1);
    assert_eq!(
        (in_vault(&world, &before).await, in_vault(&world, &after).await),
        ((false, false), (true, true))
    );
    answers(&world, "ledger").await;
    two_days_pass(&world).await;
    assert_eq!((revocations(&world), mails(&world).len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_row_of_a_grant_that_has_ended_is_as_new_as_what_the_vault_had() {
    let world = world_of_two().await;
    let before = connected_by(&world, ADA, "ledger").await;
    let (vault, name) = (world.ports().vault, token_name(&before.grant_id()));
    let kept = vault.read(&name).await.expect("the vault").expect("tokens");
    let mut ahead: Value = serde_json::from_str(kept.expose_secret()).expect("JSON");
    // A process that had kept its pair died before it said so.
    ahead["generation"] = json!(7);
    let pair = SecretString::from(ahead.to_string());
    vault.write_generation(&name, 7, pair).await.expect("written");
    connected_by(&world, BOB, "ledger").await;
    world.advance(Duration::from_mins(5));
    world.keep().await;
    assert_eq!(in_vault(&world, &before).await, (false, false));
    let key = Key::new(format!("T#{}", before.grant_id()), "grant");
    let row = world.ports().table.get(&[key]).await.expect("the table").remove(0).expect("it stays");
    let row: Value = serde_json::from_slice(&row.document).expect("JSON");
    assert_eq!(row["generation"], 7, "what is kept next is newer, and a removed secret takes nothing older");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_that_another_connection_shares_stays_until_that_one_goes_too() {
    let world = world_of_two().await;
    let ledger = connected_by(&world, ADA, "ledger").await;
    let shop = connected_by(&world, ADA, "shop").await;
    assert_eq!(ledger.consent, shop.consent);
    connected_by(&world, BOB, "ledger").await;
    two_days_pass(&world).await;
    assert_eq!((revocations(&world), in_vault(&world, &shop).await), (0, (true, true)));
    answers(&world, "shop").await;

    connected_by(&world, BOB, "shop").await;
    two_days_pass(&world).await;
    assert_eq!((revocations(&world), in_vault(&world, &shop).await), (1, (false, false)));
    for name in ["ledger", "shop"] {
        answers(&world, name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_takes_no_end_for_a_day_is_told_of_and_the_vault_forgets_all_the_same() {
    let world = world_of_two().await;
    let before = connected_by(&world, ADA, "ledger").await;
    connected_by(&world, BOB, "ledger").await;
    let down = Fault::on("POST", REVOCATION, Fault::status(503, Value::Null)).always();
    world.sandbox.xero.harness().faults.add(down);
    world.advance(Duration::from_hours(1));
    world.keep().await;
    assert_eq!(
        (in_vault(&world, &before).await, mails(&world).len()),
        ((true, true), 0),
        "it is tried again"
    );
    for _ in 0..30 {
        world.advance(Duration::from_hours(1));
        world.keep().await;
    }
    assert_eq!(in_vault(&world, &before).await, (false, false));
    let mails = mails(&world);
    assert!(mails.len() == 1 && mails[0].contains("end ledger's former access in Xero"), "{mails:?}");
    assert!((24..=26).contains(&revocations(&world)), "{}", revocations(&world));
    answers(&world, "ledger").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_that_takes_one_removal_and_not_the_other_makes_no_ended_grant_look_alive() {
    for refused in 0..2 {
        let mut world = world_of_two().await;
        let before = connected_by(&world, ADA, "ledger").await;
        connected_by(&world, BOB, "ledger").await;
        let clinging = Arc::new(Clinging(AtomicI64::new(refused)));
        world.stack = new_stack(&behind(&clinging, world.ports()));
        world.advance(Duration::from_mins(5));
        world.keep().await;
        assert_ne!(in_vault(&world, &before).await, (false, false), "one of them stays");
        two_days_pass(&world).await;
        assert_eq!(in_vault(&world, &before).await, (false, false));
        assert_eq!(mails(&world), Vec::<String>::new(), "it has ended there, whatever became of the secrets");
        assert!(revocations(&world) <= 2, "{}", revocations(&world));
    }
}

/// Ada lost her connection to Bob and consents anew, for another name, while the keeper ends what she had: between any
/// two operations of her page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_consents_anew_while_the_same_consent_is_ended_is_told_and_never_left_with_dead_tokens() {
    let mut told = 0;
    for operations in 0.. {
        let world = world_of_two().await;
        connected_by(&world, ADA, "ledger").await;
        connected_by(&world, BOB, "ledger").await;
        world.advance(Duration::from_mins(5));
        let again = invited(&world, "third", Provider::Xero).await;
        let mut person = Person::new(&world.stack);
        let back = allowed_by(&mut person, ADA, &again).await;

        let life = Life::that_stands_after(operations);
        let mut person = person.answered_by(&mortal(&world, &life));
        let visit = tokio::spawn(async move { person.open(&back).await });
        let stands = life.stands_before_the_end(&visit).await;
        if stands {
            world.advance(Duration::from_secs(1));
            world.keep().await;
            life.go_on();
        }
        let page = world.flowing(visit).await.expect("it ends");
        if page.text.contains("is connected to") {
            two_days_pass(&world).await;
            answers(&world, "third").await;
        } else {
            assert_eq!(page.status, 400, "{operations}: {}", page.text);
            assert!(matches!(outcome(&world, &again).await, Outcome::Refused(_)), "{operations}");
            told += u32::from(page.text.contains("connect once more"));
            connected_by(&world, ADA, "third").await;
        }
        answers(&world, "ledger").await;
        if !stands {
            break;
        }
    }
    assert!(told > 0, "the tokens came before the end, and were to be kept after it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_that_nothing_came_of_ends_after_a_day() {
    let world = world().await;
    let second = world.sandbox.xero.add_organisation("Branch (AU)").to_string();
    let invited = invited(&world, "ledger", Provider::Xero).await;
    let mut person = Person::new(&world.stack);
    let page = person.open(invited.url.expose_secret()).await;
    let branch = format!("tenant={second}");
    let picker = person.press(&page, "allow", &[(&branch, Some("on"))]).await;
    assert!(picker.text.contains("Which organisations?"), "{}", picker.text);
    two_days_pass(&world).await;
    assert_eq!(revocations(&world), 1, "the window was closed, and nobody will use it");
}

// ------------------------------------------------------------ killed on the way

fn names_and_process(world: &World, names: &Arc<Names>, operations: i64) -> (Arc<Life>, Stack) {
    let life = Life::of(operations);
    (Arc::clone(&life), new_stack(&mortal_ports(behind(names, world.ports()), &life)))
}

/// Bob takes Ada's place, in a process of so many operations. Returns whether it lived to the end.
async fn bob_takes_over(world: &World, names: &Arc<Names>, operations: i64) -> bool {
    let (life, process) = names_and_process(world, names, operations);
    let invited = invited(world, "ledger", Provider::Xero).await;
    let mut person = Person::new(&world.stack);
    let back = allowed_by(&mut person, BOB, &invited).await;
    let mut person = person.answered_by(&process);
    let page: Option<Page> = world.flowing(life.live(person.open(&back))).await;
    world.advance(Duration::from_mins(3));
    page.is_some_and(|page| page.text.contains("is connected to"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_at_any_operation_of_a_take_over_leaves_no_grant_behind_that_nothing_uses() {
    for operations in 0.. {
        let mut world = world_of_two().await;
        let names = Arc::<Names>::default();
        world.stack = new_stack(&behind(&names, world.ports()));
        let before = connected_by(&world, ADA, "ledger").await;
        let lived = bob_takes_over(&world, &names, operations).await;
        let ledger = connection(&world, "ledger").await.expect("it is the one or the other");
        if ledger.consent == before.consent {
            assert!(!lived, "{operations}");
            answers(&world, "ledger").await;
            connected_by(&world, BOB, "ledger").await;
        }
        two_days_pass(&world).await;
        consent::sweep(&world.stack).await.expect("swept");
        let ledger = connection(&world, "ledger").await.expect("there");
        assert_ne!(ledger.consent, before.consent);
        let grant = ledger.grant_id();
        let mine = [client_secret_name(&grant), token_name(&grant)];
        assert_eq!(names.beginning_with("consent/"), mine, "died after {operations}");
        assert!(revocations(&world) >= 1, "died after {operations}");
        answers(&world, "ledger").await;
        if lived {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_consent_whose_process_dies_at_any_operation_does_not_stand_at_the_provider_when_its_tokens_are_known()
 {
    let mut ended = 0;
    for operations in 0.. {
        let mut world = world_of_two().await;
        let names = Arc::<Names>::default();
        world.stack = new_stack(&behind(&names, world.ports()));
        let lived = bob_takes_over(&world, &names, operations).await;
        let has_token = names.beginning_with("consent/").iter().any(|name| name.ends_with("/token"));
        let is_used = connection(&world, "ledger").await.is_some();
        two_days_pass(&world).await;
        let is_left = has_token && !is_used;
        assert_eq!(revocations(&world), usize::from(is_left), "died after {operations}");
        ended += u32::from(is_left);
        if lived {
            break;
        }
    }
    assert!(ended > 2, "there is a while in which nothing but the vault has them");
}

/// Ada's consent has died, and with it two connections; she gives it anew for one of them, in a process of so many
/// operations.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_that_is_given_anew_and_cut_off_at_any_operation_brings_all_its_connections_back() {
    for operations in 0.. {
        let world = world().await;
        let ledger = connected_by(&world, ADA, "ledger").await;
        connected_by(&world, ADA, "shop").await;
        world.sandbox.xero.revoke_refresh_tokens();
        world.advance(Duration::from_mins(31));
        world.flowing(token(&world.stack, "shop", None)).await.expect_err("it has ended");
        let generation = async || {
            let row = world.stack.tokens.rows(&[ledger.grant_id()]).await.expect("rows").remove(0);
            row.generation
        };
        let before = generation().await;

        let again = consent::again(&world.stack, &ledger, None, ADDRESS).await.expect("invited");
        let mut person = Person::new(&world.stack);
        let back = allowed_by(&mut person, ADA, &again).await;
        let life = Life::of(operations);
        let mut person = person.answered_by(&mortal(&world, &life));
        let lived = world.flowing(life.live(person.open(&back))).await.is_some();
        two_days_pass(&world).await;
        for name in ["ledger", "shop"] {
            let state = connection(&world, name).await.expect("there").state;
            let is_kept = generation().await > before;
            assert_eq!(state == ConnectionState::Active, is_kept, "{name}, cut off after {operations}");
            if is_kept {
                answers(&world, name).await;
            }
        }
        if lived {
            return;
        }
    }
}

/// Ada connects her ledger anew, and Bob takes over the shop that she had connected too: between any two operations of her
/// page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_person_connected_while_a_shared_consent_was_renewed_stays_that_persons() {
    for operations in 0.. {
        let world = world_of_two().await;
        let ledger = connected_by(&world, ADA, "ledger").await;
        connected_by(&world, ADA, "shop").await;
        let again = consent::again(&world.stack, &ledger, None, ADDRESS).await.expect("invited");
        let mut person = Person::new(&world.stack);
        let back = allowed_by(&mut person, ADA, &again).await;
        world.advance(Duration::from_secs(1));

        let life = Life::that_stands_after(operations);
        let mut person = person.answered_by(&mortal(&world, &life));
        let visit = tokio::spawn(async move { person.open(&back).await });
        let stands = life.stands_before_the_end(&visit).await;
        let shop = connected_by(&world, BOB, "shop").await;
        life.go_on();
        let page = world.flowing(visit).await.expect("it ends");
        assert!(page.text.contains("<b>ledger</b> is connected to"), "{operations}: {}", page.text);
        assert_eq!(connection(&world, "shop").await, Some(shop), "{operations}");
        if !stands {
            return;
        }
    }
}

// ------------------------------------------------------------ other credentials

fn other_app(world: &World, known: &Connection) -> Wanted {
    let tenant = known.account.parse().expect("a tenant");
    let app = App::custom_connection("other-app", "other-secret", "Other", tenant);
    world.sandbox.xero.register_app(app).expect("an app");
    Wanted { client_id: "other-app".to_owned(), ..Wanted::again(known) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_while_credentials_are_replaced_leaves_the_old_ones_or_the_new_ones_and_nothing_else()
 {
    for operations in 0.. {
        let mut world = World::new().await;
        let names = Arc::<Names>::default();
        let before = connection(&world, "books").await.expect("there");
        token(&world.stack, "books", None).await.expect("a token");
        let wanted = other_app(&world, &before);
        let (life, process) = names_and_process(&world, &names, operations);
        let replaced = connect::connect(&process, wanted, SecretString::from("other-secret"));
        let lived = world.flowing(life.live(replaced)).await.is_some();
        world.sandbox.xero.expire_access_tokens();
        world.advance(Duration::from_mins(3));
        answers(&world, "books").await;
        let books = connection(&world, "books").await.expect("there");
        assert_eq!(books.client_id == "other-app", books.credentials.is_some());

        world.stack = new_stack(&behind(&names, world.ports()));
        two_days_pass(&world).await;
        answers(&world, "books").await;
        let mine = match books.credentials {
            Some(_) => vec![client_secret_name(&books.grant_id()), token_name(&books.grant_id())],
            None => vec![],
        };
        let left: BTreeSet<String> = names.beginning_with("connection/").into_iter().collect();
        let own: BTreeSet<String> = mine.into_iter().chain([token_name(&before.grant_id())]).collect();
        assert!(left.is_subset(&own), "died after {operations}: {left:?}");
        assert_eq!(in_vault(&world, &before).await.0, books.credentials.is_none(), "died after {operations}");
        if lived {
            assert_eq!(
                (books.client_id.as_str(), in_vault(&world, &before).await),
                ("other-app", (false, false))
            );
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sessions_of_replaced_credentials_end_where_they_can_be_ended() {
    let world = World::new().await;
    world.sandbox.salesforce.register_client(Client::new("other-app", "other-secret"));
    let crm = connection(&world, "crm").await.expect("there");
    let account = world.sandbox.salesforce.organization_id();
    world.stack.connections.save(&Connection { account, ..crm.clone() }).await.expect("saved");
    let old = token(&world.another_process(), "crm", None).await.expect("a token");
    let wanted = Wanted { client_id: "other-app".to_owned(), ..Wanted::again(&crm) };
    assert_eq!(wanted.grant, GrantKind::ClientCredentials);
    let secret = SecretString::from("other-secret");
    world.flowing(connect::connect(&world.stack, wanted, secret)).await.expect("connected");
    world.advance(Duration::from_mins(5));
    world.keep().await;
    let revoked = world.sandbox.salesforce.calls().into_iter().filter(|call| call.path.ends_with("/revoke"));
    let sent: Vec<String> =
        revoked.map(|call| String::from_utf8(call.request.to_vec()).expect("a form")).collect();
    assert_eq!(sent.len(), 1);
    let tail: String = old.access.expose_secret().chars().skip(20).take(10).collect();
    assert!(sent[0].contains(&tail), "the old one, and no other");
    assert_eq!(in_vault(&world, &crm).await, (false, false));
    answers(&world, "crm").await;
    assert!(
        world.another_process().connections.get(&ConnectionId::from("crm")).await.expect("read").is_some()
    );
}
