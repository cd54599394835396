//! Any query gives what a plain look through all records gives. The plain one knows nothing of indexes, plans
//! or keys.

mod families;
mod plain;

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::civil::Date;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::Door;
use families::families;
use plain::{Books, Condition, amount, condition, deal};

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_query_gives_what_a_plain_look_through_all_records_gives(
        deals in vec(deal(), 1..40),
        deleted in vec(0usize..100, 0..4),
        rows in vec(rows(), 8),
        families in vec(families(), 4),
        groups in vec(groups(), 6),
    ) {
        let door = Door::new();
        let books = Books::keep(&door, &deals, &deleted);
        prop_assume!(!books.deals.is_empty());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ask = |soql: &str| runtime.block_on(door.query(soql)).json();
        for rows in rows {
            let soql = rows.written(&books);
            let page = ask(&soql);
            let found = page["records"].as_array().unwrap_or_else(|| panic!("{soql}: {page}")).iter();
            let found: Vec<Value> = found.map(|row| shown(row, &row["Account"])).collect();
            prop_assert_eq!(found, rows.answer(&books), "{}", soql);
        }
        for families in families {
            let soql = families.written(&books);
            let page = ask(&soql);
            let found = page["records"].as_array().unwrap_or_else(|| panic!("{soql}: {page}"));
            prop_assert_eq!(families.read(found), families.answer(&books), "{}", soql);
        }
        for groups in groups {
            let soql = groups.written(&books);
            let page = ask(&soql);
            prop_assert!(page["done"] == true, "{}: {}", soql, page);
            prop_assert_eq!(groups.read(&page), groups.answer(&books), "{}", soql);
        }
    }
}

#[derive(Debug, Clone)]
struct Order {
    field: &'static str,
    descending: bool,
    nulls_last: bool,
}

fn order() -> impl Strategy<Value = Order> {
    let fields = select(vec!["Amount", "Name", "StageName", "CloseDate", "Account.Name", "SystemModstamp"]);
    (fields, any::<bool>(), any::<bool>()).prop_map(|(field, descending, nulls_last)| Order {
        field,
        descending,
        nulls_last,
    })
}

impl Order {
    fn written(&self) -> String {
        let direction = if self.descending { "DESC" } else { "ASC" };
        format!("{} {direction} NULLS {}", self.field, if self.nulls_last { "LAST" } else { "FIRST" })
    }
}

#[derive(Debug, Clone)]
struct Rows {
    condition: Condition,
    order: Vec<Order>,
    limit: Option<usize>,
    offset: usize,
}

fn rows() -> impl Strategy<Value = Rows> {
    let parts = (condition(), vec(order(), 0..3), option::of(0usize..20), 0usize..5);
    parts.prop_map(|(condition, order, limit, offset)| Rows { condition, order, limit, offset })
}

/// What is asked of a row and of its account, none of it left out.
fn shown(row: &Value, account: &Value) -> Value {
    json!([
        row["Id"],
        row["Name"],
        rounded(&row["Amount"]),
        row["Tags__c"],
        account["Name"],
        account["BillingCity"]
    ])
}

impl Rows {
    fn written(&self, books: &Books) -> String {
        let mut text = format!(
            "SELECT Id, Name, Amount, Tags__c, Account.Name, Account.BillingCity FROM Opportunity WHERE {}",
            self.condition.written(books)
        );
        if !self.order.is_empty() {
            let order: Vec<String> = self.order.iter().map(Order::written).collect();
            text += &format!(" ORDER BY {}", order.join(", "));
        }
        if let Some(limit) = self.limit {
            text += &format!(" LIMIT {limit}");
        }
        text + &format!(" OFFSET {}", self.offset)
    }

    /// The deals are in the order of their ids, and the sort leaves equal ones as they are.
    fn answer(&self, books: &Books) -> Vec<Value> {
        let mut found: Vec<&Value> =
            books.deals.iter().filter(|row| self.condition.accepts(books, row)).collect();
        for order in self.order.iter().rev() {
            found.sort_by(|left, right| {
                let (left, right) = (books.sorted_by(left, order.field), books.sorted_by(right, order.field));
                if left.is_none() || right.is_none() {
                    let there = left.is_some().cmp(&right.is_some());
                    return if order.nulls_last { there.reverse() } else { there };
                }
                if order.descending { right.cmp(&left) } else { left.cmp(&right) }
            });
        }
        let found = found.into_iter().skip(self.offset).take(self.limit.unwrap_or(usize::MAX));
        found.map(|row| shown(row, books.account_of(row).unwrap_or(&Value::Null))).collect()
    }
}

