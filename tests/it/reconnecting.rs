//! Connecting again while everything goes on: what fails leaves all as it was, what succeeds is taken up by every
//! process, and who comes late with old news changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use counterfoil::domain::connection::{Connection, ConnectionState, GrantKind, Provider};
use counterfoil::domain::ids::ConnectionId;
use counterfoil::domain::outcome::{Failure, Fault as Outcome, Reason};
use counterfoil::domain::run::Status;
use counterfoil::flow::connect::{self, Wanted};
use counterfoil::flow::connections::client_secret_name;
use counterfoil::flow::stack::Times;
use counterfoil::ports::connector::{GrantFault, Token, TokenAsk};
use counterfoil_sandbox::salesforce::Client;
use counterfoil_sandbox::xero::App;
use counterfoil_sandbox::{Fault, FaultKind};
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::broken::Broken;
use crate::connecting::identified;
use crate::consents::{
    SALESFORCE_TOKEN, kept, mails, seconds_pass, spent, state, token, with_books, with_crm, xero_fault,
};
use crate::trouble::{each_is_invoiced_once, won};
use crate::vaults::Slow;
use crate::world::{SALESFORCE, World};

const XERO_TOKEN: &str = "/connect/token";

async fn books(world: &World) -> Arc<Connection> {
    let found = world.another_process().connections.get(&ConnectionId::from("books")).await;
    found.expect("read").expect("there")
}

async fn reconnect(world: &World, wanted: Wanted, secret: &str) -> Result<Connection, Failure> {
    let connected = connect::connect(&world.stack, wanted, SecretString::from(secret));
    world.flowing(connected).await.map(|(connection, _)| connection).map_err(|error| error.failure())
}

