//! `--grant browser`: a person's browser is led through the provider's page, and the command waits for what comes of it.
//!
//! On this machine the pages between are this command's own, or those of the `up` that listens there already; of a
//! deployed stack they are its console's.

use std::io::{ErrorKind, IsTerminal as _};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use counterfoil::domain::connection::Connection;
use counterfoil::domain::ids::ConsentId;
use counterfoil::domain::outcome::Failure;
use counterfoil::flow::consent::{self, Invited, Outcome};
use counterfoil::flow::{FlowError, Stack};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::tell_connected;
use crate::commands::until_stopped;
use crate::output;
use crate::place::Place;
use crate::server;
use crate::serving::{Serving, for_people, listen};

const LOOK_AGAIN: Duration = Duration::from_millis(300);

#[derive(Debug, clap::Args)]
pub(super) struct Door {
    /// The port of this machine that the browser comes back to, as the app's redirect URI says (--grant browser); 0 for
    /// any free one
    #[arg(long, value_name = "N", default_value_t = 8080)]
    port: u16,
}

/// Where browsers come; and who answers them, if it is this process.
struct Opened {
    address: String,
    serving: Option<Serving>,
}

impl Door {
    /// Invites, shows the way, and waits until the person is through or the time is over.
    pub(super) async fn lead_through(
        &self,
        place: &Place,
        stack: &Stack,
        invite: impl AsyncFnOnce(&str) -> Result<Invited, FlowError>,
        json: bool,
    ) -> anyhow::Result<ExitCode> {
        let opened = self.open(place, stack).await?;
        let invited = invite(&opened.address).await?;
        show(&invited);
        let came_to = tokio::select! {
            came_to = awaited(stack, invited.id) => came_to,
            stopped = until_stopped() => {
                stopped?;
                Err(Failure::new("stopped", "nothing was connected; the link is of no use any more").into())
            }
        };
        if let Some(serving) = opened.serving {
            // The browser gets its last page.
            let _ = tokio::time::timeout(Duration::from_secs(5), serving.stop()).await;
        }
        let (connections, unparked) = came_to?;
        consent::sweep(stack).await?;
        connections.iter().for_each(tell_connected);
        if unparked > 0 {
            output::note(format!("{unparked} runs that waited go on"));
        }
        if json {
            output::document(&json!({ "connections": connections, "unparked": unparked }))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn open(&self, place: &Place, stack: &Stack) -> anyhow::Result<Opened> {
        if let Some(address) = place.console().await? {
            return Ok(Opened { address, serving: None });
        }
        match listen(self.port).await {
            Ok(listener) => {
                let address = for_people(listener.local_addr()?.port());
                let serving = Serving::start(listener, server::console_router(stack.clone()));
                Ok(Opened { address, serving: Some(serving) })
            }
            Err(error) => {
                let is_taken = |error: &std::io::Error| error.kind() == ErrorKind::AddrInUse;
                let ours = for_people(self.port);
                let is_up = consent::address(stack).await?.as_ref() == Some(&ours);
                match error.downcast_ref().is_some_and(is_taken) && is_up {
                    true => Ok(Opened { address: ours, serving: None }),
                    false => Err(error),
                }
            }
        }
    }
}

fn show(invited: &Invited) {
    let url = invited.url.expose_secret();
    output::note(format!("the app's redirect URI must be {}", invited.redirect_uri));
    output::note(format!("it is asked for {}", invited.scopes.join(" ")));
    output::note(format!("open within ten minutes: {url}"));
    if std::io::stderr().is_terminal() {
        open(url);
    }
}

/// Asks the desktop for a browser; where there is none, a person has read the address.
fn open(url: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let quiet = || Stdio::null();
    let _ = Command::new(program).arg(url).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
}

/// What the invitation came to.
async fn awaited(stack: &Stack, id: ConsentId) -> anyhow::Result<(Vec<Connection>, u32)> {
    loop {
        match consent::outcome(stack, id).await?.context("the invitation is gone")? {
            Outcome::Connected { connections, unparked } => return Ok((connections, unparked)),
            Outcome::Refused(failure) => return Err(failure.into()),
            Outcome::Waiting { until } if until <= stack.now() => {
                return Err(Failure::new("nobody_came", "nobody opened the link and finished in time").into());
            }
            Outcome::Waiting { .. } => stack.ports.clock.sleep(LOOK_AGAIN).await,
        }
    }
}
