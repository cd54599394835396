//! Opening a data directory: its lock, its key, its tables, its new epoch.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::failure::Failure;
use super::outbox::Outbox;
use super::queue::EmbeddedQueue;
use super::readers::Readers;
use super::schema;
use super::seal::Seal;
use super::table::{EmbeddedTable, Swept};
use super::vault::EmbeddedVault;
use super::writer::Writer;
use crate::ports::Unavailable;
use crate::ports::clock::Clock;
use crate::ports::queue::QueueName;
use crate::ports::random::Random;

const DATABASE: &str = "counterfoil.db";
const KEY: &str = "vault.key";
const LOCK: &str = "lock";
const KEY_CHECK: &str = "key_check";
const EPOCH: &str = "epoch";

/// How the adapters behave.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How often a message is received before it is a dead letter; for queues that aren't named, 1,000.
    pub max_receives: BTreeMap<QueueName, u32>,
    /// How often to look for messages that another process has sent; None when there is no other.
    pub look_again: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_receives: BTreeMap::new(), look_again: Some(Duration::from_secs(1)) }
    }
}

/// Why a data directory can't be used. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "{directory} is in use by another counterfoil (process {holder}): stop it, or use another --data"
    )]
    InUse { directory: PathBuf, holder: String },
    #[error("there is no stack in {directory}: start one with `counterfoil up`, or name its --data")]
    NothingThere { directory: PathBuf },
    #[error("cannot {action} {path}: {source}")]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },
    #[error(
        "{file} may be read by others (mode {mode:o}): it opens everything that is stored. Run `chmod 600` on it"
    )]
    KeyTooOpen { file: PathBuf, mode: u32 },
    #[error("{file} is missing, and what is stored opens with nothing else: restore it from a backup")]
    KeyMissing { file: PathBuf },
    #[error("{file} has {length} bytes where a key has 32: restore it from a backup")]
    KeyDamaged { file: PathBuf, length: usize },
    #[error("{file} is not the key that this data was sealed with: restore the right one from a backup")]
    KeyWrong { file: PathBuf },
    #[error("{file} was written by a newer counterfoil (layout {found}, known {known}): update this one")]
    TooNew { file: PathBuf, found: i64, known: i64 },
    #[error("cannot open {file}: {message}")]
    Database { file: PathBuf, message: String },
}

impl OpenError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "data_in_use",
            Self::NothingThere { .. } => "data_missing",
            Self::Io { .. } => "data_unreachable",
            Self::KeyTooOpen { .. } => "key_too_open",
            Self::KeyMissing { .. } => "key_missing",
            Self::KeyDamaged { .. } => "key_damaged",
            Self::KeyWrong { .. } => "key_wrong",
            Self::TooNew { .. } => "data_too_new",
            Self::Database { .. } => "data_unusable",
        }
    }

    pub(super) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

/// The ports of one data directory. Cheap to clone; the directory is let go with the last of them and their like.
#[derive(Clone)]
pub struct Embedded {
    store: Arc<Store>,
    queue: EmbeddedQueue,
}

/// What the adapters share.
pub(super) struct Store {
    // The order is that of dropping: no write is under way when the lock goes.
    pub(super) writer: Writer,
    pub(super) readers: Readers,
    pub(super) seal: Seal,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) epoch: i64,
    pub(super) look_again: Option<Duration>,
    max_receives: BTreeMap<QueueName, u32>,
    _home: Home,
}

impl Store {
    /// In microseconds, as the tables have it.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().as_microsecond()
    }

    pub(super) fn max_receives(&self, queue: QueueName) -> u32 {
        self.max_receives.get(&queue).copied().unwrap_or(1000)
    }
}

