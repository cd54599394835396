//! Documents larger than an item may be.

use super::*;

pub(super) async fn large_documents_are_read_back_whole(stand: TableStand) {
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

pub(super) async fn large_documents_are_found_by_queries(stand: TableStand) {
    let mut item = with_document(stand.item("one"), bytes(250_000, 2));
    item.indexes.insert(Index::Flow, (stand.partition("flow"), "1".to_owned()));
    stand.put(item.clone()).await;
    let by_key = stand.table.query(Query::new(item.key.partition.clone())).await.expect("queries");
    let by_index = stand.table.query(Query::on(Index::Flow, stand.partition("flow"))).await.expect("queries");
    assert!(by_key.items == [item.clone()]);
    assert!(by_index.items == [item]);
}

pub(super) async fn a_large_document_can_become_small_and_large_again(stand: TableStand) {
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

pub(super) async fn a_refused_large_document_changes_nothing(stand: TableStand) {
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

pub(super) async fn a_transaction_of_large_documents_is_written_whole(stand: TableStand) {
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

pub(super) async fn a_query_of_a_partition_with_large_documents_returns_only_items(stand: TableStand) {
    let sorts: Vec<String> = (0..7).map(|n| format!("{n}")).collect();
    for sort in &sorts {
        let item = Item::new(Key::new(stand.partition("p"), sort.as_str()));
        stand.put(with_document(item, bytes(210_000, 5))).await;
    }
    let query = Query { limit: 3, ..Query::new(stand.partition("p")) };
    assert_eq!(stand.pages(query).await.concat(), sorts);
}
