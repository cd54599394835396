//! The private networks that flows may call: none, but for those that whoever runs Counterfoil has listed.
//!
//! The list comes from the stack's settings, never from a flow: who writes flows must not widen it. What can't be meant
//! stops the start, all of it named at once.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::guard::{METADATA, PRIVATE};

/// The setting: `10.20.0.0/16,fd12:3456::/32`. Missing or empty: none.
pub const PRIVATE_NETWORKS: &str = "COUNTERFOIL_PRIVATE_NETWORKS";

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrivateNetworks(Vec<IpNet>);

/// Each entry that can't be meant, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{PRIVATE_NETWORKS}: {}", .0.join("; "))]
pub struct NoPrivateNetworks(Vec<String>);

impl PrivateNetworks {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for PrivateNetworks {
    type Err = NoPrivateNetworks;

    fn from_str(list: &str) -> Result<Self, NoPrivateNetworks> {
        let list = list.trim();
        if list.is_empty() {
            return Ok(Self::default());
        }
        let (mut networks, mut wrong) = (Vec::new(), Vec::new());
        for entry in list.split(',') {
            match private_network(entry.trim()) {
                Ok(network) => networks.push(network),
                Err(why) => wrong.push(why),
            }
        }
        if wrong.is_empty() { Ok(Self(networks)) } else { Err(NoPrivateNetworks(wrong)) }
    }
}

fn private_network(entry: &str) -> Result<IpNet, String> {
    let network = network(entry)?;
    let within = |networks: &[IpNet]| networks.iter().any(|wider| wider.contains(&network));
    if within(&METADATA) {
        return Err(format!("`{entry}` is never called, machines get their credentials there: leave it out"));
    }
    if !within(&PRIVATE) {
        let private = PRIVATE.map(|network| network.to_string()).join(", ");
        return Err(format!("`{entry}` is no private network: list networks within {private}"));
    }
    Ok(network)
}

/// Its address is its first one: what is written is what is meant.
fn network(entry: &str) -> Result<IpNet, String> {
    if entry.is_empty() {
        return Err("an entry is empty: put one comma between two networks".to_owned());
    }
    if let Ok(address) = entry.parse::<IpAddr>() {
        return Err(format!("`{entry}` is an address, no network: write {}", IpNet::from(address)));
    }
    let network = entry.split_once('/').and_then(|(address, length)| {
        // Not by the crate's own parser, which reads 010 as 10; others read it as 8.
        IpNet::new(address.parse().ok()?, length.parse().ok()?).ok()
    });
    let network = network
        .ok_or_else(|| format!("`{entry}` is no network: write it as 10.20.0.0/16 or fd12:3456::/32"))?;
    if network.trunc() != network {
        let (whole, one) = (network.trunc(), IpNet::from(network.addr()));
        return Err(format!(
            "`{entry}` begins in the middle of a network: write {whole}, or {one} for one address"
        ));
    }
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &str) -> Result<Vec<String>, String> {
        let networks = list.parse::<PrivateNetworks>().map_err(|error| error.to_string())?;
        Ok(networks.0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_list_has_networks_of_both_kinds_and_by_default_none() {
        assert_eq!(read(""), Ok(Vec::new()));
        assert_eq!(read("  "), Ok(Vec::new()));
        assert_eq!(read("127.0.0.0/8").as_deref(), Ok(["127.0.0.0/8".to_owned()].as_slice()));
        let all = "10.20.0.0/16, 10.9.8.7/32,172.16.0.0/12 ,192.168.7.0/24, 100.64.0.0/10, 198.19.0.0/16, ::1/128, FD00::/8";
        let expected = all.to_lowercase().split(',').map(|one| one.trim().to_owned()).collect();
        assert_eq!(read(all), Ok(expected));
    }

    #[test]
    fn an_entry_that_cant_be_meant_is_refused_with_what_to_write() {
        for (entry, what) in [
            ("10.20.0.5", "write 10.20.0.5/32"),
            ("fd00::1", "write fd00::1/128"),
            ("10.20.1.5/16", "write 10.20.0.0/16, or 10.20.1.5/32 for one address"),
            ("fd00::1/8", "write fd00::/8, or fd00::1/128"),
            ("10.20.0.0/33", "is no network"),
            ("10.20.0.0/", "is no network"),
            ("10.20/16", "is no network"),
            ("010.0.0.0/8", "is no network"),
            ("erp.internal", "is no network"),
            ("http://10.0.0.0/8", "is no network"),
            ("10.0.0.0/8 127.0.0.0/8", "is no network"),
            ("[fd00::]/8", "is no network"),
            ("fe80::1%eth0/64", "is no network"),
        ] {
            let why = read(entry).expect_err(entry);
            let about = format!("COUNTERFOIL_PRIVATE_NETWORKS: `{entry}` ");
            assert!(why.starts_with(&about) && why.contains(what), "{why}");
        }
        for list in ["10.0.0.0/8,", ",", "10.0.0.0/8,,127.0.0.0/8"] {
            assert!(read(list).expect_err(list).contains("an entry is empty"), "{list}");
        }
    }

    #[test]
    fn what_is_public_or_reserved_or_wraps_another_address_cant_be_listed() {
        for entry in [
            "0.0.0.0/0",
            "8.8.8.0/24",
            "8.0.0.0/6",
            "172.0.0.0/8",
            "192.0.0.0/8",
            "0.0.0.0/8",
            "224.0.0.0/4",
            "::/0",
            "::/96",
            "::127.0.0.1/128",
            "::ffff:10.0.0.0/104",
            "::ffff:0:0/96",
            "64:ff9b::/96",
            "64:ff9b::a00:0/104",
            "64:ff9b:1::/48",
            "2001::/32",
            "2002:a00::/24",
            "2606:4700::/32",
            "fe80::/10",
            "f000::/4",
        ] {
            assert!(read(entry).is_err(), "{entry}");
        }
    }

    #[test]
    fn where_machines_get_their_credentials_cant_be_listed() {
        for entry in [
            "169.254.0.0/16",
            "169.254.169.254/32",
            "169.254.170.2/32",
            "100.100.100.200/32",
            "fd00:ec2::/32",
            "fd00:ec2::254/128",
        ] {
            assert!(read(entry).expect_err(entry).contains("is never called"), "{entry}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let why = read("10.0.0.1, 127.0.0.0/8, 8.8.8.0/24").expect_err("is refused");
        assert!(why.contains("`10.0.0.1`") && why.contains("`8.8.8.0/24`") && !why.contains("`127"), "{why}");
    }
}
