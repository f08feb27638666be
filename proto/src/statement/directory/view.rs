//! What a directory says about one seat.

use super::Directory;
use super::keys::SeatKeys;
use crate::ids::DeskNumber;
use crate::keys::{AuthPublicKey, PrekeyPublic};
use crate::statement::Seat;
use crate::time::Epoch;

/// A seat that counts on the directory's day, with its keys.
#[derive(Clone, Copy, Debug)]
pub struct SeatView<'a> {
    /// Its desk.
    pub desk: DeskNumber,
    /// What the roster says about it.
    pub seat: &'a Seat,
    /// What it authenticates letters with, if it has published it.
    pub auth_key: Option<&'a AuthPublicKey>,
    /// What it authenticated letters with before, if they may still be listed.
    pub former_key: Option<&'a AuthPublicKey>,
    /// What letters of this week are sealed to, if it has published it.
    pub prekey: Option<&'a PrekeyPublic>,
    /// The prekey for the furthest week, this one or a later one: what letters without a fresh note are sealed to.
    pub furthest: Option<(Epoch, &'a PrekeyPublic)>,
    active: bool,
}

impl<'a> SeatView<'a> {
    /// Whether letters are sealed to it; otherwise it is retired.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.active
    }

    /// Whether letters should be sealed to it, and cannot be, because a key is missing: the sender is told.
    #[must_use]
    pub const fn is_mute(&self) -> bool {
        self.active && self.recipient().is_none()
    }

    /// The keys that a letter of this week is sealed with; none for seats that are retired or mute.
    #[must_use]
    pub const fn recipient(&self) -> Option<(&'a AuthPublicKey, &'a PrekeyPublic)> {
        match (self.active, self.auth_key, self.prekey) {
            (true, Some(auth_key), Some(prekey)) => Some((auth_key, prekey)),
            _ => None,
        }
    }

    /// The keys that a letter without a fresh note is sealed with, and the week through which it can be opened.
    #[must_use]
    pub const fn offline_recipient(&self) -> Option<(&'a AuthPublicKey, &'a PrekeyPublic, Epoch)> {
        match (self.active, self.auth_key, self.furthest) {
            (true, Some(auth_key), Some((epoch, prekey))) => Some((auth_key, prekey, epoch)),
            _ => None,
        }
    }
}

impl Directory {
    /// The view of a listed seat; none if it does not count on the day.
    pub(super) fn view<'a>(&'a self, desk: DeskNumber, seat: &'a Seat) -> Option<SeatView<'a>> {
        let id = (desk, seat.number);
        let prekeys = self.prekeys.range((id, Epoch(0))..=(id, Epoch(u32::MAX)));
        let keys = self.seat_keys.get(&id);
        seat.counts_on(self.day).then(|| SeatView {
            desk,
            seat,
            auth_key: keys.map(SeatKeys::holding),
            former_key: keys.and_then(SeatKeys::former),
            prekey: self.prekeys.get(&(id, self.day.epoch())).map(|statement| &statement.key),
            furthest: prekeys.last().map(|((_, epoch), statement)| (*epoch, &statement.key)),
            active: seat.is_active_on(self.day),
        })
    }
}
