//! The file in which a relay tells its key and addresses.
//!
//! ```text
//! # comment
//! 5b3f...  64 hexadecimal digits, the static X25519 key
//! relay.example.org
//! abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrstuvwx.onion
//! ```
//!
//! Items are separated by white space. It is not signed: whoever carries it to the office answers for it, and the
//! office shows the key to be compared with the relay's own words.

use super::error::OfficeError;
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::{Address, Addresses, Relay};

/// The largest file that is read as one.
pub const RELAY_IDENTITY_MAX: usize = 4_096;

/// Reads a relay's key and addresses.
///
/// # Errors
/// [`OfficeError::RelayIdentity`].
pub fn read_relay_identity(file: &[u8]) -> Result<Relay, OfficeError> {
    let wrong = OfficeError::RelayIdentity;
    let text = std::str::from_utf8(file).map_err(|_| wrong("it is not text"))?;
    let mut items = text.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(str::split_whitespace);
    let key = items.next().and_then(hex_key).ok_or(wrong("it does not begin with a key of 64 hexadecimal digits"))?;
    let addresses: Vec<Address> =
        items.map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong("one of the addresses is not one"))?;
    let addresses = Addresses::new(addresses).map_err(|_| wrong("it must list one to eight addresses"))?;
    Ok(Relay { key: RelayPublicKey(key), addresses })
}

fn hex_key(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEE0f";

    #[test]
    fn a_key_and_its_addresses_are_read() {
        let relay =
            read_relay_identity(format!("# relay\n{KEY}\nrelay.example.org\n\nabc.onion\n").as_bytes()).unwrap();
        assert_eq!((relay.key.0[1], relay.key.0[31]), (0x11, 0x0f));
        assert_eq!(relay.addresses.iter().map(Address::as_str).collect::<Vec<_>>(), ["relay.example.org", "abc.onion"]);
    }

    #[test]
    fn everything_else_is_refused() {
        let nine = format!("{KEY} {}", "a.org ".repeat(9));
        for text in
            ["", "relay.example.org", &KEY[2..], KEY, &format!("{KEY} http://x.org"), &nine, &format!("é{}", &KEY[2..])]
        {
            assert!(matches!(read_relay_identity(text.as_bytes()), Err(OfficeError::RelayIdentity(_))), "{text}");
        }
        assert!(read_relay_identity(&[0xff, 0xfe]).is_err());
    }
}
