//! Sweeping, chunks that are left behind, counting, and the query plans that speed depends on.

use std::sync::Arc;
use std::time::Duration;

use super::{clock, count, get, item, noon, put, random, temporary};
use crate::ports::chunks::Chunked;
use crate::ports::clock::later;
use crate::ports::counted::Counted;
use crate::ports::table::{Condition, Item, Key, Query, Table, Write};

fn large(name: &str, length: usize) -> Item {
    let mut row = item(name);
    row.document = vec![3; length];
    row
}

#[tokio::test]
async fn a_sweep_deletes_what_has_expired_and_nothing_else() {
    let clock = clock();
    let stack = temporary(clock.clone());
    let rows: Vec<Item> = (0..1200)
        .map(|n| {
            let mut row = item(&format!("R#{n}"));
            row.expires_at = (n % 2 == 0).then(|| later(noon(), Duration::from_secs(10)));
            row
        })
        .collect();
    for rows in rows.chunks(100) {
        let puts = rows.iter().map(|row| Write::put(row.clone(), Condition::Always)).collect();
        stack.table().write(puts).await.expect("writes");
    }
    assert_eq!(stack.sweep().await.expect("sweeps").items, 0);
    clock.advance(Duration::from_secs(10));
    assert_eq!(stack.sweep().await.expect("sweeps").items, 600);
    assert_eq!(count(&stack, "SELECT count(*) FROM items"), 600);
    assert!(get(&stack, &item("R#1").key).await.is_some());
}

#[tokio::test]
async fn chunks_go_with_the_document_they_were_for() {
    let stack = temporary(clock());
    let chunks = || count(&stack, "SELECT count(*) FROM items WHERE partition LIKE 'C#%'");
    let fresh = || Chunked::new(stack.table(), random());
    let put = |row: Item| vec![Write::put(row, Condition::Always)];
    let table = fresh();
    table.write(put(large("R#1", 250_000))).await.expect("writes");
    assert_eq!(chunks(), 3);
    table.write(put(large("R#1", 350_000))).await.expect("writes");
    assert_eq!(chunks(), 4);
    table.write(put(large("R#1", 10))).await.expect("writes");
    assert_eq!(chunks(), 0);
    table.write(put(large("R#1", 250_000))).await.expect("writes");
    table.write(vec![Write::Delete { key: item("R#1").key, when: Condition::Exists }]).await.expect("writes");
    assert_eq!(chunks(), 0);
    // Another process knows nothing of what is there, and looks.
    table.write(put(large("R#1", 250_000))).await.expect("writes");
    let other = Chunked::new(stack.table(), Arc::new(crate::ports::random::SeededRandom::new(8)));
    other.write(put(large("R#1", 120_000))).await.expect("writes");
    assert_eq!(chunks(), 2);
    // Refused: the new ones are gone, the old ones stay.
    let refused = vec![Write::put(large("R#1", 400_000), Condition::Absent)];
    assert!(other.write(refused).await.is_err());
    let too_large_at_once: Vec<Write> =
        (1..=20).map(|n| Write::put(large(&format!("R#{n}"), 300_000), Condition::Absent)).collect();
    assert!(other.write(too_large_at_once).await.is_err());
    assert_eq!(chunks(), 2);
    assert_eq!(other.get(&[item("R#1").key]).await.expect("reads"), [Some(large("R#1", 120_000))]);
}

#[tokio::test]
async fn small_documents_cost_one_write_and_no_read() {
    let stack = temporary(clock());
    let counted = Counted::new(stack.table());
    let table = Chunked::new(counted.clone(), random());
    let before = counted.counts();
    table.write(vec![Write::put(large("R#1", 100), Condition::Absent)]).await.expect("writes");
    table.write(vec![Write::put(large("R#1", 200), Condition::Exists)]).await.expect("writes");
    table.write(vec![Write::Check { key: item("R#1").key, when: Condition::Exists }]).await.expect("checks");
    assert!(table.write(vec![Write::put(large("R#1", 300), Condition::Absent)]).await.is_err());
    let first = counted.counts().since(&before);
    assert_eq!((first.writes, first.transactions, first.refused, first.checks), (2, 3, 1, 1));
    assert_eq!((first.gets, first.queries), (0, 0));

    let before = counted.counts();
    let group = Item::new(Key::new("G#1", "row"));
    table
        .write(vec![
            Write::put(large("R#2", 250_000), Condition::Absent),
            Write::put(group, Condition::Absent),
        ])
        .await
        .expect("writes");
    table.query(Query::new("G#1")).await.expect("queries");
    let second = counted.counts().since(&before);
    assert_eq!(
        second.writes_by_kind,
        [("C", 3), ("G", 1), ("R", 1)].map(|(kind, n)| (kind.to_owned(), n)).into()
    );
    assert_eq!((second.transactions, second.writes, second.queries), (1, 5, 1));
}

#[tokio::test]
async fn chunks_that_a_reader_has_lost_are_not_passed_off_as_a_document() {
    let stack = temporary(clock());
    let table = Chunked::new(stack.table(), random());
    table.write(vec![Write::put(large("R#1", 250_000), Condition::Always)]).await.expect("writes");
    let lose = |connection: &rusqlite::Connection| {
        Ok(connection.execute("DELETE FROM items WHERE partition LIKE 'C#%' AND sort = '00001'", [])?)
    };
    assert_eq!(stack.store().writer.write(lose).await.expect("deletes"), 1);
    let error = table.get(&[item("R#1").key]).await.expect_err("is not complete");
    assert!(error.to_string().contains("R#1"), "{error}");
}

#[tokio::test]
async fn every_query_goes_by_its_index() {
    let stack = temporary(clock());
    put(&stack, item("R#1")).await;
    let statements = [
        ("SELECT id FROM items WHERE partition = 'p' AND sort >= '' ORDER BY sort, id LIMIT 5", "items_key"),
        (
            "SELECT id FROM items WHERE due_partition = 'p' AND due_sort >= '' ORDER BY due_sort, id",
            "items_due",
        ),
        ("SELECT id FROM items WHERE flow_partition = 'p' ORDER BY flow_sort DESC, id DESC", "items_flow"),
        ("SELECT id FROM items WHERE expires_at <= 5 ORDER BY expires_at LIMIT 5", "items_expiry"),
        ("SELECT id FROM items WHERE lease_until > 0 AND lease_until > 5", "items_lease"),
        (
            "SELECT id FROM messages WHERE queue = 'q' AND visible_at <= 5 ORDER BY visible_at, id",
            "messages_visible",
        ),
        ("SELECT min(visible_at) FROM messages WHERE queue = 'q'", "messages_visible"),
    ];
    for (sql, index) in statements {
        let plan = |connection: &rusqlite::Connection| {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let rows = statement.query_map([], |row| row.get::<_, String>(3))?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?.join("; "))
        };
        let plan = stack.store().readers.read(plan).expect("explains");
        assert!(
            plan.contains(index) && !plan.contains("SCAN") && !plan.contains("TEMP B-TREE"),
            "{sql}: {plan}"
        );
    }
}
