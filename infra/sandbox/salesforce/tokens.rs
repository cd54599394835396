//! Who may come in: registered clients, access tokens that end, refresh tokens that may rotate.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rand::Rng;
use rand::rngs::StdRng;

use super::answer::Refused;
use super::org::{Org, Writer};

/// An app that may ask for tokens.
#[derive(Debug, Clone)]
pub struct Client {
    pub id: String,
    pub secret: String,
    /// Whom client credentials run as; the integration user when none is named.
    pub user: Option<String>,
    /// Gives a new refresh token at every use; an old one used again ends the grant.
    pub rotate: bool,
    /// DER of the RSA key (PKCS#1) that its assertions are signed with; unchecked when none is registered.
    pub public_key: Option<Vec<u8>>,
    /// Users it isn't approved for: usernames.
    pub unapproved: HashSet<String>,
}

impl Client {
    pub fn new(id: &str, secret: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
            user: None,
            rotate: false,
            public_key: None,
            unapproved: HashSet::new(),
        }
    }

    pub fn rotating(mut self) -> Self {
        self.rotate = true;
        self
    }

    /// A PEM with an RSA public key or a certificate.
    pub fn public_key_pem(mut self, pem: &str) -> Result<Self, String> {
        self.public_key = Some(super::jwt::public_key(pem)?);
        Ok(self)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) user: String,
    pub(crate) client: String,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
    grant: Option<u64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) client: String,
    pub(crate) user: String,
    pub(crate) current: String,
    alive: bool,
}

/// One time, within 15 minutes.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) client: String,
    pub(crate) user: String,
    pub(crate) redirect: String,
    pub(crate) challenge: Option<String>,
    pub(crate) until: Timestamp,
    pub(crate) used: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Access {
    pub(crate) clients: HashMap<String, Client>,
    pub(crate) codes: HashMap<String, Code>,
    sessions: HashMap<String, Session>,
    grants: HashMap<u64, Grant>,
    /// Every refresh token ever given, to its grant.
    refresh_tokens: HashMap<String, u64>,
    next_grant: u64,
}

impl Access {
    pub(crate) fn register_default(&mut self, user: &str) {
        let client =
            Client { user: Some(user.to_owned()), ..Client::new("sandbox-client", "sandbox-secret") };
        self.clients.insert(client.id.clone(), client);
    }

    pub(crate) fn session(&self, token: &str) -> Option<&Session> {
        self.sessions.get(token)
    }

    /// The grant of a refresh token that is the current one.
    pub(crate) fn grant_of(&self, token: &str) -> Option<&Grant> {
        let grant = self.grants.get(self.refresh_tokens.get(token)?)?;
        (grant.alive && grant.current == token).then_some(grant)
    }

    /// Ends sessions and grants; false when the token is unknown.
    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        if let Some(grant) = self.refresh_tokens.get(token).copied() {
            self.end(grant);
            return true;
        }
        self.sessions.remove(token).is_some()
    }

    fn end(&mut self, grant: u64) {
        if let Some(grant) = self.grants.get_mut(&grant) {
            grant.alive = false;
        }
        self.sessions.retain(|_, session| session.grant != Some(grant));
    }

    /// All access tokens end now, as when an admin ends the sessions.
    pub(crate) fn end_sessions(&mut self) {
        self.sessions.clear();
    }
}

impl Org {
    pub(crate) fn open_session(&mut self, client: &str, user: &str, grant: Option<u64>) -> String {
        let secret = letters(&mut self.random, 80);
        let token = format!("{}!AQ{secret}", self.organization.get(..15).unwrap_or_default());
        let session = Session {
            user: user.to_owned(),
            client: client.to_owned(),
            issued: self.now,
            expires: Timestamp::from_second(self.now.as_second() + self.options.session_seconds)
                .unwrap_or(self.now),
            grant,
        };
        let now = self.now;
        self.access.sessions.retain(|_, session| session.expires > now);
        self.access.sessions.insert(token.clone(), session);
        token
    }

    /// A consent: a refresh token and the number of its grant.
    pub(crate) fn open_grant(&mut self, client: &str, user: &str) -> (String, u64) {
        let token = format!("5Aep{}", letters(&mut self.random, 83));
        self.access.next_grant += 1;
        let id = self.access.next_grant;
        let (client, user) = (client.to_owned(), user.to_owned());
        self.access.grants.insert(id, Grant { client, user, current: token.clone(), alive: true });
        self.access.refresh_tokens.insert(token.clone(), id);
        (token, id)
    }

    /// Uses a refresh token: the user and, where they rotate, the next one. An old one ends the grant.
    pub(crate) fn refresh(&mut self, client: &Client, token: &str) -> Option<(String, u64, Option<String>)> {
        let id = *self.access.refresh_tokens.get(token)?;
        let grant = self.access.grants.get(&id)?;
        if !grant.alive || grant.client != client.id {
            return None;
        }
        let user = grant.user.clone();
        if grant.current != token {
            self.access.end(id);
            return None;
        }
        if !client.rotate {
            return Some((user, id, None));
        }
        let next = format!("5Aep{}", letters(&mut self.random, 83));
        self.access.refresh_tokens.insert(next.clone(), id);
        if let Some(grant) = self.access.grants.get_mut(&id) {
            grant.current.clone_from(&next);
        }
        Some((user, id, Some(next)))
    }

    /// The user behind an `Authorization` header.
    pub(crate) fn authorize(&self, header: Option<&str>) -> Result<Writer, Refused> {
        let token = header.and_then(|text| text.split_once(' ')).filter(|(scheme, _)| {
            scheme.eq_ignore_ascii_case("Bearer") || scheme.eq_ignore_ascii_case("OAuth")
        });
        let session = token.and_then(|(_, token)| self.access.session(token.trim()));
        match session.filter(|session| session.expires > self.now) {
            Some(session) => Ok(Writer { user: session.user.clone(), api: true, allow_duplicates: false }),
            None => Err(Refused::new(401, "INVALID_SESSION_ID", "Session expired or invalid")),
        }
    }
}

pub(crate) fn letters(random: &mut StdRng, count: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._";
    (0..count).map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())])).collect()
}
