//! What each part of the relay's work for a letter costs by itself, over the same bytes.

use super::cpu;
use super::engine::{Letters, QUOTAS, relay_key, stored, today};
use super::failure::RelayFailure;
use super::office::GROUP;
use cssr_proto::frame::Frame;
use cssr_proto::index::GroupSize;
use cssr_proto::postage::{Challenge, Postage};
use cssr_proto::request::{Post, Request, RequestKind};
use cssr_proto::response::Answer;
use cssr_proto::session::{self, Announcement, ClientHandshake, HandshakeHash, Session};
use cssr_proto::{Envelope, EnvelopeId};
use cssr_relay::store::{MemoryStore, Store as _};
use futures_util::FutureExt as _;
use getrandom::SysRng;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand_core::UnwrapErr;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha2::Sha256;
use std::hint::black_box;
use std::time::Duration;

/// Letters that a part is measured with: more than the caches of a core hold.
const LETTERS: usize = 500;

/// Microseconds of the processor for a letter.
fn each(work: impl FnOnce() -> Result<(), RelayFailure>) -> Result<f64, RelayFailure> {
    let spent = cpu::of_this_thread();
    work()?;
    let spent: Duration = cpu::of_this_thread() - spent;
    Ok(1e6 * spent.as_secs_f64() / LETTERS as f64)
}

/// Opening the frame of each letter, and sealing the one that acknowledges it.
pub(super) fn session() -> Result<f64, RelayFailure> {
    let (mut client, mut relay) = sessions()?;
    let mut letters = Letters::new();
    let mut messages = Vec::new();
    for number in 0..LETTERS {
        let (id, bytes) = letters.next();
        for frame in Request::Post(Post::letter(id, Postage::FREE, bytes)).into_frames(number as u16) {
            messages.push(client.seal(&frame)?);
        }
    }
    each(|| {
        messages.iter().enumerate().try_for_each(|(number, message)| {
            black_box::<Frame>(relay.open(message)?);
            black_box(relay.seal(&Answer::to(RequestKind::Post, number as u16).done())?);
            Ok(())
        })
    })
}

/// Sealing a frame with a letter, as each is that is delivered.
pub(super) fn seal() -> Result<f64, RelayFailure> {
    let (_, mut relay) = sessions()?;
    let (mut letters, size) = (Letters::new(), GroupSize::new(GROUP).map_err(RelayFailure::wrong)?);
    let frames = (0..LETTERS).map(|number| {
        let (id, bytes) = letters.next();
        let envelope = Envelope::from_slice(bytes).map_err(RelayFailure::wrong)?;
        let answer = Answer::to(RequestKind::Group, number as u16);
        answer.letter(0, size, Some((id, envelope))).map_err(RelayFailure::wrong)
    });
    let frames = frames.collect::<Result<Vec<_>, RelayFailure>>()?;
    each(|| {
        frames.iter().try_for_each(|frame| {
            black_box(relay.seal(frame)?);
            Ok(())
        })
    })
}

fn sessions() -> Result<(Session, Session), RelayFailure> {
    let announcement = Announcement { day: today(), letter_effort: 0, chunk_effort: 0, in_flight: 64 };
    let mut rng = UnwrapErr(SysRng);
    let (client, first) = ClientHandshake::start(&mut rng)?;
    let (relay, second) = session::accept(&relay_key(), &announcement, &first, &mut rng)?;
    Ok((client.finish(&second)?.0, relay))
}

/// Sealing each letter under a key of its own, which follows from its day's (docs/storage.md).
pub(super) fn day_key() -> Result<f64, RelayFailure> {
    let wrong = |_| RelayFailure::wrong("a letter was not sealed");
    let mut letters = Letters::new();
    let mut buffers: Vec<Vec<u8>> = (0..LETTERS).map(|_| letters.next().1.to_vec()).collect();
    each(|| {
        buffers.iter_mut().zip(0u128..).try_for_each(|(buffer, number)| {
            let mac = Hmac::<Sha256>::new_from_slice(&[7; 32]).map_err(RelayFailure::wrong)?;
            let key = mac.chain_update(number.to_le_bytes()).finalize().into_bytes();
            let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).map_err(wrong)?);
            let nonce = Nonce::assume_unique_for_key([0; 12]);
            let tag = cipher.seal_in_place_separate_tag(nonce, Aad::from(b"cssr"), buffer).map_err(wrong)?;
            black_box(tag.as_ref());
            Ok(())
        })
    })
}

/// Finding out whether each id is known, and noting it: the store that only remembers, which copies the envelope besides.
pub(super) fn index() -> Result<f64, RelayFailure> {
    let store = MemoryStore::new(&relay_key().public(), QUOTAS);
    let mut letters = Letters::new();
    let puts = (0..LETTERS).map(|_| letters.next_put(today())).collect::<Result<Vec<_>, _>>()?;
    each(|| {
        puts.into_iter().try_for_each(|put| {
            let outcome = store.put(put).now_or_never();
            stored(outcome.ok_or_else(|| RelayFailure::wrong("memory was waited for"))??)
        })
    })
}

/// Verifying the postage of a letter whose work was done: the worst, for a wrong one ends at a hash.
pub(super) fn postage() -> Result<f64, RelayFailure> {
    let session = HandshakeHash::from_bytes([1; 32]);
    let mut rng = UnwrapErr(SysRng);
    // Little work takes as long to verify as much.
    const EFFORT: u32 = 4;
    let paid = (0..8u8).map(|n| {
        let challenge = Challenge::letter(&session, &EnvelopeId([n; 16]));
        let postage = challenge.solve(EFFORT, u32::MAX, &mut rng);
        Ok((challenge, postage.ok_or_else(|| RelayFailure::wrong("no postage was found"))?))
    });
    let paid = paid.collect::<Result<Vec<_>, RelayFailure>>()?;
    each(|| {
        paid.iter().cycle().take(LETTERS).try_for_each(|(challenge, postage)| {
            challenge.verify(EFFORT, postage).map_err(|_| RelayFailure::wrong("good postage was refused"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_does_its_work() {
        for part in [session, seal, day_key, index, postage] {
            assert!(part().unwrap() > 0.0);
        }
    }
}
