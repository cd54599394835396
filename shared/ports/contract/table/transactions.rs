//! Transactions: all or none, also when many come at once.

use super::*;

pub(super) async fn a_refused_write_says_which_and_writes_nothing(stand: TableStand) {
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

pub(super) async fn a_check_writes_nothing_and_refuses_the_others(stand: TableStand) {
    let writes = |when: Condition| {
        vec![Write::put(stand.item("a"), Condition::Always), Write::Check { key: stand.key("guard"), when }]
    };
    assert_eq!(refused(stand.table.write(writes(Condition::Exists)).await), 1);
    assert_eq!(stand.get(&stand.key("a")).await, None);
    stand.write(writes(Condition::Absent)).await;
    assert!(stand.get(&stand.key("a")).await.is_some());
    assert_eq!(stand.get(&stand.key("guard")).await, None);
}

pub(super) async fn a_transaction_takes_a_hundred_items_and_no_more(stand: TableStand) {
    let puts = |count: usize, name: &str| -> Vec<Write> {
        (0..count).map(|n| Write::put(stand.item(&format!("{name} {n}")), Condition::Absent)).collect()
    };
    stand.write(puts(MAX_TRANSACTION, "fits")).await;
    assert!(stand.get(&stand.key("fits 99")).await.is_some());
    let outcome = stand.table.write(puts(MAX_TRANSACTION + 1, "too many")).await;
    assert!(outcome.is_err());
    assert_eq!(stand.get(&stand.key("too many 0")).await, None);
}

pub(super) async fn a_transaction_writes_an_item_once(stand: TableStand) {
    let twice = || Write::put(stand.item("same"), Condition::Always);
    assert!(stand.table.write(vec![twice(), twice()]).await.is_err());
    assert_eq!(stand.get(&stand.key("same")).await, None);
}

pub(super) async fn of_many_who_put_where_nothing_was_one_wins(stand: TableStand) {
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

pub(super) async fn of_many_who_raise_a_generation_each_raises_once(stand: TableStand) {
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

pub(super) async fn concurrent_transactions_over_the_same_items_never_mix(stand: TableStand) {
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
