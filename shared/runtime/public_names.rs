//! Names as the guarded HTTP client looks them up: what isn't public is as good as not there. The addresses that are left
//! are the ones that are called, so a name that answers differently the next time gains nothing.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::connectors::http::guard::{is_public, refused_address};

pub(super) struct PublicNames;

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The port is the client's to set.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let (public, private): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|address| is_public(address.ip()));
            match private.first().and_then(|address| refused_address(address.ip())) {
                Some(why) if public.is_empty() => Err(format!("{}: {why}", name.as_str()).into()),
                _ => Ok(Box::new(public.into_iter()) as Addrs),
            }
        })
    }
}
