//! What must not stand in a log, in whatever form it might have slipped in.

use crate::client::{Client, envelope, id};
use std::collections::BTreeSet;
use std::path::Path;
use tokio::net::TcpStream;

/// Everything that must not stand in a log.
#[derive(Default)]
pub struct Secrets {
    pub bytes: Vec<Vec<u8>>,
    ports: BTreeSet<u16>,
}

impl Secrets {
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes.push(bytes.to_vec());
    }

    pub fn add_client(&mut self, client: &Client) {
        self.add(client.handshake_hash());
        self.add_port(client.socket.get_ref());
    }

    pub fn add_port(&mut self, stream: &TcpStream) {
        self.ports.insert(stream.local_addr().unwrap().port());
    }

    pub fn add_envelope(&mut self, seed: u64) {
        self.add(id(seed).as_bytes());
        self.add(&envelope(seed)[..16]);
        self.add(&envelope(seed)[16_240..]);
    }

    /// The keys of the days: two in each file, after the length that stands in front of them; of plain sled, one and nothing else.
    pub fn add_day_keys(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            if bytes.len() == 32 {
                self.add(&bytes);
                continue;
            }
            assert_eq!(bytes[..4], 64u32.to_be_bytes());
            self.add(&bytes[4..36]);
            self.add(&bytes[36..68]);
        }
    }

    pub fn must_not_be_in(&self, log: &str) {
        let lower = log.to_lowercase();
        for secret in &self.bytes {
            for form in forms(secret) {
                assert!(!log.contains(&form) && !lower.contains(&form), "{form} is in the log");
            }
        }
        assert!(!log.contains("127.0.0.1") && !log.contains("::1") && !lower.contains("localhost"), "{log}");
        for port in &self.ports {
            assert!(!log.contains(&port.to_string()), "a peer's port is in the log: {log}");
        }
    }
}

/// How a programmer might have let bytes slip into a log: raw, escaped, as hexadecimal digits (the first four bytes of them
/// are enough), as a list of numbers, as one number, and as base64 in either alphabet and at any alignment.
fn forms(secret: &[u8]) -> Vec<String> {
    let hex: String = secret.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let list = |format: fn(&u8) -> String| secret.iter().take(8).map(format).collect::<Vec<_>>().join(", ");
    let first = secret.first_chunk::<8>().unwrap();
    let mut forms = vec![
        String::from_utf8_lossy(secret).into_owned(),
        secret.escape_ascii().to_string(),
        hex,
        list(u8::to_string),
        list(|byte| format!("{byte:x}")),
        list(|byte| format!("{byte:02x}")),
        list(|byte| format!("{byte:#04x}")),
        u64::from_be_bytes(*first).to_string(),
        u64::from_le_bytes(*first).to_string(),
    ];
    if let Some(first) = secret.first_chunk::<16>() {
        forms.extend([u128::from_be_bytes(*first).to_string(), u128::from_le_bytes(*first).to_string()]);
    }
    for skip in 0..3 {
        let middle = base64(&secret[skip..]);
        let whole = middle[..(secret.len() - skip) / 3 * 4].to_owned();
        forms.push(whole.replace('+', "-").replace('/', "_"));
        forms.push(whole);
    }
    forms
}

pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |n: u32| char::from(DIGITS[n as usize & 63]);
    let group = |chunk: &[u8]| {
        let n = chunk.iter().fold(0, |n, byte| n << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        [18, 12, 6, 0].map(|shift| digit(n >> shift)).iter().collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

#[test]
fn a_slip_in_any_form_would_be_seen() {
    assert_eq!((base64(b"Man"), base64(b"light w")), ("TWFu".into(), "bGlnaHQgdwAA".into()));
    let secret = *id(1).as_bytes();
    let mut secrets = Secrets::default();
    secrets.add(&secret);
    let hex: String = secret.iter().map(|byte| format!("{byte:02X}")).collect();
    for slip in [
        format!("id={:?}", secret),
        format!("id={:x?}", secret),
        format!("id={:02X?}", secret),
        format!("id={hex}"),
        format!("id={}", &hex[..12]),
        format!("id={}", u128::from_be_bytes(secret)),
        format!("post={}", base64(&[&b"!"[..], &secret].concat())),
        format!("id=b\"{}\"", secret.escape_ascii()),
    ] {
        let seen = std::panic::catch_unwind(|| secrets.must_not_be_in(&slip));
        assert!(seen.is_err(), "{slip}");
    }
    secrets.must_not_be_in("sealed a batch kind=Letter number=1 ids=3");
}
