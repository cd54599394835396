//! What every table must do.

mod conditions;
mod items;
mod large;
mod queries;
mod transactions;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use self::{conditions::*, items::*, large::*, queries::*, transactions::*};
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
