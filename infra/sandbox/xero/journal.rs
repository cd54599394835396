//! Double entry: what a document does to the books, as a pure function of the document.
//!
//! Nothing of this is kept. The books of an organisation are the fold over its documents (`shelves::entries`),
//! so that there is no second truth to keep in step. Amounts are in the organisation's own currency, debits
//! positive, and an entry that doesn't sum to nothing can't be made.

use std::collections::HashMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::organisation::Organisation;
use super::shelves;
use super::wire::places;

/// When what is sold or bought counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// When it is invoiced.
    Accrual,
    /// When it is paid, as far as it is.
    Cash,
}

/// One line of an entry: a debit, or a credit below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Posting {
    pub(crate) place: Place,
    pub(crate) amount: Decimal,
}

/// An account, and what is tracked there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) account: Uuid,
    pub(crate) tracking: Tags,
}

/// At most two, as a line has them; none for what follows from no line.
pub(crate) type Tags = [Option<Tag>; 2];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) category: Uuid,
    pub(crate) option: Uuid,
}

impl From<Uuid> for Place {
    fn from(account: Uuid) -> Self {
        Self { account, tracking: Tags::default() }
    }
}

/// What one document, or one part of it, posts on one day.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) date: Date,
    pub(crate) postings: Vec<Posting>,
}

/// Collects postings in a document's currency and closes the entry in the organisation's own.
#[derive(Debug)]
pub(crate) struct EntryBuilder {
    date: Date,
    /// Units of the document's currency for one of ours.
    rate: Decimal,
    postings: Vec<Posting>,
}

impl Entry {
    /// `rate` as Xero has it: units of the document's currency for one of the organisation's.
    pub(crate) fn on(date: Date, rate: Decimal) -> EntryBuilder {
        EntryBuilder { date, rate, postings: Vec::new() }
    }
}

impl EntryBuilder {
    pub(crate) fn debit(self, place: impl Into<Place>, amount: Decimal) -> Self {
        let amount = in_base(amount, self.rate);
        self.debit_base(place, amount)
    }

    pub(crate) fn credit(self, place: impl Into<Place>, amount: Decimal) -> Self {
        self.debit(place, -amount)
    }

    /// An amount that is in the organisation's currency already.
    pub(crate) fn debit_base(mut self, place: impl Into<Place>, amount: Decimal) -> Self {
        let place = place.into();
        match self.postings.iter_mut().find(|posting| posting.place == place) {
            Some(posting) => posting.amount += amount,
            None => self.postings.push(Posting { place, amount }),
        }
        self
    }

    /// What is missing goes to `difference`: cents lost in conversion, or the gain that a moved rate made.
    pub(crate) fn close(self, difference: Uuid) -> Entry {
        let open: Decimal = self.postings.iter().map(|posting| posting.amount).sum();
        let mut closed = if open.is_zero() { self } else { self.debit_base(difference, -open) };
        closed.postings.retain(|posting| !posting.amount.is_zero());
        Entry { date: closed.date, postings: closed.postings }
    }
}

/// An amount of a document in the organisation's own currency, to the cent.
pub(crate) fn in_base(amount: Decimal, rate: Decimal) -> Decimal {
    places(amount.checked_div(rate).unwrap_or(amount), 2)
}

/// What stands on every account.
pub(crate) fn balances(organisation: &Organisation, basis: Basis) -> HashMap<Uuid, Decimal> {
    let mut balances = HashMap::new();
    for posting in shelves::entries(organisation, basis).flat_map(|entry| entry.postings) {
        *balances.entry(posting.place.account).or_default() += posting.amount;
    }
    balances
}

/// What is wrong with the books, in sentences: empty when debits are credits and every account exists.
pub(crate) fn imbalances(organisation: &Organisation) -> Vec<String> {
    let mut found = Vec::new();
    for (basis, words) in [(Basis::Accrual, ""), (Basis::Cash, " on a cash basis")] {
        let balances = balances(organisation, basis);
        let sum: Decimal = balances.values().sum();
        if !sum.is_zero() {
            found.push(format!("the trial balance of {}{words} is out by {sum}", organisation.name));
        }
        let strangers = balances.keys().filter(|id| organisation.shelves.accounts.get(**id).is_none());
        found.extend(strangers.map(|id| format!("something is posted to {id}{words}, which is no account")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_closes_to_nothing_whatever_the_rate_loses() {
        let [receivable, sales, gst, rounding] = [1, 2, 3, 4].map(Uuid::from_u128);
        let d = |text: &str| text.parse::<Decimal>().unwrap();
        let entry = Entry::on(jiff::civil::date(2026, 9, 14), d("0.7"))
            .debit(receivable, d("115.00"))
            .credit(sales, d("100.00"))
            .credit(gst, d("15.00"))
            .close(rounding);
        assert_eq!(entry.postings.iter().map(|posting| posting.amount).sum::<Decimal>(), Decimal::ZERO);
        assert_eq!(entry.postings[0], Posting { place: receivable.into(), amount: d("164.29") });
    }

    #[test]
    fn postings_to_one_account_are_one() {
        let [bank, sales] = [1, 2].map(Uuid::from_u128);
        let ten = Decimal::TEN;
        let entry = Entry::on(jiff::civil::date(2026, 9, 14), Decimal::ONE)
            .debit(bank, ten)
            .credit(sales, ten)
            .debit(bank, ten)
            .credit(sales, ten)
            .close(Uuid::nil());
        assert_eq!(entry.postings.len(), 2);
    }
}
