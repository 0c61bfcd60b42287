//! A receiver's address: `host`, `host:port`, `[v6]:port`, with or without a scheme.

use std::net::Ipv6Addr;

/// An address taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Whether the scheme asks for TLS, if there is a scheme.
    pub(super) tls: Option<bool>,
    /// Without brackets.
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

pub(super) fn parse(text: &str) -> Option<Address> {
    let (tls, rest) = match text.split_once("://") {
        Some(("ssl" | "tls" | "https", rest)) => (Some(true), rest),
        Some(("tcp", rest)) => (Some(false), rest),
        Some(_) => return None,
        None => (None, text),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = if rest.parse::<Ipv6Addr>().is_ok() {
        (rest, None)
    } else if let Some(bracketed) = rest.strip_prefix('[') {
        let (host, after) = bracketed.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        match after {
            "" => (host, None),
            after => (host, Some(after.strip_prefix(':')?)),
        }
    } else {
        match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        }
    };
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|port| *port > 0)?),
        None => None,
    };
    let host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    (!host.is_empty() && host.bytes().all(host_byte)).then(|| Address {
        tls,
        host: host.to_owned(),
        port,
    })
}

/// Whether `text` can be the base of AWS requests: `http` or `https`, a host, perhaps a port, no path.
pub(super) fn is_base_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        ["http", "https"].contains(&scheme) && !rest.contains("://") && parse(rest).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(tls: Option<bool>, host: &str, port: Option<u16>) -> Option<Address> {
        let host = host.to_owned();
        Some(Address { tls, host, port })
    }

    #[test]
    fn host_port_and_scheme_are_taken_apart() {
        assert_eq!(
            parse("collector-eu.devo.io"),
            address(None, "collector-eu.devo.io", None)
        );
        assert_eq!(
            parse("10.0.0.5:13000"),
            address(None, "10.0.0.5", Some(13_000))
        );
        assert_eq!(
            parse("ssl://devo.io:443/"),
            address(Some(true), "devo.io", Some(443))
        );
        assert_eq!(
            parse("tcp://[::1]:514"),
            address(Some(false), "::1", Some(514))
        );
        assert_eq!(parse("fe80::1"), address(None, "fe80::1", None));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in [
            "",
            ":443",
            "a b",
            "a:0",
            "a:70000",
            "a:b",
            "udp://a",
            "[::1",
            "[x]:1",
            "a/b",
            "user@host",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_base_url_has_scheme_and_host_only() {
        assert!(is_base_url("http://127.0.0.1:4566"));
        assert!(is_base_url(
            "https://vpce-1.sqs.us-east-2.vpce.amazonaws.com/"
        ));
        for wrong in [
            "127.0.0.1:4566",
            "ftp://h",
            "http://",
            "http://h/path",
            "http://https://h",
        ] {
            assert!(!is_base_url(wrong), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([a-z]{0,3}://)?[a-z0-9:.\\[\\]/-]{0,20}") {
            let _ = (parse(&text), is_base_url(&text));
        }
    }
}
