//! What Salesforce can tell of. A new trigger is one file here and one line in [`all`].

mod deleted_record;
mod new_record;
mod options;
mod updated_record;
mod watch;

use std::sync::Arc;

use crate::ports::connector::Trigger;

pub(super) fn all() -> Vec<Arc<dyn Trigger>> {
    vec![
        Arc::new(deleted_record::DeletedRecord),
        Arc::new(new_record::NewRecord),
        Arc::new(updated_record::UpdatedRecord),
    ]
}
