//! `counterfoil up`: every function in one process, until it is told to stop.

use std::process::ExitCode;

use counterfoil::flow::consent;
use counterfoil_sandbox::salesforce::Amounts;

use super::until_stopped;
use crate::output;
use crate::place::Place;
use crate::stand_ins::{Shape, StandIns};
use crate::tls::TlsFiles;
use crate::whole::Whole;

const EXAMPLES: &str = "\
Examples:
  counterfoil up
  counterfoil up --port 9000 --data ./counterfoil-data
  counterfoil up --sandbox          with stand-ins of Salesforce and Xero, connected as `salesforce` and `xero`

Webhooks are taken at http://127.0.0.1:PORT/webhook/…: `counterfoil flow list` says each flow's path.
Flows call public addresses only, and the networks in COUNTERFOIL_PRIVATE_NETWORKS, such as 10.20.0.0/16,127.0.0.0/8.
What fails is told by e-mail where COUNTERFOIL_SMTP_URL, COUNTERFOIL_MAIL_FROM and COUNTERFOIL_MAIL_TO are set.
Ctrl-C finishes what is under way, and a second one doesn't.";

/// Run everything on this machine: polls, webhooks, runs
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(mut_arg("tls_cert", |tls| tls.requires("sandbox")))]
pub(crate) struct Up {
    /// The port of this machine that webhooks are taken at; 0 for any free one
    #[arg(long, value_name = "N", default_value_t = 8080)]
    port: u16,
    /// Start stand-ins of Salesforce and Xero as well, and connect to them
    #[arg(long)]
    sandbox: bool,
    #[command(flatten)]
    tls: TlsFiles,
}

impl Up {
    pub(crate) async fn perform(self, place: &Place) -> anyhow::Result<ExitCode> {
        let (local, directory) = place.own()?;
        let stand_ins = match self.sandbox {
            false => None,
            true => {
                // Another seed each time: the ids of the org that was forgotten must not come again.
                let mut seed = [0; 4];
                local.stack.ports.random.bytes(&mut seed);
                let seed = u64::from(u32::from_be_bytes(seed));
                let stand_ins =
                    StandIns::start(Shape { seed, tls: self.tls.read()?, ..Shape::default() }).await?;
                stand_ins.fill(&Amounts::default())?;
                stand_ins.connect(&local.stack).await?;
                Some(stand_ins)
            }
        };
        let whole = Whole::start(&local, self.port).await?;
        consent::listen_at(&local.stack, Some(&whole.people)).await?;
        output::note(format!("listening on {}, data in {}", whole.url, directory.display()));
        if let Some(stand_ins) = &stand_ins {
            stand_ins.introduce();
        }
        until_stopped().await?;
        consent::listen_at(&local.stack, None).await?;
        output::note("stopping: what is under way is finished (Ctrl-C again: at once)");
        let stopped_again = async {
            until_stopped().await.ok();
        };
        tokio::select! {
            stopped = whole.stop() => stopped?,
            () = stopped_again => {
                output::note("stopped at once: what was under way is done again at the next start");
                return Ok(ExitCode::FAILURE);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
