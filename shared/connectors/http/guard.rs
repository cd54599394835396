//! Which addresses may be called for a URL that a user wrote or an answer named: public ones by HTTPS, and those of the
//! private networks that the stack's owner has opened, which may speak plain HTTP as well. Lambda's own runtime, the
//! metadata of a machine and everything else in a private network are out of reach.
//!
//! Called by `runtime`'s HTTP client: for the URL before it is asked, since an address written in it is never resolved;
//! and in the resolver, so that a name can't be looked up twice with two answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

use super::networks::{PRIVATE_NETWORKS, PrivateNetworks};

#[derive(Debug, Clone)]
pub struct Guard {
    networks: PrivateNetworks,
}

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Https,
    /// Readable by everybody on the way: in opened private networks only.
    Http,
}

impl Guard {
    pub fn new(networks: PrivateNetworks) -> Self {
        Self { networks }
    }

    /// How the URL is to be called, or why it may not be, as far as its looks tell: a name has yet to be resolved. The
    /// parser reads hosts as browsers do: `127.1`, `0x7f000001` and `2130706433` are all the same address.
    pub fn scheme(&self, url: &str) -> Result<Scheme, String> {
        let url = Url::parse(url).map_err(|error| format!("this is no URL: {error}"))?;
        let scheme = match url.scheme() {
            "https" => Scheme::Https,
            "http" if !self.networks.is_empty() => Scheme::Http,
            other => {
                return Err(format!(
                    "only https is called, not {other}; http only in private networks ({PRIVATE_NETWORKS})"
                ));
            }
        };
        let address = match url.host() {
            None => return Err("this URL names no host".to_owned()),
            Some(Host::Domain(_)) => return Ok(scheme),
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
        };
        self.refused(address, scheme).map_or(Ok(scheme), Err)
    }

    /// Why the address may not be called.
    pub fn refused(&self, address: IpAddr, scheme: Scheme) -> Option<String> {
        match Kind::of(address) {
            Kind::Public if scheme == Scheme::Https => None,
            Kind::Public => Some(format!("{address} is a public address, which is called by https only")),
            Kind::Private if self.networks.contain(address) => None,
            Kind::Private => Some(format!(
                "{address} is no public address: who runs Counterfoil can open its network ({PRIVATE_NETWORKS})"
            )),
            Kind::Never => Some(format!("{address} is no public address, and is never called")),
        }
    }
}

enum Kind {
    Public,
    /// It may be opened.
    Private,
    Never,
}

impl Kind {
    /// A network of one family has no address of the other: one that is wrapped in IPv6 is what its wrapping is.
    fn of(address: IpAddr) -> Self {
        let within = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
        if within(&METADATA) || within(&RESERVED) {
            Self::Never
        } else if within(&PRIVATE) {
            Self::Private
        } else if address.is_ipv4() || GIVEN_OUT_V6.contains(&address) {
            Self::Public
        } else {
            Self::Never
        }
    }
}

/// What machines of one owner call each other by.
/// <https://www.iana.org/assignments/iana-ipv4-special-registry>
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>
pub(super) const PRIVATE: [IpNet; 8] = [
    v4(10, 0, 0, 0, 8),
    // Between carriers and their customers, and within clouds.
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(172, 16, 0, 0, 12),
    v4(192, 168, 0, 0, 16),
    // For benchmarks, and within clouds.
    v4(198, 18, 0, 0, 15),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
];

/// Where machines are given their credentials, and functions their events.
pub(super) const METADATA: [IpNet; 9] = [
    // Link-local: machines (169.254.169.254), containers (169.254.170.2), Lambda's runtime.
    v4(169, 254, 0, 0, 16),
    // At addresses that look private or public: Alibaba Cloud's, and Azure's.
    v4(100, 100, 100, 200, 32),
    v4(168, 63, 129, 16, 32),
    // Amazon's, with all that it has beside it.
    v6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0], 32),
    // Google's, Oracle's, Alibaba Cloud's, Scaleway's, Akamai's.
    v6([0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254], 128),
    v6([0xfd00, 0x00c1, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128),
    v6([0xfd00, 0x0100, 0, 0, 0, 0, 0x0100, 0x0200], 128),
    v6([0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042], 128),
    v6([0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1], 128),
];

/// What nobody has a server at, and what carries another address inside.
const RESERVED: [IpNet; 12] = [
    v4(0, 0, 0, 0, 8),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
    // Of what is given out: Teredo and other protocols' own, documents', 6to4.
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    v6([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0], 32),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

/// All of IPv6 that is given out. Link-local and multicast addresses are outside, and those that are mapped from IPv4 or
/// translated to it (NAT64).
const GIVEN_OUT_V6: IpNet = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length))
}

