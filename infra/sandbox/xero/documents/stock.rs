//! What is in stock of tracked items: how many, and what they cost on average.
//!
//! Nothing is counted: each line of a document that stands says what it moved, in or out, and the stock is the sum of
//! them. A line is told when its document is approved (`take`). What is bought is on the item's inventory account by its
//! line; what is sold leaves that account, at the average cost of that moment, for the cost of goods (`post`).
//! <https://developer.xero.com/documentation/api/accounting/items>

use std::collections::{BTreeSet, HashMap};

use rust_decimal::Decimal;
use uuid::Uuid;

use super::head::Head;
use super::lines::Line;
use crate::xero::journal::{EntryBuilder, in_base};
use crate::xero::messages::{About, Messages};
use crate::xero::organisation::Organisation;
use crate::xero::wire::places;

/// <https://developer.xero.com/documentation/api/accounting/invoices>
const INSUFFICIENT: &str = "Insufficient stock. Items are eligible for backorder.";

/// What a line moved: in, or out below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Moved {
    item: Uuid,
    stock: Stock,
    /// Where the stock stands, and what takes its cost when it is sold; none when it is bought.
    accounts: Option<[Uuid; 2]>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Stock {
    pub(crate) quantity: Decimal,
    /// In the organisation's currency.
    pub(crate) value: Decimal,
}

/// Which way a document's lines move something, and how far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moves {
    /// A credit note takes back.
    pub(crate) is_credit: bool,
    pub(crate) allows_backorders: bool,
}

/// The key of documents that moved the item.
fn moves_key(item: Uuid) -> String {
    format!("moves:{item}")
}

/// For `Head::keys`.
pub(crate) fn keys(lines: &[Line]) -> impl Iterator<Item = String> + use<> {
    let items: BTreeSet<Uuid> = lines.iter().filter_map(|line| Some(line.moved.as_ref()?.item)).collect();
    items.into_iter().map(moves_key)
}

/// What there is of an item, without what one document moves.
pub(crate) fn on_hand(organisation: &Organisation, item: Uuid, but: Option<Uuid>) -> Stock {
    let key = moves_key(item);
    let shelves = &organisation.shelves;
    let invoices = shelves.invoices.find_all(&key).filter(|one| one.claim.status.stands());
    let notes = shelves.credit_notes.find_all(&key).filter(|one| one.claim.status.stands());
    let money = shelves.bank_transactions.find_all(&key).filter(|one| !one.is_deleted);
    let heads = invoices.map(|one| &one.head).chain(notes.map(|one| &one.head));
    let heads = heads.chain(money.map(|one| &one.head)).filter(|head| Some(head.id) != but);
    let lines = heads.flat_map(|head| head.lines.read());
    let moved = lines.filter_map(|line| line.moved).filter(|moved| moved.item == item);
    moved.fold(Stock::default(), |sum, moved| sum.with(moved.stock))
}

/// Says on each line what it moves, once its document is approved, and what there isn't enough of. A line that said so
/// already says the same again, whatever has become of the stock.
pub(crate) fn take(
    organisation: &Organisation,
    head: &Head,
    lines: &mut [Line],
    is_sale: bool,
    moves: Moves,
    messages: &mut Messages,
) {
    let mut left: HashMap<Uuid, Stock> = HashMap::new();
    for (place, line) in lines.iter_mut().enumerate() {
        let held = line.moved.take();
        let Some((id, ..)) = line.item else { continue };
        let Some(inventory) = organisation.inventory_of(id) else { continue };
        let left = left.entry(id).or_insert_with(|| on_hand(organisation, id, Some(head.id)));
        let comes_in = is_sale == moves.is_credit;
        let sign = if comes_in { Decimal::ONE } else { Decimal::NEGATIVE_ONE };
        let quantity = sign * line.quantity.unwrap_or_default();
        let held = held.filter(|held| held.item == id && held.stock.quantity == quantity);
        let is_new = held.is_none();
        let (value, accounts) = match (is_sale, held) {
            (true, Some(held)) => (held.stock.value, held.accounts),
            (true, None) => (left.average(quantity), Some(inventory)),
            (false, _) => (sign * in_base(line.net(head.line_amount_types), head.currency_rate), None),
        };
        let moved = Moved { item: id, stock: Stock { quantity, value }, accounts };
        *left = left.with(moved.stock);
        let is_short = quantity < Decimal::ZERO && left.quantity < Decimal::ZERO;
        if is_short && is_new && !moves.allows_backorders {
            messages.about(About::Line(place), |messages| messages.push(INSUFFICIENT));
        }
        line.moved = Some(Box::new(moved));
    }
}

/// What was sold leaves the stock's account, or a part of it does: 1 is all.
pub(crate) fn post(mut entry: EntryBuilder, lines: &[Line], part: Decimal) -> EntryBuilder {
    for line in lines {
        let Some(moved) = &line.moved else { continue };
        if let Some([inventory, cost_of_goods]) = moved.accounts {
            let value = places(moved.stock.value * part, 2);
            entry = entry.debit_base(line.tracked_on(inventory), value);
            entry = entry.debit_base(line.tracked_on(cost_of_goods), -value);
        }
    }
    entry
}

impl Stock {
    fn with(self, other: Self) -> Self {
        Self { quantity: self.quantity + other.quantity, value: self.value + other.value }
    }

    /// What so many of it cost; the last of them whatever is left.
    fn average(self, quantity: Decimal) -> Decimal {
        if self.quantity <= Decimal::ZERO {
            return Decimal::ZERO;
        }
        if quantity == -self.quantity {
            return -self.value;
        }
        let taken = quantity.max(-self.quantity);
        places((self.value * taken).checked_div(self.quantity).unwrap_or_default(), 2)
    }
}
