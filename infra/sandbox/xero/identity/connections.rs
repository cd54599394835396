//! Connections: which organisations an app may see through which user, how many there may be, how they end.
//!
//! <https://developer.xero.com/documentation/guides/oauth2/tenants/>

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::apps::App;
use super::register::{Access, Identity, Register};

/// An organisation takes so many apps that Xero hasn't certified.
/// <https://developer.xero.com/documentation/guides/oauth2/limits/>
const MOST_UNCERTIFIED_APPS: usize = 2;

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Connection {
    pub(super) id: Uuid,
    pub(super) client: String,
    pub(super) user: Uuid,
    pub(super) tenant: Uuid,
    /// The last consent that named it.
    event: Uuid,
    created: Timestamp,
    updated: Timestamp,
}

/// How long after it was made a certified app reads as fast as it can.
const RAPID_SYNC: SignedDuration = SignedDuration::from_mins(30);

impl Connection {
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.created + RAPID_SYNC
    }
}

impl Identity {
    /// `GET /connections`: a bare array, with seven fractional digits and no zone.
    pub(super) fn connections(
        &self,
        access: &Access,
        event: Option<&str>,
        name_of: &dyn Fn(Uuid) -> String,
    ) -> Value {
        let is_of =
            |held: &Connection| event.is_none_or(|event| held.event.to_string().eq_ignore_ascii_case(event));
        let held = self.register().connections.clone();
        let seen = held.iter().filter(|held| access.sees(held) && is_of(held));
        seen.map(|held| held.as_json(&name_of(held.tenant))).collect()
    }

    /// `DELETE /connections/{id}`; the id is the connection's, not the tenant's.
    pub(super) fn delete_connection(&self, access: &Access, id: &str) -> bool {
        let mut register = self.register();
        let before = register.connections.len();
        register.connections.retain(|held| !(access.sees(held) && held.id.to_string() == id));
        register.connections.len() < before
    }

    /// Whether any of the app's users connected it to this organisation.
    pub(crate) fn is_connected(&self, client: &str, tenant: Uuid) -> bool {
        self.register().connections.iter().any(|held| held.client == client && held.tenant == tenant)
    }

    /// Someone disconnects one app or all of them inside Xero: nobody is told, calls begin to answer 403.
    pub(crate) fn disconnect(&self, tenant: Uuid, client: Option<&str>) {
        let ends = |held: &Connection| held.tenant == tenant && client.is_none_or(|id| held.client == id);
        self.register().connections.retain(|held| !ends(held));
    }
}

impl Access {
    fn sees(&self, connection: &Connection) -> bool {
        connection.client == self.client && (self.is_whole_app || connection.user == self.user)
    }
}

impl Register {
    pub(super) fn connections_of<'a>(
        &'a self,
        client: &'a str,
        user: Uuid,
    ) -> impl Iterator<Item = &'a Connection> + Clone {
        self.connections.iter().filter(move |held| held.client == client && held.user == user)
    }

    /// A second consent keeps the connection and its id.
    pub(super) fn connect(&mut self, client: &str, user: Uuid, tenant: Uuid, event: Uuid, now: Timestamp) {
        let held = self
            .connections
            .iter_mut()
            .find(|held| held.client == client && held.user == user && held.tenant == tenant);
        match held {
            Some(held) => (held.event, held.updated) = (event, now),
            None => {
                let id = self.ids.next();
                let client = client.to_owned();
                self.connections.push(Connection {
                    id,
                    client,
                    user,
                    tenant,
                    event,
                    created: now,
                    updated: now,
                });
            }
        }
    }

    /// Why this organisation can't be connected to one app more.
    pub(super) fn obstacle(&self, app: &App, tenant: Uuid) -> Option<String> {
        let mut others: Vec<&str> = self
            .connections
            .iter()
            .filter(|held| held.tenant == tenant && held.client != app.client_id)
            .map(|held| held.client.as_str())
            .filter(|client| {
                self.apps.get(*client).is_some_and(|other| !other.certified && !other.is_custom())
            })
            .collect();
        others.sort_unstable();
        others.dedup();
        (!app.certified && others.len() >= MOST_UNCERTIFIED_APPS).then(|| {
            format!("This organisation is already connected to {MOST_UNCERTIFIED_APPS} uncertified apps")
        })
    }

    /// Whether the app may have these connections as well as those it has.
    pub(super) fn check_room(&self, app: &App, user: Uuid, tenants: &[Uuid]) -> Result<(), String> {
        let has =
            |tenant: &Uuid| self.connections_of(&app.client_id, user).any(|held| held.tenant == *tenant);
        let new: Vec<Uuid> = tenants.iter().filter(|tenant| !has(tenant)).copied().collect();
        if let Some(obstacle) = new.iter().find_map(|tenant| self.obstacle(app, *tenant)) {
            return Err(obstacle);
        }
        let most = app.tier.most_connections();
        let held = self.connections.iter().filter(|held| held.client == app.client_id).count();
        if !new.is_empty() && held + new.len() > most {
            return Err(format!("{} has reached its limit of {most} connections", app.name));
        }
        Ok(())
    }
}

impl Connection {
    pub(super) fn as_json(&self, name: &str) -> Value {
        let text = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%S.0000000").to_string();
        json!({
            "id": self.id.to_string(), "authEventId": self.event.to_string(),
            "tenantId": self.tenant.to_string(), "tenantType": "ORGANISATION", "tenantName": name,
            "createdDateUtc": text(self.created), "updatedDateUtc": text(self.updated),
        })
    }
}
