//! The relay's half of the handshake from its parts, for announcements that `cssr-proto` does not make (protocol,
//! section 11).

use chacha20::ChaCha20Rng;
use cssr_proto::keys::RelaySecretKey;
use cssr_tests::people::rng;
use futures_util::{SinkExt as _, StreamExt as _};
use hkdf::Hkdf;
use rand_core::Rng as _;
use sha2::{Digest as _, Sha256};
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use x_wing::{Encapsulate as _, EncapsulationKey};

const PATTERN: &str = "Noise_NXpsk2_25519_ChaChaPoly_SHA256";
const ANNOUNCEMENT: usize = 320;

/// Serves a relay that announces these bytes, followed by zeros, and then only listens.
pub async fn announce(key: &RelaySecretKey, announced: &[u8]) -> u16 {
    let mut announcement = [0; ANNOUNCEMENT];
    announcement[..announced.len()].copy_from_slice(announced);
    let key = *key.expose();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, key, announcement));
        }
    });
    port
}

async fn answer(stream: TcpStream, key: [u8; 32], announcement: [u8; ANNOUNCEMENT]) {
    let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
    let first = socket.next().await.unwrap().unwrap().into_data();
    socket.send(Message::Binary(second(&first, &key, &announcement).into())).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
}

fn second(first: &[u8], key: &[u8; 32], announcement: &[u8; ANNOUNCEMENT]) -> Vec<u8> {
    let builder = snow::Builder::with_resolver(PATTERN.parse().unwrap(), Box::new(Parts));
    let builder = builder.prologue(b"cssr1 session").unwrap().local_private_key(key).unwrap();
    let mut noise = builder.build_responder().unwrap();
    let mut offer = [0; 1_536];
    noise.read_message(first, &mut offer).unwrap();

    let public = EncapsulationKey::try_from(&offer[..1_216]).unwrap();
    let (ciphertext, shared) = public.encapsulate_with_rng(&mut rng(78));
    let transcript = Sha256::new().chain_update(first).chain_update(ciphertext).finalize();
    let label = b"cssr1 session psk";
    let info = [&[label.len() as u8], &label[..], &transcript].concat();
    let mut psk = [0; 32];
    Hkdf::<Sha256>::new(None, &shared).expand(&info, &mut psk).unwrap();
    noise.set_psk(2, &psk).unwrap();

    let mut message = ciphertext.to_vec();
    message.resize(1_536, 0);
    assert_eq!(noise.write_message(announcement, &mut message[1_120..]), Ok(416));
    message
}

/// snow's own parts with a generator from a seed.
struct Parts;

impl CryptoResolver for Parts {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Seeded(rng(79))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

struct Seeded(ChaCha20Rng);

impl Random for Seeded {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), snow::Error> {
        self.0.fill_bytes(dest);
        Ok(())
    }
}
