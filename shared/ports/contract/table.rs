//! What every table must do.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::ports::clock::{Clock, ManualClock, later};
use crate::ports::table::{
    CHUNK_BYTES, Condition, Field, Index, Item, Key, MAX_TRANSACTION, Query, Table, TableError, Write,
};

pub struct TableStand {
    pub table: Arc<dyn Table>,
    /// The adapter's own.
    pub clock: Arc<ManualClock>,
    /// In every partition, so that cases don't meet.
    pub scope: String,
}

super::cases! { TableStand:
    an_item_is_read_as_it_was_written,
    items_are_read_in_the_order_asked_for,
    a_put_replaces_the_whole_item,
    an_update_sets_fields_and_leaves_the_rest,
    an_update_makes_an_absent_item_where_it_is_allowed,
    a_deleted_item_is_gone,
    each_condition_holds_where_it_should,
    all_and_any_combine_conditions,
    conditions_look_at_text_and_numbers_apart,
    a_refused_write_says_which_and_writes_nothing,
    a_check_writes_nothing_and_refuses_the_others,
    a_transaction_takes_a_hundred_items_and_no_more,
    a_transaction_writes_an_item_once,
    of_many_who_put_where_nothing_was_one_wins,
    of_many_who_raise_a_generation_each_raises_once,
    concurrent_transactions_over_the_same_items_never_mix,
    an_expired_item_is_absent_in_reads,
    an_expired_item_is_absent_in_conditions,
    nothing_of_an_expired_item_comes_back,
    an_item_lives_until_its_time,
    a_query_returns_a_partition_in_order_of_sort_keys,
    a_query_returns_a_range,
    a_query_goes_page_by_page_both_ways,
    pages_of_a_range_end_where_the_range_ends,
    sort_keys_are_ordered_by_their_bytes,
    each_index_finds_its_items,
    an_index_entry_moves_and_goes_with_its_item,
    items_with_one_sort_key_in_an_index_are_all_found,
    an_update_leaves_index_entries,
    large_documents_are_read_back_whole,
    large_documents_are_found_by_queries,
    a_large_document_can_become_small_and_large_again,
    a_refused_large_document_changes_nothing,
    a_transaction_of_large_documents_is_written_whole,
    a_query_of_a_partition_with_large_documents_returns_only_items,
    any_text_and_any_bytes_are_kept,
    writing_nothing_is_fine,
}

impl TableStand {
    fn partition(&self, name: &str) -> String {
        format!("T#{}#{name}", self.scope)
    }

    fn key(&self, name: &str) -> Key {
        Key::new(self.partition(name), "-")
    }

    fn item(&self, name: &str) -> Item {
        Item::new(self.key(name))
    }

    async fn put(&self, item: Item) {
        self.write(vec![Write::put(item, Condition::Always)]).await;
    }

    async fn write(&self, writes: Vec<Write>) {
        self.table.write(writes).await.expect("writes");
    }

    async fn get(&self, key: &Key) -> Option<Item> {
        self.table.get(std::slice::from_ref(key)).await.expect("reads").remove(0)
    }

    async fn sorts(&self, query: Query) -> Vec<String> {
        let page = self.table.query(query).await.expect("queries");
        page.items.into_iter().map(|item| item.key.sort).collect()
    }

    /// Every page, by the sort keys of the items.
    async fn pages(&self, mut query: Query) -> Vec<Vec<String>> {
        let mut pages = Vec::new();
        loop {
            let page = self.table.query(query.clone()).await.expect("queries");
            assert!(page.items.len() <= query.limit);
            pages.push(page.items.into_iter().map(|item| item.key.sort).collect());
            match page.after {
                Some(after) => query.after = Some(after),
                None => return pages,
            }
            assert!(pages.len() < 1000, "the pages end");
        }
    }

    /// Puts an item of that sort key into the partition.
    async fn fill(&self, partition: &str, sorts: &[&str]) {
        for sort in sorts {
            self.put(Item::new(Key::new(self.partition(partition), *sort))).await;
        }
    }
}

fn with_field(mut item: Item, name: &str, field: impl Into<Field>) -> Item {
    item.fields.insert(name.to_owned(), field.into());
    item
}

fn with_document(mut item: Item, document: impl Into<Vec<u8>>) -> Item {
    item.document = document.into();
    item
}

