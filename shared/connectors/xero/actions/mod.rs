//! What flows can do in Xero. One file each, and one line here.

mod create_invoice;
mod find_invoice;
mod upsert_contact;

use std::sync::Arc;

use super::directory::Directory;
use crate::ports::connector::Action;

pub(super) fn all(directory: &Arc<Directory>) -> Vec<Arc<dyn Action>> {
    vec![
        Arc::new(upsert_contact::UpsertContact { directory: directory.clone() }),
        Arc::new(create_invoice::CreateInvoice { directory: directory.clone() }),
        Arc::new(find_invoice::FindInvoice { directory: directory.clone() }),
    ]
}
