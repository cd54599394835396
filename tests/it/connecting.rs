//! Consents: a person lets Counterfoil into an account in a browser, and nobody else can.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use counterfoil::domain::connection::{Connection, ConnectionState, GrantKind, Provider};
use counterfoil::domain::ids::{ConnectionId, EventKey};
use counterfoil::domain::run::Status;
use counterfoil::flow::answers::{self, Answer};
use counterfoil::flow::connect::Wanted;
use counterfoil::flow::connections::token_name;
use counterfoil::flow::consent::{self, Invited, Outcome};
use counterfoil::flow::{Stack, keep, lifecycle};
use counterfoil::ports::connector::Identity;
use counterfoil::ports::table::{self, Item, Key, Query, Table, TableError, Write};
use counterfoil_sandbox::salesforce::Client;
use counterfoil_sandbox::xero::App;
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::browser::{ADDRESS, Page, Person, parameter};
use crate::world::{SALESFORCE, World, XERO, new_stack};

pub(crate) const CLIENT: &str = "our-app";
pub(crate) const SECRET: &str = "our-secret";

/// A world where the app of ours is registered with both, as it must be.
pub(crate) async fn world() -> World {
    let world = World::new().await;
    let callback = |provider: &str| format!("{ADDRESS}/connect/{provider}/callback");
    let app = App::web(CLIENT, SECRET, "Counterfoil", &[&callback("xero")]);
    world.sandbox.xero.register_app(app).expect("an app");
    let client =
        Client { proof_key: true, callbacks: vec![callback("salesforce")], ..Client::new(CLIENT, SECRET) };
    world.sandbox.salesforce.register_client(client);
    world
}

fn wanted(name: &str, provider: Provider) -> Wanted {
    let url = if provider == Provider::Xero { XERO } else { SALESFORCE };
    Wanted {
        name: ConnectionId::from(name),
        provider,
        grant: GrantKind::AuthorizationCode,
        client_id: CLIENT.to_owned(),
        login_url: url.to_owned(),
        api_url: url.to_owned(),
        username: None,
        scopes: Vec::new(),
        daily_limit: None,
    }
}

pub(crate) async fn invited(world: &World, name: &str, provider: Provider) -> Invited {
    let secret = SecretString::from(SECRET);
    consent::invite(&world.stack, wanted(name, provider), secret, ADDRESS).await.expect("invited")
}

pub(crate) async fn connection(world: &World, name: &str) -> Option<Connection> {
    let found = world.another_process().connections.get(&ConnectionId::from(name)).await.expect("read");
    found.map(|connection| (*connection).clone())
}

pub(crate) async fn outcome(world: &World, invited: &Invited) -> Outcome {
    consent::outcome(&world.stack, invited.id).await.expect("read").expect("there")
}

/// The account at the other end, when it is the one that it was.
pub(crate) async fn identified(stack: &Stack, connection: &Connection) -> Result<Identity, Answer> {
    match answers::ask(stack, &Arc::new(connection.clone())).await.expect("an answer") {
        Answer::Well(identity) => Ok(identity),
        another => Err(another),
    }
}

/// How often either was asked for tokens.
pub(crate) fn token_calls(world: &World) -> usize {
    let is_token = |path: &str| path.ends_with("/token");
    let xero = world.sandbox.xero.calls();
    let salesforce = world.sandbox.salesforce.calls();
    xero.iter().chain(&salesforce).filter(|call| is_token(&call.path)).count()
}

/// Says yes on the provider's page and comes back with the first page of ours.
async fn allowed(person: &mut Person, invited: &Invited) -> Page {
    let page = person.open(invited.url.expose_secret()).await;
    person.press(&page, "allow", &[]).await
}

