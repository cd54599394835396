//! Connections that came by a consent, for tests that are about what follows; the pages themselves are `connecting`'s.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use counterfoil::domain::connection::{Connection, ConnectionState, GrantKind, Provider};
use counterfoil::domain::ids::{ConnectionId, ConsentId};
use counterfoil::flow::budget::Priority;
use counterfoil::flow::connections::client_secret_name;
use counterfoil::flow::stack::Times;
use counterfoil::ports::connector::{Token, TokenAsk};
use counterfoil::ports::http::{Method, Request, Response};
use counterfoil_sandbox::{salesforce, xero};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::world::{SALESFORCE, World, XERO};

const BACK: &str = "https://counterfoil.example/connect/back";
const APP: &str = "consent-app";
const SECRET: &str = "consent-secret";
/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

const XERO_SCOPES: [&str; 4] =
    ["offline_access", "accounting.contacts", "accounting.invoices", "accounting.settings"];

impl World {
    /// A Xero user lets the app into these organisations: the connections share one pair of tokens. Those that have
    /// such a name are connected again.
    pub(crate) async fn given_xero_consent(&self, organisations: &[(&str, uuid::Uuid)]) -> Vec<Connection> {
        let xero = &self.sandbox.xero;
        xero.register_app(xero::App::web(APP, SECRET, "Consent App", &[BACK])).expect("an app");
        let tenants: Vec<_> = organisations.iter().map(|(_, tenant)| *tenant).collect();
        let code = xero.consent(APP, &tenants, &XERO_SCOPES.map(str::to_owned)).expect("a consent");
        let mut draft = self.draft(Provider::Xero, XERO);
        let token = self.redeemed(&draft, &code).await;
        draft.consent = Some(ConsentId::of("xero", APP, None, &claim(&token, "xero_userid")));
        draft.granted_scopes.clone_from(&token.scopes);
        let listed: Value = json_of(&self.bearing(&token, Method::Get, "/connections").await);
        let mut connections = Vec::new();
        for (name, tenant) in organisations {
            let tenant = tenant.to_string();
            let remote = listed.as_array().expect("a list").iter().find(|one| one["tenantId"] == tenant);
            connections.push(Connection {
                id: ConnectionId::from(*name),
                title: (*name).to_owned(),
                account: tenant.clone(),
                remote_id: remote.and_then(|one| one["id"].as_str()).map(str::to_owned),
                ..draft.clone()
            });
        }
        self.kept(&connections, &token).await;
        connections
    }

