//! Words to the owner: once for each kind of trouble, not once for each record.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::domain::connection::{Connection, GrantId};
use crate::domain::outcome::Failure;
use crate::ports::Ports;
use crate::ports::table::{Condition, Item, Key, Query, TableError, Write, all_pages};

/// After a mail about a (flow, code), further failures of the kind are counted by the run list, not by mail.
const QUIET_FOR: SignedDuration = SignedDuration::from_hours(1);

/// Who is asked to mend a connection is asked again after so long, when it doesn't work by then either.
const ASKED_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// What it stands under that a connection must be connected again, whatever the reason is called.
const NEEDS_RECONNECT: &str = "needs_reconnect";

/// What is told once for each time that it happens is remembered for so long.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24 * 30);

#[derive(Clone)]
pub struct Notices {
    ports: Ports,
    /// How a person calls the command line for this stack.
    command: Arc<str>,
}

impl std::fmt::Debug for Notices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Notices")
    }
}

impl Notices {
    pub fn new(ports: Ports, command: Arc<str>) -> Self {
        Self { ports, command }
    }

    /// A run failed and its flow asked for e-mail. The message names codes and ids, no bodies.
    pub async fn failed(&self, flow: &str, run: &str, step: &str, record: &str, failure: &Failure) {
        let command = &self.command;
        let subject = format!("[Counterfoil] {flow}: {}", failure.code);
        let body = format!(
            "A run of the flow {flow} failed.\n\nstep:    {step}\nrecord:  {record}\ncode:    {}\n\nSee it:   {command} run show {run}\nAll:      {command} failures --flow {flow}\nRerun it: {command} run rerun {run}\n\nFurther failures of this kind within an hour are not mailed.\n",
            failure.code
        );
        self.once(&format!("{flow}#{}", failure.code), QUIET_FOR, &subject, &body).await;
    }

    /// Once for each pause, however many runs meet it.
    pub async fn long_pause(&self, connection: &Connection, pause: SignedDuration) {
        if is_being_connected(connection) {
            return;
        }
        let (id, command) = (&connection.id, &self.command);
        let subject = format!("[Counterfoil] {id} has used up its daily limit");
        let body = format!(
            "Calls to {id} are paused until the provider's limit ends; other accounts go on.\n\nSee it: {command} connection check {id}\nNothing is lost: what waits goes on by itself.\n"
        );
        self.once(&format!("pause#{id}"), pause, &subject, &body).await;
    }

    /// What a call met: once until it works again, or is connected again; and once more a day later, when it is still met.
    pub async fn parked(&self, connection: &Connection, failure: &Failure) {
        if is_being_connected(connection) {
            return;
        }
        let (id, command) = (&connection.id, &self.command);
        let subject = format!("[Counterfoil] {id} needs you: {}", failure.code);
        let body = format!(
            "{id} can't be used: {}.\n\nRuns that need it are parked, nothing is lost; what can be mended elsewhere goes on by itself.\nConnect it again: {command} connection reconnect {id}\n\nYou are told again if a run or a poll still meets it a day from now.\n",
            failure.code
        );
        let key = Key::new(told_of(connection), failure.code.as_str());
        self.tell(key, ASKED_AGAIN_AFTER, &subject, &body).await;
    }

    /// Connections that can't be used before a person connects them again: each once, and once more each day until then.
    pub async fn need_reconnect(&self, which: &[Arc<Connection>], failure: &Failure) {
        let (mut names, mut told) = (Vec::new(), Vec::new());
        for connection in which {
            let key = Key::new(told_of(connection), NEEDS_RECONNECT);
            if self.is_news(&key, ASKED_AGAIN_AFTER).await {
                names.push(connection.id.as_str());
                told.push(key);
            }
        }
        if names.is_empty() {
            return;
        }
        let command = &self.command;
        let subject = format!("[Counterfoil] {} needs you: {}", named(&names), failure.code);
        let commands: String =
            names.iter().map(|name| format!("  {command} connection reconnect {name}\n")).collect();
        let body = format!(
            "The provider takes no calls for {} any more: {}.\n\nRuns that need it are parked, nothing is lost or deleted. Connect it again, and they go on:\n{commands}\nYou are told again each day until then.\n",
            names.join(", "),
            failure.code
        );
        self.mail(told, &subject, &body).await;
    }

    /// What the daily look at an account found: once, and once more each day that it is so.
    pub async fn answers_wrong(&self, connection: &Connection, failure: &Failure) {
        let (id, command) = (&connection.id, &self.command);
        let subject = format!("[Counterfoil] {id} doesn't answer as it should: {}", failure.code);
        let body = format!(
            "The daily look at the account of {id} found that it doesn't answer as it should: {}.\n\nRuns go on as far as they can.\nSee it: {command} connection check {id}\n\nYou are told again each day that it is so.\n",
            failure.code
        );
        self.tell(Key::new(told_of(connection), failure.code.as_str()), ASKED_AGAIN_AFTER, &subject, &body)
            .await;
    }

    /// A connection that could not be used works again: when it fails once more, that is news.
    pub async fn mended(&self, connection: &Connection) {
        let forget = async {
            for told in all_pages(self.ports.table.as_ref(), Query::new(told_of(connection))).await? {
                let forget = Write::Delete { key: told.key, when: Condition::Always };
                self.ports.table.write(vec![forget]).await?;
            }
            Ok::<_, TableError>(())
        };
        if let Err(error) = forget.await {
            tracing::warn!(connection = %connection.id, %error, "could not note that it works again");
        }
    }

