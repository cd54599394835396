//! Pages that have 24 seconds: what doesn't come to its end in them goes on at a button, and no consent is lost.

use std::sync::atomic::Ordering;
use std::time::Duration;

use counterfoil::domain::connection::Provider;
use counterfoil::domain::ids::ConnectionId;
use counterfoil::flow::Stack;
use counterfoil_sandbox::salesforce::Client;
use counterfoil_sandbox::{Fault, FaultKind, Provider as _};
use jiff::SignedDuration;

use crate::browser::{ADDRESS, Page, Person};
use crate::connecting::{CLIENT, SECRET, allow, connection, identified, invited, token_calls, world};
use crate::passing;
use crate::vaults::{Down, Slow};
use crate::world::World;

/// API Gateway ends at 29 s, and five are kept for the answer.
const PAGE: SignedDuration = SignedDuration::from_secs(24);

/// What a browser comes to whose page has little time; and that it was kept.
async fn in_time(world: &World, work: impl Future<Output = Page>) -> Page {
    let work = Box::pin(work);
    let began = world.clock_now();
    // Slow enough for a loaded machine to do in a second what it does in a second.
    let (tick, step) = (Duration::from_millis(10), Duration::from_millis(100));
    let page = passing::by_ticks(&world.clock, tick, step, work).await;
    let took = world.clock_now().duration_since(began);
    assert!(took <= PAGE + SignedDuration::from_secs(2), "{took} for {}", page.text);
    page
}

fn hurried(stack: &Stack) -> Person {
    let mut person = Person::new(stack);
    person.patience = PAGE;
    person
}

