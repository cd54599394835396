//! What is worth telling: kinds of documents, and what a change of one of them says.
//!
//! A new kind is a variant here and `news` in its document. Events are made for whoever changed something: an app,
//! a person, or a payment that settled it.

use serde_json::{Value, json};
use uuid::Uuid;

/// As `eventCategory` writes them. <https://developer.xero.com/documentation/webhooks/overview>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Category {
    Contact,
    Invoice,
    CreditNote,
    Prepayment,
    Overpayment,
    /// The app's own subscription in the app store, not an organisation's.
    Subscription,
}

impl Category {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contact => "CONTACT",
            Self::Invoice => "INVOICE",
            Self::CreditNote => "CREDITNOTE",
            Self::Prepayment => "PREPAYMENT",
            Self::Overpayment => "OVERPAYMENT",
            Self::Subscription => "SUBSCRIPTION",
        }
    }

    /// Where the thing is read, after the host.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Contact => "api.xro/2.0/Contacts",
            Self::Invoice => "api.xro/2.0/Invoices",
            Self::CreditNote => "api.xro/2.0/CreditNotes",
            Self::Prepayment => "api.xro/2.0/Prepayments",
            Self::Overpayment => "api.xro/2.0/Overpayments",
            Self::Subscription => "appstore/2.0/subscriptions",
        }
    }
}

/// What a document says of itself when it was stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct News {
    pub(crate) category: Category,
    pub(super) data: Option<Value>,
    /// Nothing changed but what is paid of it. Whether the vendor tells that is not documented.
    pub(super) is_settlement: bool,
}

impl News {
    /// Only that it changed: who wants to know more asks for it.
    pub(crate) fn thin(category: Category) -> Self {
        Self { category, data: None, is_settlement: false }
    }

    pub(crate) fn with_data(category: Category, kind: &str, status: &str) -> Self {
        Self { data: Some(json!({ "Type": kind, "Status": status })), ..Self::thin(category) }
    }

    pub(crate) fn settlement(self, is_settlement: bool) -> Self {
        Self { is_settlement, ..self }
    }
}

/// A stored change of one document.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) id: Uuid,
    pub(crate) is_new: bool,
    pub(crate) news: News,
}
