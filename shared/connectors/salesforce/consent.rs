//! A person's consent: one user of one org. <https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_web_server_flow.htm>

use std::collections::BTreeSet;

use super::metadata;
use crate::domain::connection::Connection;
use crate::domain::outcome::Fault;
use crate::ports::connector::{Account, Identity};

/// Leave isn't given out piece by piece: what the user may do decides. Without the second there is no refresh token.
const SCOPES: [&str; 2] = ["api", "refresh_token"];

/// Those, and what else somebody wants.
pub(super) fn scopes(wanted: &BTreeSet<String>) -> Vec<String> {
    let others = wanted.iter().map(String::as_str).filter(|scope| !SCOPES.contains(scope));
    SCOPES.into_iter().chain(others).map(str::to_owned).collect()
}

/// Production, a sandbox, or the org's My Domain.
pub(super) fn authorize_url(connection: &Connection) -> String {
    format!("{}/services/oauth2/authorize", connection.login_url)
}

/// The org's own domain may answer for the login host that was asked.
pub(super) fn is_issuer(connection: &Connection, issuer: &str) -> bool {
    let issuer = issuer.trim_end_matches('/');
    let host = issuer.strip_prefix("https://").unwrap_or_default();
    let is_domain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    issuer == connection.login_url || (is_domain && host.ends_with(".salesforce.com"))
}

/// A user is of one org.
pub(super) async fn consented(account: &dyn Account) -> Result<Vec<Identity>, Fault> {
    Ok(vec![metadata::identify(account).await?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::salesforce::fake::connection;

    #[test]
    fn only_salesforce_answers_for_salesforce() {
        for (issuer, is_one) in [
            ("https://acme.my.salesforce.com", true),
            ("https://acme.my.salesforce.com/", true),
            ("https://login.salesforce.com", true),
            ("http://login.salesforce.com", false),
            ("https://identity.xero.com", false),
            ("https://salesforce.com.example", false),
            ("https://example/.salesforce.com", false),
            ("", false),
        ] {
            assert_eq!(is_issuer(&connection(), issuer), is_one, "{issuer}");
        }
    }
}
