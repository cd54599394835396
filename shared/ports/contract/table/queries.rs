//! Queries: of the table and of its indexes, in ranges and pages.

use super::*;

pub(super) async fn a_query_returns_a_partition_in_order_of_sort_keys(stand: TableStand) {
    stand.fill("p", &["c", "a", "b"]).await;
    stand.fill("p2", &["x"]).await;
    assert_eq!(stand.sorts(Query::new(stand.partition("p"))).await, ["a", "b", "c"]);
    let descending = Query { descending: true, ..Query::new(stand.partition("p")) };
    assert_eq!(stand.sorts(descending).await, ["c", "b", "a"]);
    assert_eq!(stand.sorts(Query::new(stand.partition("empty"))).await, Vec::<String>::new());
}

pub(super) async fn a_query_returns_a_range(stand: TableStand) {
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

pub(super) async fn a_query_goes_page_by_page_both_ways(stand: TableStand) {
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

pub(super) async fn pages_of_a_range_end_where_the_range_ends(stand: TableStand) {
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

pub(super) async fn sort_keys_are_ordered_by_their_bytes(stand: TableStand) {
    let mut sorts = ["Z", "a", "z", "é", "ü", "中", "🧾", "10", "9", "a:b", "a#b", "~"];
    stand.fill("p", &sorts).await;
    sorts.sort_unstable();
    assert_eq!(stand.sorts(Query::new(stand.partition("p"))).await, sorts);
}

pub(super) async fn each_index_finds_its_items(stand: TableStand) {
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

pub(super) async fn an_index_entry_moves_and_goes_with_its_item(stand: TableStand) {
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

pub(super) async fn items_with_one_sort_key_in_an_index_are_all_found(stand: TableStand) {
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

pub(super) async fn an_update_leaves_index_entries(stand: TableStand) {
    let mut item = stand.item("one");
    item.indexes.insert(Index::Record, (stand.partition("record"), "1".to_owned()));
    stand.put(item.clone()).await;
    stand.write(vec![update(item.key.clone(), &[("n", Field::Integer(1))], Condition::Exists)]).await;
    let page = stand.table.query(Query::on(Index::Record, stand.partition("record"))).await.expect("queries");
    assert_eq!(page.items, [with_field(item, "n", 1)]);
}
