//! Whatever is done to documents, in whatever order and however wrongly, the books balance and the documents
//! agree with what was paid and allocated. Three currencies whose rates move, banks in each, all kinds that post.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::xero::documents::settlement::{Settled, SettledKind};
use crate::xero::journal::Basis;
use crate::xero::organisation::Organisation;
use crate::xero::request::Request;
use crate::xero::{endpoints, invariants, journal};

/// Something that a person or an app may try. An index chooses among what is there, right or wrong.
#[derive(Debug, Clone)]
enum Step {
    Invoice { kind: &'static str, document: Document },
    CreditNote { kind: &'static str, document: Document },
    Money { kind: &'static str, bank: &'static str, document: Document },
    Transfer { banks: [&'static str; 2], cents: i64 },
    Journal { cents: i64, accounts: [&'static str; 2] },
    Pay { whom: Index, bank: &'static str, part: Part, rate: &'static str },
    PayTogether { whom: [Index; 2], parts: [Part; 2] },
    Allocate { from: Index, to: Index, part: Part },
    Undo { what: Index },
    SetStatus { what: Index, status: &'static str },
    Change { what: Index, cents: i64 },
}

/// Of what is open.
#[derive(Debug, Clone, Copy)]
enum Part {
    All,
    Cents(i64),
}

#[derive(Debug, Clone)]
struct Document {
    cents: [i64; 2],
    amounts: &'static str,
    currency: &'static str,
    rate: &'static str,
    status: &'static str,
    /// Where its second line is, if it isn't where it should be.
    stray: Option<&'static str>,
}

fn cents() -> impl Strategy<Value = i64> {
    prop_oneof![1..30_000_i64, select(vec![10_000, 11_500, 5_750])]
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![Just(Part::All), cents().prop_map(Part::Cents)]
}

fn rate() -> impl Strategy<Value = &'static str> {
    select(vec!["0.7", "0.6667", "1.337"])
}

/// Two in the organisation's currency, one in dollars, one in euros.
fn bank() -> impl Strategy<Value = &'static str> {
    select(vec!["090", "090", "091", "092", "092", "093"])
}

fn document() -> impl Strategy<Value = Document> {
    let amounts = select(vec!["Exclusive", "Inclusive", "NoTax"]);
    let status = select(vec!["AUTHORISED", "AUTHORISED", "AUTHORISED", "DRAFT", "SUBMITTED"]);
    let stray = prop_oneof![19 => Just(None), 1 => select(vec!["610", "800"]).prop_map(Some)];
    ([cents(), cents()], amounts, select(vec!["NZD", "NZD", "USD"]), rate(), status, stray).prop_map(
        |(cents, amounts, currency, rate, status, stray)| Document {
            cents,
            amounts,
            currency,
            rate,
            status,
            stray,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    let accounts = select(vec!["200", "400", "090", "820", "610"]);
    prop_oneof![
        4 => (select(vec!["ACCREC", "ACCPAY"]), document())
            .prop_map(|(kind, document)| Step::Invoice { kind, document }),
        2 => (select(vec!["ACCRECCREDIT", "ACCPAYCREDIT"]), document())
            .prop_map(|(kind, document)| Step::CreditNote { kind, document }),
        3 => (
            select(vec![
                "RECEIVE", "SPEND", "RECEIVE-PREPAYMENT", "RECEIVE-OVERPAYMENT", "SPEND-PREPAYMENT",
                "SPEND-OVERPAYMENT",
            ]),
            bank(),
            document(),
        )
            .prop_map(|(kind, bank, document)| Step::Money { kind, bank, document }),
        2 => ([bank(), bank()], cents()).prop_map(|(banks, cents)| Step::Transfer { banks, cents }),
        1 => (cents(), [accounts.clone(), accounts])
            .prop_map(|(cents, accounts)| Step::Journal { cents, accounts }),
        5 => (index(), bank(), part(), rate())
            .prop_map(|(whom, bank, part, rate)| Step::Pay { whom, bank, part, rate }),
        2 => ([index(), index()], [part(), part()])
            .prop_map(|(whom, parts)| Step::PayTogether { whom, parts }),
        5 => (index(), index(), part()).prop_map(|(from, to, part)| Step::Allocate { from, to, part }),
        4 => index().prop_map(|what| Step::Undo { what }),
        2 => (index(), select(vec!["AUTHORISED", "VOIDED", "DELETED", "DRAFT", "PAID"]))
            .prop_map(|(what, status)| Step::SetStatus { what, status }),
        2 => (index(), cents()).prop_map(|(what, cents)| Step::Change { what, cents }),
    ]
}

fn amount(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// One organisation, called as the door calls it.
struct Books {
    organisation: Organisation,
    calls: i64,
}

impl Books {
    fn open() -> Self {
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let mut organisation = Organisation::demo("Demo", 1, now);
        organisation.add_currency("USD", "United States Dollar", now);
        organisation.add_currency("EUR", "Euro", now);
        let mut books = Self { organisation, calls: 0 };
        for (code, currency) in [("092", "USD"), ("093", "EUR")] {
            let account = json!({
                "Code": code, "Name": currency, "Type": "BANK", "CurrencyCode": currency,
                "BankAccountNumber": code,
            });
            assert!(books.call("PUT", "Accounts", account));
        }
        assert!(books.call("PUT", "Contacts", json!({ "Name": "Acme" })));
        books
    }

    /// Whether it was taken. What is refused leaves the books as they were.
    fn call(&mut self, method: &str, path: &str, body: Value) -> bool {
        self.calls += 1;
        let now = jiff::Timestamp::from_second(1_795_341_600 + self.calls).unwrap();
        let mut request = Request::new(method, path, "", "app", now);
        request.body = body;
        let endpoint = endpoints::endpoint(&request.path).unwrap();
        let before = journal::balances(&self.organisation, Basis::Accrual);
        let reply = self.organisation.attempt(|organisation| (endpoint.serve)(organisation, &request));
        self.organisation.shelves.forget_journal();
        if reply.is_err() {
            assert_eq!(before, journal::balances(&self.organisation, Basis::Accrual), "{method} {path}");
        }
        reply.is_ok()
    }

    /// What is on each bank account, whenever it counts.
    fn in_the_banks(&self, basis: Basis) -> Vec<Option<Decimal>> {
        let balances = journal::balances(&self.organisation, basis);
        let accounts = self.organisation.shelves.accounts.since(None);
        let banks = accounts.filter(|account| account.kind == "BANK");
        banks.map(|bank| balances.get(&bank.id).copied().filter(|balance| !balance.is_zero())).collect()
    }

    /// Collection and id of everything of these kinds, oldest change first.
    fn all(&self, kinds: &[&'static str]) -> Vec<(&'static str, String)> {
        let shelves = &self.organisation.shelves;
        let mut found = Vec::new();
        let mut of = |kind: &'static str, ids: Vec<uuid::Uuid>| {
            if kinds.contains(&kind) {
                found.extend(ids.into_iter().map(|id| (kind, id.to_string())));
            }
        };
        of("Invoices", shelves.invoices.since(None).map(|one| one.head.id).collect());
        of("CreditNotes", shelves.credit_notes.since(None).map(|one| one.head.id).collect());
        of("Prepayments", shelves.prepayments.since(None).map(|one| one.head.id).collect());
        of("Overpayments", shelves.overpayments.since(None).map(|one| one.head.id).collect());
        of("Payments", shelves.payments.since(None).map(|one| one.id).collect());
        of("BatchPayments", shelves.batch_payments.since(None).map(|one| one.id).collect());
        of("BankTransactions", shelves.bank_transactions.since(None).map(|one| one.head.id).collect());
        of("BankTransfers", shelves.bank_transfers.since(None).map(|one| one.id).collect());
        found
    }

    /// The collection's word for one, and its id.
    fn choose(&self, kinds: &[&'static str], index: Index) -> Option<(&'static str, String)> {
        let all = self.all(kinds);
        (!all.is_empty()).then(|| all[index.index(all.len())].clone())
    }

    fn amount(&self, part: Part, collection: &str, id: &str) -> String {
        let kind = SettledKind::of_collection(collection).unwrap();
        match part {
            Part::Cents(cents) => amount(cents),
            Part::All => {
                let settled = Settled { kind, id: id.parse().unwrap() };
                self.organisation.standing(settled).unwrap().open().to_string()
            }
        }
    }

    fn take(&mut self, step: Step) -> Option<()> {
        const OPEN: [&str; 4] = ["Invoices", "CreditNotes", "Prepayments", "Overpayments"];
        match step {
            Step::Invoice { kind, document } => {
                self.call("PUT", "Invoices", document.body(kind, kind == "ACCREC"));
            }
            Step::CreditNote { kind, document } => {
                self.call("PUT", "CreditNotes", document.body(kind, kind == "ACCRECCREDIT"));
            }
            Step::Money { kind, bank, document } => {
                let mut body = document.body(kind, kind.starts_with("RECEIVE"));
                body["BankAccount"] = json!({ "Code": bank });
                if kind.ends_with("OVERPAYMENT") {
                    body["LineItems"] = json!([{ "Description": "Too much", "UnitAmount": 100 }]);
                    body["LineAmountTypes"] = "NoTax".into();
                } else if let Some(body) = body.as_object_mut() {
                    body.remove("CurrencyCode");
                }
                self.call("PUT", "BankTransactions", body);
            }
            Step::Journal { cents, accounts: [debit, credit] } => {
                let lines = json!([
                    { "LineAmount": amount(cents), "AccountCode": debit },
                    { "LineAmount": format!("-{}", amount(cents)), "AccountCode": credit },
                ]);
                let body = json!({ "Narration": "Moved", "Status": "POSTED", "JournalLines": lines });
                self.call("PUT", "ManualJournals", body);
            }
            Step::Transfer { banks: [from, to], cents } => {
                let body = json!({
                    "FromBankAccount": { "Code": from }, "ToBankAccount": { "Code": to },
                    "Date": "2026-11-21", "Amount": amount(cents),
                });
                self.call("PUT", "BankTransfers", body);
            }
            Step::Pay { whom, bank, part, rate } => {
                let (collection, id) = self.choose(&OPEN, whom)?;
                let word = collection.strip_suffix('s').unwrap_or(collection);
                let mut body = json!({
                    "Account": { "Code": bank }, "Date": "2026-11-21", "CurrencyRate": rate,
                    "Amount": self.amount(part, collection, &id),
                });
                body[word] = json!({ format!("{word}ID"): id });
                self.call("PUT", "Payments", body);
            }
            Step::PayTogether { whom, parts } => {
                let member = |place: usize| {
                    let (collection, id) = self.choose(&OPEN[..1], whom[place])?;
                    let amount = self.amount(parts[place], collection, &id);
                    Some(json!({ "Invoice": { "InvoiceID": id }, "Amount": amount }))
                };
                let members = [member(0)?, member(1)?];
                let body = json!({
                    "Account": { "Code": "091" }, "Date": "2026-11-21", "Payments": members,
                });
                self.call("PUT", "BatchPayments", body);
            }
            Step::Allocate { from, to, part } => {
                let (collection, id) = self.choose(&OPEN[1..], from)?;
                let (_, invoice) = self.choose(&OPEN[..1], to)?;
                let body = json!({
                    "Amount": self.amount(part, collection, &id), "Date": "2026-11-21",
                    "Invoice": { "InvoiceID": invoice },
                });
                self.call("PUT", &format!("{collection}/{id}/Allocations"), body);
            }
            Step::Undo { what } => self.undo(what)?,
            Step::SetStatus { what, status } => {
                let (collection, id) = self.choose(&OPEN[..2], what)?;
                self.call("POST", &format!("{collection}/{id}"), json!({ "Status": status }));
            }
            Step::Change { what, cents } => {
                let (collection, id) = self.choose(&OPEN[..2], what)?;
                let mut lines = json!([{ "Description": "Changed", "AccountCode": "260" }]);
                if cents % 2 == 0 {
                    lines[0]["UnitAmount"] = amount(cents).into();
                }
                self.call("POST", &format!("{collection}/{id}"), json!({ "LineItems": lines }));
            }
        }
        Some(())
    }

    /// A payment, a batch, a bank transaction, a transfer or an allocation.
    fn undo(&mut self, what: Index) -> Option<()> {
        let allocations = self.organisation.shelves.allocations.since(None).map(|one| {
            (format!("{}s/{}/Allocations/{}", one.credit.kind.word(), one.credit.id, one.id), true)
        });
        let others = self.all(&["Payments", "BatchPayments", "BankTransactions", "BankTransfers"]);
        let paths: Vec<(String, bool)> = allocations
            .chain(others.into_iter().map(|(collection, id)| (format!("{collection}/{id}"), false)))
            .collect();
        let (path, is_allocation) = paths.get(what.index(paths.len().max(1)))?;
        match is_allocation {
            true => self.call("DELETE", path, Value::Null),
            false => self.call("POST", path, json!({ "Status": "DELETED" })),
        };
        Some(())
    }
}

impl Document {
    fn body(&self, kind: &str, is_sale: bool) -> Value {
        let [first, second] = if is_sale { ["200", "260"] } else { ["400", "453"] };
        let accounts = [first, self.stray.unwrap_or(second)];
        let lines: Vec<Value> = self
            .cents
            .iter()
            .zip(accounts)
            .map(|(cents, account)| {
                let unit = amount(*cents);
                json!({ "Description": "Work", "Quantity": 1, "UnitAmount": unit, "AccountCode": account })
            })
            .collect();
        json!({
            "Type": kind, "Contact": { "Name": "Acme" }, "Date": "2026-11-20", "Status": self.status,
            "LineAmountTypes": self.amounts, "CurrencyCode": self.currency, "CurrencyRate": self.rate,
            "LineItems": lines,
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_books_balance_after_every_step_of_any_history(steps in prop::collection::vec(step(), 1..60)) {
        let mut books = Books::open();
        for step in steps {
            let shown = format!("{step:?}");
            books.take(step);
            prop_assert_eq!(invariants::broken(&books.organisation), Vec::<String>::new(), "after {}", &shown);
            let banks = [Basis::Accrual, Basis::Cash].map(|basis| books.in_the_banks(basis));
            prop_assert_eq!(&banks[0], &banks[1], "after {}", shown);
        }
    }
}

#[test]
fn the_random_histories_are_not_all_refusals() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut counts = [0; 10];
    for _ in 0..12 {
        let mut books = Books::open();
        for _ in 0..60 {
            let step = step().new_tree(&mut runner).unwrap().current();
            books.take(step);
        }
        let shelves = &books.organisation.shelves;
        let deleted = shelves.payments.since(None).filter(|payment| payment.deleted).count();
        let paid =
            shelves.invoices.since(None).filter(|invoice| invoice.claim.fully_paid_on.is_some()).count();
        let found = [
            shelves.payments.len() - deleted,
            deleted,
            shelves.allocations.len(),
            shelves.prepayments.len(),
            shelves.overpayments.len(),
            shelves.batch_payments.len(),
            shelves.credit_notes.len(),
            shelves.bank_transfers.len(),
            shelves.bank_transfers.since(None).filter(|transfer| transfer.exchanges()).count(),
            paid,
        ];
        counts.iter_mut().zip(found).for_each(|(count, found)| *count += found);
    }
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}
