//! SOCKS5 as RFC 1928 has it, with the user name and password of RFC 1929: the one command CONNECT.
//!
//! Names go to the proxy as they are; nothing here resolves any. Whoever wants visits kept apart offers credentials and
//! nothing else, so that a proxy cannot silently take the connection without them.

use std::io;
use std::net::IpAddr;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0x00;
const USER_AND_PASSWORD: u8 = 0x02;
const NO_METHOD: u8 = 0xff;
const AUTHENTICATION_VERSION: u8 = 1;
const CONNECT: u8 = 1;
const RESERVED: u8 = 0;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
const DONE: u8 = 0;

/// Why a proxy that was reached made no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocksError {
    /// The connection to it broke; a proxy may also refuse in this way.
    #[error("it ended the connection: {0}")]
    Broken(#[from] io::Error),
    /// What it says is not SOCKS5.
    #[error("it does not speak SOCKS5")]
    NotSocks,
    /// It wants a user name and a password that nobody gave, or takes none where they keep visits apart.
    #[error("it does not accept how this program authenticates")]
    Method,
    /// It takes a user name and a password, but not these random ones.
    #[error("it does not accept random credentials")]
    Credentials,
    /// The name is longer than SOCKS5 can carry.
    #[error("the name is too long for it")]
    Name,
    /// It refused, or could not reach the target.
    #[error("{}", meaning(*.0))]
    Refused(u8),
}

/// Asks the proxy behind `stream` for a connection to `host`; what follows on the stream is that connection.
/// `credentials` are user name and password at once, 1 to 255 bytes.
pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    host: &str,
    port: u16,
    credentials: Option<&str>,
) -> Result<(), SocksError> {
    let method = if credentials.is_some() { USER_AND_PASSWORD } else { NO_AUTHENTICATION };
    stream.write_all(&[VERSION, 1, method]).await?;
    match read(stream).await? {
        [VERSION, chosen] if chosen == method => {}
        [VERSION, NO_METHOD] => return Err(SocksError::Method),
        _ => return Err(SocksError::NotSocks),
    }
    if let Some(credentials) = credentials {
        authenticate(stream, credentials).await?;
    }
    stream.write_all(&request(host, port)?).await?;
    let [version, reply, reserved, kind] = read(stream).await?;
    if (version, reserved) != (VERSION, RESERVED) {
        return Err(SocksError::NotSocks);
    }
    if reply != DONE {
        return Err(SocksError::Refused(reply));
    }
    // Where the proxy's own end is matters to nobody, but what follows begins after it.
    let bound = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => usize::from(read::<1, _>(stream).await?[0]),
        _ => return Err(SocksError::NotSocks),
    };
    let mut ignored = vec![0; bound + size_of::<u16>()];
    stream.read_exact(&mut ignored).await?;
    Ok(())
}

async fn authenticate<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, credentials: &str) -> Result<(), SocksError> {
    let length = u8::try_from(credentials.len()).map_err(|_| SocksError::Credentials)?;
    let mut message = vec![AUTHENTICATION_VERSION];
    for _ in ["user name", "password"] {
        message.push(length);
        message.extend_from_slice(credentials.as_bytes());
    }
    stream.write_all(&message).await?;
    match read(stream).await? {
        [AUTHENTICATION_VERSION, DONE] => Ok(()),
        [AUTHENTICATION_VERSION, _] => Err(SocksError::Credentials),
        _ => Err(SocksError::NotSocks),
    }
}