fn expiring(mut item: Item, at: Timestamp) -> Item {
    item.expires_at = Some(at);
    item
}

fn update(key: Key, set: &[(&str, Field)], when: Condition) -> Write {
    Write::Update {
        key,
        set: set.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect(),
        when,
    }
}

fn delete(key: Key) -> Write {
    Write::Delete { key, when: Condition::Always }
}

/// In whole seconds, which is what DynamoDB keeps.
fn in_seconds(stand: &TableStand, seconds: u64) -> Timestamp {
    let now = Timestamp::from_second(stand.clock.now().as_second()).expect("an instant");
    later(now, Duration::from_secs(seconds))
}

/// Bytes that no two of are alike for long.
fn bytes(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|n| u8::try_from((n * 31 + n / 251 + seed * 7) % 256).unwrap_or_default()).collect()
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, TableError>) -> usize {
    match outcome {
        Err(TableError::Refused(place)) => place,
        other => panic!("refused, not {other:?}"),
    }
}

// ---------------------------------------------------------------- writing and reading

async fn an_item_is_read_as_it_was_written(stand: TableStand) {
    let mut item = with_field(with_field(stand.item("one"), "state", "running"), "generation", 7);
    item.fields.insert("lease_until".to_owned(), Field::Integer(1_700_000_000_000));
    item.fields.insert("lowest".to_owned(), Field::Integer(i64::MIN));
    item.fields.insert("highest".to_owned(), Field::Integer(i64::MAX));
    item.document = b"{\"amount\":0.10}".to_vec();
    for index in Index::ALL {
        item.indexes.insert(index, (stand.partition(index.as_str()), format!("at {}", index.as_str())));
    }
    item.expires_at = Some(in_seconds(&stand, 3600));
    stand.put(item.clone()).await;
    assert_eq!(stand.get(&item.key).await, Some(item));
}

async fn items_are_read_in_the_order_asked_for(stand: TableStand) {
    let names: Vec<String> = (0..120).map(|n| format!("item {n}")).collect();
    for batch in names.chunks(MAX_TRANSACTION) {
        stand.write(batch.iter().map(|name| Write::put(stand.item(name), Condition::Always)).collect()).await;
    }
    let mut keys: Vec<Key> = names.iter().rev().map(|name| stand.key(name)).collect();
    keys.insert(50, stand.key("nobody"));
    let items = stand.table.get(&keys).await.expect("reads");
    assert_eq!(items.len(), keys.len());
    for (key, item) in keys.iter().zip(items) {
        let expected = (*key != stand.key("nobody")).then_some(key);
        assert_eq!(item.as_ref().map(|item| &item.key), expected);
    }
    assert_eq!(stand.table.get(&[]).await.expect("reads nothing"), Vec::new());
}

async fn a_put_replaces_the_whole_item(stand: TableStand) {
    let mut first = with_document(with_field(stand.item("one"), "old", "x"), *b"old");
    first.indexes.insert(Index::Flow, (stand.partition("flow"), "1".to_owned()));
    first.expires_at = Some(in_seconds(&stand, 3600));
    stand.put(first).await;
    let second = with_field(stand.item("one"), "new", 1);
    stand.put(second.clone()).await;
    assert_eq!(stand.get(&second.key).await, Some(second));
}

async fn an_update_sets_fields_and_leaves_the_rest(stand: TableStand) {
    let mut item = with_field(with_field(stand.item("one"), "generation", 1), "state", "running");
    item.fields.insert("lease_until".to_owned(), Field::Integer(500));
    item.document = b"kept".to_vec();
    item.expires_at = Some(in_seconds(&stand, 3600));
    stand.put(item.clone()).await;
    let set = [("generation", Field::from(2)), ("owner", Field::from("w1"))];
    stand.write(vec![update(item.key.clone(), &set, Condition::equals("generation", 1))]).await;
    item.fields.insert("generation".to_owned(), Field::Integer(2));
    item.fields.insert("owner".to_owned(), Field::from("w1"));
    assert_eq!(stand.get(&item.key).await, Some(item.clone()));
    stand
        .write(vec![update(item.key.clone(), &[("lease_until", Field::Integer(900))], Condition::Exists)])
        .await;
    assert_eq!(stand.get(&item.key).await.and_then(|item| item.integer("lease_until")), Some(900));
}