#[derive(Debug, Clone)]
struct Groups {
    condition: Condition,
    by: Vec<&'static str>,
    at_least: i64,
}

fn groups() -> impl Strategy<Value = Groups> {
    let by = select(vec![
        vec![],
        vec!["StageName"],
        vec!["Account.Name"],
        vec!["StageName", "AccountId"],
        vec!["CALENDAR_MONTH(CloseDate)", "IsClosed"],
    ]);
    (condition(), by, 0i64..4).prop_map(|(condition, by, at_least)| Groups { condition, by, at_least })
}

/// A group's keys, and what is summed up: count, with an amount, accounts, sum, average, least, greatest, last.
type Summed = BTreeMap<String, [Value; 8]>;

impl Groups {
    fn written(&self, books: &Books) -> String {
        let keys = self.by.iter().enumerate().map(|(place, by)| format!("{by} k{place}, "));
        let mut text = format!(
            "SELECT {}COUNT(Id) n, COUNT(Amount) a, COUNT_DISTINCT(AccountId) c, SUM(Amount) s, AVG(Amount) v, \
             MIN(Amount) x, MAX(Amount) y, MAX(CloseDate) d FROM Opportunity WHERE {}",
            keys.collect::<String>(),
            self.condition.written(books)
        );
        if !self.by.is_empty() {
            text += &format!(" GROUP BY {} HAVING COUNT(Id) >= {}", self.by.join(", "), self.at_least);
        }
        text
    }

    fn key(&self, books: &Books, row: &Value) -> String {
        let keys = self.by.iter().map(|by| match *by {
            "CALENDAR_MONTH(CloseDate)" => {
                i64::from(row["CloseDate"].as_str().unwrap().parse::<Date>().unwrap().month()).into()
            }
            "Account.Name" => {
                let account = books.accounts.iter().find(|account| account["Id"] == row["AccountId"]);
                account.map_or(Value::Null, |account| account["Name"].clone())
            }
            field => row[field].clone(),
        });
        Value::from(keys.collect::<Vec<_>>()).to_string()
    }

    fn answer(&self, books: &Books) -> Summed {
        let mut groups: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
        if self.by.is_empty() {
            groups.insert("[]".into(), Vec::new());
        }
        for row in books.deals.iter().filter(|row| self.condition.accepts(books, row)) {
            groups.entry(self.key(books, row)).or_default().push(row);
        }
        if !self.by.is_empty() {
            groups.retain(|_, rows| rows.len() as i64 >= self.at_least);
        }
        let summed = |rows: Vec<&Value>| {
            let amounts: Vec<Decimal> = rows.iter().filter_map(|row| amount(row)).collect();
            let sum: Decimal = amounts.iter().sum();
            let some =
                |amount: Decimal| if amounts.is_empty() { Value::Null } else { rounded(&json!(amount)) };
            let mut accounts: Vec<&str> = rows.iter().filter_map(|row| row["AccountId"].as_str()).collect();
            accounts.sort_unstable();
            accounts.dedup();
            let count = Decimal::from(amounts.len().max(1));
            [
                rows.len().into(),
                amounts.len().into(),
                accounts.len().into(),
                some(sum),
                some(sum / count),
                some(amounts.iter().min().copied().unwrap_or_default()),
                some(amounts.iter().max().copied().unwrap_or_default()),
                rows.iter().filter_map(|row| row["CloseDate"].as_str()).max().into(),
            ]
        };
        groups.into_iter().map(|(key, rows)| (key, summed(rows))).collect()
    }

    fn read(&self, page: &Value) -> Summed {
        let rows = page["records"].as_array().unwrap().iter();
        rows.map(|row| {
            assert_eq!(row["attributes"], json!({ "type": "AggregateResult" }));
            let keys: Vec<Value> =
                (0..self.by.len()).map(|place| row[format!("k{place}").as_str()].clone()).collect();
            let counts = ["n", "a", "c"].map(|name| row[name].clone());
            let [sum, average, least, greatest] = ["s", "v", "x", "y"].map(|name| rounded(&row[name]));
            let [all, some, accounts] = counts;
            let values = [all, some, accounts, sum, average, least, greatest, row["d"].clone()];
            (Value::from(keys).to_string(), values)
        })
        .collect()
    }
}

/// An amount to six places, as text: averages have more than anybody needs.
fn rounded(value: &Value) -> Value {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match Decimal::from_str(&text) {
        Ok(amount) => amount.round_dp(6).normalize().to_string().into(),
        Err(_) => Value::Null,
    }
}
