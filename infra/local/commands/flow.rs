//! `counterfoil flow`: files are checked, pushed and tried; flows are enabled, paused, fired and looked at.

mod backfill;
mod files;
mod live;
mod status;
mod switch;
mod trial;

pub(super) use trial::event_in;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::place::Place;
use crate::secret::SecretFrom;

const EXAMPLES: &str = "\
Examples:
  counterfoil flow new my-flow --from won-opportunity-to-invoice
  counterfoil flow check flows/*.yaml
  counterfoil flow test my-flow.yaml --event event.json
  counterfoil flow push my-flow.yaml
  counterfoil flow enable my-flow
  counterfoil flow run month-end --with '{\"month\": \"2026-01\"}'";

/// Flows: check, push, enable and try them
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Flow {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Writes a file to start from: NAME.yaml
    New {
        name: String,
        /// One of the flows that ship
        #[arg(long, value_name = "EXAMPLE", default_value = "won-opportunity-to-invoice")]
        from: String,
    },
    /// Says everything that is wrong with flow files: file:line:column: code: message (advice)
    Check {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Prints the JSON Schema of flow files, for editors
    Schema,
    /// Tries a flow on one event; nothing is performed, unless with --live
    #[command(after_help = trial::EXAMPLES)]
    Test(trial::Test),
    /// Checks files and keeps them as new versions, which are live at once
    Push {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Shows all flows
    List {
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Shows how a flow is doing
    Status {
        name: String,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Shows what was pushed, and when
    Versions {
        name: String,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Makes an earlier version live
    Rollback {
        name: String,
        /// Without it, the one before the live one
        #[arg(long, value_name = "VERSION")]
        to: Option<u32>,
    },
    /// Says what fires, what doesn't and what looking costs, and goes live: what happens from now on starts the flow
    Enable {
        #[arg(required = true)]
        names: Vec<String>,
        /// Says it, and changes nothing
        #[arg(long)]
        dry_run: bool,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
    /// Stops, and gives the place up: what happens meanwhile is never seen
    Disable {
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Stops, and keeps the place: `resume` reads on from there
    Pause {
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Reads on from where the flow was paused
    Resume {
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Runs what the flow would have met, had it been live since a day in the past
    #[command(after_help = backfill::EXAMPLES)]
    Backfill(backfill::Backfill),
    /// Keeps a secret that flows name: what senders sign webhooks with, or what a URL is polled with
    Secret {
        name: String,
        #[command(flatten)]
        from: SecretFrom,
    },
    /// Fires a flow that no provider fires
    Run {
        name: String,
        /// The event's record
        #[arg(long, value_name = "JSON", default_value = "{}")]
        with: String,
        /// The same key is the same event: fired twice, it runs once
        #[arg(long, value_name = "UUID")]
        key: Option<uuid::Uuid>,
        /// One JSON document
        #[arg(long)]
        json: bool,
    },
}

impl Flow {
    pub(crate) async fn perform(self, place: &Place) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::New { name, from } => files::new(&name, &from)?,
            Command::Check { files, json } => return files::check(&files, json),
            Command::Schema => files::schema()?,
            Command::Test(test) => return test.perform(place).await,
            Command::Push { files, json } => return Box::pin(files::push(place, &files, json)).await,
            Command::List { json } => live::list(place, json).await?,
            Command::Status { name, json } => status::status(place, &name, json).await?,
            Command::Versions { name, json } => live::versions(place, &name, json).await?,
            Command::Rollback { name, to } => live::roll_back(place, &name, to).await?,
            Command::Enable { names, dry_run, json } => {
                return switch::enable(place, &names, dry_run, json).await;
            }
            Command::Disable { names } => switch::disable(place, &names).await?,
            Command::Pause { names } => switch::pause(place, &names).await?,
            Command::Resume { names } => switch::resume(place, &names).await?,
            Command::Backfill(backfill) => return backfill.perform(place).await,
            Command::Secret { name, from } => live::secret(place, &name, &from).await?,
            Command::Run { name, with, key, json } => live::run(place, &name, &with, key, json).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
