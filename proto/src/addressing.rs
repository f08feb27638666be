//! From a verified directory to the recipients of a letter: the one place where sections 4 and 6 of the protocol meet.

use crate::contact::Contact;
use crate::ids::{DeskNumber, SeatNumber};
use crate::keys::{AuthPublicKey, ContactSecret};
use crate::letter::{Recipients, SeatReader, SenderLookup};
use crate::sizes::SEATS;
use crate::source::SourceKeys;
use crate::statement::{Directory, SeatView};
use crate::time::Day;

/// How many days after its epoch a private prekey may still be there (protocol, section 4.3).
const PREKEY_LIFE_AFTER_EPOCH: u32 = 14;

impl Directory {
    /// The seats of a desk that a letter of this week is sealed to; `None` if there is no such desk.
    #[must_use]
    pub fn recipients(&self, desk: DeskNumber) -> Option<Recipients<'_>> {
        self.readers(desk, false, |view| view.recipient().map(|(auth, prekey)| SeatReader { auth: *auth, prekey }))
    }

    /// The seats of a desk that a letter without a fresh note is sealed to, and the last day on which all of them can
    /// open it; `None` if there is no such desk, or nobody who could.
    #[must_use]
    pub fn offline_recipients(&self, desk: DeskNumber) -> Option<(Recipients<'_>, Day)> {
        let recipients = self.readers(desk, true, |view| {
            view.offline_recipient().map(|(auth, prekey, _)| SeatReader { auth: *auth, prekey })
        })?;
        let first_to_lapse = self.seats_of(desk).filter_map(|view| view.offline_recipient()).map(|(_, _, epoch)| epoch);
        Some((recipients, first_to_lapse.min()?.last_day().plus(PREKEY_LIFE_AFTER_EPOCH)))
    }

    /// The seats of a desk that should be able to read a letter and cannot, because they have published no current key.
    pub fn mute_seats(&self, desk: DeskNumber) -> impl Iterator<Item = SeatNumber> {
        self.seats_of(desk).filter(SeatView::is_mute).map(|view| view.seat.number)
    }

    /// The authentication keys of all seats, active or retired, under which replies are accepted: of each seat the one
    /// that holds and the former one, if there is one.
    pub fn correspondents(&self) -> impl Iterator<Item = (DeskNumber, SeatNumber, AuthPublicKey)> {
        self.seat_keys().map(|statement| (statement.desk, statement.seat, statement.key))
    }

    fn readers<'a>(
        &'a self,
        desk: DeskNumber,
        offline: bool,
        keys: impl Fn(&SeatView<'a>) -> Option<SeatReader<'a>>,
    ) -> Option<Recipients<'a>> {
        self.roster().desk(desk)?;
        let mut seats = [None; SEATS];
        for view in self.seats_of(desk) {
            if let Some(slot) = seats.get_mut(view.seat.number.get() as usize) {
                *slot = keys(&view);
            }
        }
        Some(Recipients { office: self.roster().office(), desk, directory: self.hash(), offline, seats })
    }
}

impl SourceKeys {
    /// What the office needs to answer; it travels in every testimony.
    #[must_use]
    pub fn to_contact(&self) -> Contact {
        Contact { reply_key: self.reply.public(), secret: ContactSecret::from_bytes(*self.contact.expose()) }
    }
}

/// What a source knows of senders: exactly the directory that it verified in this visit.
impl SenderLookup for Directory {
    fn is_listed(&self, desk: DeskNumber, seat: SeatNumber, key: &AuthPublicKey) -> bool {
        self.stands(desk, seat, key)
    }

    fn is_seat_key(&self, key: &AuthPublicKey) -> bool {
        Self::is_seat_key(self, key)
    }
}