fn request(host: &str, port: u16) -> Result<Vec<u8>, SocksError> {
    let mut request = vec![VERSION, CONNECT, RESERVED];
    match host.parse() {
        Ok(IpAddr::V4(ip)) => {
            request.push(IPV4);
            request.extend_from_slice(&ip.octets());
        }
        Ok(IpAddr::V6(ip)) => {
            request.push(IPV6);
            request.extend_from_slice(&ip.octets());
        }
        Err(_) => {
            request.extend_from_slice(&[NAME, u8::try_from(host.len()).map_err(|_| SocksError::Name)?]);
            request.extend_from_slice(host.as_bytes());
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    Ok(request)
}

async fn read<const N: usize, S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// RFC 1928, section 6; from 0xf0 on, Tor's proposal 304.
const fn meaning(reply: u8) -> &'static str {
    match reply {
        0x01 => "it failed",
        0x02 => "its rules do not allow it",
        0x03 => "the network cannot be reached from it",
        0x04 => "the host cannot be reached from it",
        0x05 => "the connection was refused",
        0x06 => "the connection took too long",
        0x07 => "it makes no connections",
        0x08 => "it does not know this kind of address",
        0xf0 => "the onion service is not known to Tor: it is down, or the address is mistyped",
        0xf1 => "the onion service's entry in Tor's directory is damaged",
        0xf2 | 0xf3 => "the onion service did not take the connection",
        0xf4 | 0xf5 => "the onion service wants an authorisation that this program does not have",
        0xf6 => "the address of the onion service is mistyped",
        0xf7 => "the onion service did not answer in time",
        _ => "it refused for a reason of its own",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    /// What the client says to a proxy that says these things, in turn.
    async fn against(proxy: &[u8], host: &str, credentials: Option<&str>) -> (Vec<u8>, Result<(), SocksError>) {
        let (mut ours, mut theirs) = duplex(1_024);
        theirs.write_all(proxy).await.unwrap();
        theirs.shutdown().await.unwrap();
        let result = connect(&mut ours, host, 80, credentials).await;
        drop(ours);
        let mut said = Vec::new();
        theirs.read_to_end(&mut said).await.unwrap();
        (said, result)
    }

    #[tokio::test]
    async fn credentials_are_all_that_is_offered_where_there_are_some() {
        let proxy = [&[5, 2, 1, 0, 5, 0, 0, 1][..], &[0; 6]].concat();
        let (said, result) = against(&proxy, "relay.test", Some("77")).await;
        result.unwrap();
        let expected = [&b"\x05\x01\x02"[..], b"\x01\x0277\x0277", b"\x05\x01\x00\x03\x0arelay.test\x00\x50"].concat();
        assert_eq!(said, expected);
        // A proxy that goes on without them is refused, not obeyed.
        let (_, result) = against(&[5, 0, 5, 0, 0, 1], "relay.test", Some("77")).await;
        assert!(matches!(result, Err(SocksError::NotSocks)), "{result:?}");
    }

    #[tokio::test]
    async fn addresses_go_as_numbers_and_names_as_names() {
        for (host, expected) in [
            ("192.0.2.7", &b"\x01\xc0\x00\x02\x07\x00\x50"[..]),
            ("2001:db8::7", b"\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x00\x50"),
            ("x.onion", b"\x03\x07x.onion\x00\x50"),
        ] {
            let (said, _) = against(&[5, 0], host, None).await;
            assert_eq!(said, [b"\x05\x01\x00\x05\x01\x00", expected].concat(), "{host}");
        }
    }

    #[tokio::test]
    async fn whatever_a_proxy_says_is_an_error_or_a_connection() {
        let good = [5, 0, 5, 0, 0, 3, 4, b'h', b'o', b's', b't', 0, 80];
        assert!(against(&good, "relay.test", None).await.1.is_ok());
        for end in 0..good.len() {
            let (_, result) = against(&good[..end], "relay.test", None).await;
            assert!(matches!(result, Err(SocksError::Broken(_))), "{end}: {result:?}");
        }
        for (at, meant) in [(0, "speak"), (1, "speak"), (2, "speak"), (3, "reason"), (4, "speak"), (5, "speak")] {
            let mut bad = good;
            bad[at] = 0x77;
            let (_, result) = against(&bad, "relay.test", None).await;
            assert!(result.unwrap_err().to_string().contains(meant), "{at}");
        }
        let (_, result) = against(&[5, 2, 1, 9], "relay.test", Some("77")).await;
        assert!(matches!(result, Err(SocksError::Credentials)), "{result:?}");
        let (_, result) = against(&[5, 0xff], "relay.test", Some("77")).await;
        assert!(matches!(result, Err(SocksError::Method)), "{result:?}");
    }
}
