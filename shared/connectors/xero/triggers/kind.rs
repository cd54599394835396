//! What one trigger watches: everything in which the triggers of Xero differ.

use crate::domain::Value;

pub(super) struct Kind {
    /// `xero.new_payment`
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) documentation: &'static str,
    /// <https://developer.xero.com/documentation/guides/oauth2/scopes/>
    pub(super) scope: &'static str,
    /// The collection, as the path and as the answer call it.
    pub(super) collection: &'static str,
    /// The field that names a record.
    pub(super) key: &'static str,
    /// The condition that every record of this trigger fulfils, where the collection holds others too.
    pub(super) only_where: Option<&'static str>,
    pub(super) asked: Asked,
    /// `unitdp=4` keeps four decimals of a UnitAmount.
    pub(super) has_lines: bool,
    pub(super) has_archived: bool,
    /// Whether it tells of new versions too, or of new records only.
    pub(super) updates: bool,
    /// The values that `status` may have, and the field that has them; none: there is no such option.
    pub(super) statuses: Statuses,
    /// The words of `kind`, and what `Type` (or the like) is for them.
    pub(super) kinds: &'static [(&'static str, &'static [&'static str])],
    /// Where `kind` looks.
    pub(super) kind_field: &'static str,
    pub(super) has_contact: bool,
    pub(super) has_bank_account: bool,
    /// Where a person sees the record, before its id.
    pub(super) page: &'static str,
    pub(super) example: &'static str,
    pub(super) sample: fn() -> Value,
}

pub(super) struct Statuses {
    pub(super) field: &'static str,
    pub(super) values: &'static [&'static str],
}

/// How the collection is asked for less than everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// `where=…`
    Where,
    /// Parameters of its own, `Status` among them, and `ContactID` where `true`; pages have 100.
    /// <https://developer.xero.com/documentation/api/accounting/quotes>
    Parameters { contact: bool, page_size: bool },
}

pub(super) const INVOICE_STATUSES: &[&str] =
    &["DRAFT", "SUBMITTED", "AUTHORISED", "PAID", "VOIDED", "DELETED"];
