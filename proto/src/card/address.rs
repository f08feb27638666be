//! Where a relay is found (protocol, section 3): `["ws://" | "wss://"] host [":" port]`.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Bytes of an address at most.
pub(crate) const ADDRESS_MAX: usize = 128;

/// The transport below the session. Neither is trusted: the session encrypts by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// WebSocket over TCP; the default for onion services.
    Ws,
    /// WebSocket over TLS; the default for everything else.
    Wss,
}

impl Scheme {
    /// 80 or 443.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }

    /// As it begins an address.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Ws => "ws://",
            Self::Wss => "wss://",
        }
    }
}

/// One address of a relay, kept as it was written.
///
/// ```
/// use cssr_proto::{Address, Scheme};
/// let address: Address = "[2001:db8::7]:8443".parse()?;
/// assert_eq!((address.scheme(), address.host(), address.port()), (Scheme::Wss, "2001:db8::7", 8443));
/// assert_eq!(address.url(), "wss://[2001:db8::7]:8443/");
/// # Ok::<(), cssr_proto::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    text: String,
    scheme: Scheme,
    host: String,
    port: u16,
}

/// Why a text is not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Nothing stands there.
    #[error("it is empty")]
    Empty,
    /// More than 128 bytes.
    #[error("it has more than {ADDRESS_MAX} characters")]
    TooLong,
    /// A character that no address holds.
    #[error("it contains {0:?}, which no address does")]
    Character(char),
    /// Another scheme than `ws` and `wss`.
    #[error("it may begin with ws:// or wss://, nothing else")]
    Scheme,
    /// Something stands behind host and port.
    #[error("it must end after host and port, without a path")]
    Path,
    /// The host is no DNS name, IPv4 address or IPv6 address in brackets.
    #[error("its host is neither a name nor an IPv4 address nor an IPv6 address in brackets")]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("its port is not a number from 1 to 65535")]
    Port,
}

impl Address {
    /// The scheme that is written, or else the default for the host.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host in lower case; an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port that is written, or else the scheme's.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether the host is an onion service, which only Tor can reach.
    #[must_use]
    pub fn is_onion(&self) -> bool {
        is_onion(&self.host)
    }

    /// The address as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL of the WebSocket, with scheme and port spelled out.
    #[must_use]
    pub fn url(&self) -> String {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        format!("{}{open}{}{close}:{}/", self.scheme.prefix(), self.host, self.port)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.len() > ADDRESS_MAX {
            return Err(AddressError::TooLong);
        }
        if let Some(c) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !"-.:/[]".contains(*c)) {
            return Err(AddressError::Character(c));
        }
        let (scheme, rest) = split_scheme(text)?;
        if rest.contains('/') {
            return Err(AddressError::Path);
        }
        let (host, port) = split_port(rest)?;
        let host = host.to_ascii_lowercase();
        let scheme = scheme.unwrap_or(if is_onion(&host) { Scheme::Ws } else { Scheme::Wss });
        let port = port.map_or(Ok(scheme.default_port()), parse_port)?;
        Ok(Self { text: text.to_owned(), scheme, host, port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<C> Encode<C> for Address {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.text)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Address {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        d.str()?.parse().map_err(|_| decode::Error::message("not an address"))
    }
}

fn is_onion(host: &str) -> bool {
    host.ends_with(".onion")
}

fn split_scheme(text: &str) -> Result<(Option<Scheme>, &str), AddressError> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok((None, text));
    };
    for known in [Scheme::Ws, Scheme::Wss] {
        if known.prefix().strip_suffix("://").is_some_and(|name| scheme.eq_ignore_ascii_case(name)) {
            return Ok((Some(known), rest));
        }
    }
    Err(AddressError::Scheme)
}

/// Splits and checks the host; the port is still text.
fn split_port(rest: &str) -> Result<(&str, Option<&str>), AddressError> {
    if let Some(bracketed) = rest.strip_prefix('[') {
        let (host, tail) = bracketed.split_once(']').ok_or(AddressError::Host)?;
        let _: Ipv6Addr = host.parse().map_err(|_| AddressError::Host)?;
        return match tail.strip_prefix(':') {
            None if tail.is_empty() => Ok((host, None)),
            None => Err(AddressError::Host),
            Some(port) => Ok((host, Some(port))),
        };
    }
    let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
    if is_name_or_ipv4(host) { Ok((host, port)) } else { Err(AddressError::Host) }
}

