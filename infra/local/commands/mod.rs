//! One file for each command: what can be said, and what is done for it.

pub(crate) mod bench;
pub(crate) mod catalog;
pub(crate) mod connection;
pub(crate) mod demo;
pub(crate) mod describe;
pub(crate) mod flow;
pub(crate) mod link;
pub(crate) mod run;
pub(crate) mod sandbox;
pub(crate) mod up;

/// Ctrl-C, or the polite signal of whoever supervises us.
pub(crate) async fn until_stopped() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            stopped = tokio::signal::ctrl_c() => stopped,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
