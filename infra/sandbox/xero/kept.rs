//! What outlives the program, or is gone back to: every organisation with its books, who may come
//! in, whom webhooks tell, and which side was taken in what sources dispute.
//!
//! Not kept: what limits have counted, answers under idempotency keys, calls that are held.

use serde::{Deserialize, Serialize};

use super::disputed::Disputed;
use super::identity::Register;
use super::organisation::{Ids, Organisation};
use super::{Books, Xero, webhooks};
use crate::locked;

#[derive(Serialize)]
struct Keep<'a> {
    organisations: &'a [Organisation],
    ids: &'a Ids,
    identity: Register,
    webhooks: webhooks::Kept,
    disputed: Disputed,
}

#[derive(Deserialize)]
struct Kept {
    organisations: Vec<Organisation>,
    ids: Ids,
    identity: Register,
    webhooks: webhooks::Kept,
    #[serde(default)]
    disputed: Disputed,
}

impl Xero {
    pub(crate) fn kept(&self) -> Result<Vec<u8>, String> {
        let books = self.state();
        let Books { organisations, ids } = &*books;
        let (identity, webhooks, disputed) = (self.identity.kept(), self.webhooks.kept(), self.disputed());
        serde_json::to_vec(&Keep { organisations, ids, identity, webhooks, disputed })
            .map_err(|error| error.to_string())
    }

    pub(crate) fn restore(&self, kept: &[u8]) -> Result<(), String> {
        let Kept { organisations, ids, identity, webhooks, disputed } =
            serde_json::from_slice(kept).map_err(|error| error.to_string())?;
        *locked(&self.books) = Books { organisations, ids };
        self.configure(|held| *held = disputed);
        self.identity.restore(identity);
        self.webhooks.restore(webhooks);
        self.limiter.clear();
        self.idempotency.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::sender::Outbox as _;
    use crate::xero::{CLIENT_ID, Category};
    use crate::{Sandbox, Settings};

    #[test]
    fn a_webhook_whose_letter_was_out_is_written_to_again_from_the_next_run() {
        let one = Sandbox::new(Settings::default());
        let url = "http://127.0.0.1:9/hook";
        let id = one.xero.subscribe(CLIENT_ID, url, "key", &[Category::Contact]).unwrap();
        let first = one.xero.due();
        assert_eq!((first.len(), one.xero.due().len()), (1, 0), "one letter at a time");
        let two = Sandbox::new(Settings::default());
        two.restore(&one.keep().unwrap()).unwrap();
        assert_eq!(two.xero.webhook_state(id), one.xero.webhook_state(id));
        let again = two.xero.due();
        assert_eq!((again.len(), &again[0].url), (1, &first[0].url));
    }
}
