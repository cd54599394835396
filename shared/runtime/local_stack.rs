//! A stack on one machine: everything in one data directory. The command line and the local server open it here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;

use super::fast_clock::{FastClock, NoPace};
use super::http_client::HttpClient;
use super::system_clock::SystemClock;
use super::system_random::SystemRandom;
use super::{catalog, engine};
use crate::connectors::http::networks::{NoPrivateNetworks, PRIVATE_NETWORKS};
use crate::embedded::{Embedded, OpenError, Settings, SmtpError, SmtpMailer};
use crate::flow::Stack;
use crate::flow::stack::Times;
use crate::ports::Ports;
use crate::ports::chunks::Chunked;
use crate::ports::clock::Clock;
use crate::ports::counted::Counted;
use crate::ports::mailer::Mailer;
use crate::ports::random::Random;
use crate::ports::table::Table;

/// Where the data is, when nobody says it on the command line.
pub const DATA: &str = "COUNTERFOIL_DATA";
/// How much faster than the machine's its time runs, and since when: see [`FastClock`]. For stand-ins only.
pub const FAST_CLOCK: &str = "COUNTERFOIL_FAST_CLOCK";
/// The three of an SMTP server, all or none: its URL, from whom, to whom.
pub const SMTP_URL: &str = "COUNTERFOIL_SMTP_URL";
pub const MAIL_FROM: &str = "COUNTERFOIL_MAIL_FROM";
pub const MAIL_TO: &str = "COUNTERFOIL_MAIL_TO";

const USER_AGENT: &str = concat!("counterfoil/", env!("CARGO_PKG_VERSION"));

/// A stack with what only one machine has.
#[derive(Clone)]
pub struct LocalStack {
    pub stack: Stack,
    pub embedded: Embedded,
    /// What the table was asked, for benchmarks.
    pub counted: Counted<Arc<dyn Table>>,
}

impl std::fmt::Debug for LocalStack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalStack")
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the HTTP client can't be made: {0}")]
    Http(#[from] reqwest::Error),
    #[error("{0} must be set as well: an SMTP server needs all of {SMTP_URL}, {MAIL_FROM} and {MAIL_TO}")]
    MailHalfSet(String),
    #[error(transparent)]
    Mail(#[from] SmtpError),
    #[error("{FAST_CLOCK}: {0}")]
    Pace(#[from] NoPace),
    #[error(transparent)]
    Networks(#[from] NoPrivateNetworks),
    #[error("there is no home directory to keep data in: name a directory with --data, or set {DATA}")]
    NoHome,
}

impl LocalError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open(error) => error.code(),
            Self::Http(_) => "http_unusable",
            Self::MailHalfSet(_) => "mail_half_set",
            Self::Mail(error) => error.code(),
            Self::Pace(_) => "no_pace",
            Self::Networks(_) => "no_private_networks",
            Self::NoHome => "no_home",
        }
    }
}

/// The process that works: it has the directory for itself, which is made where it isn't there.
pub fn open(directory: &Path) -> Result<LocalStack, LocalError> {
    put_together(Embedded::open(directory, clock()?, random(), Settings::default())?)
}

/// Beside the process that works, if there is one.
pub fn join(directory: &Path) -> Result<LocalStack, LocalError> {
    put_together(Embedded::join(directory, clock()?, random(), Settings::default())?)
}

/// Gone when it is dropped.
pub fn temporary() -> Result<LocalStack, LocalError> {
    put_together(Embedded::temporary(clock()?, random(), Settings::default())?)
}

/// The time of this machine's stacks: the machine's own, unless the environment says otherwise.
pub fn clock() -> Result<Arc<dyn Clock>, NoPace> {
    Ok(match environment(FAST_CLOCK) {
        None => Arc::new(SystemClock),
        Some(pace) => Arc::new(pace.parse::<FastClock>()?),
    })
}

fn http_client() -> reqwest::Result<HttpClient> {
    match environment(FAST_CLOCK) {
        None => HttpClient::new(USER_AGENT),
        Some(_) => HttpClient::loopback_only(USER_AGENT),
    }
}

/// The clients for URLs that flows name, and for those that answers name.
fn web_clients(named: &dyn Fn(&str) -> Option<String>) -> Result<[HttpClient; 2], LocalError> {
    let networks = named(PRIVATE_NETWORKS).unwrap_or_default().parse()?;
    // With a fast clock, none reaches another machine.
    Ok(match named(FAST_CLOCK) {
        Some(_) => [HttpClient::loopback_only(USER_AGENT)?, HttpClient::loopback_only(USER_AGENT)?],
        None => [HttpClient::guarded(USER_AGENT, networks)?, HttpClient::public_only(USER_AGENT)?],
    })
}

