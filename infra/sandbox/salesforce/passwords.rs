//! `/sobjects/User/{id}/password`: whether it has expired, a new one of one's own, or one that Salesforce makes up.
//!
//! https://developer.salesforce.com/docs/platform/api-rest/guide/resources-sobject-user-password.html

use serde_json::{Value, json};

use super::answer::{Answer, Refused};
use super::asked::Asked;
use super::ids;
use super::org::Org;
use super::tokens::letters;

/// A shorter one is refused.
const SHORTEST: usize = 8;

pub(crate) fn answer(org: &mut Org, asked: &Asked<'_>, user: &str) -> Result<Answer, Refused> {
    let user = ids::normalise(user).filter(|id| org.store.table("User").get(id).is_some());
    let user = user.ok_or_else(Refused::not_found)?;
    match asked.method.as_str() {
        "GET" => Ok(Answer::ok(json!({ "isExpired": false }))),
        "POST" => {
            let fields = asked.fields()?;
            let wanted = fields.get("NewPassword").and_then(Value::as_str).unwrap_or_default();
            if wanted.chars().count() < SHORTEST {
                let message = format!("Your password must be at least {SHORTEST} characters long.");
                return Err(Refused::new(400, "INVALID_NEW_PASSWORD", message));
            }
            org.access.passwords.insert(user, wanted.to_owned());
            Ok(Answer::empty(204))
        }
        "DELETE" => {
            let made = letters(&mut org.random, 12);
            org.access.passwords.insert(user, made.clone());
            Ok(Answer::ok(json!({ "NewPassword": made })))
        }
        other => Err(super::rest::not_allowed(other, "DELETE,GET,HEAD,POST")),
    }
}

impl Org {
    /// The active user with this password, with the security token behind it or without.
    pub(crate) fn user_with_password(&self, username: &str, password: &str) -> Option<String> {
        let user = self.store.table("User").with("Username", username).find(|user| user.is("IsActive"))?;
        let known = self.access.passwords.get(&user.id).unwrap_or(&self.options.password);
        let rest = password.strip_prefix(known.as_str())?;
        (rest.is_empty() || rest == self.options.security_token).then(|| user.id.clone())
    }
}
