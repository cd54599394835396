//! Who is in: access tokens that end, refresh tokens that may rotate, codes that are good once.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;
use rand::Rng;
use rand::rngs::StdRng;

use super::answer::Refused;
use super::clients::Client;
use super::org::{Org, Writer};

/// A user lets an app in so often; the next time the oldest consent ends.
const MOST_GRANTS: usize = 5;
/// A user may log in so often in an hour.
/// https://help.salesforce.com/s/articleView?id=sf.security_login_limits.htm
const HOUR: i64 = 3600;

/// Who was let in, through which app, to do what.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Grantee {
    pub(crate) client: String,
    pub(crate) user: String,
    pub(crate) scope: String,
    /// What the app wants to find in its ID token.
    pub(crate) nonce: Option<String>,
    grant: Option<u64>,
}

impl Grantee {
    pub(crate) fn new(client: &str, user: &str, scope: &str) -> Self {
        let [client, user, scope] = [client, user, scope].map(str::to_owned);
        Self { client, user, scope, nonce: None, grant: None }
    }
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Session {
    pub(crate) grantee: Grantee,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Grant {
    pub(crate) grantee: Grantee,
    pub(crate) current: String,
    pub(crate) issued: Timestamp,
    pub(crate) used: Timestamp,
    alive: bool,
}

/// One time, within 15 minutes.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Code {
    pub(crate) grantee: Grantee,
    pub(crate) redirect: String,
    pub(crate) challenge: Option<String>,
    pub(crate) until: Timestamp,
    pub(crate) used: bool,
}

#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Access {
    #[serde(serialize_with = "crate::pairs::in_order")]
    pub(crate) clients: HashMap<String, Client>,
    #[serde(serialize_with = "crate::pairs::in_order")]
    pub(crate) codes: HashMap<String, Code>,
    #[serde(serialize_with = "crate::pairs::in_order")]
    sessions: HashMap<String, Session>,
    #[serde(serialize_with = "crate::pairs::in_order")]
    grants: HashMap<u64, Grant>,
    /// Every refresh token ever given, to its grant.
    #[serde(serialize_with = "crate::pairs::in_order")]
    refresh_tokens: HashMap<String, u64>,
    next_grant: u64,
    #[serde(serialize_with = "crate::pairs::in_order")]
    logins: HashMap<String, VecDeque<i64>>,
    /// Of users who have one of their own; the others have the org's.
    #[serde(serialize_with = "crate::pairs::in_order")]
    pub(crate) passwords: HashMap<String, String>,
}

impl Access {
    pub(crate) fn register_default(&mut self, user: &str) {
        let client = Client {
            user: Some(user.to_owned()),
            name: "Sandbox client".into(),
            ..Client::new("sandbox-client", "sandbox-secret")
        };
        self.clients.insert(client.id.clone(), client);
    }

    pub(crate) fn session(&self, token: &str) -> Option<&Session> {
        self.sessions.get(token)
    }

    /// The grant of a refresh token that is the current one and wasn't left lying for too long.
    pub(crate) fn grant_of(&self, token: &str, now: Timestamp, idle_seconds: Option<i64>) -> Option<&Grant> {
        let grant = self.grants.get(self.refresh_tokens.get(token)?)?;
        let idle = now.as_second() - grant.used.as_second();
        let forgotten = idle_seconds.is_some_and(|longest| idle >= longest);
        (grant.alive && grant.current == token && !forgotten).then_some(grant)
    }

    /// Ends sessions and grants; false when the token is unknown.
    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        if let Some(grant) = self.refresh_tokens.get(token).copied() {
            let alive = self.grants.get(&grant).is_some_and(|grant| grant.alive);
            self.end(grant);
            return alive;
        }
        self.sessions.remove(token).is_some()
    }

    fn end(&mut self, grant: u64) {
        if let Some(grant) = self.grants.get_mut(&grant) {
            grant.alive = false;
        }
        self.sessions.retain(|_, session| session.grantee.grant != Some(grant));
    }

    /// Who is no longer active is out at once.
    pub(crate) fn end_sessions_of(&mut self, user: &str) {
        self.sessions.retain(|_, session| session.grantee.user != user);
    }

    /// All access tokens end now, as when an admin ends the sessions.
    pub(crate) fn end_sessions(&mut self) {
        self.sessions.clear();
    }
}

