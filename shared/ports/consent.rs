//! A person's consent, given in a browser: what the provider is asked to ask.

use crate::domain::connection::Connection;

/// What a person is asked for. <https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1>
#[derive(Debug, Clone, Copy)]
pub struct ConsentAsk<'a> {
    /// As it is to be: its client id and its scopes are asked with.
    pub connection: &'a Connection,
    /// Where the browser is sent back to; registered with the app, letter by letter.
    pub redirect_uri: &'a str,
    pub state: &'a str,
    /// base64url of the verifier's SHA-256. <https://www.rfc-editor.org/rfc/rfc7636#section-4.2>
    pub challenge: &'a str,
}

impl ConsentAsk<'_> {
    /// The whole address, at the provider's endpoint for it.
    pub fn url(&self, endpoint: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.connection.client_id)
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("scope", &self.connection.scopes.join(" "))
            .append_pair("state", self.state)
            .append_pair("code_challenge", self.challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        format!("{endpoint}?{query}")
    }
}
