//! `counterfoil connection`: the accounts that work is moved between.

mod browser;
mod show;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use counterfoil::domain::connection::{Connection, GrantKind, Provider};
use counterfoil::domain::ids::ConnectionId;
use counterfoil::flow::connect::{self, Wanted};
use counterfoil::flow::{Stack, consent, disconnect, hear};
use counterfoil::ports::random::random_uuid;
use counterfoil::runtime::handlers::HOOKS;
use secrecy::SecretString;
use serde_json::json;

use self::browser::Door;
use crate::output;
use crate::place::Place;
use crate::secret::SecretFrom;

const EXAMPLES: &str = "\
Examples:
  counterfoil connection add books --provider xero --client-id 5F2A… --secret-file xero-secret.txt
  counterfoil connection add crm --provider salesforce --client-id 3MVG9… \\
    --login-url https://acme.my.salesforce.com < salesforce-secret.txt
  counterfoil connection add books --provider xero --grant browser --client-id 5F2A… --secret-file xero-secret.txt
  counterfoil connection add crm --provider salesforce --grant jwt --client-id 3MVG9… \\
    --username integration@acme.example --secret-file private-key.pem
  counterfoil connection check
  counterfoil connection reconnect books --secret-file new-secret.txt
  counterfoil connection listen xero --secret-file webhook-key.txt
  counterfoil connection listen salesforce

A secret or private key is read from --secret-file or from standard input, never from the command line, where others
could see it. The account must answer before a connection is saved.";

/// Connections: the accounts that work is moved between
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ConnectionArgs {
    #[command(subcommand)]
    command: ConnectionCommand,
}