impl Embedded {
    /// The stack in that directory, which is made where it isn't there. Locks it, and frees what the process
    /// before held: leases and messages in flight.
    pub fn open(
        directory: &Path,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        settings: Settings,
    ) -> Result<Self, OpenError> {
        make_directory(directory)?;
        let lock = lock(directory)?;
        Self::with(directory, Home::Locked(lock), Way::Begin { durable: true }, clock, random, settings)
    }

    /// Beside the process that has the directory locked, if there is one: for the command line. It takes nothing
    /// away from the other.
    pub fn join(
        directory: &Path,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        settings: Settings,
    ) -> Result<Self, OpenError> {
        if !directory.join(DATABASE).exists() {
            return Err(OpenError::NothingThere { directory: directory.to_owned() });
        }
        Self::with(directory, Home::Shared, Way::Join, clock, random, settings)
    }

    /// A stack that is gone when it is dropped. The same code, but it doesn't wait for the disk.
    pub fn temporary(
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        settings: Settings,
    ) -> Result<Self, OpenError> {
        let directory = make_temporary_directory()?;
        let home = Home::Temporary(directory.clone());
        Self::with(&directory, home, Way::Begin { durable: false }, clock, random, settings)
    }

    fn with(
        directory: &Path,
        home: Home,
        way: Way,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        settings: Settings,
    ) -> Result<Self, OpenError> {
        let file = directory.join(DATABASE);
        let unusable =
            |failure: Failure| OpenError::Database { file: file.clone(), message: failure.to_string() };
        let connection = Connection::open(&file).map_err(|error| unusable(error.into()))?;
        let durable = !matches!(way, Way::Begin { durable: false });
        schema::tune_writer(&connection, durable).map_err(|error| unusable(error.into()))?;
        let version = schema::prepare(&connection).map_err(|error| unusable(error.into()))?;
        if version > schema::VERSION {
            return Err(OpenError::TooNew { file, found: version, known: schema::VERSION });
        }
        let seal = unseal(directory, &connection, random.clone(), &unusable)?;
        let epoch = match way {
            Way::Begin { .. } => begin_epoch(&connection, clock.now()),
            Way::Join => current_epoch(&connection),
        };
        let epoch = epoch.map_err(|error| unusable(error.into()))?;
        let writer = Writer::start(connection).map_err(|error| OpenError::io("write", &file, error))?;
        let store = Arc::new(Store {
            writer,
            readers: Readers::of(&file),
            seal,
            clock,
            random,
            epoch,
            look_again: settings.look_again,
            max_receives: settings.max_receives,
            _home: home,
        });
        Ok(Self { queue: EmbeddedQueue::on(store.clone()), store })
    }

    pub fn table(&self) -> Arc<EmbeddedTable> {
        Arc::new(EmbeddedTable::on(self.store.clone()))
    }

    /// All of them tell each other when a message comes.
    pub fn queue(&self) -> Arc<EmbeddedQueue> {
        Arc::new(self.queue.clone())
    }

    pub fn vault(&self) -> Arc<EmbeddedVault> {
        Arc::new(EmbeddedVault::on(self.store.clone()))
    }

    /// The mailer of a stack that has no SMTP server.
    pub fn outbox(&self) -> Arc<Outbox> {
        Arc::new(Outbox::on(self.store.clone()))
    }

    /// Counts how often the directory was opened.
    pub fn epoch(&self) -> i64 {
        self.store.epoch
    }

    /// Deletes what has expired, a little at a time. To be called now and then.
    pub async fn sweep(&self) -> Result<Swept, Unavailable> {
        let items = self.table().sweep().await.map_err(|error| Unavailable::new("table", error))?;
        let messages = self.queue.sweep().await?;
        Ok(Swept { items, messages })
    }

    #[cfg(test)]
    pub(super) fn store(&self) -> &Store {
        &self.store
    }
}

enum Way {
    Begin { durable: bool },
    Join,
}

