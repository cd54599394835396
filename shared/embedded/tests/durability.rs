//! Nothing that was acknowledged is lost, whatever happens to the process, and a full disk acknowledges nothing.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{clock, count, get, item, open, put, random, settings, temporary};
use crate::embedded::Embedded;
use crate::ports::queue::{Outgoing, Queue, QueueName, Settle};
use crate::ports::table::{Condition, Field, Index, Table, TableError, Write};

/// Names the directory to the process that is to be killed.
const DIRECTORY: &str = "COUNTERFOIL_TEST_KILLED_IN";

#[test]
fn what_was_acknowledged_survives_kill_nine() {
    #[expect(clippy::disallowed_methods, reason = "this is how the process to be killed knows what it is")]
    if let Ok(directory) = std::env::var(DIRECTORY) {
        write_until_killed(Path::new(&directory));
    }
    let directory = tempfile::tempdir().expect("a directory");
    let mut acknowledged = Vec::new();
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args([
                "--exact",
                "--nocapture",
                "embedded::tests::durability::what_was_acknowledged_survives_kill_nine",
            ])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut lines = BufReader::new(child.stdout.take().expect("is piped")).lines();
        let mut written = |line: std::io::Result<String>| {
            let line = line.expect("reads");
            // The test runner writes on the same pipe, at times on the same line.
            line.rsplit_once("wrote ").map(|(_, name)| acknowledged.push(name.to_owned())).is_some()
        };
        let mut seen = 0;
        while seen < 300 {
            seen += usize::from(written(lines.next().expect("goes on until killed")));
        }
        child.kill().expect("kills");
        child.wait().expect("ends");
        // What it said before it died.
        lines.map(&mut written).for_each(drop);
    }

    let stack = open(directory.path()).expect("opens after a kill");
    let check = |connection: &rusqlite::Connection| {
        Ok(connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))?)
    };
    assert_eq!(stack.store().readers.read(check).expect("checks"), "ok");
    assert!(acknowledged.len() >= 900);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for name in acknowledged {
        let (one, two) = (item(&format!("A#{name}")), item(&format!("B#{name}")));
        let found = runtime.block_on(async { (get(&stack, &one.key).await, get(&stack, &two.key).await) });
        assert!(found.0.is_some() && found.1.is_some(), "{name} was acknowledged and is not there");
    }
    assert_eq!(
        count(&stack, "SELECT count(*) FROM items WHERE partition LIKE 'A#%'"),
        count(&stack, "SELECT count(*) FROM items WHERE partition LIKE 'B#%'"),
        "a transaction is there as a whole or not at all"
    );
}