fn is_name_or_ipv4(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // Browsers read a host whose last label is a number, decimal or hexadecimal, as an IPv4 address in one of its old
    // spellings. Only the plain spelling means the same to everyone.
    let last = host.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let numeric = last.bytes().all(|b| b.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    if numeric { host.parse::<Ipv4Addr>().is_ok() } else { host.split('.').all(label) }
}

fn parse_port(port: &str) -> Result<u16, AddressError> {
    if !port.bytes().all(|b| b.is_ascii_digit()) || port.is_empty() || port.starts_with('0') {
        return Err(AddressError::Port);
    }
    port.parse().map_err(|_| AddressError::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, AddressError> {
        text.parse()
    }

    #[test]
    fn the_scheme_is_ws_for_onion_services_and_wss_otherwise_unless_it_is_written() {
        for (text, scheme, host, port) in [
            ("relay.example.org", Scheme::Wss, "relay.example.org", 443),
            ("Relay.Example.ORG:8443", Scheme::Wss, "relay.example.org", 8443),
            ("ws://localhost:65535", Scheme::Ws, "localhost", 65535),
            ("WSS://10.0.0.7", Scheme::Wss, "10.0.0.7", 443),
            ("abcdefgh.ONION", Scheme::Ws, "abcdefgh.onion", 80),
            ("wss://abcdefgh.onion:1", Scheme::Wss, "abcdefgh.onion", 1),
            ("abcdefgh.onion.example", Scheme::Wss, "abcdefgh.onion.example", 443),
            ("[2001:DB8::1]", Scheme::Wss, "2001:db8::1", 443),
            ("ws://[::ffff:10.0.0.7]:81", Scheme::Ws, "::ffff:10.0.0.7", 81),
        ] {
            let address = parse(text).unwrap();
            assert_eq!((address.scheme(), address.host(), address.port()), (scheme, host, port), "{text}");
            assert_eq!(address.as_str(), text);
            let spelled_out = parse(address.url().trim_end_matches('/')).unwrap();
            assert_eq!((spelled_out.scheme(), spelled_out.host(), spelled_out.port()), (scheme, host, port), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_by_name() {
        use AddressError::{Character, Empty, Host, Path, Port, Scheme, TooLong};
        let long = "a.".repeat(64) + "b";
        let label = "a".repeat(64);
        for (text, error) in [
            ("", Empty),
            (long.as_str(), TooLong),
            (label.as_str(), Host),
            ("https://relay.example.org", Scheme),
            ("://relay", Scheme),
            ("relay.example.org/", Path),
            ("wss://relay.example.org/x", Path),
            ("relay.example.org:443/x", Path),
            ("user@relay.example.org", Character('@')),
            ("relay example.org", Character(' ')),
            ("relay.example.org?x", Character('?')),
            ("relay_one.example.org", Character('_')),
            ("reläy.example.org", Character('ä')),
            ("rel\u{202e}ay.example.org", Character('\u{202e}')),
            ("wss://", Host),
            (".", Host),
            ("relay..org", Host),
            ("relay.example.org.", Host),
            ("-relay.org", Host),
            ("relay-.org", Host),
            ("256.0.0.1", Host),
            ("10.0.0", Host),
            ("010.0.0.1", Host),
            ("167772167", Host),
            ("0x0a000007", Host),
            ("relay.0x7", Host),
            ("2001:db8::1", Host),
            ("[2001:db8::1", Host),
            ("[2001:db8::g]", Host),
            ("[::1]x", Host),
            ("[10.0.0.7]", Host),
            ("[relay.org]", Host),
            ("relay.org:", Port),
            ("relay.org:0", Port),
            ("relay.org:080", Port),
            ("relay.org:65536", Port),
            ("relay.org:4x", Port),
            ("relay.org:1:2", Port),
            ("[::1]:", Port),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }
}
