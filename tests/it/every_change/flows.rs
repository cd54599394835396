//! The flows of an hour: what each watches for, in the versions that its owner pushes, and what it is told of then.

use super::model::{Rule, Told};
use super::people::{ACCOUNTS, INVOICES, PAYMENTS, QUOTES, Where};

const NEW: &str = "salesforce.new_record";
const UPDATED: &str = "salesforce.updated_record";
const INVOICE: &str = "xero.new_or_updated_invoice";
const PAYMENT: &str = "xero.new_payment";
const QUOTE: &str = "xero.new_or_updated_quote";

pub(super) struct Wanted {
    pub(super) name: &'static str,
    pub(super) trigger: &'static str,
    pub(super) collection: &'static str,
    /// What it may watch for.
    pub(super) versions: Vec<Wish>,
}

#[derive(Clone)]
pub(super) struct Wish {
    options: &'static str,
    /// It is about records with this value only.
    pub(super) only: Option<(&'static str, &'static str)>,
    pub(super) told: Told,
}

impl Wanted {
    /// The flow's file. Revisions differ in their steps, and watch for the same.
    pub(super) fn text(&self, version: usize, revision: u64) -> String {
        let Self { name, trigger, .. } = self;
        let options = self.versions[version].options;
        let object =
            if self.collection == ACCOUNTS { "\n  object: Account\n  fields: [Id, Name]" } else { "" };
        format!(
            "flow: {name}\ntrigger:\n  type: {trigger}{object}\n  {options}\nsteps:\n  - set: {{ seen: {revision} }}\n"
        )
    }
}

#[rustfmt::skip]
pub(super) fn flows(place: Where) -> Vec<Wanted> {
    let flow = |name, trigger, collection, versions| Wanted { name, trigger, collection, versions };
    let wish = |options, told| Wish { options, only: None, told };
    let of = |industry, options| Wish { options, only: Some(("Industry", industry)), told: Told::EachVersion };
    let changed = |options, field, from, to| wish(options, Told::Changed(Rule { field, from, to }));
    match place {
        Where::Org => vec![
            flow("new", NEW, ACCOUNTS, vec![wish("", Told::EachRecord)]),
            flow("updated", UPDATED, ACCOUNTS, vec![wish("", Told::EachVersion)]),
            flow("energetic", UPDATED, ACCOUNTS, vec![
                of("Energy", "where: Industry = 'Energy'"),
                of("Media", "where: Industry = 'Media'"),
            ]),
            flow("hot", UPDATED, ACCOUNTS, vec![
                changed("changed: { Rating: { to: Hot } }", "Rating", None, Some(&["Hot"])),
                changed("changed: { Rating: { to: [Cold, Warm] } }", "Rating", None, Some(&["Cold", "Warm"])),
            ]),
            flow("warmer", UPDATED, ACCOUNTS, vec![
                changed("changed: { Rating: { from: Cold, to: [Warm, Hot] } }", "Rating", Some(&["Cold"]), Some(&["Warm", "Hot"])),
                changed("changed: { Industry: { from: Media } }", "Industry", Some(&["Media"]), None),
            ]),
            flow("phones", UPDATED, ACCOUNTS, vec![
                changed("changed: { any: [Phone] }", "Phone", None, None),
                changed("changed: { any: [Rating] }", "Rating", None, None),
            ]),
        ],
        Where::Books => vec![
            flow("invoices", INVOICE, INVOICES, vec![wish("", Told::EachVersion), wish("only: new", Told::First)]),
            flow("new-ones", INVOICE, INVOICES, vec![wish("only: new", Told::First), wish("only: updated", Told::AfterTheFirst)]),
            flow("edited-ones", INVOICE, INVOICES, vec![wish("only: updated", Told::AfterTheFirst), wish("", Told::EachVersion)]),
            flow("paid", INVOICE, INVOICES, vec![
                changed("changed: { Status: { to: PAID } }", "Status", None, Some(&["PAID"])),
                changed("changed: { Status: { to: [AUTHORISED, VOIDED] } }", "Status", None, Some(&["AUTHORISED", "VOIDED"])),
            ]),
            flow("due-again", INVOICE, INVOICES, vec![
                changed("changed: { Status: { from: PAID } }", "Status", Some(&["PAID"]), None),
                changed("changed: { any: [Status] }", "Status", None, None),
            ]),
            flow("payments", PAYMENT, PAYMENTS, vec![wish("", Told::First)]),
            flow("quotes", QUOTE, QUOTES, vec![wish("", Told::EachVersion), wish("only: new", Told::First)]),
        ],
    }
}
