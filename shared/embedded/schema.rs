//! The tables of the file, and how its connections are set up.

use std::time::Duration;

use rusqlite::Connection;

/// Another process (the command line beside a running stack) may hold the file for a moment.
const BUSY: Duration = Duration::from_secs(10);

/// Of this layout. A file of a newer one is refused, an older one is brought up by the steps from there on.
pub(super) const VERSION: i64 = 1;

/// The document comes last, so that a scan of the rest needn't read it. `lease_until` is a field that has a column
/// of its own: a new epoch frees all leases with one statement.
const TABLES: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE items (
  id INTEGER PRIMARY KEY,
  partition TEXT NOT NULL,
  sort TEXT NOT NULL,
  expires_at INTEGER,
  lease_until INTEGER,
  due_partition TEXT, due_sort TEXT,
  flow_partition TEXT, flow_sort TEXT,
  parked_partition TEXT, parked_sort TEXT,
  record_partition TEXT, record_sort TEXT,
  fields TEXT NOT NULL,
  document BLOB NOT NULL
);
CREATE UNIQUE INDEX items_key ON items (partition, sort);
CREATE INDEX items_due ON items (due_partition, due_sort) WHERE due_partition IS NOT NULL;
CREATE INDEX items_flow ON items (flow_partition, flow_sort) WHERE flow_partition IS NOT NULL;
CREATE INDEX items_parked ON items (parked_partition, parked_sort) WHERE parked_partition IS NOT NULL;
CREATE INDEX items_record ON items (record_partition, record_sort) WHERE record_partition IS NOT NULL;
CREATE INDEX items_expiry ON items (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX items_lease ON items (lease_until) WHERE lease_until > 0;

CREATE TABLE messages (
  id INTEGER PRIMARY KEY,
  queue TEXT NOT NULL,
  visible_at INTEGER NOT NULL,
  sent_at INTEGER NOT NULL,
  received_at INTEGER,
  receive_count INTEGER NOT NULL DEFAULT 0,
  delivery INTEGER NOT NULL DEFAULT 0,
  epoch INTEGER NOT NULL DEFAULT 0,
  message_id TEXT NOT NULL,
  content BLOB NOT NULL
);
CREATE INDEX messages_visible ON messages (queue, visible_at);
CREATE INDEX messages_in_flight ON messages (epoch) WHERE epoch > 0;

CREATE TABLE secrets (name TEXT PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE outbox (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, content BLOB NOT NULL);
";

/// Makes the tables where there are none. Returns the version that the file has then.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<i64> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == 0 {
        connection
            .execute_batch(&format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;"))?;
        return Ok(VERSION);
    }
    Ok(version)
}

/// <https://www.sqlite.org/pragma.html#pragma_synchronous>: in WAL mode only FULL keeps a commit through a power cut.
pub(super) fn tune_writer(connection: &Connection, durable: bool) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(128);
    // Answers with the mode that it has then.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", if durable { "FULL" } else { "OFF" })?;
    connection.pragma_update(None, "cache_size", -64 * 1024)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Fewer, larger checkpoints (in pages of 4 KB): they write each page once, however often it changed.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 8000, |_| Ok(()))?;
    Ok(())
}

pub(super) fn tune_reader(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "cache_size", -16 * 1024)?;
    Ok(())
}