    /// A Salesforce user lets the app in. `rotating`: each refresh token is good for one use.
    pub(crate) async fn given_salesforce_consent(&self, name: &str, rotating: bool) -> Connection {
        let client = salesforce::Client {
            rotate: rotating,
            callbacks: vec![BACK.into()],
            ..salesforce::Client::new(APP, SECRET)
        };
        self.sandbox.salesforce.register_client(client);
        let user = self.sandbox.salesforce.integration_user();
        let username = self.sandbox.salesforce.get("User", &user).expect("a user")["Username"].clone();
        let form = [
            ("response_type", "code"),
            ("client_id", APP),
            ("redirect_uri", BACK),
            ("scope", "api refresh_token"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("username", username.as_str().expect("a name")),
            ("decision", "allow"),
        ];
        let body: Vec<String> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let allowed = self
            .asked(Request {
                method: Method::Post,
                url: format!("{SALESFORCE}/services/oauth2/authorize"),
                headers: vec![("content-type".into(), "application/x-www-form-urlencoded".into())],
                body: body.join("&").replace(' ', "+").into_bytes(),
                timeout: Duration::from_secs(60),
            })
            .await;
        let location = allowed.header("location").expect("sent back").to_owned();
        let code = location.split(['=', '&']).nth(1).expect("a code").to_owned();
        let draft = self.draft(Provider::Salesforce, SALESFORCE);
        let token = self.redeemed(&draft, &code).await;
        let connection = Connection {
            id: ConnectionId::from(name),
            title: name.to_owned(),
            own_user: user.clone(),
            consent: Some(ConsentId::of("salesforce", APP, token.org.as_deref(), &user)),
            granted_scopes: token.scopes.clone(),
            ..draft
        };
        self.kept(std::slice::from_ref(&connection), &token).await;
        let deadline = self.clock_now() + Times::default().function;
        let client =
            self.stack.client(Arc::new(connection.clone()), Priority::Live, deadline).expect("a client");
        let identity = self.flowing(client.connector.identify(&client)).await.expect("an org");
        let connection = Connection { account: identity.account, ..connection };
        self.stack.connections.save(&connection).await.expect("saved");
        connection
    }

    fn draft(&self, provider: Provider, url: &str) -> Connection {
        Connection {
            id: ConnectionId::from("draft"),
            provider,
            grant: GrantKind::AuthorizationCode,
            consent: None,
            credentials: None,
            client_id: APP.into(),
            login_url: url.into(),
            api_url: url.into(),
            account: String::new(),
            title: String::new(),
            own_user: APP.into(),
            username: None,
            scopes: match provider {
                Provider::Salesforce => vec!["api".into(), "refresh_token".into()],
                Provider::Xero => XERO_SCOPES.map(str::to_owned).to_vec(),
            },
            granted_scopes: Vec::new(),
            daily_limit: None,
            connected_at: Some(self.clock_now()),
            remote_id: None,
            state: ConnectionState::Active,
        }
    }

    async fn redeemed(&self, draft: &Connection, code: &str) -> Token {
        let connector = self.stack.catalog.connector(draft.provider).expect("a connector");
        let [code, verifier, secret] = [code, VERIFIER, SECRET].map(SecretString::from);
        let ask = TokenAsk::Code { code: &code, redirect_uri: BACK, verifier: &verifier };
        let deadline = self.clock_now() + Times::default().function;
        let token = self.stack.tokens.exchange(draft, connector.as_ref(), &ask, Some(&secret), deadline);
        self.flowing(token).await.expect("a token")
    }

    async fn kept(&self, connections: &[Connection], token: &Token) {
        let first = connections.first().expect("a connection");
        let secret = client_secret_name(&first.grant_id());
        self.ports().vault.write(&secret, SecretString::from(SECRET)).await.expect("the vault");
        let connector = self.stack.catalog.connector(first.provider).expect("a connector");
        let deadline = self.clock_now() + Times::default().function;
        let kept = self.stack.tokens.keep_first(first, connector.as_ref(), token, None, deadline);
        self.flowing(kept).await.expect("kept");
        for connection in connections {
            self.stack.connections.save(connection).await.expect("saved");
        }
    }

    /// A call of another program that has this token.
    pub(crate) async fn bearing(&self, token: &Token, method: Method, path: &str) -> Response {
        let bearer = format!("Bearer {}", token.access.expose_secret());
        let tenant = self.sandbox.xero.ledger().tenant_id().to_string();
        self.asked(Request {
            method,
            url: format!("{XERO}{path}"),
            headers: vec![
                ("authorization".into(), bearer),
                ("accept".into(), "application/json".into()),
                ("xero-tenant-id".into(), tenant),
            ],
            body: Vec::new(),
            timeout: Duration::from_secs(60),
        })
        .await
    }

    async fn asked(&self, request: Request) -> Response {
        self.ports().http.send(request).await.expect("an answer")
    }
}

fn claim(token: &Token, name: &str) -> String {
    let claims = token.access.expose_secret().split('.').nth(1).expect("a JWT");
    let claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64")).expect("claims");
    claims[name].as_str().expect("a claim").to_owned()
}

fn json_of(response: &Response) -> Value {
    serde_json::from_slice(&response.body).expect("JSON")
}
