//! The program as scripts drive it: what it prints where, how it ends, and that it works over real sockets.
#![cfg(unix)]

mod program;

use program::{Running, ask, between, code, counterfoil, document, get, post, run, words};
use serde_json::Value;

#[test]
fn the_demo_makes_one_invoice_for_each_won_deal_and_shows_the_one_that_was_refused() {
    let data = tempfile::tempdir().unwrap();
    let output = run(data.path(), "demo --opportunities 5 --won 3 --json");
    let report = document(&output);
    assert_eq!(code(&output), 0, "{report:#}");
    assert_eq!(report["invoices_created"].to_string(), "3");
    assert_eq!(report["contacts_created"].to_string(), "4");
    assert_eq!((report["duplicates"].to_string(), report["http_429"].to_string()), ("0".into(), "0".into()));
    assert_eq!(report["runs"].to_string(), r#"{"succeeded":3,"failed":1}"#);
    assert!(!data.path().join("counterfoil.db").exists(), "the demo leaves a person's data alone");
    let [failure] = report["failures"].as_array().unwrap().as_slice() else { panic!("{report:#}") };
    assert_eq!(
        (failure["step"].as_str(), failure["code"].as_str()),
        (Some("invoice"), Some("unknown_item_code"))
    );
    let rerun = format!("counterfoil run rerun {}", failure["run"].as_str().unwrap());
    assert_eq!(failure["rerun"], rerun);
}

#[test]
fn a_demo_in_which_nothing_is_won_is_as_it_should_be() {
    let data = tempfile::tempdir().unwrap();
    let output = run(data.path(), "demo --opportunities 0 --won 0 --json");
    let report = document(&output);
    assert_eq!((code(&output), report["invoices_created"].to_string()), (0, "0".into()), "{report:#}");
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_wrong() {
    let data = tempfile::tempdir().unwrap();
    for (wrong, said) in [
        ("demo --opportunities 2 --won 3", "--won 3 is more than --opportunities 2"),
        ("demo --won many", "invalid value 'many'"),
        ("dance", "unrecognized subcommand 'dance'"),
        ("connection add books --provider sage --client-id 1", "possible values: salesforce, xero"),
        ("sandbox --tls-cert cert.pem", "--tls-key <FILE>"),
        ("up --tls-cert cert.pem --tls-key key.pem", "--sandbox"),
    ] {
        let output = run(data.path(), wrong);
        assert_eq!(code(&output), 2, "{wrong}");
        assert!(output.stdout.is_empty() && words(&output).contains(said), "{}", words(&output));
    }
}

#[test]
fn what_fails_ends_with_1_and_keeps_standard_output_clean() {
    let data = tempfile::tempdir().unwrap();
    let nowhere = data.path().join("nowhere");
    let output = run(&nowhere, "connection list --json");
    assert_eq!(code(&output), 1);
    assert!(
        output.stdout.is_empty() && words(&output).contains("there is no stack in"),
        "{}",
        words(&output)
    );
}

#[test]
fn a_secret_is_asked_of_standard_input_and_none_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let output = run(data.path(), "connection add books --provider xero --client-id 1");
    assert_eq!(code(&output), 1);
    assert!(words(&output).contains("no secret was given"), "{}", words(&output));
    assert!(!data.path().join("counterfoil.db").exists(), "nothing is begun without it");
}

#[test]
fn a_local_stack_takes_a_webhook_works_on_it_and_ends_well_when_it_is_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut up = Running::start(counterfoil(&data, "up --sandbox --port 0"));
    let address = up.said("listening on http://").split(',').next().unwrap().to_owned();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let salesforce = up.said("stand-in Salesforce").trim_start_matches("http://").to_owned();
    let made = post(&salesforce, "/_sandbox/records/Account", r#"{"Name": "Acme Ltd"}"#);
    assert!(made.starts_with("HTTP/1.1 201 "), "{made}");

    let second = run(&data, "up --port 0");
    assert_eq!(code(&second), 1);
    assert!(words(&second).contains("is in use by another counterfoil"), "{}", words(&second));

    let checked = document(&run(&data, "connection check --json"));
    let names: Vec<_> = checked.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["salesforce", "xero"]);
    assert!(checked.as_array().unwrap().iter().all(|one| one["ok"] == true), "{checked:#}");
    let described = document(&run(&data, "describe salesforce Task --json"));
    assert_eq!(described["object"], "Task");

    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../flows/webhook-to-task.yaml");
    let event = concat!(env!("CARGO_MANIFEST_DIR"), "/../../flows/events/webhook-to-task.json");
    assert_eq!(code(&run(&data, &format!("flow push {file}"))), 0);
    assert_eq!(code(&run(&data, "flow enable webhook-to-task")), 0);
    let flows = document(&run(&data, "flow list --json"));
    let path = flows[0]["webhook"].as_str().unwrap();
    let event: Value = serde_json::from_str(&std::fs::read_to_string(event).unwrap()).unwrap();
    let answer = post(&address, path, &event["record"].to_string());
    assert!(answer.starts_with("HTTP/1.1 202 ") && answer.contains(r#""accepted":true"#), "{answer}");
    assert!(post(&address, "/nothing", "{}").starts_with("HTTP/1.1 404 "));

    // Each look is a process of its own: it takes its time.
    let ended = (0..500).map(|_| document(&run(&data, "run list --json"))).find(|runs| {
        runs[0]["status"].as_str().is_some_and(|status| status != "running" && status != "waiting")
    });
    assert_eq!(ended.expect("the run ends")[0]["status"], "succeeded");
    let tasks = get(&salesforce, "/_sandbox/records/Task");
    assert!(tasks.contains("Our second router is down"), "{tasks}");
    assert_eq!(up.interrupt(), 0);
}

#[test]
fn a_person_connects_an_organisation_in_a_browser_and_the_command_ends_well() {
    let directory = tempfile::tempdir().unwrap();
    let (data, secret) = (directory.path().join("data"), directory.path().join("secret.txt"));
    std::fs::write(&secret, "s3cret").unwrap();
    let mut sandbox = Running::start(counterfoil(directory.path(), "sandbox"));
    let said = sandbox.said("stand-in Xero");
    let xero = said.split_whitespace().next().unwrap().trim_start_matches("http://").to_owned();

    let add = format!(
        "connection add ledger --provider xero --grant browser --client-id ours --login-url http://{xero} \
         --secret-file {} --port 0",
        secret.display()
    );
    let mut add = Running::start(counterfoil(&data, &add));
    let redirect_uri = add.said("the app's redirect URI must be ");
    let link = add.said("open within ten minutes: ");
    let app = format!(
        r#"{{"client_id": "ours", "kind": "web", "client_secret": "s3cret", "redirect_uris": ["{redirect_uri}"]}}"#
    );
    assert!(post(&xero, "/_sandbox/apps", &app).starts_with("HTTP/1.1 201 "));

    let (address, path) = link.trim_start_matches("http://").split_once('/').unwrap();
    let leave = get(address, &format!("/{path}"));
    let cookie = between(&leave, "set-cookie: ", ";");
    let page = between(&leave, "location: ", "\r\n").trim_start_matches("http://");
    let (_, consent) = page.split_once('/').unwrap();
    let page = get(&xero, &format!("/{consent}"));
    let field = |name: &str| between(&page, &format!("name=\"{name}\" value=\""), "\"").to_owned();
    let yes = format!("user={}&tenant={}&decision=allow", field("user"), field("tenant"));
    let form =
        format!("content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n", yes.len());
    let answer = ask(&xero, &format!("POST /{consent}"), &form, &yes);
    let back = between(&answer, "location: ", "\r\n").trim_start_matches("http://");
    let (_, back) = back.split_once('/').unwrap();
    let stranger = get(address, &format!("/{back}"));
    assert!(stranger.contains("another_browser"), "{stranger}");
    let done = ask(address, &format!("GET /{back}"), &format!("cookie: {cookie}\r\n"), "");
    assert!(done.contains("<b>ledger</b> is connected to Demo Company"), "{done}");

    assert_eq!(add.ended(), 0);
    let connections = document(&run(&data, "connection list --json"));
    assert_eq!(
        (connections[0]["id"].as_str(), connections[0]["state"].as_str()),
        (Some("ledger"), Some("active"))
    );
    assert_eq!(document(&run(&data, "connection check --json"))[0]["ok"], true);
    assert_eq!(sandbox.interrupt(), 0);
}

#[test]
fn stand_ins_with_a_state_file_go_on_where_they_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("stand-ins.json");
    let words = format!("sandbox --state {}", file.display());
    let start = || {
        let mut sandbox = Running::start(counterfoil(directory.path(), &words));
        let mut address = |name: &str| {
            let said = sandbox.said(name);
            said.split_whitespace().next().unwrap().trim_start_matches("http://").to_owned()
        };
        let (salesforce, xero) = (address("stand-in Salesforce"), address("stand-in Xero"));
        (sandbox, salesforce, xero)
    };
    let (sandbox, salesforce, xero) = start();
    let made = post(&salesforce, "/_sandbox/records/Account", r#"{"Name": "Kept Ltd"}"#);
    assert!(made.starts_with("HTTP/1.1 201 "), "{made}");
    let made = post(&xero, "/_sandbox/seed", r#"{"contacts": ["Kept Ltd"]}"#);
    assert!(made.starts_with("HTTP/1.1 200 "), "{made}");
    let invoices = |xero: &str| get(xero, "/_sandbox/state").matches("\"InvoiceID\"").count();
    let before = invoices(&xero);
    assert!(before > 0, "the books begin with some invoices");
    assert_eq!(sandbox.interrupt(), 0);
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&file).unwrap());
    assert_eq!(mode & 0o777, 0o600, "their tokens are in it");

    let (sandbox, salesforce, xero) = start();
    assert!(get(&salesforce, "/_sandbox/records/Account").contains("Kept Ltd"));
    assert!(get(&xero, "/_sandbox/state").contains("Kept Ltd"));
    assert_eq!(invoices(&xero), before, "nothing is made anew");
    assert_eq!(sandbox.interrupt(), 0);

    std::fs::write(&file, "something else").unwrap();
    let refused = run(directory.path(), &words);
    assert_eq!(code(&refused), 1);
    assert!(program::words(&refused).contains("can't be gone on from"), "{}", program::words(&refused));
}

#[test]
fn the_same_seed_and_the_same_moment_make_the_same_stand_ins_byte_for_byte() {
    let directory = tempfile::tempdir().unwrap();
    let snapshots = |seed: u32| {
        let words = format!("sandbox --seed {seed} --at 2026-11-22T10:00:00Z --speed 0");
        let mut sandbox = Running::start(counterfoil(directory.path(), &words));
        let all = ["Salesforce", "Xero"].map(|name| {
            let said = sandbox.said(&format!("stand-in {name}"));
            let address = said.split_whitespace().next().unwrap().trim_start_matches("http://");
            let answer = get(address, "/_sandbox/snapshot");
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            body.to_owned()
        });
        assert_eq!(sandbox.interrupt(), 0);
        all
    };
    let [one, again, other] = [snapshots(7), snapshots(7), snapshots(8)];
    for (place, beginning) in ["{\"options\":{", "{\"organisations\":["].iter().enumerate() {
        assert!(one[place].starts_with(beginning));
        assert!(one[place] == again[place], "the same number, other bytes");
        assert!(one[place] != other[place], "another number, the same bytes");
    }
}
