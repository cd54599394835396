//! What flows can start from in Xero. One file each, and one line here; there are none yet.

use std::sync::Arc;

use crate::ports::connector::Trigger;

pub(super) fn all() -> Vec<Arc<dyn Trigger>> {
    Vec::new()
}
