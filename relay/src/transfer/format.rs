//! The file of an export or a backup.
//!
//! ```text
//! "cssr-relay transfer 1\n", then sections: u8(what it is) || u32(length) || that many bytes
//!
//! 1  outline    relay's public key (32) || u32(latest day) || head of the letters || head of the chunks
//!               head: u64(number) || u32(day) || chain value (32)
//! 2  relay.toml its text                                                          backups only
//! 3  relay key  32 bytes                                                          backups only
//! 4  statement  u8(shelf) || u8(length of its name) || name || its bytes
//! 5  day        u8(1 letters, 2 chunks) || u32(day)
//! 6  batch      CDDL `batch`
//! 7  envelope   id (16) || u8(0 whole, 1 burned, 2 lost) || u8(whether there is a burn hash) || burn hash or zeros (32)
//!               || the envelope, if it is whole
//! 0  end        SHA-256 of everything before this section
//! ```
//!
//! [`Rules`](super::rules::Rules) says in which order they stand. There is one file for one content.

use crate::store::transfer::{Content, Held, Outline, SHELVES};
use crate::store::{Kind, STATEMENT_MAX, Shelf, StatementName};
use cssr_proto::index::{Batch, Head};
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::parcel::BurnHash;
use cssr_proto::sizes::{ENVELOPE_ID, HASH};
use cssr_proto::{Day, Envelope, EnvelopeId, Hash};
use zeroize::Zeroizing;

pub(super) const MAGIC: &[u8; 22] = b"cssr-relay transfer 1\n";
/// Bytes before a section's content.
pub(super) const FRAME: usize = 5;
/// Bytes of a section at most: the largest are statements and batches.
pub(super) const SECTION_MAX: usize = STATEMENT_MAX + 1_024;
/// Bytes of a relay.toml at most.
pub(super) const CONFIG_MAX: usize = 262_144;

/// A section.
pub(super) enum Section {
    Outline(Outline),
    Config(String),
    Key(Zeroizing<[u8; 32]>),
    Statement(Shelf, StatementName, Vec<u8>),
    Day(Kind, Day),
    Batch(Batch),
    Held(Held),
    End(Hash),
}

