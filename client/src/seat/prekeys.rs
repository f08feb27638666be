//! The private prekeys: one file for each epoch, destroyed when its time has come (protocol, section 4.3).
//!
//! This is the forward secrecy. Whoever takes the machine and the passphrase later opens no letter whose prekey is
//! gone; so the bytes of a key are nowhere but in its file and, while a program runs, in its memory.

use super::chain::Survey;
use super::error::SeatError;
use super::identity::{Identity, Made};
use super::vault::{Kind, Vault};
use cssr_proto::keys::PrekeySecret;
use cssr_proto::{Day, Epoch};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// Prekeys are published for this week and as many after it.
pub(super) const WEEKS_AHEAD: u32 = 8;
/// How long after its epoch a prekey still opens letters: some are on their way, or were sealed without a connection.
const DAYS_AFTER: u32 = 14;
/// When it is erased in any case.
const DAYS_AFTER_AT_MOST: u32 = 60;

/// The prekeys of this week and the following ones; makes those that are missing. Each is on disk before it is
/// returned, and so before anybody can seal to it.
pub(super) fn make<R: CryptoRng>(
    vault: &Vault,
    identity: &mut Identity,
    today: Day,
    rng: &mut R,
) -> Result<Vec<(Epoch, PrekeySecret)>, SeatError> {
    let mut keys = Vec::new();
    for epoch in (0..=WEEKS_AHEAD).map(|weeks| today.epoch().plus(weeks)) {
        let key = match load(vault, epoch)? {
            Some(key) => key,
            // It was erased: this machine's clock has gone back. Another key for that week would only confuse.
            None if identity.made.contains_key(&epoch) => continue,
            None => {
                let key = PrekeySecret::generate(rng);
                vault.write_at(Kind::Prekey, &name(epoch), key.expose(), rng)?;
                key
            }
        };
        if !identity.made.contains_key(&epoch) {
            identity.remember(epoch, &key.public(), today);
        }
        keys.push((epoch, key));
    }
    Ok(keys)
}

/// The prekeys that have not been erased; one whose file is damaged is left out.
pub(super) fn live(vault: &Vault) -> Result<Vec<(Epoch, PrekeySecret)>, SeatError> {
    let mut keys = Vec::new();
    for epoch in epochs(vault)? {
        match load(vault, epoch) {
            Ok(key) => keys.extend(key.map(|key| (epoch, key))),
            Err(SeatError::Damaged(_)) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(keys)
}

/// The epochs whose prekeys have not been erased, in order.
pub(super) fn epochs(vault: &Vault) -> Result<Vec<Epoch>, SeatError> {
    let names = vault.names(Kind::Prekey)?;
    let mut epochs: Vec<Epoch> = names.iter().filter_map(|name| name.parse().ok().map(Epoch)).collect();
    epochs.sort_unstable();
    Ok(epochs)
}

/// Erases the prekeys whose time is over; gives their epochs.
pub(super) fn erase(vault: &Vault, identity: &Identity, survey: &Survey, today: Day) -> Result<Vec<Epoch>, SeatError> {
    let due = epochs(vault)?.into_iter().filter(|epoch| is_due(*epoch, identity.made.get(epoch), survey, today));
    let mut erased = Vec::new();
    for epoch in due {
        vault.destroy(Kind::Prekey, &name(epoch))?;
        erased.push(epoch);
    }
    Ok(erased)
}

/// In which order keys are tried on a letter that arrived on a day: its own week first, then the nearest ones.
pub(super) fn likeliest_first(keys: &[(Epoch, PrekeySecret)], arrived: Day) -> Vec<&PrekeySecret> {
    let week = arrived.epoch().0;
    let mut keys: Vec<&(Epoch, PrekeySecret)> = keys.iter().collect();
    // A letter of last week that arrived late is likelier than one for next week.
    keys.sort_by_key(|(epoch, _)| (epoch.0.abs_diff(week), epoch.0 > week));
    keys.into_iter().map(|(_, key)| key).collect()
}

/// The rule: 14 days after the epoch's end, once every letter that may have been sealed to the key until then was in a
/// mirror; 60 days after that end in any case.
fn is_due(epoch: Epoch, made: Option<&Made>, survey: &Survey, today: Day) -> bool {
    let end = epoch.last_day();
    let last = end.plus(DAYS_AFTER);
    // Nobody sealed to the key before it was made, or before it was the furthest one published.
    let published = epoch.first_day().minus(7 * (WEEKS_AHEAD + 1));
    let first = made.map_or(published, |made| made.day.max(published));
    today > end.plus(DAYS_AFTER_AT_MOST) || (today > last && survey.covers(first, last))
}

fn load(vault: &Vault, epoch: Epoch) -> Result<Option<PrekeySecret>, SeatError> {
    let Some(bytes) = vault.read_at(Kind::Prekey, &name(epoch))? else { return Ok(None) };
    let seed: Zeroizing<[u8; 32]> =
        bytes.as_slice().try_into().map(Zeroizing::new).map_err(|_| SeatError::Damaged("prekeys"))?;
    Ok(Some(PrekeySecret::from_bytes(*seed)))
}

/// Ten digits, so that names sort as epochs do.
fn name(epoch: Epoch) -> String {
    format!("{:010}", epoch.0)
}
