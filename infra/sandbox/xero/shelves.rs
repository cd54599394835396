//! All shelves of an organisation: one row for each kind that is kept.
//!
//! The list is written once; marking, undoing, forgetting and the fold of the books follow from it.

use jiff::Timestamp;
use uuid::Uuid;

use super::documents::advance::Advance;
use super::documents::bank_transactions::bank_transaction::BankTransaction;
use super::documents::bank_transfers::BankTransfer;
use super::documents::batch_payments::BatchPayment;
use super::documents::contacts::contact::Contact;
use super::documents::credit_notes::credit_note::CreditNote;
use super::documents::invoices::invoice::Invoice;
use super::documents::manual_journals::ManualJournal;
use super::documents::payments::payment::Payment;
use super::documents::purchase_orders::PurchaseOrder;
use super::documents::quotes::Quote;
use super::documents::repeating_invoices::RepeatingInvoice;
use super::journal::{Basis, Entry};
use super::organisation::Organisation;
use super::parts::allocations::Allocation;
use super::parts::attachments::Attachment;
use super::projects::Project;
use super::settings::accounts::Account;
use super::settings::branding_themes::BrandingTheme;
use super::settings::contact_groups::ContactGroup;
use super::settings::currencies::Currency;
use super::settings::items::Item;
use super::settings::tax_rates::TaxRate;
use super::settings::tracking::TrackingCategory;
use super::settings::users::User;
use super::shelf::{Document, Shelf};
use super::webhooks::Change;

macro_rules! shelves {
    ($($name:ident: $kind:ty,)+) => {
        // A file from before a kind was known has none of it.
        #[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub(crate) struct Shelves { $(pub(crate) $name: Shelf<$kind>,)+ }

        /// Where every shelf's journal stands.
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct Marks { $($name: usize,)+ }

        impl Shelves {
            pub(crate) fn mark(&self) -> Marks {
                Marks { $($name: self.$name.mark(),)+ }
            }

            pub(crate) fn roll_back(&mut self, marks: Marks) {
                $(self.$name.roll_back(marks.$name);)+
            }

            pub(crate) fn changes(&self) -> Vec<Change> {
                let mut changes = Vec::new();
                $(changes.extend(self.$name.changes());)+
                changes
            }

            /// Something that hangs on a document changed, and with it the document's stamp.
            pub(crate) fn touch(&mut self, id: Uuid, at: Timestamp) {
                $(if let Some(mut document) = self.$name.get(id).cloned() {
                    document.touch(at);
                    self.$name.put(document);
                })+
            }

            pub(crate) fn forget_journal(&mut self) {
                $(self.$name.forget_journal();)+
            }
        }

        /// What all documents of an organisation do to its books, kind by kind.
        pub(crate) fn entries(organisation: &Organisation, basis: Basis) -> impl Iterator<Item = Entry> + '_ {
            std::iter::empty()$(.chain(
                organisation.shelves.$name.since(None).flat_map(move |document| document.entries(organisation, basis)),
            ))+
        }
    };
}

shelves! {
    contacts: Contact,
    invoices: Invoice,
    credit_notes: CreditNote,
    prepayments: Advance,
    overpayments: Advance,
    allocations: Allocation,
    attachments: Attachment,
    payments: Payment,
    batch_payments: BatchPayment,
    bank_transactions: BankTransaction,
    bank_transfers: BankTransfer,
    manual_journals: ManualJournal,
    projects: Project,
    purchase_orders: PurchaseOrder,
    quotes: Quote,
    repeating_invoices: RepeatingInvoice,
    accounts: Account,
    branding_themes: BrandingTheme,
    contact_groups: ContactGroup,
    currencies: Currency,
    items: Item,
    tax_rates: TaxRate,
    tracking: TrackingCategory,
    users: User,
}
