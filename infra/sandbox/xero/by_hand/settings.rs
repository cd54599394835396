//! The plan, locks, accounts, currencies, tracking and items, as people set them up.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Ledger;
use crate::xero::plan::Plan;
use crate::xero::settings::items::Item;

/// What an organisation pays for, and until when its books are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    pub plan: Plan,
    pub period_lock: Option<Date>,
    pub end_of_year_lock: Option<Date>,
}

impl Ledger {
    pub fn standing(&self) -> Option<Standing> {
        self.look(|organisation| Standing {
            plan: organisation.plan,
            period_lock: organisation.period_lock,
            end_of_year_lock: organisation.year_end_lock,
        })
    }

    pub fn set_standing(&self, standing: Standing) {
        self.change(|organisation| {
            organisation.plan = standing.plan;
            organisation.period_lock = standing.period_lock;
            organisation.year_end_lock = standing.end_of_year_lock;
        });
    }

    pub fn set_period_lock(&self, date: Option<Date>) {
        self.change(|organisation| organisation.period_lock = date);
    }

    pub fn set_year_end_lock(&self, date: Option<Date>) {
        self.change(|organisation| organisation.year_end_lock = date);
    }

    /// `kind` as `REVENUE`, `EXPENSE`, `BANK`, …; `class` as `REVENUE`, `EXPENSE`, `ASSET`, …
    pub fn add_account(&self, code: &str, name: &str, kind: &str, class: &str, tax_type: &str) {
        let now = self.xero.now();
        self.change(|organisation| organisation.add_account(code, name, kind, class, tax_type, now));
    }

    pub fn archive_account(&self, code: &str) {
        let now = self.xero.now();
        self.change(|organisation| {
            if let Some(mut account) = organisation.account(code).cloned() {
                account.active = false;
                account.updated = now;
                organisation.shelves.accounts.put(account);
            }
        });
    }

    pub fn add_currency(&self, code: &str) {
        let now = self.xero.now();
        self.change(|organisation| organisation.add_currency(code, code, now));
    }

    pub fn add_tracking_category(&self, name: &str, options: &[&str]) {
        let now = self.xero.now();
        self.change(|organisation| organisation.add_tracking(name, options, now));
    }

    /// What a sold item fills in: description, price, account. One with the same code is replaced.
    pub fn add_item(&self, code: &str, description: &str, unit_price: Decimal, account_code: &str) {
        let now = self.xero.now();
        self.change(|organisation| {
            let held = organisation.item(code).map(|held| held.id);
            let id = held.unwrap_or_else(|| organisation.ids.next());
            let mut item = Item::new(id, code, now);
            item.name = description.chars().take(50).collect();
            description.clone_into(&mut item.description);
            item.sales.unit_price = Some(unit_price);
            item.sales.account_code = Some(account_code.to_owned());
            organisation.shelves.items.put(item);
        });
    }
}