const fn v6(segments: [u16; 8], length: u8) -> IpNet {
    let [a, b, c, d, e, f, g, h] = segments;
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(networks: &str) -> Guard {
        Guard::new(networks.parse().expect("networks"))
    }

    /// A guard's owner can't open more.
    fn everything() -> String {
        PRIVATE.map(|network| network.to_string()).join(",")
    }

    /// In every spelling, and in every wrapping.
    const NOT_PUBLIC: [&str; 52] = [
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
    ];

    #[test]
    fn private_addresses_are_refused_in_every_spelling() {
        for host in NOT_PUBLIC {
            let why = guard("").scheme(&format!("https://{host}/latest")).expect_err(host);
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
            assert_eq!(guard("").scheme(&format!("https://{host}/")), Ok(Scheme::Https), "{host}");
        }
    }

    #[test]
    fn only_https_is_called() {
        for url in
            ["http://api.example.com/", "ftp://api.example.com/", "file:///etc/passwd", "not a url", ""]
        {
            assert!(guard("").scheme(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_listed_network_may_be_called_in_both_ways_and_what_is_beside_it_may_not() {
        let guard = guard("10.20.0.0/16, 127.0.0.0/8, fd00::/8");
        for (host, called) in [
            ("10.20.0.0", true),
            ("10.20.255.255", true),
            ("0x0a140005", true),
            ("127.0.0.1:9000", true),
            ("[fd12:3456::1]", true),
            ("10.19.255.255", false),
            ("10.21.0.0", false),
            ("192.168.1.1", false),
            ("172.16.0.1", false),
            ("[::1]", false),
            ("[fc00::1]", false),
        ] {
            for (written, scheme) in [("https", Scheme::Https), ("http", Scheme::Http)] {
                let given = guard.scheme(&format!("{written}://{host}/"));
                assert_eq!(given.ok(), called.then_some(scheme), "{written}://{host}");
            }
        }
    }

    #[test]
    fn whatever_is_listed_public_addresses_are_called_by_https_only() {
        let guard = guard(&everything());
        for host in ["8.8.8.8", "[2606:4700::1111]"] {
            assert_eq!(guard.scheme(&format!("https://{host}/")), Ok(Scheme::Https), "{host}");
            let why = guard.scheme(&format!("http://{host}/")).expect_err(host);
            assert!(why.contains("by https only"), "{why}");
        }
        // Which address a name has, the resolver knows.
        assert_eq!(guard.scheme("http://erp.internal/"), Ok(Scheme::Http));
        for url in ["ftp://10.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/", "not a url"] {
            assert!(guard.scheme(url).is_err(), "{url}");
        }
    }

    #[test]
    fn whatever_is_listed_where_machines_get_their_credentials_is_never_called() {
        let guard = guard(&everything());
        for host in [
            "169.254.169.254",
            "0xa9fea9fe",
            "169.254.170.2",
            "169.254.170.23",
            "169.254.100.1",
            "100.100.100.200",
            "168.63.129.16",
            "[fd00:ec2::254]",
            "[fd00:0ec2:0:0::23]",
            "[fd20:ce::254]",
            "[fd00:c1::a9fe:a9fe]",
            "[fd00:100::100:200]",
            "[fd00:42::42]",
            "[fd00:a9fe:a9fe::1]",
            "[fe80::a9fe:a9fe]",
        ] {
            for scheme in ["http", "https"] {
                let why = guard.scheme(&format!("{scheme}://{host}/latest/meta-data/")).expect_err(host);
                assert!(why.contains("is never called"), "{why}");
            }
        }
    }

    #[test]
    fn whatever_is_listed_an_address_inside_another_one_gives_no_way_in() {
        let guard = guard(&everything());
        // Mapped, translated without state, compatible, and by NAT64; 6to4's and Teredo's.
        let by_dots = ["::ffff:IN", "::ffff:0:IN", "::IN", "64:ff9b::IN", "64:ff9b:1::IN"];
        let by_digits = ["2002:IN::1", "2001:0:IN::1", "2001:0:1:1:1:1:IN", "64:ff9b::IN"];
        let inner = [
            ("10.20.0.5", "0a14:0005"),
            ("127.0.0.2", "7f00:0002"),
            ("169.254.169.254", "a9fe:a9fe"),
            ("8.8.8.8", "0808:0808"),
        ];
        let within = |(dots, digits): (&str, &str)| {
            let with_dots = by_dots.map(|outer| outer.replace("IN", dots));
            let with_digits = by_digits.map(|outer| outer.replace("IN", digits));
            with_dots.into_iter().chain(with_digits)
        };
        for host in inner.into_iter().flat_map(within).map(|host| format!("[{host}]")) {
            for scheme in ["http", "https"] {
                let why = guard.scheme(&format!("{scheme}://{host}/")).expect_err(&host);
                assert!(why.contains("is never called"), "{host}: {why}");
            }
        }
    }
}
