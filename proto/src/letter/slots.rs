//! The layout of a letter, and its slots (protocol, section 6.1).

use crate::envelope::{Envelope, LETTER_SUITE, VERSION};
use crate::hash::{Secret32, tagged};
use crate::ids::EnvelopeId;
use crate::keys::{BadKey, XWingPublicKey, XWingSecret, open_slot, seal_slot, throw_away_key};
use crate::labels;
use crate::sizes::{BODY_OFFSET, ENVELOPE, ENVELOPE_PREFIX, HASH, PLAIN_BODY, SLOT, SLOTS, TAG};
use rand_core::CryptoRng;

/// Version and suite.
const PREFIX: [u8; ENVELOPE_PREFIX] = [VERSION, LETTER_SUITE];

/// The parts of a letter that arrived.
pub(super) struct Sections<'e> {
    pub(super) commitment: &'e [u8; HASH],
    pub(super) slots: &'e [[u8; SLOT]],
    /// All before the body, which the body is bound to.
    pub(super) clear: &'e [u8; BODY_OFFSET],
    pub(super) ciphertext: &'e [u8; PLAIN_BODY],
    pub(super) tag: &'e [u8; TAG],
}

impl<'e> Sections<'e> {
    /// `None` if version or suite are not those of a letter.
    pub(super) fn of(envelope: &'e Envelope) -> Option<Self> {
        let (clear, sealed) = envelope.as_bytes().split_first_chunk::<BODY_OFFSET>()?;
        let (ciphertext, tag) = sealed.split_first_chunk()?;
        let (prefix, rest) = clear.split_first_chunk()?;
        let (commitment, slots) = rest.split_first_chunk()?;
        let (slots, _) = slots.as_chunks();
        if *prefix != PREFIX {
            return None;
        }
        Some(Self { commitment, slots, clear, ciphertext, tag: tag.try_into().ok()? })
    }
}

/// The parts of a letter that is being made.
///
/// ```text
/// offset  size   field
/// 0       1      version = 1
/// 1       1      suite = 1
/// 2       32     commitment
/// 34      9,344  8 slots of 1,168
/// 9,378   6,862  ciphertext of the body
/// 16,240  16     tag
/// ```
pub(super) struct SectionsMut<'e> {
    pub(super) clear: &'e mut [u8; BODY_OFFSET],
    pub(super) body: &'e mut [u8; PLAIN_BODY],
    pub(super) tag: &'e mut [u8],
}

impl<'e> SectionsMut<'e> {
    #[expect(clippy::expect_used, reason = "the sizes are constants whose sum is the envelope")]
    pub(super) fn of(envelope: &'e mut [u8; ENVELOPE]) -> Self {
        let (clear, sealed) = envelope.split_first_chunk_mut().expect("sizes add up");
        let (body, tag) = sealed.split_first_chunk_mut().expect("sizes add up");
        Self { clear, body, tag }
    }
}

/// Fills everything before the body: a slot for each reader, and one for nobody where there is no reader.
pub(super) fn seal_slots<R: CryptoRng>(
    clear: &mut [u8; BODY_OFFSET],
    commitment: &[u8; HASH],
    content_key: &Secret32,
    id: &EnvelopeId,
    readers: [Option<&XWingPublicKey>; SLOTS],
    rng: &mut R,
) -> Result<(), BadKey> {
    let nobody = if readers.iter().any(Option::is_none) { Some(throw_away_key(rng)) } else { None };
    let mut info = slot_info(id);
    let mut rest = clear.as_mut_slice();
    for part in [PREFIX.as_slice(), commitment] {
        rest = fill(rest, part);
    }
    for (number, reader) in (0..).zip(readers) {
        let Some(reader) = reader.or(nobody.as_ref()) else { continue };
        set_slot(&mut info, number);
        rest = fill(rest, &seal_slot(reader, &info, content_key, rng)?);
    }
    Ok(())
}

/// The content key in a slot and the number of the private key that opened it, counted from 0.
pub(super) fn open_slots<'k, S: XWingSecret + 'k>(
    slot: &[u8; SLOT],
    number: u8,
    id: &EnvelopeId,
    secrets: impl IntoIterator<Item = &'k S>,
) -> Option<(Secret32, usize)> {
    let mut info = slot_info(id);
    set_slot(&mut info, number);
    secrets.into_iter().zip(0..).find_map(|(secret, place)| Some((open_slot(secret, &info, slot)?, place)))
}

/// `tagged("cssr1 slot") || u8(1) || u8(1) || envelope id || u8(slot)`, the slot still to be set.
fn slot_info(id: &EnvelopeId) -> Vec<u8> {
    let mut info = tagged(labels::SLOT);
    info.extend_from_slice(&PREFIX);
    info.extend_from_slice(id.as_bytes());
    info.push(0);
    info
}

fn set_slot(info: &mut [u8], number: u8) {
    if let Some(last) = info.last_mut() {
        *last = number;
    }
}

/// Copies `part` to the front of `to`, which is never shorter, and gives what follows.
fn fill<'e>(to: &'e mut [u8], part: &[u8]) -> &'e mut [u8] {
    let middle = part.len().min(to.len());
    let (front, rest) = to.split_at_mut(middle);
    front.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
    rest
}
