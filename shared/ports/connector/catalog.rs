//! The catalog: everything that this build can do.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Action, ActionDescription, Connector, Endpoint, Trigger, TriggerDescription};
use crate::domain::connection::Provider;
use crate::ports::feed::Feed;

/// Everything that this build can do. `runtime` fills it once; `flow` looks things up in it.
#[derive(Clone, Default)]
pub struct Catalog {
    connectors: BTreeMap<Provider, Arc<dyn Connector>>,
    actions: BTreeMap<&'static str, (ActionDescription, Arc<dyn Action>)>,
    endpoints: BTreeMap<&'static str, Arc<dyn Endpoint>>,
    triggers: BTreeMap<&'static str, (TriggerDescription, Arc<dyn Trigger>)>,
    /// Polled, without an account: `http.poll`.
    feeds: BTreeMap<&'static str, (TriggerDescription, Arc<dyn Feed>)>,
    /// Triggers that aren't polled: `http.webhook`, `schedule`, `manual`.
    unpolled: BTreeMap<&'static str, TriggerDescription>,
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.connectors.keys()).finish()
    }
}

impl Catalog {
    pub fn new(connectors: Vec<Arc<dyn Connector>>, unpolled: Vec<TriggerDescription>) -> Self {
        let mut catalog = Self::default();
        for connector in connectors {
            for action in connector.actions() {
                let description = action.describe();
                catalog.actions.insert(description.id, (description, action));
            }
            for endpoint in connector.endpoints() {
                catalog.endpoints.insert(endpoint.id(), endpoint);
            }
            for trigger in connector.triggers() {
                let description = trigger.describe();
                catalog.triggers.insert(description.id, (description, trigger));
            }
            catalog.connectors.insert(connector.provider(), connector);
        }
        catalog.unpolled = unpolled.into_iter().map(|trigger| (trigger.id, trigger)).collect();
        catalog
    }

    #[must_use]
    pub fn with_feed(mut self, feed: Arc<dyn Feed>) -> Self {
        let description = feed.describe();
        self.feeds.insert(description.id, (description, feed));
        self
    }

    pub fn connector(&self, provider: Provider) -> Option<&Arc<dyn Connector>> {
        self.connectors.get(&provider)
    }

    pub fn action(&self, id: &str) -> Option<&(ActionDescription, Arc<dyn Action>)> {
        self.actions.get(id)
    }

    pub fn actions(&self) -> impl Iterator<Item = &(ActionDescription, Arc<dyn Action>)> {
        self.actions.values()
    }

    pub fn endpoint(&self, id: &str) -> Option<&Arc<dyn Endpoint>> {
        self.endpoints.get(id)
    }

    pub fn endpoints(&self) -> impl Iterator<Item = &Arc<dyn Endpoint>> {
        self.endpoints.values()
    }

    /// A trigger that is polled with an account.
    pub fn trigger(&self, id: &str) -> Option<&(TriggerDescription, Arc<dyn Trigger>)> {
        self.triggers.get(id)
    }

    /// A trigger that is polled without one.
    pub fn feed(&self, id: &str) -> Option<&Arc<dyn Feed>> {
        self.feeds.get(id).map(|(_, feed)| feed)
    }

    /// Every trigger, polled or not.
    pub fn trigger_descriptions(&self) -> impl Iterator<Item = &TriggerDescription> {
        let triggers = self.triggers.values().map(|(description, _)| description);
        let feeds = self.feeds.values().map(|(description, _)| description);
        triggers.chain(feeds).chain(self.unpolled.values())
    }

    pub fn trigger_description(&self, id: &str) -> Option<&TriggerDescription> {
        self.trigger_descriptions().find(|description| description.id == id)
    }
}
