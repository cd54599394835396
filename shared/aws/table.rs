//! The table on DynamoDB: reading. How an item looks there is in `item`, writing is in `write`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::KeysAndAttributes;
use aws_sdk_dynamodb::{Client, Config};

use super::condition::Expression;
use super::fault::{describe, is_busy};
use super::item::{self, Attributes};
use crate::ports::clock::Clock;
use crate::ports::random::{Random, below};
use crate::ports::table::{Item, Key, Page, Query, Table, TableError, Write};

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
const MAX_BATCH_GET: usize = 100;
/// How often something that DynamoDB has put off is tried: conflicts and throttles of a hot row pass in milliseconds.
pub(super) const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(25);

pub struct DynamoTable {
    pub(super) client: Client,
    /// For what must not be sent twice.
    pub(super) once: Client,
    pub(super) name: String,
    clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
}

impl DynamoTable {
    pub fn new(
        configuration: &SdkConfig,
        name: String,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let once = Config::from(configuration).to_builder().retry_config(RetryConfig::disabled()).build();
        Self { client: Client::new(configuration), once: Client::from_conf(once), name, clock, random }
    }

    pub(super) fn now(&self) -> i64 {
        self.clock.now().as_microsecond()
    }

    /// An item that hasn't expired.
    fn alive(&self, attributes: Attributes) -> Result<Option<Item>, TableError> {
        let item = item::read(attributes)?;
        let now = self.clock.now();
        Ok(Some(item).filter(|item| item.expires_at.is_none_or(|expires_at| expires_at > now)))
    }

    /// Exponential, with full jitter, and real time: nothing of the product depends on it.
    pub(super) async fn pause(&self, tries: u32) {
        let longest = u64::try_from((FIRST_PAUSE * 2_u32.pow(tries)).as_millis()).unwrap_or(u64::MAX);
        tokio::time::sleep(Duration::from_millis(1 + below(&*self.random, longest))).await;
    }
}

#[async_trait]
impl Table for DynamoTable {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, TableError> {
        let mut found = match keys {
            [] => HashMap::new(),
            [key] => self.get_one(key).await?.into_iter().map(|item| (item.key.clone(), item)).collect(),
            several => self.get_several(several).await?,
        };
        if keys.iter().collect::<HashSet<_>>().len() == keys.len() {
            return Ok(keys.iter().map(|key| found.remove(key)).collect());
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    async fn query(&self, query: Query) -> Result<Page, TableError> {
        let mut page = Page::default();
        let mut after = query.after.as_deref().map(|after| read_position(after, &query)).transpose()?;
        // One more than asked for, to know whether there is more.
        while page.items.len() <= query.limit {
            let wanted = query.limit - page.items.len() + 1;
            let (items, last) = self.query_once(&query, wanted, after).await?;
            page.items.extend(items);
            after = last;
            if after.is_none() {
                break;
            }
        }
        if page.items.len() > query.limit {
            page.items.truncate(query.limit);
            page.after = page.items.last().map(|item| write_position(item, &query));
        }
        Ok(page)
    }

    async fn write(&self, writes: Vec<Write>) -> Result<(), TableError> {
        self.write_all(&writes).await
    }
}

// ---------------------------------------------------------------- reading

impl DynamoTable {
    async fn get_one(&self, key: &Key) -> Result<Option<Item>, TableError> {
        self.get_raw(key).await?.map_or(Ok(None), |attributes| self.alive(attributes))
    }

    /// Whether it has expired or not.
    pub(super) async fn get_raw(&self, key: &Key) -> Result<Option<Attributes>, TableError> {
        let request = self.client.get_item().table_name(&self.name).set_key(Some(item::write_key(key)));
        let output = request.consistent_read(true).send().await.map_err(|error| unreadable(&error))?;
        Ok(output.item)
    }

    async fn get_several(&self, keys: &[Key]) -> Result<HashMap<Key, Item>, TableError> {
        // The same key twice in one request is refused.
        let distinct: Vec<&Key> = keys.iter().collect::<HashSet<_>>().into_iter().collect();
        let batches = distinct.chunks(MAX_BATCH_GET).map(|batch| self.get_batch(batch));
        let found = futures::future::try_join_all(batches).await?;
        Ok(found.into_iter().flatten().map(|item| (item.key.clone(), item)).collect())
    }

