//! An account, as plans, look-ups and polls may use it.

use async_trait::async_trait;

use super::Call;
use crate::domain::connection::Connection;
use crate::domain::outcome::Fault;
use crate::ports::clock::Clock;
use crate::ports::http::Response;
use crate::ports::random::Random;
use crate::ports::table::Table;

/// An account, as plans, look-ups and polls may use it. Every read is budgeted, authorised (with one refresh after
/// a 401) and classified.
#[async_trait]
pub trait Account: Send + Sync {
    fn connection(&self) -> &Connection;
    /// A 2xx (or 304) answer, or why there is none. `not_found` is the code of a 404.
    async fn read(&self, call: Call) -> Result<Response, Fault>;
    fn table(&self) -> &dyn Table;
    fn clock(&self) -> &dyn Clock;
    fn random(&self) -> &dyn Random;
}
