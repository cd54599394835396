//! A router on a loopback port of this machine, from its first request to the end of its last.

use anyhow::Context as _;
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) struct Serving {
    close: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

/// `port` 0: any free one.
pub(crate) async fn listen(port: u16) -> anyhow::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port))
        .await
        .with_context(|| format!("port {port} of 127.0.0.1 can't be listened on: choose one with --port"))
}

/// Where browsers come. Xero sends nobody back to an address by number.
/// <https://developer.xero.com/faq/oauth2>
pub(crate) fn for_people(port: u16) -> String {
    format!("http://localhost:{port}")
}

impl Serving {
    pub(crate) fn start(listener: TcpListener, router: Router) -> Self {
        let (close, closed) = oneshot::channel();
        let closing = async {
            // Gone without a word is closed as well.
            let _ = closed.await;
        };
        let serving =
            tokio::spawn(axum::serve(listener, router).with_graceful_shutdown(closing).into_future());
        Self { close, serving }
    }

    /// Takes nothing more, and answers what it has taken.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let _ = self.close.send(());
        Ok(self.serving.await??)
    }
}