impl Section {
    /// With its frame.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        // With room for all, so that no copy of the key is left behind by growing.
        let mut out = Zeroizing::new(Vec::with_capacity(1_024));
        out.extend_from_slice(&[0; FRAME]);
        let kind = self.put(&mut out);
        let length = (out.len() - FRAME) as u32; // far below 4 GiB
        for (to, from) in out.iter_mut().zip([kind].iter().chain(&length.to_be_bytes())) {
            *to = *from;
        }
        out
    }

    fn put(&self, out: &mut Vec<u8>) -> u8 {
        match self {
            Self::End(hash) => {
                out.extend_from_slice(&hash.0);
                0
            }
            Self::Outline(Outline { relay, latest, heads }) => {
                out.extend_from_slice(&relay.0);
                out.extend_from_slice(&latest.0.to_be_bytes());
                for head in heads {
                    out.extend_from_slice(&head.number().to_be_bytes());
                    out.extend_from_slice(&head.day().0.to_be_bytes());
                    out.extend_from_slice(&head.chain().0);
                }
                1
            }
            Self::Config(text) => {
                out.extend_from_slice(text.as_bytes());
                2
            }
            Self::Key(key) => {
                out.extend_from_slice(key.as_slice());
                3
            }
            Self::Statement(shelf, name, bytes) => {
                out.push(rank(*shelf));
                out.push(name.as_str().len() as u8); // 100 at most
                out.extend_from_slice(name.as_str().as_bytes());
                out.extend_from_slice(bytes);
                4
            }
            Self::Day(kind, day) => {
                out.push(kind.byte());
                out.extend_from_slice(&day.0.to_be_bytes());
                5
            }
            Self::Batch(batch) => {
                out.extend_from_slice(&batch.to_bytes());
                6
            }
            Self::Held(Held { id, burn, content }) => {
                out.extend_from_slice(id.as_bytes());
                out.push(match content {
                    Content::Envelope(_) => 0,
                    Content::Burned => 1,
                    Content::Lost => 2,
                });
                out.push(u8::from(burn.is_some()));
                out.extend_from_slice(&burn.map_or([0; HASH], |burn| burn.0));
                if let Content::Envelope(envelope) = content {
                    out.extend_from_slice(envelope.as_bytes());
                }
                7
            }
        }
    }

    /// `None` for what [`encode`](Self::encode) never makes.
    pub(super) fn decode(kind: u8, bytes: &[u8]) -> Option<Self> {
        match kind {
            0 => Some(Self::End(Hash(bytes.try_into().ok()?))),
            1 => {
                let (relay, rest) = bytes.split_first_chunk::<32>()?;
                let (latest, rest) = rest.split_first_chunk::<4>()?;
                let (letters, chunks) = rest.split_at_checked(rest.len() / 2)?;
                let heads = [head(letters)?, head(chunks)?];
                Some(Self::Outline(Outline { relay: RelayPublicKey(*relay), latest: day(latest)?, heads }))
            }
            2 if bytes.len() <= CONFIG_MAX => Some(Self::Config(std::str::from_utf8(bytes).ok()?.to_owned())),
            3 => Some(Self::Key(Zeroizing::new(bytes.try_into().ok()?))),
            4 => {
                let ([shelf, length], rest) = bytes.split_first_chunk::<2>()?;
                let shelf = SHELVES.into_iter().find(|known| rank(*known) == *shelf)?;
                let (name, bytes) = rest.split_at_checked((*length).into())?;
                let name = StatementName::new(std::str::from_utf8(name).ok()?).ok()?;
                (bytes.len() <= STATEMENT_MAX).then(|| Self::Statement(shelf, name, bytes.to_vec()))
            }
            5 => {
                let (kind, number) = bytes.split_first()?;
                let kind = [Kind::Letter, Kind::Chunk].into_iter().find(|known| known.byte() == *kind)?;
                Some(Self::Day(kind, day(number.first_chunk().filter(|_| number.len() == 4)?)?))
            }
            6 => Some(Self::Batch(Batch::from_bytes(bytes).ok()?)),
            7 => {
                let (id, rest) = bytes.split_first_chunk::<ENVELOPE_ID>()?;
                let ([state, has_burn], rest) = rest.split_first_chunk::<2>()?;
                let (hash, rest) = rest.split_first_chunk::<HASH>()?;
                let burn = match has_burn {
                    0 if *hash == [0; HASH] => None,
                    1 => Some(BurnHash(*hash)),
                    _ => return None,
                };
                let content = match state {
                    0 => Content::Envelope(Envelope::from_slice(rest).ok()?),
                    1 if rest.is_empty() => Content::Burned,
                    2 if rest.is_empty() => Content::Lost,
                    _ => return None,
                };
                Some(Self::Held(Held { id: EnvelopeId(*id), burn, content }))
            }
            _ => None,
        }
    }
}

/// A shelf's number, which is also its place in the order.
pub(super) const fn rank(shelf: Shelf) -> u8 {
    match shelf {
        Shelf::Notes => 1,
        Shelf::ProposedNotes => 2,
        Shelf::Seats => 3,
        Shelf::Rosters => 4,
        Shelf::Directories => 5,
    }
}

fn day(bytes: &[u8; 4]) -> Option<Day> {
    Some(Day(u32::from_be_bytes(*bytes))).filter(|day| *day >= Day::FIRST)
}

fn head(bytes: &[u8]) -> Option<Head> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    let (day, chain) = rest.split_first_chunk::<4>()?;
    Head::new(u64::from_be_bytes(*number), Day(u32::from_be_bytes(*day)), Hash(chain.try_into().ok()?)).ok()
}