impl Org {
    pub(crate) fn open_session(&mut self, grantee: &Grantee) -> String {
        let secret = letters(&mut self.random, 80);
        let token = format!("{}!AQ{secret}", self.organization.get(..15).unwrap_or_default());
        let session = Session {
            grantee: grantee.clone(),
            issued: self.now,
            expires: Timestamp::from_second(self.now.as_second() + self.options.session_seconds)
                .unwrap_or(self.now),
        };
        let now = self.now;
        self.access.sessions.retain(|_, session| session.expires > now);
        self.access.sessions.insert(token.clone(), session);
        token
    }

    /// A consent: its refresh token, and the grantee that sessions are opened for from now on.
    pub(crate) fn open_grant(&mut self, mut grantee: Grantee) -> (String, Grantee) {
        let same = |grant: &Grant| {
            grant.alive && grant.grantee.client == grantee.client && grant.grantee.user == grantee.user
        };
        let mut earlier: Vec<u64> =
            self.access.grants.iter().filter(|(_, grant)| same(grant)).map(|(id, _)| *id).collect();
        earlier.sort_unstable();
        if earlier.len() >= MOST_GRANTS {
            self.access.end(earlier[0]);
        }
        let token = format!("5Aep{}", letters(&mut self.random, 83));
        self.access.next_grant += 1;
        let id = self.access.next_grant;
        grantee.grant = Some(id);
        let (current, now) = (token.clone(), self.now);
        let grant = Grant { grantee: grantee.clone(), current, issued: now, used: now, alive: true };
        self.access.grants.insert(id, grant);
        self.access.refresh_tokens.insert(token.clone(), id);
        (token, grantee)
    }

    /// Uses a refresh token: for whom and, where they rotate, the next one. An old one ends the grant.
    pub(crate) fn refresh(&mut self, client: &Client, token: &str) -> Option<(Grantee, Option<String>)> {
        let id = *self.access.refresh_tokens.get(token)?;
        let grant = self.access.grants.get(&id)?;
        if !grant.alive || grant.grantee.client != client.id {
            return None;
        }
        if self.access.grant_of(token, self.now, client.idle_seconds).is_none() {
            self.access.end(id);
            return None;
        }
        let next = client.rotate.then(|| format!("5Aep{}", letters(&mut self.random, 83)));
        if let Some(next) = &next {
            self.access.refresh_tokens.insert(next.clone(), id);
        }
        let grant = self.access.grants.get_mut(&id)?;
        grant.used = self.now;
        if let Some(next) = &next {
            grant.current.clone_from(next);
        }
        Some((grant.grantee.clone(), next))
    }

    /// Counts a login of the user; false when there were too many within the hour.
    pub(crate) fn count_login(&mut self, user: &str) -> bool {
        let now = self.now.as_second();
        let most = usize::try_from(self.options.logins_per_hour).unwrap_or(usize::MAX);
        let logins = self.access.logins.entry(user.to_owned()).or_default();
        while logins.pop_front_if(|at| *at <= now - HOUR).is_some() {}
        if self.limits && logins.len() >= most {
            return false;
        }
        logins.push_back(now);
        true
    }

    /// The user behind an `Authorization` header.
    pub(crate) fn authorize(&self, header: Option<&str>) -> Result<Writer, Refused> {
        self.grantee(header).map(|grantee| Writer::through_api(&grantee.user, &grantee.client))
    }

    /// The same for the data API, which a token is good for only if that was consented to.
    pub(crate) fn authorize_for_data(&self, header: Option<&str>) -> Result<Writer, Refused> {
        let grantee = self.grantee(header)?;
        if grantee.scope.split(' ').any(|scope| ["api", "full"].contains(&scope)) {
            return Ok(Writer::through_api(&grantee.user, &grantee.client));
        }
        Err(invalid_session("This session is not valid for use with the REST API"))
    }

    fn grantee(&self, header: Option<&str>) -> Result<&Grantee, Refused> {
        let token = header.and_then(|text| text.split_once(' ')).filter(|(scheme, _)| {
            scheme.eq_ignore_ascii_case("Bearer") || scheme.eq_ignore_ascii_case("OAuth")
        });
        let session = token.and_then(|(_, token)| self.access.session(token.trim()));
        let session = session.filter(|session| session.expires > self.now);
        session.map(|session| &session.grantee).ok_or_else(|| invalid_session("Session expired or invalid"))
    }
}

fn invalid_session(message: &str) -> Refused {
    Refused::new(401, "INVALID_SESSION_ID", message)
}

pub(crate) fn letters(random: &mut StdRng, count: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._";
    (0..count).map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())])).collect()
}