// ------------------------------------------------------------ what fails

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_fail_leave_a_healthy_connection_as_it_was_and_its_runs_go_on() {
    let world = World::new().await;
    let ids = won(&world, 2).await;
    world.settle_later().await;
    token(&world.stack, "books", None).await.expect("a token");
    let secret = async |connection: &Connection| {
        let name = client_secret_name(&connection.grant_id());
        let secret = world.ports().vault.read(&name).await.expect("the vault").expect("a secret");
        secret.expose_secret().to_owned()
    };
    let before = books(&world).await;
    let as_it_is = async || (books(&world).await, secret(&before).await, kept(&world, &before).await);
    let as_it_was = as_it_is().await;

    for word in ["invalid_client", "invalid_grant"] {
        xero_fault(&world, Fault::on("POST", XERO_TOKEN, Fault::status(400, json!({"error": word}))));
        let failure = reconnect(&world, Wanted::again(&before), "a typo").await.expect_err("refused");
        assert!(failure.message.contains("books") && !failure.message.contains("connecting-"), "{failure}");
        assert_eq!(as_it_is().await, as_it_was, "{word}");
    }
    let foreign = world.sandbox.xero.add_organisation("Shop Ltd");
    let app = App::custom_connection("their-app", "their-secret", "Theirs", foreign);
    world.sandbox.xero.register_app(app).expect("an app");
    let theirs = Wanted { client_id: "their-app".to_owned(), ..Wanted::again(&before) };
    let failure = reconnect(&world, theirs, "their-secret").await.expect_err("another account");
    assert_eq!(failure.code, "another_account");
    assert_eq!(as_it_is().await, as_it_was);
    assert_eq!(mails(&world), Vec::<String>::new(), "who connects hears it at once");

    world.drain().await;
    each_is_invoiced_once(&world, &ids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_pair_that_the_vault_does_not_keep_is_no_success_and_no_older_one_is_spent() {
    // The pair itself isn't kept, or the one that its first refresh brings.
    for room in [0, 1] {
        let world = World::new().await;
        let crm = with_crm(&world, true).await;
        let pair = token(&world.stack, "crm", None).await.expect("a token");
        let broken = Broken::process(&world);
        broken.vault_room.0.store(room, Ordering::SeqCst);
        let connector = broken.stack.catalog.connector(crm.provider).expect("a connector");
        let deadline = world.clock_now() + Times::default().function;
        let keeping = broken.stack.tokens.keep_first(&crm, connector.as_ref(), &pair, None, deadline);
        let not_kept = seconds_pass(&world, keeping).await.expect_err("not kept");
        assert_eq!(not_kept.failure().code, "tokens_not_kept");
        assert_eq!(spent(&world).len(), usize::try_from(room).expect("a number"));
        assert_eq!(state(&world, "crm").await, ConnectionState::Active);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_has_not_ended_while_nothing_answers_to_the_refresh_token_before() {
    for silence in [Fault::status(503, Value::Null), FaultKind::Reset] {
        let world = World::new().await;
        with_books(&world).await;
        world.advance(Duration::from_mins(31));
        let second = world.flowing(token(&world.stack, "books", None)).await.expect("a token");
        let dead = Fault::status(400, json!({"error": "invalid_grant"}));
        xero_fault(&world, Fault::on("POST", XERO_TOKEN, dead));
        xero_fault(&world, Fault::on("POST", XERO_TOKEN, silence));
        let fault = world.flowing(token(&world.stack, "books", Some(&second))).await.expect_err("no token");
        let Outcome::Retry(again) = &fault else { panic!("{fault:?}") };
        assert_eq!(again.reason, Reason::Failed, "{fault:?}");
        let spent = spent(&world);
        assert!(spent.len() == 3 && spent[0] == spent[2], "the one before was tried: {spent:?}");
        assert_eq!(state(&world, "books").await, ConnectionState::Active);
        world.advance(Duration::from_mins(1));
        world.flowing(token(&world.stack, "books", Some(&second))).await.expect("a token");
    }
}

// ------------------------------------------------------------ a machine

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_signs_with_a_private_key_connects_and_a_session_that_ends_costs_one_token() {
    let world = World::new().await;
    let org = &world.sandbox.salesforce;
    let public = include_str!("../../shared/connectors/salesforce/fixtures/test_key.pub.pem");
    org.register_client(Client::new("signer", "").public_key_pem(public).expect("a key"));
    let user = org.get("User", &org.integration_user()).expect("a user");
    let crm = books(&world).await;
    let wanted = Wanted {
        name: ConnectionId::from("signed-crm"),
        provider: Provider::Salesforce,
        grant: GrantKind::JwtBearer,
        client_id: "signer".to_owned(),
        login_url: SALESFORCE.to_owned(),
        api_url: SALESFORCE.to_owned(),
        username: user["Username"].as_str().map(str::to_owned),
        scopes: Vec::new(),
        ..Wanted::again(&crm)
    };
    let private = include_str!("../../shared/connectors/salesforce/fixtures/test_key_pkcs8.pem");
    let stranger = Wanted { username: Some("nobody@example.com".to_owned()), ..wanted.clone() };
    let refused = reconnect(&world, stranger, private).await.expect_err("nobody is there");
    assert!(refused.message.contains("approved this consumer"), "{refused}");
    let signed = reconnect(&world, wanted, private).await.expect("connected");
    assert_eq!((signed.grant, signed.own_user), (GrantKind::JwtBearer, org.integration_user()));

    org.end_sessions();
    org.counters().clear();
    let other = world.another_process();
    let connection = other.connections.get(&signed.id).await.expect("read").expect("there");
    let identity = world.flowing(identified(&other, &connection)).await.expect("it answers");
    assert_eq!(identity.account, signed.account);
    let tokens: Vec<_> = org.calls().into_iter().filter(|call| call.path == SALESFORCE_TOKEN).collect();
    assert_eq!(tokens.len(), 1);
    let form = String::from_utf8(tokens[0].request.to_vec()).expect("a form");
    assert!(form.contains("jwt-bearer") && !form.contains("client_secret"), "{form}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_parked_goes_on_when_its_machine_is_connected_again() {
    let world = World::new().await;
    let ids = won(&world, 2).await;
    world.settle_later().await;
    let before = books(&world).await;
    world.stack.connections.needs_reconnect(&before).await.expect("marked");
    world.drain().await;
    assert_eq!(world.statuses().await, BTreeMap::from([(Status::Parked, 2)]));

    let connected = connect::connect(&world.stack, Wanted::again(&before), "sandbox-secret".into());
    let (_, unparked) = world.flowing(connected).await.expect("connected");
    assert_eq!(unparked, 2);
    world.drain().await;
    each_is_invoiced_once(&world, &ids).await;
}

// ------------------------------------------------------------ little time

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_refresh_that_has_no_time_is_left_to_the_next_worker() {
    let world = World::new().await;
    let crm = with_crm(&world, true).await;
    let pair = token(&world.stack, "crm", None).await.expect("a token");
    let connector = world.stack.catalog.connector(crm.provider).expect("a connector");
    let tokens = &world.stack.tokens;
    let deadline = world.clock_now() + SignedDuration::from_secs(9);
    let kept = world.flowing(tokens.keep_first(&crm, connector.as_ref(), &pair, None, deadline)).await;
    assert_eq!(kept.expect("kept").access.expose_secret(), pair.access.expose_secret());
    let row = tokens.rows(&[crm.grant_id()]).await.expect("rows").remove(0);
    assert_eq!((row.rotates, row.spending, spent(&world).len()), (None, None, 0));
    world.flowing(token(&world.stack, "crm", Some(&pair))).await.expect("a token");
    let row = tokens.rows(&[crm.grant_id()]).await.expect("rows").remove(0);
    assert_eq!(row.rotates, Some(true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_call_gives_up_before_its_caller_must() {
    let world = World::new().await;
    let books = books(&world).await;
    let connector = world.stack.catalog.connector(books.provider).expect("a connector");
    xero_fault(&world, Fault::on("POST", XERO_TOKEN, FaultKind::Late(300)));
    let (secret, began) = (SecretString::from("sandbox-secret"), world.clock_now());
    let asked = async |seconds: i64| {
        let deadline = world.clock_now() + SignedDuration::from_secs(seconds);
        let ask = TokenAsk::Machine;
        world.stack.tokens.exchange(&books, connector.as_ref(), &ask, Some(&secret), deadline).await
    };
    let lost = seconds_pass(&world, asked(24)).await;
    assert!(matches!(lost, Err(GrantFault::Lost(_))), "{lost:?}");
    let took = world.clock_now().duration_since(began);
    assert!(took < SignedDuration::from_secs(60), "{took}");
    let calls = world.sandbox.xero.calls().len();
    assert!(matches!(asked(2).await, Err(GrantFault::Unavailable(_))));
    assert_eq!(world.sandbox.xero.calls().len(), calls, "none is begun that can't be kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_whose_answer_could_not_be_waited_for_is_not_sent() {
    for name in ["books", "crm"] {
        let world = World::new().await;
        let connection = if name == "crm" { with_crm(&world, true).await } else { with_books(&world).await };
        let old = token(&world.stack, name, None).await.expect("a token");
        let late = |path| Fault::on("POST", path, FaultKind::Late(20));
        xero_fault(&world, late(XERO_TOKEN));
        world.sandbox.salesforce.faults().add(late(SALESFORCE_TOKEN));
        // Three looks into the vault leave a quarter of a minute.
        let (vault, stack) = Slow::process(&world);
        vault.seconds.store(35, Ordering::SeqCst);
        let fault = seconds_pass(&world, token(&stack, name, Some(&old))).await.expect_err("no time");
        let Outcome::Retry(again) = &fault else { panic!("{fault:?}") };
        assert_eq!((again.reason, spent(&world).len()), (Reason::NotStarted, 0), "{fault:?}");
        let row = world.stack.tokens.rows(&[connection.grant_id()]).await.expect("rows").remove(0);
        assert_eq!((row.spending, row.trouble), (None, None));
        vault.seconds.store(0, Ordering::SeqCst);
        seconds_pass(&world, token(&stack, name, Some(&old))).await.expect("a token");
    }
}

// ------------------------------------------------------------ who comes late

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_late_with_the_end_of_a_grant_marks_no_connection_that_was_connected_again() {
    let world = World::new().await;
    let late = books(&world).await;
    let again = reconnect(&world, Wanted::again(&late), "sandbox-secret").await.expect("connected");
    let other = world.another_process();
    assert!(!other.connections.needs_reconnect(&late).await.expect("read"));
    assert_eq!(state(&world, "books").await, ConnectionState::Active);
    assert!(other.connections.needs_reconnect(&again).await.expect("marked"));
    assert_eq!(state(&world, "books").await, ConnectionState::NeedsReconnect);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_holds_a_token_takes_the_new_one_after_a_reconnect() {
    let world = World::new().await;
    let warm = world.another_process();
    let old = token(&warm, "books", None).await.expect("a token");
    world.advance(Duration::from_secs(1));
    reconnect(&world, Wanted::again(&*books(&world).await), "sandbox-secret").await.expect("connected");
    // It reads the connections anew.
    world.advance(Duration::from_secs(16));
    let new = world.flowing(token(&warm, "books", None)).await.expect("a token");
    assert_ne!(new.access.expose_secret(), old.access.expose_secret());
    let held = token(&warm, "books", None).await.expect("a token");
    assert_eq!(held.access.expose_secret(), new.access.expose_secret());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_believes_a_grant_dead_looks_once_more_before_it_parks() {
    let world = World::new().await;
    let dead = books(&world).await;
    world.stack.connections.needs_reconnect(&dead).await.expect("marked");
    let warm = world.another_process();
    let parked = token(&warm, "books", None).await.expect_err("it has ended");
    assert_eq!(parked.failure().code, "needs_reconnect");
    reconnect(&world, Wanted::again(&dead), "sandbox-secret").await.expect("connected");
    world.flowing(token(&warm, "books", None)).await.expect("it was mended a moment ago");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_whose_credentials_are_refused_looks_for_newer_ones_before_it_parks() {
    let app = |world: &World, secret: &str| {
        let tenant = world.sandbox.xero.ledger().tenant_id();
        let app = App::custom_connection("sandbox-client", secret, "Sandbox", tenant);
        world.sandbox.xero.register_app(app).expect("an app");
    };
    // The old secret is good no more, or the old token was refused.
    for is_secret in [true, false] {
        let world = World::new().await;
        app(&world, "first");
        let first = Wanted::again(&*books(&world).await);
        let old = reconnect(&world, first.clone(), "first").await.expect("connected");
        world.advance(Duration::from_mins(31));
        app(&world, "second");
        let warm = world.another_process();
        if is_secret {
            warm.connections.list().await.expect("connections");
        } else {
            app(&world, "first");
            let held = world.flowing(token(&warm, "books", None)).await.expect("a token");
            world.stack.tokens.is_refused(&old, &held, &Failure::new("unauthorised", "refused")).await;
            assert!(token(&warm, "books", Some(&held)).await.is_err(), "nothing newer is there");
            app(&world, "second");
        }
        let new = reconnect(&world, first, "second").await.expect("connected");
        let got = world.flowing(token(&warm, "books", Some(&token_of(&world, &old).await))).await;
        let kept: Value = serde_json::from_str(&kept(&world, &new).await).expect("JSON");
        assert_eq!(got.expect("a token").access.expose_secret(), kept["access"].as_str().expect("a token"));
        assert_eq!(mails(&world), Vec::<String>::new());

        let typo = reconnect(&world, Wanted::again(&new), "a typo").await.expect_err("refused");
        assert!(typo.message.contains("client id or secret is wrong"), "what is tried helps itself: {typo}");
    }
}

/// The token that the vault has of a connection as it was.
async fn token_of(world: &World, connection: &Connection) -> Token {
    let kept: Value = serde_json::from_str(&kept(world, connection).await).expect("JSON");
    let access = SecretString::from(kept["access"].as_str().expect("a token"));
    let issued_at = world.clock_now();
    Token {
        access,
        refresh: None,
        scopes: Vec::new(),
        user: None,
        org: None,
        issued_at,
        expires_at: None,
        api_url: None,
    }
}