#[derive(Debug, Subcommand)]
enum ConnectionCommand {
    /// Connect an account; again with the same name: connect it anew
    Add(Add),
    /// Show the connections
    List {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Ask the account at the other end who it is
    Check {
        /// Which; all of them when left out
        name: Option<String>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Give a connection a new secret, or a person's consent anew; what waits for it goes on
    Reconnect {
        /// Which
        name: String,
        #[command(flatten)]
        secret: SecretFrom,
        #[command(flatten)]
        door: Door,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Take notifications of changes, so that polls needn't wait for their turn
    Listen {
        /// Whose
        provider: ProviderName,
        #[command(flatten)]
        secret: SecretFrom,
    },
    /// Take a connection away, with its secrets
    Remove {
        /// Which
        name: String,
    },
}

#[derive(Debug, Args)]
struct Add {
    /// What flows call it
    name: String,
    /// Whose account it is
    #[arg(long)]
    provider: ProviderName,
    /// How tokens are had: id and secret, a person's consent in a browser, or (Salesforce) an assertion signed with a
    /// private key
    #[arg(long, default_value = "client-credentials")]
    grant: Grant,
    /// The client id of the app (Salesforce: consumer key)
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// Where tokens come from. Salesforce with client credentials: the org's My Domain
    #[arg(long, value_name = "URL")]
    login_url: Option<String>,
    /// Where calls go, when that isn't the provider's usual place
    #[arg(long, value_name = "URL")]
    api_url: Option<String>,
    /// The Salesforce user to act as (--grant jwt)
    #[arg(long, value_name = "USER")]
    username: Option<String>,
    /// Calls a day, when fewer than the account has may be used
    #[arg(long, value_name = "N")]
    daily_limit: Option<u32>,
    /// The scopes that are asked for, with commas or spaces between them. When left out: what the flows need, and for a
    /// custom connection of Xero what the actions write with
    #[arg(long, value_delimiter = ',', value_name = "SCOPES")]
    scopes: Vec<String>,
    #[command(flatten)]
    secret: SecretFrom,
    #[command(flatten)]
    door: Door,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ProviderName {
    Salesforce,
    Xero,
}

impl ProviderName {
    fn provider(self) -> Provider {
        match self {
            Self::Salesforce => Provider::Salesforce,
            Self::Xero => Provider::Xero,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Grant {
    ClientCredentials,
    Browser,
    Jwt,
}

impl ConnectionArgs {
    pub(crate) async fn perform(self, place: &Place) -> anyhow::Result<ExitCode> {
        match self.command {
            ConnectionCommand::Add(add) => add.perform(place).await,
            ConnectionCommand::List { json } => show::list(&place.existing()?, json).await,
            ConnectionCommand::Check { name, json } => {
                let stack = place.existing()?;
                let named = match name {
                    Some(name) => Some((*stack.connections.named(&name).await?).clone()),
                    None => None,
                };
                show::check(&stack, named, json).await
            }
            ConnectionCommand::Reconnect { name, secret, door, json } => {
                let stack = place.existing()?;
                let known = (*stack.connections.named(&name).await?).clone();
                if known.grant != GrantKind::AuthorizationCode {
                    return connected(&stack, Wanted::again(&known), secret.read(SECRET)?, json).await;
                }
                // The app's secret is known, unless there is a new one.
                let secret = if secret.is_named() { Some(secret.read(SECRET)?) } else { None };
                let invite = async |address: &str| consent::again(&stack, &known, secret, address).await;
                door.lead_through(place, &stack, invite, json).await
            }
            ConnectionCommand::Listen { provider, secret } => {
                listen(&place.existing()?, provider.provider(), &secret).await
            }
            ConnectionCommand::Remove { name } => {
                let stack = place.existing()?;
                let known = (*stack.connections.named(&name).await?).clone();
                remove(&stack, known).await
            }
        }
    }
}

/// What a person at a terminal is asked for.
const SECRET: &str = "Client secret";

impl Add {
    async fn perform(self, place: &Place) -> anyhow::Result<ExitCode> {
        let (json, secret) = (self.json, self.secret.read(SECRET)?);
        let wanted = self.wanted()?;
        let stack = place.stack()?;
        if wanted.grant != GrantKind::AuthorizationCode {
            return connected(&stack, wanted, secret, json).await;
        }
        let invite = async |address: &str| consent::invite(&stack, wanted, secret, address).await;
        self.door.lead_through(place, &stack, invite, json).await
    }

    fn wanted(&self) -> anyhow::Result<Wanted> {
        let provider = self.provider.provider();
        let grant = match self.grant {
            Grant::ClientCredentials => GrantKind::ClientCredentials,
            Grant::Browser => GrantKind::AuthorizationCode,
            Grant::Jwt => GrantKind::JwtBearer,
        };
        let login_url = self.login_url.as_deref().or(usual_login(provider, grant));
        let login_url = login_url.context(
            "say with --login-url where the org lives (Setup, My Domain): https://acme.my.salesforce.com",
        )?;
        let login_url = login_url.trim_end_matches('/').to_owned();
        let api_url = self.api_url.clone().unwrap_or_else(|| match login_url.as_str() {
            XERO_LOGIN => XERO_API.to_owned(),
            // The org says in its tokens where its calls go.
            elsewhere => elsewhere.to_owned(),
        });
        let words = self.scopes.iter().flat_map(|scopes| scopes.split_whitespace()).map(str::to_owned);
        Ok(Wanted {
            name: ConnectionId::from(self.name.as_str()),
            provider,
            grant,
            client_id: self.client_id.clone(),
            login_url,
            api_url: api_url.trim_end_matches('/').to_owned(),
            username: self.username.clone(),
            scopes: words.collect(),
            daily_limit: self.daily_limit,
        })
    }
}

/// <https://developer.xero.com/documentation/guides/oauth2/custom-connections/>
const XERO_LOGIN: &str = "https://identity.xero.com";
const XERO_API: &str = "https://api.xero.com";

fn usual_login(provider: Provider, grant: GrantKind) -> Option<&'static str> {
    match (provider, grant) {
        (Provider::Xero, _) => Some(XERO_LOGIN),
        // Client credentials are taken on the org's own domain only.
        // https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_client_credentials_flow.htm
        (Provider::Salesforce, GrantKind::ClientCredentials) => None,
        (Provider::Salesforce, GrantKind::JwtBearer | GrantKind::AuthorizationCode) => {
            Some("https://login.salesforce.com")
        }
    }
}

/// Xero signs with a key of its own making; Salesforce signs nothing, so its address is the secret.
async fn listen(stack: &Stack, provider: Provider, secret: &SecretFrom) -> anyhow::Result<ExitCode> {
    let place = match provider {
        Provider::Xero => {
            let key = secret.read("The webhook's signing key, as Xero shows it")?;
            hear::add_key(stack, provider, key).await?;
            format!("{HOOKS}xero")
        }
        Provider::Salesforce => {
            let key = random_uuid(stack.ports.random.as_ref()).simple().to_string();
            let place = format!("{HOOKS}salesforce/{key}");
            hear::add_key(stack, provider, SecretString::from(key)).await?;
            place
        }
    };
    output::note(
        "notifications wake the polls from now on; the three keys that were given before this one stay good",
    );
    output::line(format!("POST {place} (behind the address that `http.webhook` flows have)"));
    Ok(ExitCode::SUCCESS)
}

async fn connected(
    stack: &Stack,
    wanted: Wanted,
    secret: SecretString,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let (connection, unparked) = connect::connect(stack, wanted, secret).await?;
    tell_connected(&connection);
    if unparked > 0 {
        output::note(format!("{unparked} runs that waited for it go on"));
    }
    if json {
        output::document(&json!({"connection": connection, "unparked": unparked}))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn tell_connected(connection: &Connection) {
    let Connection { id, title, provider, account, .. } = connection;
    output::note(format!("`{id}` is connected to {title} ({} {account})", provider.as_str()));
}

/// The account at the other end is told as well, where the connection came by a consent.
async fn remove(stack: &Stack, connection: Connection) -> anyhow::Result<ExitCode> {
    let connection = Arc::new(connection);
    let done = disconnect::disconnect(stack, &connection).await?;
    output::note(format!("removed {}; what was made through it stays known", connection.id));
    if done.shared_with > 0 {
        output::note(format!("{} more use the same consent and go on", done.shared_with));
    }
    if done.ends_later {
        output::note("its secrets are in use at this moment; the keeper removes them within minutes");
    }
    for failure in done.left_there {
        output::note(format!(
            "{} could not be told ({failure}): end it there as well, among the connected apps",
            connection.provider.as_str()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        add: Add,
    }

    fn wanted(words: &str) -> anyhow::Result<Wanted> {
        Line::parse_from(words.split(' ')).add.wanted()
    }

    #[test]
    fn a_xero_connection_needs_a_client_id_and_the_rest_is_usual() {
        let wanted = wanted("add books --provider xero --client-id 5F2A").unwrap();
        assert_eq!(
            (wanted.login_url.as_str(), wanted.api_url.as_str(), wanted.scopes.len()),
            ("https://identity.xero.com", "https://api.xero.com", 0)
        );
    }

    #[test]
    fn no_more_is_asked_for_than_the_flows_need_unless_scopes_are_named() {
        let line = "add books --provider xero --grant browser --client-id 5F2A";
        let asked = wanted(line).unwrap();
        assert_eq!((asked.grant, asked.scopes.len()), (GrantKind::AuthorizationCode, 0));
        let named = wanted(&format!("{line} --scopes accounting.invoices")).unwrap();
        assert_eq!(named.scopes, ["accounting.invoices"]);
        let crm = wanted("add crm --provider salesforce --grant browser --client-id 3MVG9").unwrap();
        assert_eq!(crm.login_url, "https://login.salesforce.com");
    }

    #[test]
    fn salesforce_client_credentials_need_the_orgs_own_domain() {
        let error = wanted("add crm --provider salesforce --client-id 3MVG9").unwrap_err();
        assert!(error.to_string().contains("--login-url"), "{error}");
        let jwt =
            wanted("add crm --provider salesforce --grant jwt --client-id 3MVG9 --username a@b.c").unwrap();
        assert_eq!(
            (jwt.grant, jwt.login_url.as_str()),
            (GrantKind::JwtBearer, "https://login.salesforce.com")
        );
    }

    #[test]
    fn scopes_may_be_listed_with_commas() {
        let wanted = wanted(
            "add books --provider xero --client-id 5 --scopes accounting.contacts,accounting.settings",
        );
        assert_eq!(wanted.unwrap().scopes, ["accounting.contacts", "accounting.settings"]);
    }
}