/// Ten writers, each saying what was acknowledged to it.
fn write_until_killed(directory: &Path) -> ! {
    let stack = open(directory).expect("opens");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut writers = Vec::new();
    for writer in 0..10 {
        let stack = stack.clone();
        writers.push(runtime.spawn(async move {
            for n in 0_u64.. {
                let name = format!("{}-{writer}-{n}", stack.epoch());
                let rows = ["A", "B"].map(|kind| {
                    let mut row = item(&format!("{kind}#{name}"));
                    row.document = vec![7; 2000];
                    Write::put(row, Condition::Absent)
                });
                stack.table().write(rows.to_vec()).await.expect("writes");
                writeln!(std::io::stdout(), "wrote {name}").expect("says so");
            }
        }));
    }
    for writer in writers {
        runtime.block_on(writer).expect("goes on until killed");
    }
    unreachable!("the writers write for ever")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_acknowledges_nothing_and_is_over_when_there_is_room() {
    let stack = temporary(clock());
    let pages = |pages: i64| {
        let stack = stack.clone();
        async move {
            // Outside of any transaction's rows: the ceiling is the connection's own.
            let limit = move |connection: &rusqlite::Connection| {
                connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
                Ok(())
            };
            stack.store().writer.write(limit).await.expect("limits");
        }
    };
    let used = count(&stack, "SELECT page_count FROM pragma_page_count");
    pages(used + 50).await;
    let attempts: Vec<_> = (0..100)
        .map(|n| {
            let stack = stack.clone();
            tokio::spawn(async move {
                let mut row = item(&format!("R#{n}"));
                row.document = vec![1; 20_000];
                let outcome = stack.table().write(vec![Write::put(row.clone(), Condition::Absent)]).await;
                (row.key, outcome)
            })
        })
        .collect();
    let (mut written, mut full) = (0, 0);
    for attempt in attempts {
        let (key, outcome) = attempt.await.expect("ends");
        let there = get(&stack, &key).await.is_some();
        match outcome {
            Ok(()) => written += usize::from(there),
            Err(TableError::Full(_)) => full += usize::from(!there),
            Err(error) => panic!("full, not {error}"),
        }
    }
    assert_eq!(written + full, 100, "acknowledged is there, refused is not");
    assert!(written > 0 && full > 0, "{written} written, {full} refused");
    let message = Outgoing { body: "x".repeat(200_000), ..Outgoing::default() };
    assert!(stack.queue().send(QueueName::Runs, vec![message.clone()]).await.is_err());

    pages(i64::from(u32::MAX - 1)).await;
    put(&stack, item("R#afterwards")).await;
    stack.queue().send(QueueName::Runs, vec![message]).await.expect("sends");
}

#[tokio::test]
async fn a_new_epoch_frees_leases_and_finds_them_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let stack = open(directory.path()).expect("opens");
    let now = super::noon().as_millisecond();
    let with_lease = |name: &str, lease_until: i64, due: Option<&str>| {
        let mut row = item(name);
        row.fields.insert("lease_until".to_owned(), Field::Integer(lease_until));
        row.fields.insert("generation".to_owned(), Field::Integer(4));
        if let Some(due) = due {
            row.indexes.insert(Index::Due, ("shard".to_owned(), due.to_owned()));
        }
        row
    };
    let (later, earlier) = ("2026-05-06T12:02:30.000Z", "2026-05-06T11:59:00.000Z");
    put(&stack, with_lease("G#held", now + 150_000, Some(later))).await;
    put(&stack, with_lease("R#held", now + 150_000, None)).await;
    put(&stack, with_lease("G#lapsed", now - 60_000, Some(earlier))).await;
    put(&stack, with_lease("R#waiting", 0, Some("2026-05-07T00:00:00.000Z"))).await;
    let epoch = stack.epoch();
    drop(stack);

    let stack = open(directory.path()).expect("opens");
    assert_eq!(stack.epoch(), epoch + 1);
    let at_noon = "2026-05-06T12:00:00.000Z";
    let expected = [
        with_lease("G#held", 0, Some(at_noon)),
        with_lease("R#held", 0, None),
        with_lease("G#lapsed", now - 60_000, Some(earlier)),
        with_lease("R#waiting", 0, Some("2026-05-07T00:00:00.000Z")),
    ];
    for row in expected {
        assert_eq!(get(&stack, &row.key).await, Some(row));
    }
}

#[tokio::test]
async fn a_new_epoch_shows_what_was_in_flight_and_leaves_what_waits() {
    let directory = tempfile::tempdir().expect("a directory");
    let stack = open(directory.path()).expect("opens");
    let message = |body: &str, delay| Outgoing { body: body.to_owned(), delay, ..Outgoing::default() };
    let (none, minute) = (Duration::ZERO, Duration::from_secs(60));
    let queue = stack.queue();
    queue.send(QueueName::Runs, vec![message("put back", none)]).await.expect("sends");
    let delivery = queue.receive(QueueName::Runs, 1, minute).await.expect("receives").remove(0);
    queue
        .settle(QueueName::Runs, vec![(delivery.receipt, Settle::VisibleIn(minute))])
        .await
        .expect("settles");
    queue.send(QueueName::Runs, vec![message("in flight", none)]).await.expect("sends");
    queue.receive(QueueName::Runs, 1, minute).await.expect("receives");
    queue.send(QueueName::Runs, vec![message("delayed", minute)]).await.expect("sends");
    drop((queue, stack));

    let clock = clock();
    let stack = Embedded::open(directory.path(), clock.clone(), random(), settings()).expect("opens");
    let received = async || {
        let deliveries = stack.queue().receive(QueueName::Runs, 10, minute * 10).await.expect("receives");
        deliveries.into_iter().map(|delivery| (delivery.body, delivery.receive_count)).collect::<Vec<_>>()
    };
    assert_eq!(received().await, [("in flight".to_owned(), 2)]);
    clock.advance(minute);
    assert_eq!(received().await, [("put back".to_owned(), 2), ("delayed".to_owned(), 1)]);
}
