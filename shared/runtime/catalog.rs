//! Everything that this build can do, put together.

use std::sync::Arc;

use crate::connectors::http::HttpPoll;
use crate::connectors::salesforce::Salesforce;
use crate::connectors::xero::Xero;
use crate::flow::unpolled::unpolled_triggers;
use crate::ports::connector::Catalog;

/// One for a process: a connector's directories are shared by all who use it.
pub fn catalog() -> Catalog {
    Catalog::new(vec![Arc::new(Salesforce), Arc::new(Xero::new())], unpolled_triggers())
        .with_feed(Arc::new(HttpPoll))
}