async fn an_update_makes_an_absent_item_where_it_is_allowed(stand: TableStand) {
    let key = stand.key("counter");
    stand
        .write(vec![update(
            key.clone(),
            &[("count", Field::Integer(1))],
            Condition::Missing("count".to_owned()),
        )])
        .await;
    assert_eq!(stand.get(&key).await, Some(with_field(stand.item("counter"), "count", 1)));
    let other = stand.key("other");
    let writes = vec![update(other.clone(), &[("count", Field::Integer(1))], Condition::Exists)];
    assert_eq!(refused(stand.table.write(writes).await), 0);
    assert_eq!(stand.get(&other).await, None);
}

async fn a_deleted_item_is_gone(stand: TableStand) {
    stand.put(stand.item("one")).await;
    stand.write(vec![delete(stand.key("one"))]).await;
    assert_eq!(stand.get(&stand.key("one")).await, None);
    stand.write(vec![delete(stand.key("one"))]).await;
    let writes = vec![Write::Delete { key: stand.key("one"), when: Condition::Exists }];
    assert_eq!(refused(stand.table.write(writes).await), 0);
}

// ---------------------------------------------------------------- conditions

async fn each_condition_holds_where_it_should(stand: TableStand) {
    let item = with_field(with_field(stand.item("there"), "n", 5), "s", "five");
    stand.put(item.clone()).await;
    let missing = |name: &str| Condition::Missing(name.to_owned());
    let cases = [
        (Condition::Always, true, true),
        (Condition::Absent, false, true),
        (Condition::Exists, true, false),
        (Condition::equals("n", 5), true, false),
        (Condition::equals("n", 6), false, false),
        (Condition::equals("s", "five"), true, false),
        (Condition::equals("s", "Five"), false, false),
        (Condition::equals("nothing", 5), false, false),
        (Condition::below("n", 6), true, false),
        (Condition::below("n", 5), false, false),
        (Condition::below("s", 100), false, false),
        (Condition::below("nothing", 100), false, false),
        (missing("nothing"), true, true),
        (missing("n"), false, true),
    ];
    for (when, there, absent) in cases {
        assert_eq!(when.holds(Some(&item)), there, "{when:?} as it is defined");
        assert_eq!(when.holds(None), absent, "{when:?} as it is defined");
        for (name, holds) in [("there", there), ("absent", absent)] {
            let outcome =
                stand.table.write(vec![Write::Check { key: stand.key(name), when: when.clone() }]).await;
            match outcome {
                Ok(()) => assert!(holds, "{when:?} must not hold of an item that is {name}"),
                Err(TableError::Refused(0)) => {
                    assert!(!holds, "{when:?} must hold of an item that is {name}")
                }
                Err(error) => panic!("{when:?}: {error}"),
            }
        }
    }
}

async fn all_and_any_combine_conditions(stand: TableStand) {
    stand.put(with_field(with_field(stand.item("one"), "generation", 3), "lease_until", 100)).await;
    let all = |conditions: &[Condition]| Condition::All(conditions.to_vec());
    let any = |conditions: &[Condition]| Condition::Any(conditions.to_vec());
    let (yes, no) = (Condition::equals("generation", 3), Condition::equals("generation", 4));
    let free = any(&[Condition::Missing("lease_until".to_owned()), Condition::below("lease_until", 200)]);
    let cases = [
        (all(&[yes.clone(), free.clone()]), true),
        (all(&[yes.clone(), no.clone()]), false),
        (any(&[no.clone(), yes.clone()]), true),
        (any(&[no.clone(), Condition::Absent]), false),
        (all(&[Condition::Always, yes.clone()]), true),
        (any(&[Condition::Always, no.clone()]), true),
        (all(&[free.clone(), any(&[no.clone(), all(&[yes.clone(), Condition::Exists])])]), true),
        (all(&[any(&[no.clone()]), yes.clone()]), false),
        (all(&[]), true),
        (any(&[]), false),
    ];
    for (n, (when, holds)) in cases.into_iter().enumerate() {
        let set = [("n", Field::Integer(i64::try_from(n).expect("small")))];
        let outcome = stand.table.write(vec![update(stand.key("one"), &set, when.clone())]).await;
        assert_eq!(outcome.is_ok(), holds, "{when:?}: {outcome:?}");
    }
}

