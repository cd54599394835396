//! What an organisation's subscription to Xero lets it do. None of it is a limit of the API.
//!
//! <https://developer.xero.com/documentation/api/accounting/invoices>

use jiff::civil::Date;

use super::organisation::Organisation;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// 1,000 for those who pay, 20 on trial, and none for a real demo company.
    pub emails_a_day: usize,
    /// How many sales invoices may be approved in a month.
    pub sales_a_month: Option<usize>,
    pub bills_a_month: Option<usize>,
}

impl Plan {
    /// The smallest of the older plans.
    pub const EARLY: Self = Self { emails_a_day: 1_000, sales_a_month: Some(20), bills_a_month: Some(5) };
}

impl Default for Plan {
    fn default() -> Self {
        Self { emails_a_day: 1_000, sales_a_month: None, bills_a_month: None }
    }
}

impl Organisation {
    /// Why no further invoice of this kind can be approved. Counted by the invoices' own dates.
    pub(crate) fn approvals_used_up(&self, is_sale: bool, date: Date) -> Option<String> {
        let most = if is_sale { self.plan.sales_a_month } else { self.plan.bills_a_month }?;
        let same_month = |other: Date| (other.year(), other.month()) == (date.year(), date.month());
        let invoices = self.shelves.invoices.since(None);
        let approved = invoices
            .filter(|one| one.claim.is_sale == is_sale)
            .filter(|one| one.claim.status.stands() && same_month(one.head.date));
        let is_over = approved.count() >= most;
        is_over.then(|| "You have reached the limit of invoices you can approve".to_owned())
    }
}