    /// A feed has failed for a while. It is read again and again all the same, and its place is kept.
    pub async fn feed_fails(&self, flow: &str, failure: &Failure) {
        let command = &self.command;
        let subject = format!("[Counterfoil] {flow} can't read its URL: {}", failure.code);
        let body = format!(
            "The flow {flow} can't read the list that it polls.\n\ncode: {}\n\nSee it: {command} flow status {flow}\nNothing is lost: it is read again every few minutes, and what is new in it then starts its runs.\n",
            failure.code
        );
        self.once(&format!("feed#{flow}#{}", failure.code), QUIET_FOR, &subject, &body).await;
    }

    /// Nothing stands still yet: the access token is still taken, but no other may follow.
    pub async fn refresh_unanswered(&self, connection: &Connection, generation: u64) {
        let (id, command) = (&connection.id, &self.command);
        let subject = format!("[Counterfoil] {id} will need you soon: refresh_unanswered");
        let body = format!(
            "The answer to a refresh of {id}'s tokens was lost, and its refresh tokens may be used only once. {id} works until its access token ends.\n\nConnect it again before that: {command} connection reconnect {id}\n"
        );
        self.once(&format!("unanswered#{}#{generation}", connection.grant_id()), REMEMBERED, &subject, &body)
            .await;
    }

    /// A token that was thought to be lost came late: nobody need do anything any more.
    pub async fn grant_revived(&self, grant: &GrantId, generation: u64, back: &[Arc<Connection>]) {
        let names: Vec<&str> = back.iter().map(|connection| connection.id.as_str()).collect();
        if names.is_empty() {
            return;
        }
        let subject = format!("[Counterfoil] {} works again", named(&names));
        let body = format!(
            "The tokens for {} that were thought to be lost have come late. You need not connect again: what was parked goes on by itself.\n",
            names.join(", ")
        );
        self.once(&format!("revived#{grant}#{generation}"), REMEMBERED, &subject, &body).await;
    }

    /// A grant that nothing uses any more is forgotten here, and its provider didn't end it.
    pub async fn left_there(&self, grant: &GrantId, connection: &Connection, failure: &Failure) {
        let (id, provider) = (&connection.id, connection.provider.title());
        let subject = format!("[Counterfoil] end {id}'s former access in {provider}: {}", failure.code);
        let body = format!(
            "{id} has another grant now, or none. Its former one is forgotten here, but for a day {provider} didn't take its end: {}.\n\nEnd it there, among the connected apps: client id {}, account {} ({}).\n",
            failure.code, connection.client_id, connection.title, connection.account
        );
        self.once(&format!("left#{grant}"), REMEMBERED, &subject, &body).await;
    }

    /// Somebody else uses the account's limits with our client id.
    pub async fn shared(&self, connection: &Connection, foreign: u32) {
        let (id, command) = (&connection.id, &self.command);
        tracing::warn!(connection = %id, foreign, "calls with this client id that are not ours");
        let subject = format!("[Counterfoil] {id} is used by somebody else too");
        let body = format!(
            "At least {foreign} calls to {} were made today with the client id of {id}, and not by this stack. Its limits are shared with them, and both may be slowed down.\n\nIs there a second stack, or another program with the same app? Give each an app of its own.\nSee it: {command} connection check {id}\n",
            connection.account
        );
        self.once(&format!("shared#{id}"), REMEMBERED, &subject, &body).await;
    }

    async fn once(&self, topic: &str, quiet: SignedDuration, subject: &str, body: &str) {
        self.tell(Key::new(format!("N#{topic}"), "told"), quiet, subject, body).await;
    }

    async fn tell(&self, key: Key, quiet: SignedDuration, subject: &str, body: &str) {
        if self.is_news(&key, quiet).await {
            self.mail(vec![key], subject, body).await;
        }
    }

    /// Notes that this is told now. Returns whether it wasn't told lately.
    async fn is_news(&self, key: &Key, quiet: SignedDuration) -> bool {
        let now: Timestamp = self.ports.clock.now();
        let mut item = Item::new(key.clone());
        item.expires_at = Some(now + quiet);
        match self.ports.table.write(vec![Write::put(item, Condition::Absent)]).await {
            Ok(()) => true,
            Err(TableError::Refused(_)) => false,
            Err(error) => {
                tracing::warn!(%error, "could not note that the owner was told");
                true
            }
        }
    }

    /// `told`: where it stands that this was told.
    async fn mail(&self, told: Vec<Key>, subject: &str, body: &str) {
        let Err(error) = self.ports.mailer.send(subject, body).await else { return };
        // The run list has the failure all the same; and the next one mails.
        tracing::warn!(%error, "could not mail the owner");
        let forget = told.into_iter().map(|key| Write::Delete { key, when: Condition::Always });
        if let Err(error) = self.ports.table.write(forget.collect()).await {
            tracing::warn!(%error, "could not note that the owner was not told");
        }
    }
}

/// Where it stands what was told of a connection since it was connected.
fn told_of(connection: &Connection) -> String {
    let connected = connection.connected_at.map(|at| at.as_millisecond().to_string()).unwrap_or_default();
    format!("N#parked#{}#{connected}", connection.id)
}

/// Its account has told nothing yet: whoever connects it waits, and hears at once what is wrong.
fn is_being_connected(connection: &Connection) -> bool {
    connection.account.is_empty()
}

/// A subject line has room for a hundred characters.
fn named(names: &[&str]) -> String {
    match names {
        [] => "a connection".to_owned(),
        [only] => (*only).to_owned(),
        [first, others @ ..] => format!("{first} and {} more", others.len()),
    }
}
