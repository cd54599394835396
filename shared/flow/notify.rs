//! Words to the owner: once for each kind of trouble, not once for each record.

use jiff::{SignedDuration, Timestamp};

use crate::domain::connection::Connection;
use crate::domain::outcome::Failure;
use crate::ports::Ports;
use crate::ports::table::{Condition, Item, Key, TableError, Write};

/// After a mail about a (flow, code), further failures of the kind are counted by the run list, not by mail.
const QUIET_FOR: SignedDuration = SignedDuration::from_hours(1);

#[derive(Clone)]
pub struct Notices {
    ports: Ports,
}

impl std::fmt::Debug for Notices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Notices")
    }
}

impl Notices {
    pub fn new(ports: Ports) -> Self {
        Self { ports }
    }

    /// A run failed and its flow asked for e-mail. The message names codes and ids, no bodies.
    pub async fn failed(&self, flow: &str, run: &str, step: &str, failure: &Failure) {
        let subject = format!("[Counterfoil] {flow}: {}", failure.code);
        let body = format!(
            "A run of the flow {flow} failed.\n\nstep:    {step}\ncode:    {}\n\nSee it:   counterfoil run show {run}\nAll:      counterfoil failures --flow {flow}\nRerun it: counterfoil run rerun {run}\n\nFurther failures of this kind within an hour are not mailed.\n",
            failure.code
        );
        self.once(&format!("{flow}#{}", failure.code), QUIET_FOR, &subject, &body).await;
    }

    /// Once for each pause, however many runs meet it.
    pub async fn long_pause(&self, connection: &Connection, pause: SignedDuration) {
        let id = &connection.id;
        let subject = format!("[Counterfoil] {id} has used up its daily limit");
        let body = format!(
            "Calls to {id} are paused until the provider's limit ends; other accounts go on.\n\nSee it: counterfoil connection check {id}\nNothing is lost: what waits goes on by itself.\n"
        );
        self.once(&format!("pause#{id}"), pause, &subject, &body).await;
    }

    pub async fn parked(&self, connection: &Connection, failure: &Failure) {
        let id = &connection.id;
        let subject = format!("[Counterfoil] {id} needs you: {}", failure.code);
        let body = format!(
            "{id} can't be used: {}.\n\nRuns that need it are parked, nothing is lost.\nConnect it again: counterfoil connection add {id}\n",
            failure.code
        );
        self.once(&format!("parked#{id}#{}", failure.code), QUIET_FOR, &subject, &body).await;
    }

    /// A feed has failed for a while. It is read again and again all the same, and its place is kept.
    pub async fn feed_fails(&self, flow: &str, failure: &Failure) {
        let subject = format!("[Counterfoil] {flow} can't read its URL: {}", failure.code);
        let body = format!(
            "The flow {flow} can't read the list that it polls.\n\ncode: {}\n\nSee it: counterfoil flow status {flow}\nNothing is lost: it is read again every few minutes, and what is new in it then starts its runs.\n",
            failure.code
        );
        self.once(&format!("feed#{flow}#{}", failure.code), QUIET_FOR, &subject, &body).await;
    }

    async fn once(&self, topic: &str, quiet: SignedDuration, subject: &str, body: &str) {
        let now: Timestamp = self.ports.clock.now();
        let mut item = Item::new(Key::new(format!("N#{topic}"), "told"));
        item.expires_at = Some(now + quiet);
        match self.ports.table.write(vec![Write::put(item, Condition::Absent)]).await {
            Ok(()) => {}
            Err(TableError::Refused(_)) => return,
            Err(error) => tracing::warn!(%error, "could not note that the owner was told"),
        }
        if let Err(error) = self.ports.mailer.send(subject, body).await {
            // The run list has the failure all the same; the mail is a courtesy.
            tracing::warn!(%error, "could not mail the owner");
        }
    }
}
