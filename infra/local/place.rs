//! Where a command looks: a data directory, which may have a working process beside us.

use std::path::{Path, PathBuf};

use counterfoil::embedded::OpenError;
use counterfoil::flow::Stack;
use counterfoil::runtime::local_stack::{self, LocalError, LocalStack};

/// What `--data` chose. (A deployed stack, `--stack NAME`, would be another kind of place.)
#[derive(Debug, Clone)]
pub(crate) struct Place {
    directory: PathBuf,
}

impl Place {
    pub(crate) fn new(data: Option<PathBuf>) -> Result<Self, LocalError> {
        Ok(Self { directory: data.map_or_else(local_stack::default_directory, Ok)? })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// For commands that look: the stack must be there.
    pub(crate) fn existing(&self) -> Result<Stack, LocalError> {
        Ok(local_stack::join(&self.directory)?.stack)
    }

    /// For commands that bring something (a connection, a flow): the stack that is there, else a new one.
    pub(crate) fn stack(&self) -> Result<Stack, LocalError> {
        match local_stack::join(&self.directory) {
            Err(LocalError::Open(OpenError::NothingThere { .. })) => {
                Ok(local_stack::open(&self.directory)?.stack)
            }
            joined => Ok(joined?.stack),
        }
    }

    /// For the process that works: nobody else may.
    pub(crate) fn own(&self) -> Result<LocalStack, LocalError> {
        local_stack::open(&self.directory)
    }
}
