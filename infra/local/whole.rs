//! All of Counterfoil at work in this process: the machine, and the door that webhooks and browsers come in by.

use counterfoil::runtime::local_machine::Machine;
use counterfoil::runtime::local_stack::LocalStack;

use crate::server;
use crate::serving::{Serving, for_people, listen};

pub(crate) struct Whole {
    /// Where webhooks are taken.
    pub(crate) url: String,
    /// Where browsers come.
    pub(crate) people: String,
    machine: Machine,
    serving: Serving,
}

impl Whole {
    /// `port` 0: any free one.
    pub(crate) async fn start(local: &LocalStack, port: u16) -> anyhow::Result<Self> {
        let listener = listen(port).await?;
        let at = listener.local_addr()?;
        let serving = Serving::start(listener, server::router(local.stack.clone()));
        let (url, people) = (format!("http://{at}"), for_people(at.port()));
        Ok(Self { url, people, machine: Machine::start(local), serving })
    }

    /// The door first, so that nothing is taken that nobody works on; then the machine, when it has finished.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.serving.stop().await?;
        self.machine.stop().await;
        Ok(())
    }
}
