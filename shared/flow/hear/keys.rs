//! What a provider's notifications are known by: Xero's signing key, the secret in Salesforce's address.
//!
//! The vault keeps them; a process believes for a minute what it read there, so that a burst of notifications doesn't
//! ask the vault once for each. Who brings a key that isn't known has the vault asked again, at most every few seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::connection::Provider;
use crate::flow::FlowError;
use crate::flow::stack::Stack;
use crate::ports::Ports;

/// Each new one stands beside those before it while the provider changes over. Two apps of Xero's, or the addresses that
/// two orgs of Salesforce's were given, can do so at the same time.
const KEPT: usize = 4;
const BELIEVED_FOR: SignedDuration = SignedDuration::from_secs(60);
/// Strangers can't have the vault asked more often than this.
const ASKED_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(5);

#[derive(Clone)]
pub(super) struct Keys {
    ports: Ports,
    known: Arc<Mutex<HashMap<Provider, Known>>>,
}

#[derive(Clone)]
struct Known {
    read_at: Timestamp,
    keys: Arc<[SecretString]>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

/// From now on notifications are known by this as well; the oldest of the keys before it is forgotten in its place.
pub async fn add_key(stack: &Stack, provider: Provider, key: SecretString) -> Result<(), FlowError> {
    let before = stack.hearing.keys.read(provider).await?;
    let same = |other: &&SecretString| other.expose_secret() == key.expose_secret();
    let others = before.iter().filter(|other| !same(other));
    let keys: Vec<&str> =
        std::iter::once(&key).chain(others).take(KEPT).map(|key| key.expose_secret()).collect();
    stack.ports.vault.write(&name(provider), SecretString::from(keys.join("\n"))).await?;
    stack.hearing.keys.read(provider).await?;
    Ok(())
}

/// The vault's name of them, the newest first, a line each.
fn name(provider: Provider) -> String {
    format!("notifications/{}", provider.as_str())
}

impl Keys {
    pub(super) fn new(ports: Ports) -> Self {
        Self { ports, known: Arc::default() }
    }

    pub(super) async fn of(&self, provider: Provider) -> Result<Arc<[SecretString]>, FlowError> {
        match self.known_for(provider, BELIEVED_FOR) {
            Some(known) => Ok(known),
            None => self.read(provider).await,
        }
    }

    /// Other keys than those that a notification was just refused by, if there are any by now.
    pub(super) async fn newer(
        &self,
        provider: Provider,
        than: &[SecretString],
    ) -> Result<Option<Arc<[SecretString]>>, FlowError> {
        if self.known_for(provider, ASKED_AGAIN_AFTER).is_some() {
            return Ok(None);
        }
        let keys = self.read(provider).await?;
        let text = |keys: &[SecretString]| -> Vec<String> {
            keys.iter().map(|key| key.expose_secret().to_owned()).collect()
        };
        Ok((text(&keys) != text(than)).then_some(keys))
    }

    fn known_for(&self, provider: Provider, believed: SignedDuration) -> Option<Arc<[SecretString]>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(&provider)?;
        (self.ports.clock.now().duration_since(known.read_at) < believed).then(|| Arc::clone(&known.keys))
    }

    async fn read(&self, provider: Provider) -> Result<Arc<[SecretString]>, FlowError> {
        let read_at = self.ports.clock.now();
        let kept = self.ports.vault.read(&name(provider)).await?;
        let lines = kept.iter().flat_map(|kept| kept.expose_secret().lines());
        let keys: Arc<[SecretString]> =
            lines.filter(|line| !line.trim().is_empty()).map(SecretString::from).collect();
        let known = Known { read_at, keys: Arc::clone(&keys) };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(provider, known);
        Ok(keys)
    }
}
