//! Any list at any URL: what is new in it is told once, whatever the list does meanwhile.

use std::time::Duration;

use counterfoil::domain::Value;
use counterfoil::flow::receive::webhook_secret_name;
use counterfoil::flow::{lifecycle, poll};
use counterfoil::ports::http::Request;
use counterfoil::ports::queue::QueueName;
use counterfoil::runtime::pump;
use secrecy::SecretString;
use serde_json::json;

use crate::trouble::{Life, mortal};
use crate::world::World;

pub(crate) const URL: &str = "https://shop.example/orders";
pub(crate) const ORDERS: &str = "\
flow: orders
trigger: { type: http.poll, url: 'https://shop.example/orders', id: item.id, version: item.at, minutes: 5 }
steps:
  - set: { id: '{{ record.id }}' }
";

/// The flow with other options of the trigger.
pub(crate) fn orders(options: &str) -> String {
    ORDERS.replace("version: item.at, minutes: 5", options)
}

async fn push(world: &World, text: &str) -> Result<(), counterfoil::domain::outcome::Failure> {
    let pushed = lifecycle::push(&world.stack, "orders", "flow.yaml", text, Default::default()).await;
    pushed.map_err(|error| error.failure())?;
    enable(world).await
}

pub(crate) async fn enable(world: &World) -> Result<(), counterfoil::domain::outcome::Failure> {
    let enabled = lifecycle::enable(&world.stack, "orders").await;
    enabled.map(drop).map_err(|error| error.failure())
}

pub(crate) async fn live(world: &World, text: &str) {
    push(world, text).await.expect("goes live");
    world.web.asked();
}

/// Five minutes pass, the list is read, and what is new runs.
pub(crate) async fn five_minutes(world: &World) -> poll::Report {
    world.advance(Duration::from_mins(5));
    let mut all = poll::Report::default();
    for report in world.poll().await {
        all.watches += report.watches;
        all.pages += report.pages;
        all.events += report.events;
        all.busy += report.busy;
        all.failures.extend(report.failures);
    }
    world.drain().await;
    all
}

/// The events' keys of all runs, sorted.
pub(crate) async fn keys(world: &World) -> Vec<String> {
    let runs = world.runs().await.into_iter();
    let mut keys: Vec<String> =
        runs.filter_map(|run| Some(run.row.message.event?.key.as_str().to_owned())).collect();
    keys.sort();
    keys
}

pub(crate) fn item(id: u32, version: &str) -> Value {
    json!({"id": id, "at": version})
}

fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_there_already_starts_nothing_and_what_is_new_or_changed_runs_once() {
    let world = World::new().await;
    world.web.answers(URL, &json!([item(1, "a"), item(2, "a")]));
    live(&world, ORDERS).await;
    assert_eq!(five_minutes(&world).await.events, 0);
    world.web.answers(URL, &json!([item(1, "a"), item(2, "b"), item(3, "a")]));
    assert_eq!(five_minutes(&world).await.events, 2);
    assert_eq!(five_minutes(&world).await.events, 0);
    assert_eq!(keys(&world).await, ["2@b", "3@a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_version_each_id_runs_once_however_it_changes() {
    let world = World::new().await;
    world.web.answers(URL, &json!([]));
    live(&world, &orders("minutes: 5")).await;
    world.web.answers(URL, &json!([item(1, "a")]));
    five_minutes(&world).await;
    world.web.answers(URL, &json!([item(1, "b")]));
    five_minutes(&world).await;
    assert_eq!(keys(&world).await, ["1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_as_it_was_costs_the_lease_and_nothing_else() {
    let world = World::new().await;
    let many: Vec<Value> = (0..500).map(|id| item(id, "a")).collect();
    world.web.answers(URL, &json!(many));
    live(&world, ORDERS).await;
    five_minutes(&world).await;
    let before = world.counted.counts();
    five_minutes(&world).await;
    let cost = world.counted.counts().since(&before);
    assert_eq!(cost.writes, 2, "{cost:?}");
    world.web.is_tagged(URL, "\"v1\"", &[], &json!(many));
    five_minutes(&world).await;
    world.web.asked();
    let before = world.counted.counts();
    let report = five_minutes(&world).await;
    assert_eq!((report.pages, report.events, report.failures.len()), (1, 0, 0));
    assert_eq!(world.counted.counts().since(&before).writes, 2);
    assert_eq!(header(&world.web.asked()[0], "if-none-match"), Some("\"v1\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_read_as_often_as_the_flow_says() {
    let world = World::new().await;
    world.web.answers(URL, &json!([]));
    live(&world, &orders("minutes: 15")).await;
    for _ in 0..9 {
        five_minutes(&world).await;
    }
    assert_eq!(world.web.asked().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_keep_every_digit_and_one_that_is_there_twice_runs_once() {
    let world = World::new().await;
    world.web.answers(URL, &json!([]));
    live(&world, &orders("minutes: 5")).await;
    let body = r#"[{"id": 123456789012345678901.50}, {"id": 7}, {"id": 7}, {"id": "7"}, {"id": " a "}]"#;
    world.web.says(URL, 200, &[], body);
    assert_eq!(five_minutes(&world).await.events, 3);
    assert_eq!(five_minutes(&world).await.events, 0);
    assert_eq!(keys(&world).await, ["123456789012345678901.50", "7", "a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_comes_back_is_no_news() {
    let world = World::new().await;
    world.web.answers(URL, &json!([item(1, "2026-01-01T00:00:00Z")]));
    live(&world, ORDERS).await;
    for version in ["2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"] {
        world.web.answers(URL, &json!([item(1, version)]));
        five_minutes(&world).await;
    }
    assert_eq!(keys(&world).await, ["1@2026-01-02T00:00:00Z"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_without_an_id_is_told_of_and_the_others_go_on() {
    let world = World::new().await;
    world.web.answers(URL, &json!([]));
    live(&world, ORDERS).await;
    world.web.answers(URL, &json!([item(1, "a"), {"name": "nobody"}, {"id": {"x": 1}}, item(2, "a")]));
    for _ in 0..2 {
        let report = five_minutes(&world).await;
        assert_eq!(report.failures, [("orders".to_owned(), "item_without_id".to_owned())]);
    }
    assert_eq!(keys(&world).await, ["1@a", "2@a"]);
    // At go-live somebody listens.
    lifecycle::disable(&world.stack, "orders").await.expect("disabled");
    assert_eq!(push(&world, ORDERS).await.expect_err("is refused").code, "item_without_id");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_followed_by_link_by_cursor_and_by_number() {
    let second = "https://shop.example/orders?after=x%26y";
    for (options, first, rest) in [
        ("items: data, paging: { link: header }", URL.to_owned(), [second.to_owned()].to_vec()),
        ("items: data, paging: { link: meta.next }", URL.to_owned(), [second.to_owned()].to_vec()),
        (
            "items: data, paging: { cursor: meta.cursor, parameter: after }",
            URL.to_owned(),
            [second.to_owned()].to_vec(),
        ),
        (
            "items: data, paging: { page: p, from: 0 }",
            format!("{URL}?p=0"),
            [format!("{URL}?p=1"), format!("{URL}?p=2")].to_vec(),
        ),
        (
            "items: data, paging: { page: p }, last: answer.done",
            format!("{URL}?p=1"),
            [format!("{URL}?p=2")].to_vec(),
        ),
    ] {
        let world = World::new().await;
        let link = [("link", "</orders?after=x%26y>; rel=\"next\"")];
        let more = json!({"next": "?after=x%26y", "cursor": "x&y"});
        world.web.says(&first, 200, &link, &json!({"data": [], "meta": more}).to_string());
        for page in &rest {
            world.web.answers(page, &json!({"data": [], "meta": {"next": null}}));
        }
        live(&world, &orders(options)).await;
        world.web.says(&first, 200, &link, &json!({"data": [item(1, "a")], "meta": more}).to_string());
        world.web.answers(&rest[0], &json!({"data": [item(2, "a")], "meta": {"cursor": ""}, "done": true}));
        let report = five_minutes(&world).await;
        assert_eq!(report.failures, [], "{options}");
        assert_eq!(keys(&world).await, ["1", "2"], "{options}");
        let asked: Vec<String> = world.web.asked().into_iter().map(|request| request.url).collect();
        assert_eq!(asked, [vec![first], rest].concat(), "{options}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_as_it_was_still_leads_to_the_next_one() {
    let world = World::new().await;
    let (second, link) = ("https://shop.example/orders?p=2", [("link", "<?p=2>; rel=next")]);
    world.web.is_tagged(URL, "\"one\"", &link, &json!([item(1, "a")]));
    world.web.is_tagged(second, "\"two\"", &[], &json!([item(2, "a")]));
    live(&world, &orders("paging: { link: header }")).await;
    five_minutes(&world).await;
    world.web.is_tagged(second, "\"three\"", &[], &json!([item(2, "a"), item(3, "a")]));
    world.web.asked();
    assert_eq!(five_minutes(&world).await.events, 1);
    let asked = world.web.asked();
    let tags: Vec<_> = asked.iter().map(|request| header(request, "if-none-match")).collect();
    assert_eq!(tags, [Some("\"one\""), Some("\"two\"")]);
    assert_eq!(keys(&world).await, ["3"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_that_moves_between_pages_while_they_are_read_is_found_by_the_next_poll() {
    let world = World::new().await;
    let (second, link) = (format!("{URL}?p=2"), [("link", "<?p=2>; rel=next")]);
    world.web.says(URL, 200, &link, &json!([item(1, "a")]).to_string());
    world.web.answers(&second, &json!([]));
    live(&world, &orders("paging: { link: header }")).await;
    // 3 was on the second page when the first was read, and is on the first when the second is.
    world.web.says(URL, 200, &link, &json!([item(2, "a")]).to_string());
    five_minutes(&world).await;
    world.web.says(URL, 200, &link, &json!([item(3, "a"), item(2, "a")]).to_string());
    world.web.answers(&second, &json!([item(1, "a")]));
    five_minutes(&world).await;
    assert_eq!(keys(&world).await, ["2", "3"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_lead_in_a_circle_or_never_end_are_a_failure_with_what_was_read_told() {
    for (options, code) in [
        ("paging: { link: header }", "paging_loops"),
        ("paging: { page: p }", "paging_loops"),
        ("paging: { cursor: '[0].next', parameter: after }", "bad_path"),
    ] {
        let world = World::new().await;
        for url in [URL.to_owned(), format!("{URL}?p=1")] {
            world.web.answers(&url, &json!([]));
        }
        if code == "bad_path" {
            let flow = orders(options);
            let read =
                counterfoil::flow::file::read(&flow, "f", &world.stack.catalog, &|_| Err(String::new()));
            assert_eq!(read.expect_err("is refused")[0].code, code);
            continue;
        }
        live(&world, &orders(options)).await;
        let circle = [("link", "<https://shop.example/orders>; rel=next")];
        for page in [URL.to_owned(), format!("{URL}?p=1"), format!("{URL}?p=2"), format!("{URL}?p=3")] {
            world.web.says(&page, 200, &circle, &json!([item(1, "a")]).to_string());
        }
        assert_eq!(five_minutes(&world).await.failures, [("orders".to_owned(), code.to_owned())]);
        assert_eq!(keys(&world).await, ["1"], "{options}");
    }
    let world = World::new().await;
    for number in 1..5 {
        world.web.answers(&format!("{URL}?p={number}"), &json!([item(number, "a")]));
    }
    let refused = push(&world, &orders("paging: { page: p }, max_pages: 3")).await;
    assert_eq!(refused.expect_err("is refused").code, "too_many_pages");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_server_says_the_place_is_kept_and_the_failure_named() {
    let world = World::new().await;
    world.web.answers(URL, &json!([item(1, "a")]));
    live(&world, ORDERS).await;
    let large = format!("[{}\"\"]", "\"0123456789\",".repeat(700_000));
    for (status, headers, body, code) in [
        (200, [("content-type", "text/html")], "<!doctype html><title>Sign in</title>", "not_json"),
        (200, [("content-type", "application/json")], "", "not_json"),
        (200, [("x-a", "b")], "{\"id\": ", "not_json"),
        (200, [("x-a", "b")], "{\"data\": []}", "no_items"),
        (200, [("x-a", "b")], large.as_str(), "page_too_large"),
        (401, [("x-a", "b")], "", "not_authorised"),
        (404, [("x-a", "b")], "", "not_found"),
        (418, [("x-a", "b")], "", "refused"),
        (500, [("x-a", "b")], "", "unavailable"),
        (302, [("location", "https://shop.example/orders")], "", "too_many_redirects"),
        (302, [("location", "https://")], "", "bad_redirect"),
        (304, [("x-a", "b")], "", "refused"),
    ] {
        world.web.says(URL, status, &headers, body);
        let report = five_minutes(&world).await;
        let codes: Vec<&str> = report.failures.iter().map(|(_, code)| code.as_str()).collect();
        assert_eq!(codes, [code], "{status} {body:.20}");
        let (failure, _) =
            poll::feed_trouble(&world.stack, world.stack.flows.named("orders").await.expect("there").life())
                .await
                .expect("read")
                .expect("trouble");
        assert_eq!(failure.code, code);
    }
    world.web.loses(URL);
    assert_eq!(five_minutes(&world).await.failures[0].1, "no_answer");
    assert_eq!(keys(&world).await, [""; 0]);
    world.web.says(URL, 204, &[], "");
    assert_eq!(five_minutes(&world).await.failures, []);
    world.web.says(URL, 200, &[], "\u{feff}[{\"id\": 1, \"at\": \"a\"}, {\"id\": 2}]");
    assert_eq!(five_minutes(&world).await.failures, []);
    assert_eq!(keys(&world).await, ["2@"]);
    // It lasted for over an hour: the owner heard of it once.
    let mails = world.embedded.outbox().mails(10).expect("mails");
    assert_eq!(mails.len(), 1, "{mails:#?}");
    assert!(mails[0].subject.contains("orders"), "{}", mails[0].subject);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_asks_for_a_pause_gets_it() {
    let world = World::new().await;
    world.web.answers(URL, &json!([]));
    live(&world, ORDERS).await;
    for (status, pause, polls) in [(429, "1200", 4), (503, "Sun, 22 Nov 2026 12:00:00 GMT", 0)] {
        world.web.says(URL, status, &[("retry-after", pause)], "");
        assert_eq!(five_minutes(&world).await.failures[0].1, "limited");
        world.web.asked();
        world.web.answers(URL, &json!([item(1, "a")]));
        let mut waited = 0;
        while world.web.asked().is_empty() {
            five_minutes(&world).await;
            waited += 1;
        }
        match polls {
            0 => assert!(world.clock_now() >= "2026-11-22T12:00:00Z".parse().expect("an instant")),
            polls => assert_eq!(waited, polls),
        }
    }
    assert_eq!(keys(&world).await, ["1@a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_cut_off_in_its_middle_is_gone_on_with_there_and_begun_anew_when_that_never_works() {
    let world = World::new().await;
    let page = |number: u32| format!("{URL}?p={number}");
    for number in 1..=4 {
        world.web.answers(&page(number), &json!([]));
    }
    live(&world, &orders("paging: { page: p }")).await;
    for number in 1..=3 {
        world.web.answers(&page(number), &json!([item(number, "a")]));
    }
    world.web.says(&page(3), 429, &[("retry-after", "60")], "");
    assert_eq!(five_minutes(&world).await.failures[0].1, "limited");
    assert_eq!(keys(&world).await, ["1", "2"]);
    world.web.answers(&page(3), &json!([item(3, "a")]));
    world.web.asked();
    assert_eq!(five_minutes(&world).await.failures, []);
    let asked =
        |world: &World| -> Vec<String> { world.web.asked().into_iter().map(|request| request.url).collect() };
    assert_eq!(asked(&world), [page(3), page(4)], "the rest, and nothing a second time");
    assert_eq!(keys(&world).await, ["1", "2", "3"]);

    // A way to the page that has lapsed: after some failures the list is read from its beginning.
    world.web.says(&page(3), 503, &[], "");
    for _ in 0..5 {
        five_minutes(&world).await;
    }
    let tried = asked(&world);
    assert_eq!(tried.iter().filter(|url| **url == page(1)).count(), 1, "{tried:?}");
    assert_eq!(tried.iter().filter(|url| **url == page(3)).count(), 5, "{tried:?}");
    world.web.answers(&page(3), &json!([item(5, "a")]));
    assert_eq!(five_minutes(&world).await.failures, []);
    assert_eq!(asked(&world)[0], page(1));
    assert_eq!(keys(&world).await, ["1", "2", "3", "5"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_and_headers_go_to_the_urls_own_origin_only() {
    let world = World::new().await;
    let flow = orders(
        "headers: { X-Shop: 7, Authorization: { secret: shop, prefix: 'Bearer ' } }, paging: { link: header }",
    );
    let elsewhere = "https://cdn.example/orders";
    world.web.says(URL, 307, &[("location", elsewhere)], "");
    world.web.says(elsewhere, 200, &[("link", "<https://shop.example/more>; rel=next")], "[]");
    world.web.says("https://shop.example/more", 302, &[("location", "/most")], "");
    world.web.answers("https://shop.example/most", &json!([]));
    assert_eq!(push(&world, &flow).await.expect_err("is refused").code, "missing_secret");
    let name = webhook_secret_name("shop");
    world.stack.ports.vault.write(&name, SecretString::from("t0ken")).await.expect("written");
    world.web.asked();
    push(&world, &flow).await.expect("goes live");
    let sent: Vec<_> = world
        .web
        .asked()
        .iter()
        .map(|request| {
            (
                request.url.clone(),
                header(request, "authorization").map(str::to_owned),
                header(request, "x-shop").is_some(),
            )
        })
        .collect();
    let with = Some("Bearer t0ken".to_owned());
    assert_eq!(
        sent[..4],
        [
            (URL.to_owned(), with.clone(), true),
            (elsewhere.to_owned(), None, false),
            ("https://shop.example/more".to_owned(), with.clone(), true),
            ("https://shop.example/most".to_owned(), with, true),
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_server_leads_us_into_a_private_network_but_one_that_the_flow_names_there() {
    let inside = "http://erp.internal/orders";
    for (status, header) in
        [(302, ("location", inside)), (200, ("link", "<http://erp.internal/orders>; rel=next"))]
    {
        let world = World::new().await;
        world.web.answers(inside, &json!([item(1, "a")]));
        world.web.says(URL, status, &[header], "[]");
        let flow = orders("paging: { link: header }");
        let refused = push(&world, &flow).await.expect_err("is refused");
        assert_eq!(refused.code, "not_reached");
        assert!(refused.message.contains("an answer led to erp.internal"), "{}", refused.message);
        assert!(world.web.asked().iter().all(|request| request.url == URL));
    }

    // Its own pages and redirects stay where the flow is.
    let world = World::new().await;
    world.web.says(inside, 301, &[("location", "https://erp.internal/orders/")], "");
    world.web.says("https://erp.internal/orders/", 200, &[("link", "<?p=2>; rel=next")], "[]");
    world.web.answers("https://erp.internal/orders/?p=2", &json!([]));
    live(&world, &orders("paging: { link: header }").replace(URL, inside)).await;
    world.web.answers("https://erp.internal/orders/?p=2", &json!([item(1, "a")]));
    assert_eq!(five_minutes(&world).await.events, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_feed_that_fails_keeps_none_of_the_others_waiting() {
    let world = World::new().await;
    world.web.answers(URL, &json!([]));
    live(&world, ORDERS).await;
    let other = ORDERS.replace("flow: orders", "flow: others").replace("example/orders", "example/others");
    world.web.answers("https://shop.example/others", &json!([]));
    world.given_flow(&other).await;
    world.web.loses(URL);
    world.web.answers("https://shop.example/others", &json!([item(9, "a")]));
    let report = five_minutes(&world).await;
    assert_eq!((report.failures.len(), report.events), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_flow_catches_up_and_one_that_watches_something_else_begins_anew() {
    let world = World::new().await;
    world.web.answers(URL, &json!([item(1, "a")]));
    live(&world, ORDERS).await;
    lifecycle::pause(&world.stack, "orders").await.expect("paused");
    world.web.answers(URL, &json!([item(1, "a"), item(2, "a")]));
    assert_eq!(five_minutes(&world).await.watches, 0);
    lifecycle::resume(&world.stack, "orders").await.expect("resumed");
    assert_eq!(five_minutes(&world).await.events, 1);
    // By another id, everything would be new.
    let text = ORDERS.replace("id: item.id", "id: '{{ \"o-\" + item.id }}'");
    let pushed = lifecycle::push(&world.stack, "orders", "flow.yaml", &text, Default::default()).await;
    assert!(pushed.expect("pushed").live_again.is_some());
    assert_eq!(five_minutes(&world).await.events, 0);
    world.web.answers(URL, &json!([item(3, "a")]));
    five_minutes(&world).await;
    assert_eq!(keys(&world).await, ["2@a", "o-3@a"]);
}

/// Its lease ends while it stands still; another one reads the list, which then changes; then it wakes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_that_wakes_after_its_lease_writes_nothing() {
    let mut overtaken = 0;
    for operations in 0.. {
        let world = World::new().await;
        world.web.answers(URL, &json!([item(1, "a")]));
        live(&world, ORDERS).await;
        world.web.answers(URL, &json!([item(1, "b"), item(2, "a")]));
        world.advance(Duration::from_mins(5));
        let life = Life::that_stands_after(operations);
        let zombie = mortal(&world, &life);
        poll::wake(&world.stack, "http.poll", "test").await.expect("woken");
        let mut polling = Box::pin(world.flowing(life.live(pump::wakes(&zombie, "http.poll"))));
        let stands = life.stands_within(&mut polling).await;
        if stands {
            let had_the_lease = world.poll().await.iter().any(|report| report.busy == 1);
            five_minutes(&world).await;
            world.web.answers(URL, &json!([item(1, "b"), item(2, "b")]));
            five_minutes(&world).await;
            let before = world.counted.counts();
            life.go_on();
            polling.await;
            let mut written = world.counted.counts().since(&before).writes_by_kind;
            written.retain(|kind, _| ["W", "N"].contains(&kind.as_str()));
            assert!(written.is_empty() || !had_the_lease, "{operations}: {written:?}");
            overtaken += u32::from(had_the_lease);
        } else {
            drop(polling);
            world.drain().await;
            world.web.answers(URL, &json!([item(1, "b"), item(2, "b")]));
        }
        five_minutes(&world).await;
        assert_eq!(keys(&world).await, ["1@b", "2@a", "2@b"], "it stood after {operations}");
        if !stands {
            break;
        }
    }
    assert!(overtaken > 4, "{overtaken}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_that_was_begun_in_a_life_before_tells_this_one_of_nothing() {
    let mut told = 0;
    for operations in 0.. {
        let world = World::new().await;
        world.web.answers(URL, &json!([]));
        live(&world, ORDERS).await;
        world.web.answers(URL, &json!([item(1, "a")]));
        world.advance(Duration::from_mins(5));
        let life = Life::that_stands_after(operations);
        let late = mortal(&world, &life);
        poll::wake(&world.stack, "http.poll", "test").await.expect("woken");
        let mut polling = Box::pin(world.flowing(life.live(pump::wakes(&late, "http.poll"))));
        let stands = life.stands_within(&mut polling).await;
        if !stands {
            break;
        }
        let depth = async || world.stack.ports.queue.depth(QueueName::Runs).await.expect("counted");
        let queued = depth().await;
        lifecycle::disable(&world.stack, "orders").await.expect("disabled");
        lifecycle::enable(&world.stack, "orders").await.expect("enabled");
        life.go_on();
        polling.await;
        told += u32::from(depth().await != queued);
    }
    assert!(told <= 1, "only the operation that queues it comes after the last look: {told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_that_dies_at_any_operation_loses_and_doubles_nothing() {
    let mut operations = 0;
    loop {
        let world = World::new().await;
        let (second, link) = (format!("{URL}?p=2"), [("link", "<?p=2>; rel=next")]);
        world.web.says(URL, 200, &link, &json!([item(1, "a")]).to_string());
        world.web.answers(&second, &json!([item(2, "a")]));
        live(&world, &orders("version: item.at, paging: { link: header }")).await;
        world.web.says(URL, 200, &link, &json!([item(1, "b"), item(3, "a")]).to_string());
        world.web.answers(&second, &json!([item(4, "a")]));
        world.advance(Duration::from_mins(5));
        let life = Life::of(operations);
        let stack = mortal(&world, &life);
        let work = async {
            poll::wake(&stack, "http.poll", "test").await.expect("woken");
            pump::wakes(&stack, "http.poll").await.expect("polled");
        };
        let lived = world.flowing(life.live(work)).await.is_some();
        for _ in 0..3 {
            five_minutes(&world).await;
        }
        assert_eq!(keys(&world).await, ["1@b", "3@a", "4@a"], "died after {operations}");
        let sent = world.runs().await.len();
        assert_eq!(sent, 3);
        if lived {
            return;
        }
        operations += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_since_the_last_look_is_told_of_though_another_version_takes_over() {
    let world = World::new().await;
    world.web.answers(URL, &json!([item(1, "a")]));
    live(&world, ORDERS).await;
    five_minutes(&world).await;
    world.web.answers(URL, &json!([item(1, "a"), item(2, "a")]));
    world.advance(Duration::from_mins(1));
    live(&world, &orders("minutes: 5")).await;
    five_minutes(&world).await;
    assert_eq!(keys(&world).await, ["2@a"], "by the version before, which knew that it was new");
    world.web.answers(URL, &json!([item(1, "a"), item(2, "a"), item(3, "a")]));
    five_minutes(&world).await;
    assert_eq!(keys(&world).await, ["2@a", "3"]);
}
