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
pub(super) use contacts::{Contacts, Lesson};
pub(super) use differences::differences;
pub(super) use matching::match_contact;
pub(super) use settings::{A_DAY, PROOF, Setting, Settings};

use crate::domain::Value;
use crate::domain::outcome::Fault;
use crate::ports::connector::Account;
use crate::ports::random::random_uuid;

/// One organisation's contacts, and what calls taught about them since somebody last had them in hand.
#[derive(Default)]
struct Slot {
    contacts: Arc<AsyncMutex<Contacts>>,
    lessons: Mutex<Vec<Lesson>>,
}

impl Slot {
    fn take_lessons(&self) -> Vec<Lesson> {
        std::mem::take(&mut *self.lessons.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The directories of all connections that this process has met.
#[derive(Default)]
pub(super) struct Directory {
    pub(super) settings: Settings,
    /// By connection and tenant.
    contacts: Mutex<HashMap<String, Arc<Slot>>>,
    /// Who we are in leases: a process.
    holder: OnceLock<String>,
}

impl Directory {
    /// The account's contacts, good enough to match by. Give them back before awaiting anything else.
    pub(super) async fn contacts(&self, account: &dyn Account) -> Result<OwnedMutexGuard<Contacts>, Fault> {
        let slot = self.slot(account);
        let mut contacts = slot.contacts.clone().lock_owned().await;
        contacts.learn(account, slot.take_lessons()).await?;
        contacts.refresh(account, self.holder(account)).await?;
        Ok(contacts)
    }

    /// Takes lessons in, now or, where the contacts are in somebody's hand, when they are next asked for. It never
    /// waits for a plan that may itself wait for the call that taught the lesson to end.
    pub(super) async fn learn(&self, account: &dyn Account, lessons: Vec<Lesson>) -> Result<(), Fault> {
        let slot = self.slot(account);
        slot.lessons.lock().unwrap_or_else(PoisonError::into_inner).extend(lessons);
        match slot.contacts.clone().try_lock_owned() {
            Ok(mut contacts) => contacts.learn(account, slot.take_lessons()).await,
            Err(_) => Ok(()),
        }
    }

    fn slot(&self, account: &dyn Account) -> Arc<Slot> {
        let connection = account.connection();
        let mut all = self.contacts.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(format!("{}#{}", connection.id, connection.account)).or_default().clone()
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
