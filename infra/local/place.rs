//! Where a command looks: a data directory, which may have a working process beside us, or a stack on AWS.

use std::path::PathBuf;

use counterfoil::domain::outcome::Failure;
use counterfoil::embedded::OpenError;
use counterfoil::flow::Stack;
use counterfoil::runtime::local_stack::{self, LocalError, LocalStack};

/// What `--data` or `--stack` chose.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Directory(PathBuf),
    #[cfg(feature = "aws")]
    Deployed(Box<Deployed>),
}

#[cfg(feature = "aws")]
#[derive(Debug, Clone)]
pub(crate) struct Deployed {
    name: String,
    stack: Stack,
}

impl Place {
    pub(crate) async fn new(data: Option<PathBuf>, stack: Option<String>) -> anyhow::Result<Self> {
        match stack {
            None => Ok(Self::Directory(data.map_or_else(local_stack::default_directory, Ok)?)),
            Some(name) => Self::deployed(&name).await,
        }
    }

    #[cfg(feature = "aws")]
    async fn deployed(name: &str) -> anyhow::Result<Self> {
        let stack = counterfoil::runtime::aws_stack::by_name(name).await;
        let stack = stack.map_err(|error| Failure::new("no_such_stack", format!("stack {name}: {error}")))?;
        Ok(Self::Deployed(Box::new(Deployed { name: name.to_owned(), stack })))
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_async, reason = "with AWS it waits")]
    async fn deployed(name: &str) -> anyhow::Result<Self> {
        let advice = "build one that does: cargo install --path infra/local --features aws";
        Err(Failure::new("no_aws", format!("this program can't reach the stack {name}; {advice}")).into())
    }

    /// For commands that look: the stack must be there.
    pub(crate) fn existing(&self) -> Result<Stack, LocalError> {
        match self {
            Self::Directory(directory) => Ok(local_stack::join(directory)?.stack),
            #[cfg(feature = "aws")]
            Self::Deployed(deployed) => Ok(deployed.stack.clone()),
        }
    }

    /// For commands that bring something (a connection, a flow): the stack that is there, else a new one.
    pub(crate) fn stack(&self) -> Result<Stack, LocalError> {
        match (self.existing(), self) {
            (Err(LocalError::Open(OpenError::NothingThere { .. })), Self::Directory(directory)) => {
                Ok(local_stack::open(directory)?.stack)
            }
            (existing, _) => existing,
        }
    }

    /// Where browsers reach a stack that is deployed; None: it is on this machine.
    #[cfg_attr(not(feature = "aws"), expect(clippy::unused_async, reason = "with AWS it waits"))]
    pub(crate) async fn console(&self) -> anyhow::Result<Option<String>> {
        match self {
            Self::Directory(_) => Ok(None),
            #[cfg(feature = "aws")]
            Self::Deployed(deployed) => {
                let address = counterfoil::runtime::aws_stack::console(&deployed.name).await;
                let told = |error| Failure::new("no_console", format!("stack {}: {error}", deployed.name));
                Ok(Some(address.map_err(told)?))
            }
        }
    }

    /// For the process that works: nobody else may. Gives the directory too.
    pub(crate) fn own(&self) -> anyhow::Result<(LocalStack, PathBuf)> {
        match self {
            Self::Directory(directory) => Ok((local_stack::open(directory)?, directory.clone())),
            #[cfg(feature = "aws")]
            Self::Deployed(_) => {
                let message = "a deployed stack runs by itself; `up` takes --data";
                Err(Failure::new("not_local", message).into())
            }
        }
    }
}
