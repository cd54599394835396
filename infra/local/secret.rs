//! Secrets come from a file, from standard input or from a person at a terminal: never from the command line, which
//! other processes can read.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;

use anyhow::Context as _;
use secrecy::SecretString;

#[derive(Debug, clap::Args)]
pub(crate) struct SecretFrom {
    /// The file with the secret or the private key (PEM); standard input when left out
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

impl SecretFrom {
    /// Whether a file is named; what isn't needed isn't waited for.
    pub(crate) fn is_named(&self) -> bool {
        self.secret_file.is_some()
    }

    /// `prompt`: what a person at a terminal is asked for.
    pub(crate) fn read(&self, prompt: &str) -> anyhow::Result<SecretString> {
        let text = match &self.secret_file {
            Some(file) => std::fs::read_to_string(file)
                .with_context(|| format!("the secret can't be read from {}", file.display()))?,
            None if std::io::stdin().is_terminal() => {
                let terminal = console::Term::stderr();
                terminal.write_str(&format!("{prompt} (it isn't shown): "))?;
                terminal.read_secure_line()?
            }
            None => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).context("standard input can't be read")?;
                text
            }
        };
        let text = text.trim();
        anyhow::ensure!(
            !text.is_empty(),
            "no secret was given: use --secret-file, or pipe it to standard input"
        );
        Ok(SecretString::from(text))
    }
}
