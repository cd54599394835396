//! What is kept of an organisation for matching and checks. Plans and endpoints share one of these per process.

mod contact;
mod contacts;
mod differences;
mod index;
mod matching;
mod segments;
mod settings;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

pub(super) use contact::{Contact, normalised};
pub(super) use contacts::Contacts;
pub(super) use differences::differences;
pub(super) use matching::match_contact;
pub(super) use settings::{A_DAY, PROOF, Setting, Settings};

use crate::domain::Value;
use crate::domain::outcome::Fault;
use crate::ports::connector::Account;
use crate::ports::random::random_uuid;

/// The directories of all connections that this process has met.
#[derive(Default)]
pub(super) struct Directory {
    pub(super) settings: Settings,
    /// By connection and tenant.
    contacts: Mutex<HashMap<String, Arc<AsyncMutex<Contacts>>>>,
    /// Who we are in leases: a process.
    holder: OnceLock<String>,
}

impl Directory {
    /// The account's contacts, good enough to match by. Give them back before awaiting anything else.
    pub(super) async fn contacts(&self, account: &dyn Account) -> Result<OwnedMutexGuard<Contacts>, Fault> {
        let mut contacts = self.contacts_as_they_are(account).await;
        contacts.refresh(account, self.holder(account)).await?;
        Ok(contacts)
    }

    /// The account's contacts without asking anybody: for teaching them something.
    pub(super) async fn contacts_as_they_are(&self, account: &dyn Account) -> OwnedMutexGuard<Contacts> {
        let connection = account.connection();
        let slot = {
            let mut all = self.contacts.lock().unwrap_or_else(PoisonError::into_inner);
            all.entry(format!("{}#{}", connection.id, connection.account)).or_default().clone()
        };
        slot.lock_owned().await
    }

    fn holder(&self, account: &dyn Account) -> &str {
        self.holder.get_or_init(|| random_uuid(account.random()).to_string())
    }

    /// The organisation's short code for deep links; empty where it isn't known.
    pub(super) async fn short_code(&self, account: &dyn Account) -> Result<String, Fault> {
        let organisation = self.organisation(account).await?;
        Ok(organisation.as_ref().and_then(|o| o["ShortCode"].as_str()).unwrap_or_default().to_owned())
    }

    pub(super) async fn organisation(&self, account: &dyn Account) -> Result<Option<Value>, Fault> {
        let list = self.settings.read(account, Setting::Organisation, A_DAY).await?;
        Ok(list.and_then(|list| list.first().cloned()))
    }
}
