//! Accounts with their deals inside them, chosen by what their deals are: sub-queries in SELECT and in WHERE.

use proptest::option;
use proptest::prelude::*;
use serde_json::Value;

use super::plain::{Books, Condition, condition};

#[derive(Debug, Clone)]
pub(super) struct Families {
    /// Only accounts with such deals, or only those without.
    with: Option<(Condition, bool)>,
    deals: Condition,
    descending: bool,
    limit: usize,
}

pub(super) fn families() -> impl Strategy<Value = Families> {
    let parts = (option::of((condition(), any::<bool>())), condition(), any::<bool>(), 1usize..6);
    parts.prop_map(|(with, deals, descending, limit)| Families { with, deals, descending, limit })
}

/// An account and its deals, by their ids.
type Family = (Value, Vec<Value>);

impl Families {
    pub(super) fn written(&self, books: &Books) -> String {
        let order = if self.descending { "DESC" } else { "ASC" };
        let mut text = format!(
            "SELECT Id, (SELECT Id FROM Opportunities WHERE {} ORDER BY Id {order} LIMIT {}) FROM Account",
            self.deals.written(books),
            self.limit
        );
        if let Some((condition, is_with)) = &self.with {
            let not = if *is_with { "IN" } else { "NOT IN" };
            let condition = condition.written(books);
            text += &format!(
                " WHERE Id {not} (SELECT AccountId FROM Opportunity WHERE AccountId != null AND ({condition}))"
            );
        }
        text + " ORDER BY Name"
    }

    pub(super) fn read(&self, accounts: &[Value]) -> Vec<Family> {
        let family = |account: &Value| {
            let deals = &account["Opportunities"];
            let ids: Vec<Value> =
                deals["records"].as_array().into_iter().flatten().map(|deal| deal["Id"].clone()).collect();
            assert_eq!(deals["totalSize"].as_u64().unwrap_or_default(), ids.len() as u64);
            (account["Id"].clone(), ids)
        };
        accounts.iter().map(family).collect()
    }

    /// The accounts were made in the order of their names, and both are in the order of their ids.
    pub(super) fn answer(&self, books: &Books) -> Vec<Family> {
        let family = |account: &Value| {
            let own: Vec<&Value> =
                books.deals.iter().filter(|deal| deal["AccountId"] == account["Id"]).collect();
            if let Some((condition, is_with)) = &self.with
                && own.iter().any(|deal| condition.accepts(books, deal)) != *is_with
            {
                return None;
            }
            let wanted = own.into_iter().filter(|deal| self.deals.accepts(books, deal));
            let mut ids: Vec<Value> = wanted.map(|deal| deal["Id"].clone()).collect();
            if self.descending {
                ids.reverse();
            }
            ids.truncate(self.limit);
            Some((account["Id"].clone(), ids))
        };
        books.accounts.iter().filter_map(family).collect()
    }
}
