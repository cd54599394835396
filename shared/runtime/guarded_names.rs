//! Names as the guarded HTTP client looks them up: what may not be called is as good as not there. The addresses that are
//! left are the ones that are called, so a name that answers differently the next time gains nothing.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::connectors::http::guard::{Guard, Scheme};

pub(super) struct GuardedNames {
    pub(super) guard: Guard,
    /// Of all requests that ask here: what else tells them apart isn't known to a resolver.
    pub(super) scheme: Scheme,
}

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, scheme) = (self.guard.clone(), self.scheme);
        Box::pin(async move {
            let mut admitted: Vec<SocketAddr> = Vec::new();
            let mut refused = None;
            // The port is the client's to set.
            for address in tokio::net::lookup_host((name.as_str(), 0)).await? {
                match guard.refused(address.ip(), scheme) {
                    None => admitted.push(address),
                    Some(why) => refused = refused.or(Some(why)),
                }
            }
            match refused {
                Some(why) if admitted.is_empty() => Err(format!("{}: {why}", name.as_str()).into()),
                _ => Ok(Box::new(admitted.into_iter()) as Addrs),
            }
        })
    }
}
