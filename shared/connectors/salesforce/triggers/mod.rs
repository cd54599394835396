//! What Salesforce can tell of. A new trigger is one file that says what is told, and one line in [`all`].

mod deleted_record;
mod kind;
mod new_record;
mod options;
mod updated_record;
mod watch;

use std::sync::Arc;

use crate::ports::connector::Trigger;

pub(super) fn all() -> Vec<Arc<dyn Trigger>> {
    let watch = |kind: kind::Kind| Arc::new(kind) as Arc<dyn Trigger>;
    [deleted_record::KIND, new_record::KIND, updated_record::KIND].map(watch).into()
}