/// What keeps the directory ours.
enum Home {
    /// Locked as long as this file is open, and not a moment longer: a killed process leaves no lock.
    Locked(#[expect(dead_code, reason = "it is held, not used")] File),
    Shared,
    Temporary(PathBuf),
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Self::Temporary(directory) = self
            && let Err(error) = std::fs::remove_dir_all(&*directory)
        {
            tracing::warn!(%error, directory = %directory.display(), "a temporary directory was left behind");
        }
    }
}

fn make_directory(directory: &Path) -> Result<(), OpenError> {
    private_directories()
        .recursive(true)
        .create(directory)
        .map_err(|error| OpenError::io("make", directory, error))
}

fn make_temporary_directory() -> Result<PathBuf, OpenError> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("counterfoil-{}-{n}", std::process::id()));
        match private_directories().create(&directory) {
            Ok(()) => return Ok(directory),
            // Left behind by a killed process that had our number.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(OpenError::io("make", &directory, error)),
        }
    }
}

/// For their owner's eyes only.
fn private_directories() -> DirBuilder {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder
}

fn lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join(LOCK);
    let unusable = |error| OpenError::io("lock", &path, error);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = std::fs::read_to_string(&path).unwrap_or_default();
            let holder = if holder.is_empty() { "unknown".to_owned() } else { holder };
            return Err(OpenError::InUse { directory: directory.to_owned(), holder });
        }
        Err(TryLockError::Error(error)) => return Err(unusable(error)),
    }
    std::fs::write(&path, std::process::id().to_string()).map_err(unusable)?;
    Ok(file)
}

/// The seal, once it is proved to open what is there.
fn unseal(
    directory: &Path,
    connection: &Connection,
    random: Arc<dyn Random>,
    unusable: &dyn Fn(Failure) -> OpenError,
) -> Result<Seal, OpenError> {
    let file = directory.join(KEY);
    let check: Option<Vec<u8>> = connection
        .query_row("SELECT value FROM meta WHERE name = ?1", [KEY_CHECK], |row| row.get(0))
        .optional()
        .map_err(|error| unusable(error.into()))?;
    let seal = Seal::with_key_file(&file, check.is_none(), random)?;
    match check {
        Some(check) => {
            seal.open(KEY_CHECK, &check).map_err(|_| OpenError::KeyWrong { file })?;
        }
        None => {
            let check = seal.close(KEY_CHECK, b"counterfoil").map_err(unusable)?;
            connection
                .execute("INSERT INTO meta (name, value) VALUES (?1, ?2)", params![KEY_CHECK, check])
                .map_err(|error| unusable(error.into()))?;
        }
    }
    Ok(seal)
}

fn current_epoch(connection: &Connection) -> rusqlite::Result<i64> {
    let epoch = connection
        .query_row("SELECT value FROM meta WHERE name = ?1", [EPOCH], |row| row.get(0))
        .optional()?;
    Ok(epoch.unwrap_or_default())
}

/// Whoever held a lease or a message is gone: both are free now. A field `lease_until` is in milliseconds since
/// 1970; a leased item that stands in the due index is due now, so that it is found at once.
fn begin_epoch(connection: &Connection, now: Timestamp) -> rusqlite::Result<i64> {
    let epoch = current_epoch(connection)? + 1;
    let transaction = connection.unchecked_transaction()?;
    transaction.execute(
        "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
        params![EPOCH, epoch],
    )?;
    let freed = transaction.execute(
        "UPDATE items SET lease_until = 0, due_sort = min(due_sort, ?2) WHERE lease_until > 0 AND lease_until > ?1",
        params![now.as_millisecond(), format!("{now:.3}")],
    )?;
    let visible = transaction.execute(
        "UPDATE messages SET visible_at = min(visible_at, ?1), epoch = 0 WHERE epoch > 0",
        [now.as_microsecond()],
    )?;
    transaction.commit()?;
    if freed + visible > 0 {
        tracing::info!(epoch, freed, visible, "freed what the process before held");
    }
    Ok(epoch)
}