/// The person allows it on the provider's page. Where that leads back to isn't opened yet.
pub(crate) async fn allow(person: &mut Person, invited: &Invited) -> String {
    let page = person.open(invited.url.expose_secret()).await;
    person.send(&page, "allow", &[]).await.leads_to().expect("the way back")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_connects_a_salesforce_org_and_its_tokens_work() {
    let world = world().await;
    let invited = invited(&world, "sales", Provider::Salesforce).await;
    assert_eq!(invited.scopes, ["api", "refresh_token"]);
    let mut person = Person::new(&world.stack);
    let page = person.open(invited.url.expose_secret()).await;
    assert!(page.url.starts_with(&format!("{SALESFORCE}/services/oauth2/authorize?")), "{}", page.url);
    assert_eq!(page.parameter("redirect_uri"), invited.redirect_uri);
    assert_eq!(page.parameter("code_challenge_method"), "S256");
    let page = person.press(&page, "allow", &[]).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("<b>sales</b> is connected to"), "{}", page.text);

    let sales = connection(&world, "sales").await.expect("connected");
    assert_eq!((sales.grant, sales.state), (GrantKind::AuthorizationCode, ConnectionState::Active));
    assert!(sales.consent.is_some() && sales.account.starts_with("00D") && sales.own_user.starts_with("005"));
    assert_eq!(sales.title, "Sandbox Trading Ltd");
    let identity = identified(&world.another_process(), &sales).await.expect("it answers");
    assert_eq!(identity.account, sales.account);
    assert!(matches!(outcome(&world, &invited).await, Outcome::Connected { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_asked_for_what_the_flows_need_and_connects_the_only_organisation() {
    let world = world().await;
    let flow = "
flow: paid
trigger: { type: xero.new_payment, connection: ledger }
steps:
  - action: xero.upsert_contact
    connection: ledger
    with: { Name: Acme }
";
    lifecycle::push(&world.stack, "paid", "flow.yaml", flow, BTreeMap::new()).await.expect("pushed");
    let invited = invited(&world, "ledger", Provider::Xero).await;
    let mut person = Person::new(&world.stack);
    let page = person.open(invited.url.expose_secret()).await;
    let asked = page.parameter("scope");
    assert_eq!(asked, "accounting.contacts accounting.payments.read accounting.settings.read offline_access");
    let page = person.press(&page, "allow", &[]).await;
    assert!(page.text.contains("<b>ledger</b> is connected to Demo Company"), "{}", page.text);
    let ledger = connection(&world, "ledger").await.expect("connected");
    assert_eq!(ledger.account, world.sandbox.xero.ledger().tenant_id().to_string());
    assert_eq!(ledger.granted_scopes.len(), 4);
    let refused = lifecycle::enable(&world.stack, "paid").await.err().map(|error| error.failure());
    assert_eq!(refused, None, "what was asked for is enough");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_organisations_of_one_consent_are_named_by_the_person_and_share_its_tokens() {
    let world = world().await;
    let first = world.sandbox.xero.ledger().tenant_id().to_string();
    let second = world.sandbox.xero.add_organisation("Branch (AU)").to_string();
    let third = world.sandbox.xero.add_organisation("Branch (UK)").to_string();
    // The first is connected by a machine already.
    let invited = invited(&world, "branch", Provider::Xero).await;
    let mut person = Person::new(&world.stack);
    let page = person.open(invited.url.expose_secret()).await;
    let all = [&first, &second, &third].map(|tenant| format!("tenant={tenant}"));
    let ticked: Vec<(&str, Option<&str>)> = all.iter().map(|tenant| (tenant.as_str(), Some("on"))).collect();
    let picker = person.press(&page, "allow", &ticked).await;
    assert!(
        picker.text.contains("connected as books") && picker.text.contains("branch-uk"),
        "{}",
        picker.text
    );
    assert!(connection(&world, "branch").await.is_none(), "nothing is connected before it is named");

    let name = format!("name:{third}");
    let again = person.press(&picker, "", &[(&name, Some("branch"))]).await;
    assert!(again.text.contains("can’t both") || again.text.contains("can&apos;t both"), "{}", again.text);
    let done = person.press(&again, "", &[(&name, Some("uk"))]).await;
    assert!(done.text.contains("<b>branch</b>") && done.text.contains("<b>uk</b>"), "{}", done.text);
    let (branch, uk) = (connection(&world, "branch").await.unwrap(), connection(&world, "uk").await.unwrap());
    assert_eq!((branch.account.as_str(), uk.account.as_str()), (second.as_str(), third.as_str()));
    assert!(branch.consent.is_some() && branch.consent == uk.consent);
    let books = connection(&world, "books").await.unwrap();
    assert_eq!(books.grant, GrantKind::ClientCredentials, "what wasn't ticked stays what it was");

    world.sandbox.xero.expire_access_tokens();
    world.advance(Duration::from_mins(40));
    let before = token_calls(&world);
    let (one, other) = (world.another_process(), world.another_process());
    let both = async { tokio::join!(identified(&one, &branch), identified(&other, &uk)) };
    let (one, other) = world.flowing(both).await;
    assert_eq!((one.expect("answers").account, other.expect("answers").account), (second, third));
    assert_eq!(token_calls(&world) - before, 1, "one refresh is for both");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_is_good_once_in_one_browser_for_one_provider_and_ten_minutes() {
    let world = world().await;
    let before = token_calls(&world);
    let invited = invited(&world, "ledger", Provider::Xero).await;
    let mut person = Person::new(&world.stack);
    let back = allow(&mut person, &invited).await;
    let refused = |page: &Page, code: &str| {
        assert_eq!(page.status, 400, "{}", page.text);
        assert!(page.text.contains(code), "{}", page.text);
    };

    // Whoever stole the address has another browser, or one with a cookie of its own.
    let mut thief = Person::new(&world.stack);
    refused(&thief.open(&back).await, "another_browser");
    let other = self::invited(&world, "other", Provider::Xero).await;
    thief.open(other.url.expose_secret()).await;
    refused(&thief.open(&back).await, "another_browser");
    refused(&person.open(&back.replace("/xero/", "/salesforce/")).await, "another_provider");
    refused(&person.open(&format!("{back}&iss=https%3A%2F%2Fevil.example")).await, "another_provider");
    let state = parameter(&back, "state");
    refused(&person.open(&back.replace(&state, "made-up")).await, "unknown_ticket");
    assert_eq!(token_calls(&world), before, "nothing was exchanged");

    let done = person.open(&format!("{back}&iss={}", "https%3A%2F%2Fxero.example")).await;
    assert_eq!(done.status, 200, "whose state it is can still come: {}", done.text);
    assert_eq!(token_calls(&world), before + 1);
    refused(&person.open(&back).await, "unknown_ticket");
    assert_eq!(token_calls(&world), before + 1, "a code is exchanged once");

    let late = self::invited(&world, "late", Provider::Xero).await;
    let back = allow(&mut person, &late).await;
    world.advance(Duration::from_mins(11));
    refused(&person.open(&back).await, "unknown_ticket");
    assert_eq!(token_calls(&world), before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_not_redeemed_when_no_time_is_left_and_the_page_can_be_loaded_again() {
    let world = world().await;
    let before = token_calls(&world);
    let invited = invited(&world, "ledger", Provider::Xero).await;
    let mut person = Person::new(&world.stack);
    let back = allow(&mut person, &invited).await;
    let usual = std::mem::replace(&mut person.patience, SignedDuration::from_secs(8));
    let late = person.open(&back).await;
    assert!(late.status == 400 && late.text.contains("no_time_left"), "{}", late.text);
    assert_eq!(token_calls(&world), before);
    person.patience = usual;
    let done = person.open(&back).await;
    assert!(done.text.contains("<b>ledger</b> is connected to"), "{}", done.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_opens_once_within_ten_minutes_and_for_its_own_provider() {
    let world = world().await;
    let first = invited(&world, "ledger", Provider::Xero).await;
    let url = first.url.expose_secret();
    let mut person = Person::new(&world.stack);
    assert_eq!(person.look_at(&url.replace("/xero", "/salesforce")).await.status, 400);
    assert_eq!(person.look_at(&url.replace("/connect/xero", "/connect/sage")).await.status, 404);
    let leave = person.look_at(url).await;
    assert_eq!((leave.status, leave.header("cache-control")), (302, Some("no-store")));
    assert_eq!(leave.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(person.look_at(url).await.status, 400, "it was used");
    let second = invited(&world, "ledger", Provider::Xero).await;
    world.advance(Duration::from_mins(11));
    assert_eq!(person.look_at(second.url.expose_secret()).await.status, 400, "its time is over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_declines_meets_a_calm_page_and_nothing_has_changed() {
    let world = world().await;
    for provider in [Provider::Xero, Provider::Salesforce] {
        let before = token_calls(&world);
        let invited = invited(&world, "new", provider).await;
        let mut person = Person::new(&world.stack);
        let page = person.open(invited.url.expose_secret()).await;
        let page = person.press(&page, "deny", &[]).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("nothing has changed"), "{}", page.text);
        assert!(connection(&world, "new").await.is_none());
        assert_eq!(token_calls(&world), before);
        let Outcome::Refused(failure) = outcome(&world, &invited).await else { panic!("it is over") };
        assert_eq!(failure.code, "access_denied");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_of_another_consent_is_of_no_use() {
    let world = world().await;
    for provider in [Provider::Xero, Provider::Salesforce] {
        let (one, other) = (invited(&world, "one", provider).await, invited(&world, "other", provider).await);
        let (mut victim, mut thief) = (Person::new(&world.stack), Person::new(&world.stack));
        let stolen = parameter(&allow(&mut victim, &one).await, "code");
        let own = allow(&mut thief, &other).await;
        // The verifier is the victim's browser's.
        let page = thief.open(&own.replace(&parameter(&own, "code"), &stolen)).await;
        assert_eq!(page.status, 400, "{}", page.text);
        assert!(connection(&world, "other").await.is_none());
        assert!(matches!(outcome(&world, &other).await, Outcome::Refused(_)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provider_sends_nobody_to_an_address_that_is_not_registered() {
    let world = world().await;
    let elsewhere = "https://elsewhere.example";
    for provider in [Provider::Xero, Provider::Salesforce] {
        let secret = SecretString::from(SECRET);
        let invited = consent::invite(&world.stack, wanted("new", provider), secret, elsewhere).await;
        let url = invited.expect("invited").url.expose_secret().replace(elsewhere, ADDRESS);
        let page = Person::new(&world.stack).open(&url).await;
        assert!(page.status >= 400 && !page.text.contains("<form"), "{}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connecting_again_revives_all_connections_of_the_person_and_no_other_account_takes_their_place() {
    let world = world().await;
    let second = world.sandbox.xero.add_organisation("Branch (AU)").to_string();
    let first = invited(&world, "branch", Provider::Xero).await;
    let mut person = Person::new(&world.stack);
    let page = person.open(first.url.expose_secret()).await;
    let own = format!("tenant={}", world.sandbox.xero.ledger().tenant_id());
    let branch = format!("tenant={second}");
    person.press(&page, "allow", &[(&own, None), (&branch, Some("on"))]).await;
    let ledger = invited(&world, "ledger", Provider::Xero).await;
    allowed(&mut person, &ledger).await;
    let known = connection(&world, "branch").await.expect("connected");
    assert_eq!(known.consent, connection(&world, "ledger").await.expect("connected").consent);
    for name in ["branch", "ledger"] {
        let known = connection(&world, name).await.expect("connected");
        assert!(world.stack.connections.needs_reconnect(&known).await.expect("marked"));
    }

    // Nothing new is ticked: the organisation is the one that it was.
    let again = consent::again(&world.stack, &known, None, ADDRESS).await.expect("invited");
    let page = person.open(again.url.expose_secret()).await;
    let page = person.press(&page, "allow", &[(&own, None), (&branch, None)]).await;
    assert!(page.text.contains("<b>branch</b> is connected to Branch (AU)"), "{}", page.text);
    for name in ["branch", "ledger"] {
        let connection = connection(&world, name).await.expect("there");
        assert_eq!(connection.state, ConnectionState::Active, "{name}");
        identified(&world.another_process(), &connection).await.expect("it answers");
    }

    // The same name for another account.
    world.sandbox.xero.disconnect(second.parse().expect("a tenant"));
    let other = consent::again(&world.stack, &known, None, ADDRESS).await.expect("invited");
    let page = person.open(other.url.expose_secret()).await;
    let page = person.press(&page, "allow", &[(&branch, None), (&own, Some("on"))]).await;
    assert!(page.status == 400 && page.text.contains("another_account"), "{}", page.text);
    assert_eq!(connection(&world, "branch").await.expect("there").account, second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connecting_again_revives_no_organisation_that_xero_has_disconnected() {
    let world = world().await;
    let second = world.sandbox.xero.add_organisation("Branch (AU)");
    let own = format!("tenant={}", world.sandbox.xero.ledger().tenant_id());
    let branch = format!("tenant={second}");
    let mut person = Person::new(&world.stack);
    for (name, ticked) in [
        ("branch", [(&*own, None), (&*branch, Some("on"))]),
        ("ledger", [(&*own, Some("on")), (&*branch, None)]),
    ] {
        let invited = invited(&world, name, Provider::Xero).await;
        let page = person.open(invited.url.expose_secret()).await;
        let page = person.press(&page, "allow", &ticked).await;
        assert!(page.text.contains(&format!("<b>{name}</b> is connected to")), "{}", page.text);
    }
    world.sandbox.xero.disconnect(second);
    for name in ["branch", "ledger"] {
        let known = connection(&world, name).await.expect("connected");
        assert!(world.stack.connections.needs_reconnect(&known).await.expect("marked"));
    }
    let known = connection(&world, "ledger").await.expect("connected");
    let again = consent::again(&world.stack, &known, None, ADDRESS).await.expect("invited");
    let page = person.open(again.url.expose_secret()).await;
    let page = person.press(&page, "allow", &[(&own, Some("on")), (&branch, None)]).await;
    assert!(page.text.contains("<b>ledger</b> is connected to"), "{}", page.text);
    assert_eq!(connection(&world, "ledger").await.expect("there").state, ConnectionState::Active);
    assert_eq!(connection(&world, "branch").await.expect("there").state, ConnectionState::NeedsReconnect);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connecting_again_asks_for_the_scopes_that_were_named_at_first() {
    let world = world().await;
    let named = ["api", "refresh_token", "openid"].map(str::to_owned).to_vec();
    let wanted = Wanted { scopes: named.clone(), ..wanted("sales", Provider::Salesforce) };
    let first =
        consent::invite(&world.stack, wanted, SecretString::from(SECRET), ADDRESS).await.expect("invited");
    assert_eq!(first.scopes, named);
    let mut person = Person::new(&world.stack);
    let page = allowed(&mut person, &first).await;
    assert!(page.text.contains("<b>sales</b> is connected to"), "{}", page.text);
    let sales = connection(&world, "sales").await.expect("connected");
    assert_eq!(sales.scopes, named);
    let again = consent::again(&world.stack, &sales, None, ADDRESS).await.expect("invited");
    assert_eq!(again.scopes, named);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_parked_goes_on_when_its_person_connects_again() {
    for provider in [Provider::Xero, Provider::Salesforce] {
        let world = world().await;
        let step = match provider {
            Provider::Xero => "xero.upsert_contact\n    with: { Name: Acme }",
            Provider::Salesforce => "salesforce.create_task\n    with: { Subject: Call }",
        };
        let flow = format!(
            "flow: asked\ntrigger: {{ type: manual }}\nsteps:\n  - action: {step}\n    connection: ours\n"
        );
        lifecycle::push(&world.stack, "asked", "flow.yaml", &flow, BTreeMap::new()).await.expect("pushed");
        let first = invited(&world, "ours", provider).await;
        let mut person = Person::new(&world.stack);
        allowed(&mut person, &first).await;
        let head = lifecycle::enable(&world.stack, "asked").await.expect("enabled");
        let known = connection(&world, "ours").await.expect("connected");
        world.stack.connections.needs_reconnect(&known).await.expect("marked");
        let (key, now) = (EventKey::new("one"), world.stack.now());
        keep::start(&world.stack, &head, "manual", key, now, Value::Null).await.expect("started");
        world.drain().await;
        assert_eq!(world.statuses().await, BTreeMap::from([(Status::Parked, 1)]));

        let again = consent::again(&world.stack, &known, None, ADDRESS).await.expect("invited");
        let page = allowed(&mut person, &again).await;
        assert!(page.text.contains("<b>ours</b> is connected to"), "{}", page.text);
        let Outcome::Connected { unparked, .. } = outcome(&world, &again).await else { panic!("it is") };
        assert_eq!(unparked, 1);
        world.drain().await;
        assert_eq!(world.statuses().await, BTreeMap::from([(Status::Succeeded, 1)]), "{provider:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_abandoned_invitation_left_is_swept_away() {
    let world = world().await;
    let first = invited(&world, "ledger", Provider::Xero).await;
    let name = format!("consent/{}/client", first.id);
    let secret = async || world.stack.ports.vault.read(&name).await.expect("the vault").is_some();
    invited(&world, "other", Provider::Xero).await;
    assert!(secret().await, "there is time yet");
    world.advance(Duration::from_mins(11));
    consent::sweep(&world.stack).await.expect("swept");
    assert!(!secret().await);
    assert_eq!(consent::outcome(&world.stack, first.id).await.expect("read"), None);
}

/// What is written into the table, in clear.
struct Overheard {
    inner: Arc<dyn Table>,
    written: Arc<Mutex<String>>,
}

#[async_trait]
impl Table for Overheard {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, TableError> {
        self.inner.get(keys).await
    }

    async fn query(&self, query: Query) -> Result<table::Page, TableError> {
        self.inner.query(query).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<(), TableError> {
        for write in &writes {
            let document = match write {
                Write::Put { item, .. } => String::from_utf8_lossy(&item.document).into_owned(),
                _ => String::new(),
            };
            self.written.lock().expect("nobody panicked").push_str(&format!("{write:?} {document}\n"));
        }
        self.inner.write(writes).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_opens_an_account_is_in_the_table_or_on_a_page() {
    let world = world().await;
    let second = world.sandbox.xero.add_organisation("Branch (AU)").to_string();
    let mut ports = world.ports();
    let written = Arc::<Mutex<String>>::default();
    ports.table = Arc::new(Overheard { inner: Arc::clone(&ports.table), written: Arc::clone(&written) });
    let stack = new_stack(&ports);
    let mut person = Person::new(&stack);
    let mut needles = vec![SECRET.to_owned()];
    for provider in [Provider::Xero, Provider::Salesforce] {
        let secret = SecretString::from(SECRET);
        let invited = consent::invite(&stack, wanted(provider.as_str(), provider), secret, ADDRESS)
            .await
            .expect("invited");
        needles.push(parameter(invited.url.expose_secret(), "invitation"));
        let page = person.open(invited.url.expose_secret()).await;
        needles.push(page.parameter("state"));
        needles.extend(person.cookies());
        let branch = format!("tenant={second}");
        let changes: &[(&str, Option<&str>)] = &[(&branch, Some("on"))];
        let changes = if provider == Provider::Xero { changes } else { &[] };
        let back = person.send(&page, "allow", changes).await.leads_to().expect("the way back");
        needles.push(parameter(&back, "code"));
        let mut page = person.open(&back).await;
        if provider == Provider::Xero {
            page = person.press(&page, "", &[]).await;
        }
        assert!(page.text.contains("is connected to"), "{}", page.text);
        let Outcome::Connected { connections, .. } = outcome(&world, &invited).await else { panic!("it is") };
        let grant = connections[0].grant_id();
        let kept =
            world.stack.ports.vault.read(&token_name(&grant)).await.expect("the vault").expect("a pair");
        let kept: Value = serde_json::from_str(kept.expose_secret()).expect("JSON");
        needles.extend(["access", "refresh"].map(|name| kept[name].as_str().expect("a token").to_owned()));
    }
    let pages = person.seen.lock().expect("nobody panicked").join("\n");
    let written = written.lock().expect("nobody panicked").clone();
    assert_eq!((needles.len(), written.lines().count() > 10), (13, true));
    for needle in needles {
        assert!(needle.len() >= SECRET.len(), "{needle}");
        assert!(!written.contains(&needle), "{needle} is in the table: {written}");
        assert!(!pages.contains(&needle), "{needle} is on a page: {pages}");
    }
}
