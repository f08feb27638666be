//! From a passphrase to the keys of a source (protocol, section 5).

use crate::hash::{Kdf, hash};
use crate::ids::OfficeId;
use crate::keys::{ContactSecret, ParcelSecret, ReplySecret, SourceAuthKey};
use crate::labels;
use crate::passphrase::Passphrase;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::{Zeroize as _, Zeroizing};

/// Argon2id (RFC 9106): 64 MiB, three passes, one lane, as much as a cheap phone can do within seconds.
const MEMORY_KIB: u32 = 65_536;
const PASSES: u32 = 3;
const LANES: u32 = 1;

/// What a source has, all of it from its passphrase and the office; erased when dropped.
#[derive(Debug)]
pub struct SourceKeys {
    /// Authenticates its letters: the identity of its thread.
    pub auth: SourceAuthKey,
    /// Opens replies.
    pub reply: ReplySecret,
    /// Finds replies in the index, and goes into the contact.
    pub contact: ContactSecret,
    /// Bookmarks are sealed under it.
    pub parcel: ParcelSecret,
}

/// The device does not have the 64 MiB of memory that the derivation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not enough memory: 64 MiB must be free")]
pub struct OutOfMemory;

impl SourceKeys {
    /// Derives the keys; takes seconds on a cheap phone.
    ///
    /// # Errors
    /// There is not enough memory.
    pub fn derive(passphrase: &Passphrase, office: OfficeId) -> Result<Self, OutOfMemory> {
        let secret = root_secret(passphrase, office)?;
        let kdf = Kdf::new(secret.as_slice());
        Ok(Self {
            auth: SourceAuthKey::from_bytes(*kdf.key(labels::SOURCE_AUTH_KEY, &[])),
            reply: ReplySecret::from_bytes(*kdf.key(labels::REPLY_KEY, &[])),
            contact: ContactSecret::from_bytes(*kdf.key(labels::CONTACT_SECRET, &[])),
            parcel: ParcelSecret::from_bytes(*kdf.key(labels::PARCEL_SECRET, &[])),
        })
    }
}

fn root_secret(passphrase: &Passphrase, office: OfficeId) -> Result<Zeroizing<[u8; 32]>, OutOfMemory> {
    let salt = hash(labels::PASSPHRASE_SALT, &[office.as_bytes()]);
    let mut secret = Zeroizing::new([0; 32]);
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(secret.len())).map_err(|_| OutOfMemory)?;

    // Memory of our own: it can be refused without an abort, and its last block gives the secret away, so it is erased.
    let mut memory: Vec<Block> = Vec::new();
    memory.try_reserve_exact(params.block_count()).map_err(|_| OutOfMemory)?;
    memory.resize(params.block_count(), Block::default());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let result = argon2.hash_password_into_with_memory(passphrase.number(), &salt, secret.as_mut_slice(), &mut memory);
    memory.zeroize();
    // Nothing else can fail: all lengths are constants within the limits of Argon2.
    result.map_err(|_| OutOfMemory)?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passphrase::Parsed;

    fn passphrase(text: &str) -> Passphrase {
        match Passphrase::parse(text) {
            Ok(Parsed::One(passphrase, _)) => passphrase,
            _ => panic!("not a passphrase"),
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_keys_of_a_known_passphrase_are_those_that_another_program_derives() {
        // Computed with Python's cryptography: the number is 0 to 9, the office id 0 to 15.
        let passphrase = passphrase("ability artwork method artwork fragrant almond chalk citrus");
        let office = OfficeId(std::array::from_fn(|i| i as u8));
        let root = root_secret(&passphrase, office).unwrap();
        assert_eq!(hex(root.as_slice()), "1b4f034aa72263f2f4701024d74176c8b452263ef79b9be46f13a6a67d964d42");
        let keys = SourceKeys::derive(&passphrase, office).unwrap();
        for (secret, expected) in [
            (keys.reply.expose(), "ba30973fa1afedf6e879bdfc0a8e237e9822cf1afe203b0183bd899c5019652b"),
            (keys.auth.expose(), "274bb1d7aac134069763d25221ed1ca732bf16dc2090a12155b35495fc69ed83"),
            (keys.contact.expose(), "9ad4c6d5a61ff49fe44362b7c25b82623d3324714fa95e3226504f15737e960f"),
            (keys.parcel.expose(), "3ceaf3f2b4910f19e3a4a81fe0d4cbf4a39a6f0112d702363e468422aebd5f02"),
            (keys.auth.public().as_bytes(), "7ac48010d8fbb5aa7ed8847b3396161b25e0214bd1cbc6876dfe641c5c2e2d0b"),
        ] {
            assert_eq!(hex(secret), expected);
        }
        // With another office the same passphrase is another person.
        let elsewhere = root_secret(&passphrase, OfficeId([0; 16])).unwrap();
        assert_ne!(elsewhere, root);
    }
}
