//! All of Counterfoil at work in this process: the machine, and the door that webhooks come in by.

use anyhow::Context as _;
use counterfoil::runtime::local_machine::Machine;
use counterfoil::runtime::local_stack::LocalStack;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::server;

pub(crate) struct Whole {
    /// Where webhooks are taken.
    pub(crate) url: String,
    machine: Machine,
    close: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Whole {
    /// `port` 0: any free one.
    pub(crate) async fn start(local: &LocalStack, port: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.with_context(|| {
            format!("port {port} of 127.0.0.1 can't be listened on: choose one with --port")
        })?;
        let url = format!("http://{}", listener.local_addr()?);
        let (close, closed) = oneshot::channel();
        let closing = async {
            // Gone without a word is closed as well.
            let _ = closed.await;
        };
        let router = server::router(local.stack.clone());
        let serving =
            tokio::spawn(axum::serve(listener, router).with_graceful_shutdown(closing).into_future());
        Ok(Self { url, machine: Machine::start(local), close, serving })
    }

    /// The door first, so that nothing is taken that nobody works on; then the machine, when it has finished.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let _ = self.close.send(());
        self.serving.await??;
        self.machine.stop().await;
        Ok(())
    }
}
