//! Single items: what is written is read, until it expires.

use super::*;

// ---------------------------------------------------------------- writing and reading

pub(super) async fn an_item_is_read_as_it_was_written(stand: TableStand) {
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

pub(super) async fn items_are_read_in_the_order_asked_for(stand: TableStand) {
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

pub(super) async fn a_put_replaces_the_whole_item(stand: TableStand) {
    let mut first = with_document(with_field(stand.item("one"), "old", "x"), *b"old");
    first.indexes.insert(Index::Flow, (stand.partition("flow"), "1".to_owned()));
    first.expires_at = Some(in_seconds(&stand, 3600));
    stand.put(first).await;
    let second = with_field(stand.item("one"), "new", 1);
    stand.put(second.clone()).await;
    assert_eq!(stand.get(&second.key).await, Some(second));
}

pub(super) async fn an_update_sets_fields_and_leaves_the_rest(stand: TableStand) {
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

pub(super) async fn an_update_makes_an_absent_item_where_it_is_allowed(stand: TableStand) {
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

pub(super) async fn a_deleted_item_is_gone(stand: TableStand) {
    stand.put(stand.item("one")).await;
    stand.write(vec![delete(stand.key("one"))]).await;
    assert_eq!(stand.get(&stand.key("one")).await, None);
    stand.write(vec![delete(stand.key("one"))]).await;
    let writes = vec![Write::Delete { key: stand.key("one"), when: Condition::Exists }];
    assert_eq!(refused(stand.table.write(writes).await), 0);
}

// ---------------------------------------------------------------- time to live

pub(super) async fn an_expired_item_is_absent_in_reads(stand: TableStand) {
    let mut item = expiring(stand.item("one"), in_seconds(&stand, 10));
    item.indexes.insert(Index::Due, (stand.partition("shard"), "1".to_owned()));
    stand.put(item.clone()).await;
    stand.clock.advance(Duration::from_secs(20));
    assert_eq!(stand.get(&item.key).await, None);
    assert_eq!(stand.sorts(Query::new(item.key.partition)).await, Vec::<String>::new());
    assert_eq!(stand.sorts(Query::on(Index::Due, stand.partition("shard"))).await, Vec::<String>::new());
}

pub(super) async fn an_expired_item_is_absent_in_conditions(stand: TableStand) {
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

pub(super) async fn nothing_of_an_expired_item_comes_back(stand: TableStand) {
    let mut item = with_document(with_field(stand.item("one"), "old", 1), *b"old");
    item.indexes.insert(Index::Flow, (stand.partition("flow"), "1".to_owned()));
    stand.put(expiring(item, in_seconds(&stand, 10))).await;
    stand.clock.advance(Duration::from_secs(20));
    stand.write(vec![update(stand.key("one"), &[("new", Field::Integer(2))], Condition::Always)]).await;
    assert_eq!(stand.get(&stand.key("one")).await, Some(with_field(stand.item("one"), "new", 2)));
    assert_eq!(stand.sorts(Query::on(Index::Flow, stand.partition("flow"))).await, Vec::<String>::new());
}

pub(super) async fn an_item_lives_until_its_time(stand: TableStand) {
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

// ---------------------------------------------------------------- anything goes

pub(super) async fn any_text_and_any_bytes_are_kept(stand: TableStand) {
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

pub(super) async fn writing_nothing_is_fine(stand: TableStand) {
    stand.write(Vec::new()).await;
}
