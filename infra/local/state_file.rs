//! What the stand-ins keep from one start to the next: one file, for its owner only, since their tokens are in it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use counterfoil_sandbox::Sandbox;

/// What changed since is lost when the machine stops without a word.
const EACH: Duration = Duration::from_secs(5);

pub(crate) struct StateFile {
    path: PathBuf,
}

impl StateFile {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Goes on from what was kept; false where nothing was yet.
    pub(crate) fn restore(&self, sandbox: &Sandbox) -> anyhow::Result<bool> {
        let kept = match std::fs::read(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            kept => kept.with_context(|| self.trouble("read"))?,
        };
        sandbox.restore(&kept).map_err(anyhow::Error::msg).with_context(|| self.trouble("gone on from"))?;
        Ok(true)
    }

    /// Keeps what has changed, every few seconds, as long as it is waited for.
    pub(crate) async fn follow(&self, sandbox: &Sandbox) -> anyhow::Result<()> {
        let mut kept = None;
        loop {
            let changes = sandbox.changes();
            if kept != Some(changes) {
                self.write(sandbox)?;
                kept = Some(changes);
            }
            tokio::time::sleep(EACH).await;
        }
    }

    /// In one go: whoever reads sees the file as it was before or as it is after.
    pub(crate) fn write(&self, sandbox: &Sandbox) -> anyhow::Result<()> {
        let kept = sandbox.keep().map_err(anyhow::Error::msg)?;
        let beside = self.path.with_added_extension("new");
        let written = for_its_owner(&beside).and_then(|mut file| {
            file.write_all(&kept)?;
            file.sync_all()?;
            std::fs::rename(&beside, &self.path)
        });
        written.with_context(|| self.trouble("written"))
    }

    fn trouble(&self, done: &str) -> String {
        format!("the stand-ins' state can't be {done}: {}", self.path.display())
    }
}

fn for_its_owner(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