    async fn get_batch(&self, keys: &[&Key]) -> Result<Vec<Item>, TableError> {
        let mut wanted: Vec<Attributes> = keys.iter().map(|key| item::write_key(key)).collect();
        let mut found = Vec::with_capacity(keys.len());
        let mut fruitless = 0;
        loop {
            let asked = wanted.len();
            let request = KeysAndAttributes::builder()
                .set_keys(Some(wanted))
                .consistent_read(true)
                .build()
                .map_err(|error| TableError::Unavailable(error.to_string()))?;
            let output = self
                .client
                .batch_get_item()
                .request_items(&self.name, request)
                .send()
                .await
                .map_err(|error| unreadable(&error))?;
            for attributes in output.responses.unwrap_or_default().into_values().flatten() {
                found.extend(self.alive(attributes)?);
            }
            // An answer ends at 16 MB, or where the table is throttled: the rest is asked for again.
            wanted = output
                .unprocessed_keys
                .unwrap_or_default()
                .into_values()
                .flat_map(|rest| rest.keys)
                .collect();
            if wanted.is_empty() {
                return Ok(found);
            }
            if wanted.len() == asked {
                fruitless += 1;
            }
            if fruitless == TRIES {
                return Err(TableError::Busy(
                    "reads are put off again and again: they are throttled".to_owned(),
                ));
            }
            self.pause(fruitless).await;
        }
    }

    /// Up to `limit` items, and where to go on.
    async fn query_once(
        &self,
        query: &Query,
        limit: usize,
        after: Option<Attributes>,
    ) -> Result<(Vec<Item>, Option<Attributes>), TableError> {
        let (partition, sort) = match query.index {
            None => (item::PARTITION.to_owned(), item::SORT.to_owned()),
            Some(index) => item::key_of(index),
        };
        let mut expression = Expression::default();
        let mut condition =
            format!("{} = {}", expression.name(&partition), expression.value(item::text(&query.partition)));
        // A sort key takes one condition, and BETWEEN includes its end: that is taken off below.
        match (query.from.as_str(), &query.before) {
            ("", None) => {}
            (from, None) => {
                condition +=
                    &format!(" AND {} >= {}", expression.name(&sort), expression.value(item::text(from)));
            }
            (_, Some(before)) if *before <= query.from => return Ok((Vec::new(), None)),
            ("", Some(before)) => {
                condition +=
                    &format!(" AND {} < {}", expression.name(&sort), expression.value(item::text(before)));
            }
            (from, Some(before)) => {
                let (from, before) =
                    (expression.value(item::text(from)), expression.value(item::text(before)));
                condition += &format!(" AND {} BETWEEN {from} AND {before}", expression.name(&sort));
            }
        }
        let (names, values) = expression.into_parts();
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .set_index_name(query.index.map(|index| index.as_str().to_owned()))
            .consistent_read(query.index.is_none())
            .key_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .scan_index_forward(!query.descending)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(after)
            .send()
            .await
            .map_err(|error| unreadable(&error))?;
        let mut items = Vec::new();
        for attributes in output.items.unwrap_or_default() {
            let Some(item) = self.alive(attributes)? else { continue };
            let beyond =
                sort_of(&item, query).zip(query.before.as_ref()).is_some_and(|(sort, before)| sort >= before);
            if !beyond {
                items.push(item);
            }
        }
        Ok((items, output.last_evaluated_key.filter(|key| !key.is_empty())))
    }
}

fn sort_of<'a>(item: &'a Item, query: &Query) -> Option<&'a String> {
    match query.index {
        None => Some(&item.key.sort),
        Some(index) => item.indexes.get(&index).map(|(_, sort)| sort),
    }
}

/// Where an item stands: its key, and its sort key in the index.
fn write_position(item: &Item, query: &Query) -> String {
    let position = (&item.key.partition, &item.key.sort, sort_of(item, query));
    serde_json::to_string(&position).unwrap_or_default()
}

fn read_position(position: &str, query: &Query) -> Result<Attributes, TableError> {
    let (partition, sort, index_sort): (String, String, String) =
        serde_json::from_str(position).map_err(|_| {
            TableError::Unavailable("a query's `after` is not what the page before it returned".to_owned())
        })?;
    let mut attributes = item::write_key(&Key { partition, sort });
    if let Some(index) = query.index {
        let (partition_name, sort_name) = item::key_of(index);
        attributes.insert(partition_name, item::text(&query.partition));
        attributes.insert(sort_name, item::text(&index_sort));
    }
    Ok(attributes)
}

/// The SDK has tried a read several times already.
fn unreadable<E>(error: &SdkError<E>) -> TableError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    if error.code().is_some_and(is_busy) {
        TableError::Busy(describe(error))
    } else {
        TableError::Unavailable(describe(error))
    }
}
