//! The stand-ins of Salesforce and Xero on loopback ports, with an org and a set of books to try things on.
//!
//! They forget everything when they end, unless they are given a file to keep it in (`state_file`).

use std::sync::Arc;

use anyhow::Context as _;
use counterfoil::domain::connection::{GrantKind, Provider};
use counterfoil::domain::ids::ConnectionId;
use counterfoil::flow::connect::{self, Wanted};
use counterfoil::flow::{Stack, disconnect, scopes};
use counterfoil::runtime::catalog::catalog;
use counterfoil::runtime::local_stack;
use counterfoil_sandbox::salesforce::{Amounts, Seeded};
use counterfoil_sandbox::{Sandbox, Settings};
use jiff::Timestamp;
use rust_decimal::Decimal;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::{output, tls};

/// Both stand-ins know this app.
pub(crate) const CLIENT_ID: &str = counterfoil_sandbox::xero::CLIENT_ID;
pub(crate) const CLIENT_SECRET: &str = counterfoil_sandbox::xero::CLIENT_SECRET;
/// Where the example flows write the invoice's number.
const INVOICE_FIELD: &str = "Xero_Invoice__c: string(50)";

pub(crate) struct StandIns {
    pub(crate) sandbox: Sandbox,
    pub(crate) salesforce: String,
    pub(crate) xero: String,
    // They answer, and deliver their webhooks, as long as this lives.
    _servers: JoinSet<()>,
}

/// How they are to be.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    pub(crate) seed: u64,
    /// 0: any free one.
    pub(crate) salesforce_port: u16,
    pub(crate) xero_port: u16,
    pub(crate) without_limits: bool,
    /// Where their time begins, and stands still until its speed is set.
    pub(crate) begins: Option<Timestamp>,
    /// They answer TLS as well, on the same ports.
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

impl StandIns {
    pub(crate) async fn start(shape: Shape) -> anyhow::Result<Self> {
        let clock = local_stack::clock()?;
        let time = Arc::new(move || clock.now());
        let settings = Settings {
            seed: shape.seed,
            limits: !shape.without_limits,
            begins: shape.begins,
            ..Settings::new(time)
        };
        let sandbox = Sandbox::new(settings);
        let mut servers = JoinSet::new();
        let salesforce =
            serve(&mut servers, shape.salesforce_port, shape.tls.clone(), sandbox.salesforce_router())
                .await?;
        let xero = serve(&mut servers, shape.xero_port, shape.tls.clone(), sandbox.xero_router()).await?;
        let sender = sandbox.clone();
        servers.spawn(async move { sender.deliver().await });
        Ok(Self { sandbox, salesforce, xero, _servers: servers })
    }

    /// An org with deals, and books that know its products.
    pub(crate) fn fill(&self, amounts: &Amounts) -> anyhow::Result<Seeded> {
        let salesforce = &self.sandbox.salesforce;
        salesforce.add_field("Opportunity", INVOICE_FIELD).map_err(anyhow::Error::msg)?;
        let seeded = salesforce.fill(amounts);
        let ledger = self.sandbox.xero.ledger();
        for product in salesforce.records("Product2") {
            let text = |name: &str| product[name].as_str().unwrap_or_default();
            // The price is the deal's own; the item's is for invoices that are typed in.
            ledger.add_item(text("ProductCode"), text("Name"), Decimal::ONE_HUNDRED, "200");
        }
        Ok(seeded)
    }

    /// An org and books of about so many records, whose customers and products are the same.
    pub(crate) fn fill_both(&self, records: usize) -> anyhow::Result<()> {
        self.sandbox.salesforce.add_field("Opportunity", INVOICE_FIELD).map_err(anyhow::Error::msg)?;
        self.sandbox.fill(records).map_err(anyhow::Error::msg)
    }

    /// What people need to talk to them.
    pub(crate) fn introduce(&self) {
        let scopes = scopes::of_everything(&catalog(), Provider::Xero).join(" ");
        for line in [
            format!("stand-in Salesforce  {}", self.salesforce),
            format!("stand-in Xero        {}  (scopes {scopes})", self.xero),
            format!("both take client id {CLIENT_ID}, client secret {CLIENT_SECRET}"),
            "what is inside is shown at /_sandbox/ of each".to_owned(),
        ] {
            output::note(line);
        }
    }

    /// The connections `salesforce` and `xero` lead to the stand-ins.
    pub(crate) async fn connect(&self, stack: &Stack) -> anyhow::Result<()> {
        for (provider, url) in [(Provider::Salesforce, &self.salesforce), (Provider::Xero, &self.xero)] {
            let name = ConnectionId::from(provider.as_str());
            if let Some(other) = stack.connections.get(&name).await? {
                if !other.login_url.starts_with("http://127.0.0.1:") {
                    anyhow::bail!(
                        "the connection `{name}` leads to {}, a real account: give the stand-ins another --data",
                        other.title
                    );
                }
                // Each start makes another org and other books: what was known of the last ones is none of theirs.
                disconnect::disconnect(stack, &other).await?;
            }
            let wanted = Wanted {
                name,
                provider,
                grant: GrantKind::ClientCredentials,
                client_id: CLIENT_ID.to_owned(),
                login_url: url.clone(),
                api_url: url.clone(),
                username: None,
                scopes: scopes::of_everything(&stack.catalog, provider),
                daily_limit: None,
            };
            connect::connect(stack, wanted, CLIENT_SECRET.to_owned().into()).await?;
        }
        Ok(())
    }
}

/// Loopback only: the stand-ins' doors are open to everyone who reaches them.
async fn serve(
    servers: &mut JoinSet<()>,
    port: u16,
    tls: Option<Arc<ServerConfig>>,
    router: axum::Router,
) -> anyhow::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .with_context(|| format!("port {port} of 127.0.0.1 can't be listened on"))?;
    let url = format!("http://{}", listener.local_addr()?);
    servers.spawn(async move {
        let served = match tls {
            None => axum::serve(listener, router).await,
            Some(config) => tls::serve(listener, config, router).await,
        };
        if let Err(error) = served {
            tracing::error!(%error, "a stand-in stopped");
        }
    });
    Ok(url)
}
