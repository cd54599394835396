//! Which addresses may be called for a URL that a user wrote or an answer named: public ones, by HTTPS. Lambda's own
//! runtime, the metadata of a machine and everything else in the private network are out of reach.
//!
//! Called by `runtime`'s HTTP client: for the URL before it is asked, since an address written in it is never resolved;
//! and in the resolver, so that a name can't be looked up twice with two answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Why the URL may not be called, if anything is wrong by its looks. The parser reads hosts as browsers do: `127.1`,
/// `0x7f000001` and `2130706433` are all the same address.
pub fn refused(url: &str) -> Option<String> {
    let url = match Url::parse(url) {
        Ok(url) => url,
        Err(error) => return Some(format!("this is no URL: {error}")),
    };
    if url.scheme() != "https" {
        return Some(format!("only https is called, not {}", url.scheme()));
    }
    match url.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(address) => refused_address(address.into()),
        Host::Ipv6(address) => refused_address(address.into()),
    }
}

/// Why the address may not be called.
pub fn refused_address(address: IpAddr) -> Option<String> {
    (!is_public(address)).then(|| format!("{address} is no public address"))
}

pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// <https://www.iana.org/assignments/iana-ipv4-special-registry>
fn is_public_v4(address: Ipv4Addr) -> bool {
    const SPECIAL: [([u8; 4], u32); 16] = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        // Link-local: Lambda's runtime, and the metadata of machines and containers.
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([224, 0, 0, 0], 4),
        ([240, 0, 0, 0], 4),
        ([255, 255, 255, 255], 32),
    ];
    let within = |(network, length): ([u8; 4], u32)| {
        let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
        u32::from(address) & mask == u32::from(Ipv4Addr::from(network))
    };
    !SPECIAL.into_iter().any(within)
}

/// Only 2000::/3 is given out; of that, not what documents use or what carries another address inside (Teredo, 6to4).
/// Loopback, unique local, link-local, multicast, v4-mapped and NAT64 addresses are outside.
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x2001, second, ..] if second < 0x0200 || second == 0x0db8 => false,
        [0x2002, ..] => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_refused_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
            "0",
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.254",
            "169.254.169.254",
            "169.254.100.1",
            "0xa9fea9fe",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::127.0.0.1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:8.8.8.8]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b::8.8.8.8]",
            "[64:ff9b:1::1]",
            "[100::1]",
            "[2001::1]",
            "[2001:20::1]",
            "[2001:db8::1]",
            "[2002:7f00:1::]",
            "[3fff::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
        ] {
            let why = refused(&format!("https://{host}/latest")).unwrap_or_default();
            assert!(why.contains("is no public address"), "{host}: {why}");
        }
    }

    #[test]
    fn public_addresses_and_names_may_be_called() {
        for host in [
            "8.8.8.8",
            "1.1.1.1:8443",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "223.255.255.255",
            "[2606:4700::1111]",
            "[2001:4860:4860::8888]",
            "api.example.com",
            "user@api.example.com",
        ] {
            assert_eq!(refused(&format!("https://{host}/")), None, "{host}");
        }
    }

    #[test]
    fn only_https_is_called() {
        for url in
            ["http://api.example.com/", "ftp://api.example.com/", "file:///etc/passwd", "not a url", ""]
        {
            assert!(refused(url).is_some(), "{url}");
        }
    }
}
