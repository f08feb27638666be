//! `bench seal`: sources seal letters to the seven seats of a desk.
//!
//! Beside it, in turns, what such a letter consists of: one X-Wing key generation (for the slot that nobody reads),
//! eight encapsulations, seven X25519 and one ChaCha20-Poly1305. At the end, the way of one source from its passphrase
//! to a sealed letter.

use crate::bare::Sealer;
use crate::comparison::{self, BySize};
use crate::desk::{Desk, OFFICE};
use crate::failure::Failure;
use crate::report::{Figure, Report};
use crate::sources::{Size, Writer, rng, testimony};
use crate::{Options, progress};
use cssr_proto::letter::{Letter, Recipients, seal};
use cssr_proto::{Passphrase, SourceKeys};
use std::hint::black_box;
use std::time::Instant;

/// Letters, if nothing else is asked for.
const LETTERS: usize = 2_000;
/// Of the rate of the bare primitives.
const GOAL: f64 = 0.8;

pub(crate) fn run(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let &Options { letters, rounds, cores, .. } = options;
    let count = letters.map_or(LETTERS, usize::from);
    let desk = Desk::generate(&mut rng("desk", 0));
    let to = desk.recipients();
    let drafts = drafts(count)?;
    report.heading(&format!("seal: {count} letters of {count} sources to seven seats, {rounds} rounds"))?;

    let (bare, whole) = (|part: &[Writer]| seal_bare(part, &to), |part: &[Writer]| seal_whole(part, &to));
    let measured = comparison::measure("sealing", &drafts, rounds, cores, bare, whole)?;
    comparison::report("seal", GOAL, cores, &measured, report)?;

    let way = (0..rounds).map(|number| from_passphrase(number as u64, &to)).collect::<Result<Vec<_>, _>>()?;
    report.figure(&Figure::measured("seal.argon2id", "ms", way.iter().map(|(keys, _)| *keys)))?;
    report.figure(&Figure::measured("seal.from_passphrase", "ms", way.iter().map(|(_, letter)| *letter)))
}

fn drafts(count: usize) -> Result<BySize<Writer>, Failure> {
    let bar = progress::bar("writing", count);
    let mut drafts = BySize::default();
    for number in 0..count {
        let place = number % Size::ALL.len();
        if let (Some(size), Some(drafts)) = (Size::ALL.get(place), drafts.get_mut(place)) {
            drafts.push(Writer::new(number as u64, *size)?);
        }
        bar.inc(1);
    }
    Ok(drafts)
}

fn seal_bare(drafts: &[Writer], to: &Recipients<'_>) -> Result<(), Failure> {
    let mut sealer = Sealer::new(to)?;
    let mut rng = rng("bare", 0);
    drafts.iter().try_for_each(|writer| sealer.seal(&writer.keys.auth, &mut rng))
}

fn seal_whole(drafts: &[Writer], to: &Recipients<'_>) -> Result<(), Failure> {
    let mut rng = rng("whole", 0);
    drafts.iter().try_for_each(|Writer { keys, contact, message }| {
        let letter = Letter::Testimony { from: &keys.auth, contact, message };
        black_box(seal(&letter, to, &mut rng)?);
        Ok(())
    })
}

/// Milliseconds from a passphrase to keys, and to a sealed letter, on one core.
fn from_passphrase(number: u64, to: &Recipients<'_>) -> Result<(f64, f64), Failure> {
    let mut rng = rng("passphrase", number);
    let passphrase = Passphrase::generate(&mut rng);
    let message = testimony(number, Size::Page)?;
    let started = Instant::now();
    let keys = SourceKeys::derive(&passphrase, OFFICE)?;
    let derived = started.elapsed();
    let contact = keys.to_contact();
    let letter = Letter::Testimony { from: &keys.auth, contact: &contact, message: &message };
    black_box(seal(&letter, to, &mut rng)?);
    Ok((1e3 * derived.as_secs_f64(), 1e3 * started.elapsed().as_secs_f64()))
}