async fn conditions_look_at_text_and_numbers_apart(stand: TableStand) {
    stand.put(with_field(stand.item("one"), "n", "5")).await;
    let writes = vec![Write::Check { key: stand.key("one"), when: Condition::equals("n", 5) }];
    assert_eq!(refused(stand.table.write(writes).await), 0);
    stand.write(vec![Write::Check { key: stand.key("one"), when: Condition::equals("n", "5") }]).await;
}

// ---------------------------------------------------------------- transactions

async fn a_refused_write_says_which_and_writes_nothing(stand: TableStand) {
    stand.put(with_field(stand.item("b"), "generation", 1)).await;
    stand.put(stand.item("gone")).await;
    let writes = vec![
        Write::put(stand.item("a"), Condition::Absent),
        delete(stand.key("gone")),
        update(stand.key("b"), &[("generation", Field::Integer(3))], Condition::equals("generation", 2)),
        Write::put(stand.item("c"), Condition::Always),
    ];
    assert_eq!(refused(stand.table.write(writes).await), 2);
    assert_eq!(stand.get(&stand.key("a")).await, None);
    assert_eq!(stand.get(&stand.key("c")).await, None);
    assert!(stand.get(&stand.key("gone")).await.is_some());
    assert_eq!(stand.get(&stand.key("b")).await.and_then(|item| item.integer("generation")), Some(1));
}

async fn a_check_writes_nothing_and_refuses_the_others(stand: TableStand) {
    let writes = |when: Condition| {
        vec![Write::put(stand.item("a"), Condition::Always), Write::Check { key: stand.key("guard"), when }]
    };
    assert_eq!(refused(stand.table.write(writes(Condition::Exists)).await), 1);
    assert_eq!(stand.get(&stand.key("a")).await, None);
    stand.write(writes(Condition::Absent)).await;
    assert!(stand.get(&stand.key("a")).await.is_some());
    assert_eq!(stand.get(&stand.key("guard")).await, None);
}

async fn a_transaction_takes_a_hundred_items_and_no_more(stand: TableStand) {
    let puts = |count: usize, name: &str| -> Vec<Write> {
        (0..count).map(|n| Write::put(stand.item(&format!("{name} {n}")), Condition::Absent)).collect()
    };
    stand.write(puts(MAX_TRANSACTION, "fits")).await;
    assert!(stand.get(&stand.key("fits 99")).await.is_some());
    let outcome = stand.table.write(puts(MAX_TRANSACTION + 1, "too many")).await;
    assert!(outcome.is_err());
    assert_eq!(stand.get(&stand.key("too many 0")).await, None);
}

async fn a_transaction_writes_an_item_once(stand: TableStand) {
    let twice = || Write::put(stand.item("same"), Condition::Always);
    assert!(stand.table.write(vec![twice(), twice()]).await.is_err());
    assert_eq!(stand.get(&stand.key("same")).await, None);
}

