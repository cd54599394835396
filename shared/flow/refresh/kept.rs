//! Tokens as the vault keeps them, and how the next ones get there: each generation once, whoever is late.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::super::connections::token_name;
use super::super::grant::GrantRow;
use crate::domain::connection::GrantId;
use crate::ports::connector::Token;
use crate::ports::vault::Written;
use crate::ports::{Ports, Unavailable};

/// A token, or a pair, in its generation.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::flow) struct Kept {
    /// Empty: it is not to be used any more (of before that was noted elsewhere).
    access: String,
    pub(super) issued_at: Timestamp,
    expires_at: Option<Timestamp>,
    api_url: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<String>,
    /// The refresh token before, which some providers take for a while yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Previous>,
    #[serde(default)]
    pub(super) generation: u64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Previous {
    refresh: String,
    until: Timestamp,
}

impl Kept {
    /// What `token` makes of the one before. Without a refresh token of its own, the one before stays good.
    pub(in crate::flow) fn next(token: &Token, before: Option<&Self>, grace: Option<SignedDuration>) -> Self {
        let old = before.and_then(|before| before.refresh.clone());
        let new = token.refresh.as_ref().map(|refresh| refresh.expose_secret().to_owned());
        let previous = match (&old, &new, grace) {
            (Some(old), Some(new), Some(grace)) if old != new => {
                Some(Previous { refresh: old.clone(), until: token.issued_at + grace })
            }
            _ => None,
        };
        Self {
            access: token.access.expose_secret().to_owned(),
            issued_at: token.issued_at,
            expires_at: token.expires_at,
            api_url: token.api_url.clone(),
            scopes: token.scopes.clone(),
            refresh: new.or(old),
            previous,
            generation: before.map_or(0, |before| before.generation) + 1,
        }
    }

    pub(in crate::flow) fn token(&self) -> Option<Token> {
        (!self.access.is_empty()).then(|| Token {
            access: SecretString::from(self.access.as_str()),
            refresh: self.refresh(),
            scopes: self.scopes.clone(),
            user: None,
            org: None,
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            api_url: self.api_url.clone(),
        })
    }

    /// What of it is no secret.
    pub(super) fn known(&self) -> GrantRow {
        GrantRow {
            generation: self.generation,
            issued_at: Some(self.issued_at),
            expires_at: self.expires_at,
            refreshes: self.refresh.is_some(),
            ..GrantRow::default()
        }
    }

    pub(super) fn refresh(&self) -> Option<SecretString> {
        self.refresh.as_deref().map(SecretString::from)
    }

    pub(super) fn previous(&self, now: Timestamp) -> Option<SecretString> {
        let previous = self.previous.as_ref().filter(|previous| now < previous.until);
        previous.map(|previous| SecretString::from(previous.refresh.as_str()))
    }
}

pub(super) async fn read(ports: &Ports, grant: &GrantId) -> Result<Option<Kept>, Unavailable> {
    let secret = ports.vault.read(&token_name(grant)).await?;
    Ok(secret.and_then(|secret| serde_json::from_str(secret.expose_secret()).ok()))
}

/// What is in the vault after someone wrote.
pub(super) enum Newest {
    Ours(Kept),
    /// Another process was first: this is what it wrote.
    Theirs(Kept),
}

/// Writes the next generation, as often as it takes until `patience` ends: with a pair that isn't kept, a grant may be
/// lost.
pub(super) async fn write(
    ports: &Ports,
    grant: &GrantId,
    mut kept: Kept,
    patience: Timestamp,
) -> Result<Newest, Unavailable> {
    let mut wait = Duration::from_millis(200);
    loop {
        let text = serde_json::to_string(&kept).map_err(|error| Unavailable::new("vault", error))?;
        let written =
            ports.vault.write_generation(&token_name(grant), kept.generation, SecretString::from(text)).await;
        let error = match written {
            Ok(Written::Done) => return Ok(Newest::Ours(kept)),
            Ok(Written::Overtaken) => match read(ports, grant).await {
                Ok(Some(newer)) if newer.generation >= kept.generation => return Ok(Newest::Theirs(newer)),
                // It was removed since: the numbers go on all the same.
                Ok(_) => {
                    kept.generation += 1;
                    continue;
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        if ports.clock.now() + SignedDuration::from_secs(1) > patience {
            return Err(error);
        }
        tracing::warn!(%grant, %error, "the new token isn't kept yet; trying again");
        ports.clock.sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(5));
    }
}