fn fault(world: &World, provider: Provider, path: &str, seconds: i64) {
    let fault = Fault::on("GET", path, FaultKind::Late(seconds));
    match provider {
        Provider::Xero => world.sandbox.xero.harness().faults.add(fault),
        Provider::Salesforce => world.sandbox.salesforce.faults().add(fault),
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_answers_too_late_for_the_page_is_asked_again_with_the_tokens_that_were_given() {
    for (provider, path, spent) in [
        // The list of organisations, the organisation itself, the user and the org.
        (Provider::Xero, "/connections", 1),
        (Provider::Xero, "/Organisation", 1),
        (Provider::Salesforce, "/services/oauth2/userinfo", 2),
        (Provider::Salesforce, "/query", 2),
    ] {
        let world = world().await;
        let before = token_calls(&world);
        let invited = invited(&world, "new", provider).await;
        let mut person = hurried(&world.stack);
        let back = allow(&mut person, &invited).await;
        fault(&world, provider, path, 40);
        let slow = in_time(&world, person.open(&back)).await;
        assert!(slow.status == 503 && slow.text.contains("you need not allow it again"), "{}", slow.text);
        assert!(connection(&world, "new").await.is_none());

        let done = in_time(&world, person.press(&slow, "", &[])).await;
        assert!(done.text.contains("<b>new</b> is connected to"), "{path}: {}", done.text);
        assert_eq!(token_calls(&world) - before, spent, "the tokens are those of the first page");
        let new = connection(&world, "new").await.expect("connected");
        identified(&world.another_process(), &new).await.expect("it answers");
        let used = person.press(&slow, "", &[]).await;
        assert!(used.status == 400 && used.text.contains("unknown_ticket"), "{}", used.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_button_of_a_slow_page_is_the_same_browsers_and_its_time_is_not_over_before_the_tickets() {
    let world = world().await;
    let invited = invited(&world, "new", Provider::Xero).await;
    let mut person = hurried(&world.stack);
    let back = allow(&mut person, &invited).await;
    fault(&world, Provider::Xero, "/connections", 40);
    let slow = in_time(&world, person.open(&back)).await;
    let cookie = slow.header("set-cookie").map(str::to_owned).or_else(|| person.cookies().pop());
    assert!(cookie.is_some_and(|cookie| !cookie.is_empty()));
    let thief = hurried(&world.stack).press(&slow, "", &[]).await;
    assert!(thief.status == 400 && thief.text.contains("another_browser"), "{}", thief.text);
    world.advance(Duration::from_mins(9));
    let done = in_time(&world, person.press(&slow, "", &[])).await;
    assert!(done.text.contains("is connected to"), "{}", done.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_that_is_down_before_the_code_is_exchanged_uses_nothing_up() {
    let world = world().await;
    let before = token_calls(&world);
    let invited = invited(&world, "new", Provider::Xero).await;
    let (vault, stack) = Down::process(&world, 0);
    let mut person = hurried(&stack);
    let back = allow(&mut person, &invited).await;
    let down = in_time(&world, person.open(&back)).await;
    assert!(down.status == 503 && down.text.contains("vault_unavailable"), "{}", down.text);
    assert_eq!(token_calls(&world), before);
    vault.after.store(i64::MAX, Ordering::SeqCst);
    let done = in_time(&world, person.open(&back)).await;
    assert!(done.text.contains("<b>new</b> is connected to"), "{}", done.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_that_takes_the_pages_time_uses_nothing_up() {
    let world = world().await;
    let before = token_calls(&world);
    let invited = invited(&world, "new", Provider::Xero).await;
    let (vault, stack) = Slow::process(&world);
    let mut person = hurried(&stack);
    let back = allow(&mut person, &invited).await;
    vault.seconds.store(16, Ordering::SeqCst);
    let late = in_time(&world, person.open(&back)).await;
    assert!(late.status == 400 && late.text.contains("no_time_left"), "{}", late.text);
    assert_eq!(token_calls(&world), before);
    vault.seconds.store(0, Ordering::SeqCst);
    let done = in_time(&world, person.open(&back)).await;
    assert!(done.text.contains("<b>new</b> is connected to"), "{}", done.text);
}

/// At each operation in turn, the first refresh and what it brings among them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_that_goes_down_after_the_exchange_loses_no_tokens() {
    for (provider, operations) in [(Provider::Xero, 4), (Provider::Salesforce, 7)] {
        for after in 1..operations {
            let world = world().await;
            let callbacks = vec![format!("{ADDRESS}/connect/salesforce/callback")];
            let client = Client { proof_key: true, callbacks, rotate: true, ..Client::new(CLIENT, SECRET) };
            world.sandbox.salesforce.register_client(client);
            let before = token_calls(&world);
            let invited = invited(&world, "new", provider).await;
            let (vault, stack) = Down::process(&world, after);
            let mut person = hurried(&stack);
            let back = allow(&mut person, &invited).await;
            let down = in_time(&world, person.open(&back)).await;
            // Where nothing was lost but the first refresh, which can wait, there is no need for a button.
            let is_through = down.text.contains("<b>new</b> is connected to");
            assert!(is_through || down.text.contains("Go on"), "{provider:?} {after}: {}", down.text);
            assert_eq!(connection(&world, "new").await.is_some(), is_through);

            // A minute later, and another process answers.
            vault.after.store(i64::MAX, Ordering::SeqCst);
            world.advance(Duration::from_mins(3));
            let mut person = person.answered_by(&world.another_process());
            if !is_through {
                let done = in_time(&world, person.press(&down, "", &[])).await;
                assert!(
                    done.text.contains("<b>new</b> is connected to"),
                    "{provider:?} {after}: {}",
                    done.text
                );
            }
            let exchanges = token_calls(&world) - before;
            assert!(exchanges <= 3, "{provider:?} {after}: the code, and at most two refreshes: {exchanges}");
            let id = ConnectionId::from("new");
            let other = world.another_process();
            let new = other.connections.get(&id).await.expect("read").expect("there");
            let connector = other.catalog.connector(provider).expect("a connector");
            let deadline = world.clock_now() + SignedDuration::from_mins(2);
            world
                .flowing(other.tokens.renew_unused(&new, connector.as_ref(), deadline))
                .await
                .expect("the pair that is kept is the newest");
        }
    }
}