async fn of_many_who_put_where_nothing_was_one_wins(stand: TableStand) {
    let attempts = (0..20).map(|n| {
        let item = with_field(stand.item("one"), "winner", n);
        let table = stand.table.clone();
        tokio::spawn(async move { until_not_busy(&table, vec![Write::put(item, Condition::Absent)]).await })
    });
    let mut winners = Vec::new();
    for (n, attempt) in futures::future::join_all(attempts).await.into_iter().enumerate() {
        match attempt.expect("ends") {
            Ok(()) => winners.push(i64::try_from(n).expect("small")),
            Err(TableError::Refused(0)) => {}
            Err(error) => panic!("refused, not {error}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(stand.get(&stand.key("one")).await.and_then(|item| item.integer("winner")), Some(winners[0]));
}

async fn of_many_who_raise_a_generation_each_raises_once(stand: TableStand) {
    stand.put(with_field(stand.item("one"), "generation", 0)).await;
    let workers = (0..8).map(|_| {
        let (table, key) = (stand.table.clone(), stand.key("one"));
        tokio::spawn(async move {
            let mut raised = 0;
            while raised < 5 {
                let item =
                    table.get(std::slice::from_ref(&key)).await.expect("reads").remove(0).expect("is there");
                let now = item.integer("generation").expect("has one");
                let set = [("generation", Field::Integer(now + 1))];
                let raise = update(key.clone(), &set, Condition::equals("generation", now));
                match until_not_busy(&table, vec![raise]).await {
                    Ok(()) => raised += 1,
                    Err(TableError::Refused(0)) => tokio::task::yield_now().await,
                    Err(error) => panic!("refused, not {error}"),
                }
            }
        })
    });
    for worker in futures::future::join_all(workers).await {
        worker.expect("ends");
    }
    assert_eq!(stand.get(&stand.key("one")).await.and_then(|item| item.integer("generation")), Some(40));
}

async fn concurrent_transactions_over_the_same_items_never_mix(stand: TableStand) {
    let attempts = (0..10).map(|n: i64| {
        let table = stand.table.clone();
        // In both directions, so that they cross.
        let mut names = ["a", "b", "c"];
        if n % 2 == 0 {
            names.reverse();
        }
        let writes =
            names.map(|name| Write::put(with_field(stand.item(name), "by", n), Condition::Always)).to_vec();
        tokio::spawn(async move { until_not_busy(&table, writes).await })
    });
    for attempt in futures::future::join_all(attempts).await {
        attempt.expect("ends").expect("writes");
    }
    let keys = ["a", "b", "c"].map(|name| stand.key(name));
    let by: BTreeSet<Option<i64>> = stand
        .table
        .get(&keys)
        .await
        .expect("reads")
        .into_iter()
        .map(|item| item.and_then(|item| item.integer("by")))
        .collect();
    assert_eq!(by.len(), 1, "all three are one transaction's");
    assert!(!by.contains(&None));
}

/// In conflict with another transaction, nothing was written: as every caller does, it tries again.
async fn until_not_busy(table: &Arc<dyn Table>, writes: Vec<Write>) -> Result<(), TableError> {
    loop {
        match table.write(writes.clone()).await {
            Err(TableError::Busy(_)) => tokio::task::yield_now().await,
            outcome => return outcome,
        }
    }
}

// ---------------------------------------------------------------- time to live

async fn an_expired_item_is_absent_in_reads(stand: TableStand) {
    let mut item = expiring(stand.item("one"), in_seconds(&stand, 10));
    item.indexes.insert(Index::Due, (stand.partition("shard"), "1".to_owned()));
    stand.put(item.clone()).await;
    stand.clock.advance(Duration::from_secs(20));
    assert_eq!(stand.get(&item.key).await, None);
    assert_eq!(stand.sorts(Query::new(item.key.partition)).await, Vec::<String>::new());
    assert_eq!(stand.sorts(Query::on(Index::Due, stand.partition("shard"))).await, Vec::<String>::new());
}

async fn an_expired_item_is_absent_in_conditions(stand: TableStand) {
    for name in ["a", "b", "c", "d"] {
        stand.put(expiring(with_field(stand.item(name), "n", 1), in_seconds(&stand, 10))).await;
    }
    stand.clock.advance(Duration::from_secs(20));
    for when in [Condition::Exists, Condition::equals("n", 1), Condition::below("n", 9)] {
        let writes = vec![Write::Check { key: stand.key("a"), when: when.clone() }];
        assert_eq!(refused(stand.table.write(writes).await), 0, "{when:?} looks at what has expired");
    }
    let missing = Condition::Missing("n".to_owned());
    stand.write(vec![Write::Check { key: stand.key("a"), when: missing }]).await;
    stand.write(vec![Write::put(stand.item("b"), Condition::Absent)]).await;
    stand.write(vec![Write::Delete { key: stand.key("c"), when: Condition::Absent }]).await;
    stand.write(vec![update(stand.key("d"), &[("m", Field::Integer(2))], Condition::Absent)]).await;
    assert_eq!(stand.get(&stand.key("b")).await, Some(stand.item("b")));
}

async fn nothing_of_an_expired_item_comes_back(stand: TableStand) {
    let mut item = with_document(with_field(stand.item("one"), "old", 1), *b"old");
    item.indexes.insert(Index::Flow, (stand.partition("flow"), "1".to_owned()));
    stand.put(expiring(item, in_seconds(&stand, 10))).await;
    stand.clock.advance(Duration::from_secs(20));
    stand.write(vec![update(stand.key("one"), &[("new", Field::Integer(2))], Condition::Always)]).await;
    assert_eq!(stand.get(&stand.key("one")).await, Some(with_field(stand.item("one"), "new", 2)));
    assert_eq!(stand.sorts(Query::on(Index::Flow, stand.partition("flow"))).await, Vec::<String>::new());
}

async fn an_item_lives_until_its_time(stand: TableStand) {
    stand.put(expiring(stand.item("one"), in_seconds(&stand, 10))).await;
    stand.clock.advance(Duration::from_secs(5));
    assert!(stand.get(&stand.key("one")).await.is_some());
    // Written again, it lives longer; written without a time, for ever.
    stand.put(expiring(stand.item("one"), in_seconds(&stand, 10))).await;
    stand.clock.advance(Duration::from_secs(8));
    assert!(stand.get(&stand.key("one")).await.is_some());
    stand.put(stand.item("one")).await;
    stand.clock.advance(Duration::from_secs(8));
    assert!(stand.get(&stand.key("one")).await.is_some());
}

// ---------------------------------------------------------------- queries

async fn a_query_returns_a_partition_in_order_of_sort_keys(stand: TableStand) {
    stand.fill("p", &["c", "a", "b"]).await;
    stand.fill("p2", &["x"]).await;
    assert_eq!(stand.sorts(Query::new(stand.partition("p"))).await, ["a", "b", "c"]);
    let descending = Query { descending: true, ..Query::new(stand.partition("p")) };
    assert_eq!(stand.sorts(descending).await, ["c", "b", "a"]);
    assert_eq!(stand.sorts(Query::new(stand.partition("empty"))).await, Vec::<String>::new());
}

async fn a_query_returns_a_range(stand: TableStand) {
    stand.fill("p", &["a", "b", "b1", "c", "d"]).await;
    let range = |from: &str, before: Option<&str>, descending| Query {
        from: from.to_owned(),
        before: before.map(str::to_owned),
        descending,
        ..Query::new(stand.partition("p"))
    };
    assert_eq!(stand.sorts(range("b", None, false)).await, ["b", "b1", "c", "d"]);
    assert_eq!(stand.sorts(range("", Some("c"), false)).await, ["a", "b", "b1"]);
    assert_eq!(stand.sorts(range("b", Some("c"), false)).await, ["b", "b1"]);
    assert_eq!(stand.sorts(range("b", Some("d"), true)).await, ["c", "b1", "b"]);
    assert_eq!(stand.sorts(range("b", Some("b"), false)).await, Vec::<String>::new());
    assert_eq!(stand.sorts(range("c", Some("b"), false)).await, Vec::<String>::new());
}

async fn a_query_goes_page_by_page_both_ways(stand: TableStand) {
    let sorts: Vec<String> = (0..25).map(|n| format!("{n:02}")).collect();
    stand.fill("p", &sorts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (descending, limit) in [(false, 10), (true, 10), (false, 25), (false, 1), (true, 24)] {
        let query = Query { limit, descending, ..Query::new(stand.partition("p")) };
        let mut expected = sorts.clone();
        if descending {
            expected.reverse();
        }
        assert_eq!(stand.pages(query).await.concat(), expected, "by {limit}, descending {descending}");
    }
}

async fn pages_of_a_range_end_where_the_range_ends(stand: TableStand) {
    let sorts: Vec<String> = (0..20).map(|n| format!("{n:02}")).collect();
    stand.fill("p", &sorts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for descending in [false, true] {
        let query = Query {
            from: "05".to_owned(),
            before: Some("15".to_owned()),
            limit: 3,
            descending,
            ..Query::new(stand.partition("p"))
        };
        let mut expected = sorts[5..15].to_vec();
        if descending {
            expected.reverse();
        }
        assert_eq!(stand.pages(query).await.concat(), expected);
    }
}

async fn sort_keys_are_ordered_by_their_bytes(stand: TableStand) {
    let mut sorts = ["Z", "a", "z", "é", "ü", "中", "🧾", "10", "9", "a:b", "a#b", "~"];
    stand.fill("p", &sorts).await;
    sorts.sort_unstable();
    assert_eq!(stand.sorts(Query::new(stand.partition("p"))).await, sorts);
}

async fn each_index_finds_its_items(stand: TableStand) {
    for index in Index::ALL {
        for (sort, at) in [("1", "2026-01-03"), ("2", "2026-01-01"), ("3", "2026-01-02")] {
            let mut item = Item::new(Key::new(stand.partition(index.as_str()), sort));
            item.indexes.insert(index, (stand.partition("same"), at.to_owned()));
            stand.put(item).await;
        }
    }
    for index in Index::ALL {
        let query = Query::on(index, stand.partition("same"));
        let page = stand.table.query(query.clone()).await.expect("queries");
        let found: Vec<(String, String)> =
            page.items.into_iter().map(|item| (item.key.partition, item.key.sort)).collect();
        let expected = ["2", "3", "1"].map(|sort| (stand.partition(index.as_str()), sort.to_owned()));
        assert_eq!(found, expected, "{index:?}");
        let due = Query { before: Some("2026-01-03".to_owned()), ..query.clone() };
        assert_eq!(stand.sorts(due).await, ["2", "3"], "{index:?}");
        let newest = Query { descending: true, limit: 2, ..query };
        assert_eq!(stand.pages(newest).await, [vec!["1", "3"], vec!["2"]], "{index:?}");
    }
}

async fn an_index_entry_moves_and_goes_with_its_item(stand: TableStand) {
    let found = async |partition: &str| stand.sorts(Query::on(Index::Flow, stand.partition(partition))).await;
    let mut item = stand.item("one");
    item.indexes.insert(Index::Flow, (stand.partition("running"), "1".to_owned()));
    stand.put(item.clone()).await;
    assert_eq!(found("running").await, ["-"]);
    item.indexes.insert(Index::Flow, (stand.partition("done"), "2".to_owned()));
    stand.put(item.clone()).await;
    assert_eq!((found("running").await.len(), found("done").await.len()), (0, 1));
    item.indexes.clear();
    stand.put(item.clone()).await;
    assert_eq!(found("done").await.len(), 0);
    item.indexes.insert(Index::Flow, (stand.partition("done"), "3".to_owned()));
    stand.put(item.clone()).await;
    assert_eq!(found("done").await.len(), 1);
    stand.write(vec![delete(item.key)]).await;
    assert_eq!(found("done").await.len(), 0);
}

async fn items_with_one_sort_key_in_an_index_are_all_found(stand: TableStand) {
    let sorts: BTreeSet<String> = (0..23).map(|n| format!("{n:02}")).collect();
    for sort in &sorts {
        let mut item = Item::new(Key::new(stand.partition("p"), sort.as_str()));
        item.indexes.insert(Index::Due, (stand.partition("shard"), "2026-01-01T00:00:00.000Z".to_owned()));
        stand.put(item).await;
    }
    for descending in [false, true] {
        let query = Query { limit: 5, descending, ..Query::on(Index::Due, stand.partition("shard")) };
        let found = stand.pages(query).await.concat();
        assert_eq!(found.len(), sorts.len());
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), sorts);
    }
}

async fn an_update_leaves_index_entries(stand: TableStand) {
    let mut item = stand.item("one");
    item.indexes.insert(Index::Record, (stand.partition("record"), "1".to_owned()));
    stand.put(item.clone()).await;
    stand.write(vec![update(item.key.clone(), &[("n", Field::Integer(1))], Condition::Exists)]).await;
    let page = stand.table.query(Query::on(Index::Record, stand.partition("record"))).await.expect("queries");
    assert_eq!(page.items, [with_field(item, "n", 1)]);
}

// ---------------------------------------------------------------- large documents

async fn large_documents_are_read_back_whole(stand: TableStand) {
    for (name, length) in
        [("at", CHUNK_BYTES), ("over", CHUNK_BYTES + 1), ("thrice", 3 * CHUNK_BYTES), ("mega", 1_048_576)]
    {
        let item = with_document(with_field(stand.item(name), "n", 1), bytes(length, 1));
        stand.put(item.clone()).await;
        assert!(stand.get(&item.key).await == Some(item), "{name}: {length} bytes");
    }
    let keys = ["over", "nobody", "at"].map(|name| stand.key(name));
    let lengths: Vec<Option<usize>> = stand
        .table
        .get(&keys)
        .await
        .expect("reads")
        .into_iter()
        .map(|item| item.map(|item| item.document.len()))
        .collect();
    assert_eq!(lengths, [Some(CHUNK_BYTES + 1), None, Some(CHUNK_BYTES)]);
}

async fn large_documents_are_found_by_queries(stand: TableStand) {
    let mut item = with_document(stand.item("one"), bytes(250_000, 2));
    item.indexes.insert(Index::Flow, (stand.partition("flow"), "1".to_owned()));
    stand.put(item.clone()).await;
    let by_key = stand.table.query(Query::new(item.key.partition.clone())).await.expect("queries");
    let by_index = stand.table.query(Query::on(Index::Flow, stand.partition("flow"))).await.expect("queries");
    assert!(by_key.items == [item.clone()]);
    assert!(by_index.items == [item]);
}

async fn a_large_document_can_become_small_and_large_again(stand: TableStand) {
    for (n, length) in [250_000, 10, 350_000, 120_000, 0].into_iter().enumerate() {
        let item = with_document(stand.item("one"), bytes(length, n));
        stand.put(item.clone()).await;
        let set = [("n", Field::Integer(1))];
        stand.write(vec![update(item.key.clone(), &set, Condition::Exists)]).await;
        assert!(stand.get(&item.key).await == Some(with_field(item, "n", 1)), "{length} bytes");
    }
    stand.put(with_document(stand.item("one"), bytes(250_000, 9))).await;
    stand.write(vec![delete(stand.key("one"))]).await;
    assert_eq!(stand.get(&stand.key("one")).await, None);
}

async fn a_refused_large_document_changes_nothing(stand: TableStand) {
    let item = with_document(with_field(stand.item("one"), "generation", 1), bytes(250_000, 3));
    stand.put(item.clone()).await;
    let other = with_document(stand.item("one"), bytes(300_000, 4));
    let writes = vec![
        Write::put(stand.item("two"), Condition::Always),
        Write::put(other, Condition::equals("generation", 2)),
    ];
    assert_eq!(refused(stand.table.write(writes).await), 1);
    assert!(stand.get(&item.key).await == Some(item));
    assert_eq!(stand.get(&stand.key("two")).await, None);
}

async fn a_transaction_of_large_documents_is_written_whole(stand: TableStand) {
    // 6 MB in 60 items: more than DynamoDB takes at once.
    let items: Vec<Item> = (0..60)
        .map(|n| {
            let length = if n < 20 { 290_000 } else { 4_000 };
            with_document(stand.item(&format!("item {n}")), bytes(length, n))
        })
        .collect();
    let writes = |when: Condition| -> Vec<Write> {
        let last = items.len() - 1;
        let puts = items.iter().enumerate();
        puts.map(|(n, item)| {
            Write::put(item.clone(), if n == last { when.clone() } else { Condition::Always })
        })
        .collect()
    };
    assert_eq!(refused(stand.table.write(writes(Condition::Exists)).await), 59);
    assert_eq!(stand.get(&items[0].key).await, None);
    stand.write(writes(Condition::Absent)).await;
    let keys: Vec<Key> = items.iter().map(|item| item.key.clone()).collect();
    let read = stand.table.get(&keys).await.expect("reads");
    assert!(read.into_iter().flatten().eq(items));
}

async fn a_query_of_a_partition_with_large_documents_returns_only_items(stand: TableStand) {
    let sorts: Vec<String> = (0..7).map(|n| format!("{n}")).collect();
    for sort in &sorts {
        let item = Item::new(Key::new(stand.partition("p"), sort.as_str()));
        stand.put(with_document(item, bytes(210_000, 5))).await;
    }
    let query = Query { limit: 3, ..Query::new(stand.partition("p")) };
    assert_eq!(stand.pages(query).await.concat(), sorts);
}

// ---------------------------------------------------------------- anything goes

async fn any_text_and_any_bytes_are_kept(stand: TableStand) {
    let texts = [
        "Zoë",
        "中文",
        "🧾",
        "it's \"quoted\"",
        "a\\b",
        "line\nbreak\ttab",
        "%_*?[]",
        "x' OR 1=1 --",
        "null",
    ];
    for (n, text) in texts.into_iter().enumerate() {
        let key = Key::new(stand.partition(text), text);
        let mut item = with_field(Item::new(key), text, text);
        item.document = bytes(256, n);
        item.indexes.insert(Index::Record, (stand.partition(&format!("r {text}")), text.to_owned()));
        stand.put(item.clone()).await;
        assert_eq!(stand.get(&item.key).await, Some(item.clone()));
        stand.write(vec![Write::Check { key: item.key.clone(), when: Condition::equals(text, text) }]).await;
        let found = stand.table.query(Query::on(Index::Record, stand.partition(&format!("r {text}")))).await;
        assert_eq!(found.expect("queries").items, [item]);
    }
}

async fn writing_nothing_is_fine(stand: TableStand) {
    stand.write(Vec::new()).await;
}
