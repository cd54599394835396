//! What lines post: each to its account, their tax to GST; and a part of that taken back.

use rust_decimal::Decimal;

use super::lines::Line;
use super::stock;
use super::tax::LineAmountTypes;
use crate::xero::journal::{Entry, EntryBuilder};
use crate::xero::organisation::Organisation;
use crate::xero::settings::accounts::SystemAccount;
use crate::xero::wire::places;

/// The lines' side of an entry, which it closes. `sign` is 1 for debits.
pub(crate) fn post(
    mut entry: EntryBuilder,
    organisation: &Organisation,
    lines: &[Line],
    amounts: LineAmountTypes,
    sign: Decimal,
) -> Entry {
    let gst = organisation.system_account(SystemAccount::Gst);
    let rounding = organisation.system_account(SystemAccount::Rounding);
    for line in lines {
        entry = entry.debit(line.account_id.unwrap_or(rounding), sign * line.net(amounts));
        entry = entry.debit(gst, sign * line.tax_amount);
    }
    stock::post(entry, lines).close(rounding)
}

/// A part of what the lines posted, back off their accounts; `base` is its sum, debits positive.
pub(crate) fn share(
    mut entry: EntryBuilder,
    organisation: &Organisation,
    lines: &[Line],
    amounts: LineAmountTypes,
    base: Decimal,
) -> EntryBuilder {
    let gst = organisation.system_account(SystemAccount::Gst);
    let rounding = organisation.system_account(SystemAccount::Rounding);
    let parts = lines
        .iter()
        .flat_map(|line| [(line.account_id.unwrap_or(rounding), line.net(amounts)), (gst, line.tax_amount)]);
    let total: Decimal = parts.clone().map(|(_, amount)| amount).sum();
    // Rounding what has been shared so far, not each share, loses no cent.
    let (mut so_far, mut shared) = (Decimal::ZERO, Decimal::ZERO);
    for (account, amount) in parts {
        so_far += amount;
        let until_here = places((base * so_far).checked_div(total).unwrap_or(base), 2);
        entry = entry.debit_base(account, until_here - shared);
        shared = until_here;
    }
    entry
}
