//! What an organisation's subscription to Xero lets it do. None of it is a limit of the API.
//!
//! <https://developer.xero.com/documentation/api/accounting/invoices>

use jiff::civil::Date;

use super::organisation::Organisation;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// As Xero's own demo companies: it sends no e-mail.
    Demo,
    Trial,
    /// The smallest of the older plans: it approves a few invoices and bills a month.
    Early,
    #[default]
    Premium,
}

impl Plan {
    pub fn emails_a_day(self) -> usize {
        match self {
            Self::Demo => 0,
            Self::Trial => 20,
            Self::Early | Self::Premium => 1_000,
        }
    }

    /// How many sales invoices, or bills, may be approved in a month.
    pub fn approvals_a_month(self, is_sale: bool) -> Option<usize> {
        (self == Self::Early).then_some(if is_sale { 20 } else { 5 })
    }

    /// What the organisation's `Class` calls it.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Demo => "DEMO",
            Self::Trial => "TRIAL",
            Self::Early => "STARTER",
            Self::Premium => "PREMIUM",
        }
    }
}

impl Organisation {
    /// Why no further invoice of this kind can be approved. Counted by the invoices' own dates.
    pub(crate) fn approvals_used_up(&self, is_sale: bool, date: Date) -> Option<String> {
        let most = self.plan.approvals_a_month(is_sale)?;
        let same_month = |other: Date| (other.year(), other.month()) == (date.year(), date.month());
        let invoices = self.shelves.invoices.since(None);
        let approved = invoices
            .filter(|one| one.claim.is_sale == is_sale)
            .filter(|one| one.claim.status.stands() && same_month(one.head.date));
        let is_over = approved.count() >= most;
        is_over.then(|| "You have reached the limit of invoices you can approve".to_owned())
    }
}
