//! What lines post: each to its account, their tax to GST; and a part of that taken back.

use rust_decimal::Decimal;

use super::head::Head;
use super::lines::Line;
use super::stock;
use super::tax::LineAmountTypes;
use crate::xero::journal::{Entry, EntryBuilder, in_base};
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
        entry = entry.debit(line.place(rounding), sign * line.net(amounts));
        entry = entry.debit(gst, sign * line.tax_amount);
    }
    stock::post(entry, lines, Decimal::ONE).close(rounding)
}

/// A part of what a document's lines post, on their accounts: of its total so much, debits positive.
pub(crate) fn share(
    mut entry: EntryBuilder,
    organisation: &Organisation,
    head: &Head,
    amount: Decimal,
) -> EntryBuilder {
    let gst = organisation.system_account(SystemAccount::Gst);
    let rounding = organisation.system_account(SystemAccount::Rounding);
    let Head { totals, line_amount_types: amounts, .. } = *head;
    let lines = head.lines.read();
    let of_lines = lines
        .iter()
        .flat_map(|line| [(line.place(rounding), line.net(amounts)), (gst.into(), line.tax_amount)]);
    let parts = of_lines.chain([(rounding.into(), totals.rounding())]);
    let base = in_base(amount, head.currency_rate);
    // Rounding what has been shared so far, not each share, loses no cent.
    let (mut so_far, mut shared) = (Decimal::ZERO, Decimal::ZERO);
    for (place, part) in parts {
        so_far += part;
        let until_here = places(part_of(base, so_far, totals.total), 2);
        entry = entry.debit_base(place, until_here - shared);
        shared = until_here;
    }
    stock::post(entry, &lines, amount.abs().checked_div(totals.total).unwrap_or(Decimal::ONE))
}

/// So much of an amount as a part is of a whole.
fn part_of(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal {
    let exact = amount.checked_mul(part).and_then(|product| product.checked_div(whole));
    let rounded = || amount.checked_mul(part.checked_div(whole)?);
    exact.or_else(rounded).unwrap_or(amount)
}
