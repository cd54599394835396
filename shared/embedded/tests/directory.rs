//! The data directory: its lock, its key, its layout, and what is in its files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use secrecy::SecretString;

use super::{clock, count, get, item, open, put, random, settings};
use crate::embedded::{Embedded, OpenError};
use crate::ports::mailer::Mailer;
use crate::ports::queue::{Outgoing, Queue, QueueName};
use crate::ports::table::{Field, Table};
use crate::ports::vault::Vault;

fn code(directory: &Path) -> &'static str {
    match open(directory) {
        Ok(_) => "opened",
        Err(error) => error.code(),
    }
}

#[test]
fn a_directory_serves_one_process_at_a_time_and_is_free_again_afterwards() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = open(directory.path()).expect("opens");
    match open(directory.path()) {
        Err(OpenError::InUse { holder, .. }) => assert_eq!(holder, std::process::id().to_string()),
        other => panic!("in use, not {:?}", other.map(|_| "opened")),
    }
    // An adapter that is still held holds the directory too.
    let table = first.table();
    drop(first);
    assert_eq!(code(directory.path()), "data_in_use");
    drop(table);
    assert_eq!(code(directory.path()), "opened");
}

#[tokio::test]
async fn the_command_line_joins_a_running_stack_and_takes_nothing_from_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let join = || Embedded::join(directory.path(), clock(), random(), settings());
    assert_eq!(join().err().map(|error| error.code()), Some("data_missing"));

    let stack = open(directory.path()).expect("opens");
    let mut leased = item("R#1");
    leased.fields.insert("lease_until".to_owned(), Field::Integer(i64::MAX));
    put(&stack, leased.clone()).await;
    let beside = join().expect("joins");
    assert_eq!(beside.epoch(), stack.epoch());
    assert_eq!(get(&beside, &leased.key).await, Some(leased));
    put(&beside, item("R#2")).await;
    assert_eq!(get(&stack, &item("R#2").key).await, Some(item("R#2")));
}

#[test]
fn the_key_file_is_for_its_owner_only() {
    let directory = tempfile::tempdir().expect("a directory");
    drop(open(directory.path()).expect("opens"));
    let key = directory.path().join("vault.key");
    assert_eq!(fs::read(&key).expect("reads").len(), 32);
    assert_eq!(fs::metadata(&key).expect("is there").permissions().mode() & 0o777, 0o600);
    for mode in [0o640, 0o604, 0o644, 0o660] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).expect("changes");
        let error = open(directory.path()).err().expect("refuses");
        assert_eq!(error.code(), "key_too_open");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).expect("changes");
    assert_eq!(code(directory.path()), "opened");
}

#[test]
fn what_is_stored_opens_with_its_own_key_only() {
    let directory = tempfile::tempdir().expect("a directory");
    drop(open(directory.path()).expect("opens"));
    let key = directory.path().join("vault.key");
    let right = fs::read(&key).expect("reads");
    fs::write(&key, [1; 32]).expect("writes");
    assert_eq!(code(directory.path()), "key_wrong");
    fs::write(&key, [1; 31]).expect("writes");
    assert_eq!(code(directory.path()), "key_damaged");
    fs::remove_file(&key).expect("removes");
    assert_eq!(code(directory.path()), "key_missing");
    assert!(!key.exists(), "no new key is made for old data");
    fs::write(&key, right).expect("writes");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("changes");
    assert_eq!(code(directory.path()), "opened");
}

#[test]
fn a_newer_layout_is_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    drop(open(directory.path()).expect("opens"));
    let file = rusqlite::Connection::open(directory.path().join("counterfoil.db")).expect("opens");
    file.pragma_update(None, "user_version", 99).expect("updates");
    drop(file);
    assert_eq!(code(directory.path()), "data_too_new");
}

#[tokio::test]
async fn what_people_send_is_nowhere_in_the_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let stack = open(directory.path()).expect("opens");
    let mut row = item("R#1");
    row.document = b"TELLTALE in a document".to_vec();
    row.fields.insert("status".to_owned(), "searchable".into());
    put(&stack, row).await;
    let body = "TELLTALE in a message".to_owned();
    stack.queue().send(QueueName::Runs, vec![Outgoing { body, ..Outgoing::default() }]).await.expect("sends");
    stack.vault().write("token", SecretString::from("TELLTALE in a secret")).await.expect("writes");
    stack.outbox().send("TELLTALE in a subject", "TELLTALE in a mail").await.expect("sends");

    let contains = |word: &str| {
        let files = fs::read_dir(directory.path()).expect("reads").flatten();
        files
            .filter(|file| {
                let content = fs::read(file.path()).expect("reads");
                content.windows(word.len()).any(|window| window == word.as_bytes())
            })
            .count()
    };
    assert_eq!(contains("TELLTALE"), 0);
    assert!(contains("searchable") > 0, "what is looked for stays in clear");
}

#[tokio::test]
async fn a_document_moved_to_another_item_does_not_open() {
    let directory = tempfile::tempdir().expect("a directory");
    let stack = open(directory.path()).expect("opens");
    for name in ["R#mine", "R#theirs"] {
        let mut row = item(name);
        row.document = name.as_bytes().to_vec();
        put(&stack, row).await;
    }
    let file = rusqlite::Connection::open(directory.path().join("counterfoil.db")).expect("opens");
    let moved = "UPDATE items SET document = (SELECT document FROM items WHERE partition = 'R#theirs')";
    file.execute(moved, []).expect("moves");
    let error = stack.table().get(&[item("R#mine").key]).await.expect_err("does not open");
    assert!(error.to_string().contains("vault.key"), "{error}");
    assert!(get(&stack, &item("R#theirs").key).await.is_some());
}

#[test]
fn a_temporary_stack_leaves_nothing_behind() {
    let stack = super::temporary(clock());
    let file = database(&stack);
    assert!(Path::new(&file).exists());
    drop(stack);
    assert!(!Path::new(&file).parent().expect("a directory").exists());
}

/// Where the database is; it is empty.
fn database(stack: &Embedded) -> String {
    assert_eq!(count(stack, "SELECT count(*) FROM items"), 0);
    let file = |connection: &rusqlite::Connection| Ok(connection.path().unwrap_or_default().to_owned());
    stack.store().readers.read(file).expect("reads")
}
