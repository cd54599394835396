//! How quick and how large the stand-ins are, over real sockets, beside a bare axum handler in the same run.
//!
//! `cargo run --release -p counterfoil-sandbox --example load [SECONDS] [RECORDS] [both|salesforce|xero]`. A benchmark,
//! never a test. Requests are counted for each second of processor time that the one server thread used (Linux only),
//! so that neither the clients nor others on the machine are in the figure. It fails where a stand-in is below its
//! floor of requests, or above its ceiling of memory.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement for people, with a real clock"
)]

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use counterfoil_sandbox::{Sandbox, Settings, salesforce, xero};
use serde_json::json;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Keep-alive connections, each with a thread that asks again as soon as it has its answer.
const CLIENTS: u64 = 4;
/// Requests a second of one core, of each kind.
const FLOOR: f64 = 5_000.0;
/// MiB that a million seeded records take, where there are so many.
const CEILING: u64 = 1_024;
const A_MILLION: usize = 1_000_000;
/// The processor times in `/proc` are in hundredths of a second.
const TICKS: f64 = 100.0;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let seconds = Duration::from_secs(arguments.next().map_or(Ok(3), |text| text.parse())?);
    let records = arguments.next().map_or(Ok(A_MILLION), |text| text.parse())?;
    let what = arguments.next().unwrap_or_else(|| "both".to_owned());

    let start = Instant::now();
    let sandbox = fresh();
    sandbox.fill(360)?;
    for (router, path) in [
        (sandbox.salesforce_router(), "/services/data"),
        (sandbox.xero_router(), "/.well-known/openid-configuration"),
    ] {
        let (address, _) = serve(router)?;
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(request("GET", path, "", "").as_bytes())?;
        read(&mut stream)?;
    }
    println!("both stand-ins start, filled with 360 records, and answer: {:.0?}", start.elapsed());

    let answer = json!({ "id": "0015f00000002pWAAQ", "success": true, "errors": [] }).to_string();
    let bare = Router::new().route("/", get(move || async move { answer }));
    measure("bare axum handler", bare, seconds, |_| request("GET", "/", "", ""))?;
    let mut slow = Vec::new();
    let mut measured = |what: &'static str, router: Router, ask: &(dyn Fn(u64) -> String + Sync)| {
        let per_core = measure(what, router, seconds, ask)?;
        slow.extend(per_core.filter(|per_core| *per_core < FLOOR).map(|_| what));
        Outcome::Ok(())
    };

    let account = sandbox.salesforce.insert("Account", json!({ "Name": "Acme" }));
    let bearer = format!("Authorization: Bearer {}\r\n", sandbox.salesforce.token());
    let path = format!("/services/data/v67.0/sobjects/Account/{account}");
    measured("Salesforce GET a record", sandbox.salesforce_router(), &|_| {
        request("GET", &path, &bearer, "")
    })?;
    let query = "/services/data/v67.0/query?q=SELECT+Id,Name+FROM+Account+WHERE+Name+=+'Acme'";
    measured("Salesforce GET a query", sandbox.salesforce_router(), &|_| request("GET", query, &bearer, ""))?;
    let sobjects = "/services/data/v67.0/sobjects/Account";
    measured("Salesforce POST a record", sandbox.salesforce_router(), &|number| {
        request("POST", sobjects, &bearer, &json!({ "Name": format!("Made {number}") }).to_string())
    })?;

    let contact = sandbox.xero.ledger().contacts().first().map(|contact| contact.id).unwrap_or_default();
    let bearer = format!("Authorization: Bearer {}\r\nAccept: application/json\r\n", xero_token(&sandbox)?);
    let path = format!("/api.xro/2.0/Contacts/{contact}");
    measured("Xero GET a contact", sandbox.xero_router(), &|_| request("GET", &path, &bearer, ""))?;
    measured("Xero PUT a contact", sandbox.xero_router(), &|number| {
        let body = json!({ "Name": format!("Made {number}") }).to_string();
        request("PUT", "/api.xro/2.0/Contacts?SummarizeErrors=false", &bearer, &body)
    })?;
    drop(sandbox);

    let mebibytes = memory(&what, records)?;
    if !slow.is_empty() {
        return Err(format!("fewer than {FLOOR} requests a second of one core: {}", slow.join(", ")).into());
    }
    if records >= A_MILLION && mebibytes * A_MILLION as u64 > CEILING * records as u64 {
        return Err(format!("a million records take more than {CEILING} MiB").into());
    }
    Ok(())
}

fn fresh() -> Sandbox {
    let time = Arc::new(jiff::Timestamp::now);
    Sandbox::new(Settings { limits: false, ..Settings::new(time) })
}

fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{headers}\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

/// One server thread, some clients, so many seconds. How many are answered in a second of one core, where that is known.
fn measure(
    what: &str,
    router: Router,
    length: Duration,
    ask: impl Fn(u64) -> String + Sync,
) -> Outcome<Option<f64>> {
    let (address, server) = serve(router)?;
    let (stop, number) = (AtomicBool::new(false), AtomicU64::new(0));
    let used = processor_seconds(&server);
    let start = Instant::now();
    let answered: u64 = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| -> Outcome<u64> {
                    let mut stream = TcpStream::connect(address)?;
                    stream.set_nodelay(true)?;
                    let mut answered = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let number = number.fetch_add(1, Ordering::Relaxed);
                        stream.write_all(ask(number).as_bytes())?;
                        read(&mut stream)?;
                        answered += 1;
                    }
                    Ok(answered)
                })
            })
            .collect();
        thread::sleep(length);
        stop.store(true, Ordering::Relaxed);
        clients
            .into_iter()
            .map(|client| client.join().map_err(|_| "a client fell over")?)
            .sum::<Outcome<u64>>()
    })?;
    let wall = start.elapsed().as_secs_f64();
    let used = processor_seconds(&server).zip(used).map(|(after, before)| after - before);
    let answered = answered as f64;
    let per_core = used.map(|used| answered / used);
    let shown = per_core.map_or_else(|| "-".to_owned(), |per_core| format!("{per_core:.0}"));
    println!(
        "{what:<26} {shown:>8} requests a second of one core, {:>8.0} by the wall clock",
        answered / wall
    );
    Ok(per_core)
}

/// The address, and the thread's own number.
fn serve(router: Router) -> Outcome<(SocketAddr, String)> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || -> Outcome<()> {
        let own = std::fs::read_link("/proc/thread-self").unwrap_or_default();
        tell.send(own.file_name().unwrap_or_default().to_string_lossy().into_owned())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            axum::serve(tokio::net::TcpListener::from_std(listener)?, router).await?;
            Ok(())
        })
    });
    Ok((address, told.recv()?))
}

/// One whole answer; every answer says its length. Its status must be a good one.
fn read(stream: &mut TcpStream) -> Outcome<String> {
    let (mut answer, mut buffer) = (Vec::new(), [0; 16_384]);
    loop {
        let length = stream.read(&mut buffer)?;
        answer.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let named = |line: &&str| line.to_ascii_lowercase().starts_with("content-length:");
            let wanted = head.lines().find(named).and_then(|line| line.split(':').nth(1));
            let wanted = wanted.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
            if body.len() >= wanted {
                let good = head.split(' ').nth(1).is_some_and(|status| status.starts_with('2'));
                return if good { Ok(body.to_owned()) } else { Err(text.into_owned().into()) };
            }
        }
        if length == 0 {
            return Err("the server hung up".into());
        }
    }
}

fn xero_token(sandbox: &Sandbox) -> Outcome<String> {
    let (address, _) = serve(sandbox.xero_router())?;
    let (id, secret) = (xero::CLIENT_ID, xero::CLIENT_SECRET);
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let mut stream = TcpStream::connect(address)?;
    let asked = request("POST", "/connect/token", "", &form)
        .replace("application/json", "application/x-www-form-urlencoded");
    stream.write_all(asked.as_bytes())?;
    let answer: serde_json::Value = serde_json::from_str(&read(&mut stream)?)?;
    Ok(answer["access_token"].as_str().unwrap_or_default().to_owned())
}

/// User and system time of a thread of this process.
fn processor_seconds(thread: &str) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).ok()?;
    // After the name in parentheses: the twelfth and thirteenth fields.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next().and_then(|ticks| ticks.parse::<f64>().ok());
    Some((next()? + next()?) / TICKS)
}

/// How many MiB so many seeded records take.
fn memory(what: &str, records: usize) -> Outcome<u64> {
    let (before, start) = (resident(), Instant::now());
    let sandbox = fresh();
    match what {
        "salesforce" => drop(sandbox.salesforce.fill(&salesforce::Amounts::about(records))),
        "xero" => {
            sandbox.xero.fill(&xero::Amounts::about(records)).map_err(|refused| refused.0.join("; "))?
        }
        _ => sandbox.fill(records)?,
    }
    let mebibytes = resident().saturating_sub(before) >> 10;
    println!("{what}: {records} seeded records take {mebibytes} MiB, {:.1?}", start.elapsed());
    Ok(mebibytes)
}

/// KiB of this process that are in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)).and_then(|text| text.parse().ok()).unwrap_or(0)
}
