//! Where a service listens.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// `HOST:PORT`, as it was written. A host name is looked up when the service starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Listen {
    host: String,
    port: u16,
}

impl Listen {
    /// The same host with another port.
    #[must_use]
    pub fn with_port(&self, port: u16) -> Self {
        Self { host: self.host.clone(), port }
    }

    /// The host's addresses, IPv4 first: `localhost` is then 127.0.0.1, as clients expect. Blocks on the look-up.
    pub fn resolve(&self) -> anyhow::Result<Vec<SocketAddr>> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let mut found: Vec<_> = (host, self.port)
            .to_socket_addrs()
            .with_context(|| format!("{self}: the host {host:?} cannot be resolved; name an address of this machine"))?
            .collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        anyhow::ensure!(!found.is_empty(), "{self}: the host {host:?} has no address");
        Ok(found)
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("{text:?}: {what}; write HOST:PORT, for example 127.0.0.1:8080 or [::1]:8080");
        let (host, port) = text.rsplit_once(':').ok_or_else(|| wrong("the port is missing"))?;
        let port = port.parse().map_err(|_| wrong("the port must be a number from 0 to 65535"))?;
        let bracketed = host.starts_with('[') && host.ends_with(']');
        if host.is_empty() {
            return Err(wrong("the host is missing"));
        }
        if (host.contains(':') && !bracketed) || host.contains(['/', ' ', '@']) {
            return Err(wrong("the host cannot be read"));
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> Self {
        listen.to_string()
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_read_is_printed_so_that_it_reads_the_same(text in "[^\0]{0,12}(:[0-9]{0,6})?") {
            match text.parse::<Listen>() {
                Ok(listen) => prop_assert_eq!(listen.to_string().parse(), Ok(listen)),
                Err(error) => prop_assert!(error.contains("HOST:PORT")),
            }
        }

        #[test]
        fn every_address_is_one(host in any::<std::net::IpAddr>(), port in any::<u16>()) {
            let address = SocketAddr::new(host, port);
            let listen: Listen = address.to_string().parse().unwrap();
            prop_assert_eq!(listen.resolve().unwrap(), [address]);
        }
    }

    #[test]
    fn names_and_addresses_are_resolved() {
        for (text, expected) in
            [("127.0.0.1:8080", "127.0.0.1:8080"), ("localhost:0", "127.0.0.1:0"), ("[::1]:9", "[::1]:9")]
        {
            let listen: Listen = text.parse().unwrap();
            assert_eq!(listen.resolve().unwrap()[0].to_string(), expected);
            assert_eq!(listen.to_string(), text);
        }
        assert_eq!("localhost:1".parse::<Listen>().unwrap().with_port(7).to_string(), "localhost:7");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, expected) in [
            ("8080", "port is missing"),
            (":8080", "host is missing"),
            ("localhost:http", "port must be a number"),
            ("localhost:65536", "port must be a number"),
            ("::1:8080", "host cannot be read"),
            ("http://localhost:8080", "host cannot be read"),
        ] {
            let error = text.parse::<Listen>().unwrap_err();
            assert!(error.contains(expected) && error.contains("HOST:PORT"), "{text}: {error}");
        }
        let error = "no-such-host.invalid:1".parse::<Listen>().unwrap().resolve().unwrap_err();
        assert!(format!("{error:#}").contains("cannot be resolved"), "{error:#}");
    }
}
