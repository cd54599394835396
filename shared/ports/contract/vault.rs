//! What every vault must do.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use crate::ports::vault::{Vault, Written};

pub struct VaultStand {
    pub vault: Arc<dyn Vault>,
    /// Put before every name, so that cases don't meet.
    pub scope: String,
}

super::cases! { VaultStand:
    a_secret_is_read_as_it_was_written,
    a_secret_that_was_never_written_is_none,
    writing_again_replaces,
    a_removed_secret_is_gone_and_can_be_written_again,
    removing_what_is_not_there_is_no_error,
    secrets_do_not_print,
}

impl VaultStand {
    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.scope)
    }

    async fn read(&self, name: &str) -> Option<String> {
        let secret = self.vault.read(&self.name(name)).await.expect("reads");
        secret.map(|secret| secret.expose_secret().to_owned())
    }

    async fn write(&self, name: &str, secret: &str) {
        self.vault.write(&self.name(name), SecretString::from(secret)).await.expect("writes");
    }
}

/// As long as Secrets Manager takes, less a little: a private key and two tokens fit.
const LONG: usize = 60_000;

async fn a_secret_is_read_as_it_was_written(stand: VaultStand) {
    let long = "x".repeat(LONG);
    for (name, secret) in
        [("plain", "s3cret"), ("lines", "-----BEGIN\nKEY-----\n"), ("signs", "ключ 🔑"), ("long", &long)]
    {
        stand.write(name, secret).await;
    }
    assert_eq!(stand.read("plain").await.as_deref(), Some("s3cret"));
    assert_eq!(stand.read("lines").await.as_deref(), Some("-----BEGIN\nKEY-----\n"));
    assert_eq!(stand.read("signs").await.as_deref(), Some("ключ 🔑"));
    assert_eq!(stand.read("long").await, Some(long));
}

async fn a_secret_that_was_never_written_is_none(stand: VaultStand) {
    assert_eq!(stand.read("nobody").await, None);
}

async fn writing_again_replaces(stand: VaultStand) {
    stand.write("token", "old").await;
    stand.write("token", "new").await;
    assert_eq!(stand.read("token").await.as_deref(), Some("new"));
}

async fn a_removed_secret_is_gone_and_can_be_written_again(stand: VaultStand) {
    stand.write("token", "first").await;
    stand.vault.remove(&stand.name("token")).await.expect("removes");
    assert_eq!(stand.read("token").await, None);
    stand.write("token", "second").await;
    assert_eq!(stand.read("token").await.as_deref(), Some("second"));
}

/// Not among the cases, for the emulator of Secrets Manager takes a version's id twice, where Secrets Manager itself
/// doesn't.
pub async fn a_generation_is_written_once_and_never_over_a_later_one(stand: VaultStand) {
    let write = async |generation, secret| {
        let name = stand.name("pair");
        stand.vault.write_generation(&name, generation, SecretString::from(secret)).await.expect("writes")
    };
    assert_eq!(write(1, "first").await, Written::Done);
    assert_eq!(write(2, "second").await, Written::Done);
    for late in [1, 2] {
        assert_eq!(write(late, "late").await, Written::Overtaken);
        assert_eq!(stand.read("pair").await.as_deref(), Some("second"));
    }
    stand.vault.remove(&stand.name("pair")).await.expect("removes");
    assert_eq!(write(2, "late").await, Written::Overtaken);
    assert_eq!(stand.read("pair").await, None);
    assert_eq!(write(3, "third").await, Written::Done);
    assert_eq!(stand.read("pair").await.as_deref(), Some("third"));
}

async fn removing_what_is_not_there_is_no_error(stand: VaultStand) {
    stand.vault.remove(&stand.name("nobody")).await.expect("removes nothing");
}

async fn secrets_do_not_print(stand: VaultStand) {
    stand.write("token", "s3cret").await;
    let secret = stand.vault.read(&stand.name("token")).await.expect("reads");
    assert!(!format!("{secret:?}").contains("s3cret"));
}