fn random() -> Arc<dyn Random> {
    Arc::new(SystemRandom)
}

fn put_together(embedded: Embedded) -> Result<LocalStack, LocalError> {
    let counted = Counted::new(embedded.table() as Arc<dyn Table>);
    let [web, public_web] = web_clients(&environment)?;
    let ports = Ports {
        table: Arc::new(Chunked::new(counted.clone(), random())),
        queue: embedded.queue(),
        vault: embedded.vault(),
        http: Arc::new(http_client()?),
        web: Arc::new(web),
        public_web: Arc::new(public_web),
        clock: clock()?,
        random: random(),
        mailer: mailer(&embedded, &environment)?,
    };
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let stack =
        Stack::new(ports, catalog::catalog(), engine::engine(), cores, Times::default(), "counterfoil");
    Ok(LocalStack { stack, embedded, counted })
}

/// SMTP where the environment names a server, else the outbox.
fn mailer(
    embedded: &Embedded,
    named: &dyn Fn(&str) -> Option<String>,
) -> Result<Arc<dyn Mailer>, LocalError> {
    match [SMTP_URL, MAIL_FROM, MAIL_TO].map(named) {
        [None, None, None] => Ok(embedded.outbox()),
        [Some(url), Some(from), Some(to)] => {
            Ok(Arc::new(SmtpMailer::new(&SecretString::from(url), None, &from, &to, clock()?)?))
        }
        some => {
            let missing =
                [SMTP_URL, MAIL_FROM, MAIL_TO].into_iter().zip(some).filter(|(_, value)| value.is_none());
            Err(LocalError::MailHalfSet(missing.map(|(name, _)| name).collect::<Vec<_>>().join(" and ")))
        }
    }
}

/// Where a person's data is: `$COUNTERFOIL_DATA`, else `counterfoil` in the user's data directory.
/// <https://specifications.freedesktop.org/basedir/latest/>
pub fn default_directory() -> Result<PathBuf, LocalError> {
    directory_by(&environment)
}

fn directory_by(named: &dyn Fn(&str) -> Option<String>) -> Result<PathBuf, LocalError> {
    if let Some(directory) = named(DATA) {
        return Ok(directory.into());
    }
    // A relative one is to be ignored, says the specification.
    let data_home = named("XDG_DATA_HOME").map(PathBuf::from).filter(|directory| directory.is_absolute());
    let data_home = data_home.or_else(|| named("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    data_home.map(|directory| directory.join("counterfoil")).ok_or(LocalError::NoHome)
}

#[expect(clippy::disallowed_methods, reason = "runtime is where the environment is read")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(variables: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_data_is_where_it_is_said_to_be_else_in_the_users_data_directory() {
        let directory = |variables| directory_by(&of(variables)).unwrap().display().to_string();
        assert_eq!(directory(&[("HOME", "/home/ana")]), "/home/ana/.local/share/counterfoil");
        assert_eq!(directory(&[("HOME", "/home/ana"), ("XDG_DATA_HOME", "/data")]), "/data/counterfoil");
        assert_eq!(
            directory(&[("HOME", "/home/ana"), ("XDG_DATA_HOME", "not/absolute")]),
            "/home/ana/.local/share/counterfoil"
        );
        assert_eq!(directory(&[("HOME", "/home/ana"), (DATA, "here")]), "here");
        assert_eq!(directory_by(&of(&[])).unwrap_err().code(), "no_home");
    }

    #[test]
    fn a_list_of_private_networks_that_cant_be_meant_stops_the_start() {
        let error = web_clients(&of(&[(PRIVATE_NETWORKS, "10.20.0.5")])).err().unwrap();
        assert_eq!(error.code(), "no_private_networks");
        assert!(error.to_string().contains("write 10.20.0.5/32"), "{error}");
        assert!(web_clients(&of(&[(PRIVATE_NETWORKS, "10.20.0.0/16")])).is_ok());
        assert!(web_clients(&of(&[])).is_ok());
    }

    #[test]
    fn a_mail_server_that_is_half_named_is_refused_with_what_is_missing() {
        let embedded = temporary().unwrap().embedded;
        let half = [(SMTP_URL, "smtp://localhost:25")];
        let error = mailer(&embedded, &of(&half)).err().unwrap();
        assert_eq!(error.code(), "mail_half_set");
        assert!(error.to_string().contains("COUNTERFOIL_MAIL_FROM and COUNTERFOIL_MAIL_TO must"), "{error}");
        assert!(mailer(&embedded, &of(&[])).is_ok());
    }
}
