//! Opening many letters at once, on every core.

use super::identity::Identity;
use super::prekeys::likeliest_first;
use super::record::{Listing, OpenedFacts, QuarantineReason, Sender};
use super::vault::Tag;
use cssr_proto::keys::{AuthPublicKey, PrekeySecret, SeatAuthKey};
use cssr_proto::letter::{Author, OpenError, SeatOpener, SenderLookup};
use cssr_proto::message::Message;
use cssr_proto::{DeskNumber, Envelope, EnvelopeId, Epoch, Hash, OfficeId, SeatNumber};
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

/// A letter that was not looked at before.
pub(super) struct Candidate {
    pub(super) tag: Tag,
    pub(super) id: EnvelopeId,
    pub(super) listed: Listing,
    pub(super) envelope: Envelope,
}

/// What became of a letter.
pub(super) enum Outcome {
    /// For another desk, or its key is gone, or it was changed: nobody can tell which.
    NotOpened,
    /// It says nothing; what is left of it is the directory its sender used, and whether without a connection.
    Cover(Hash, bool),
    Opened(OpenedFacts),
    Quarantined(QuarantineReason),
}

/// What opening needs.
pub(super) struct Keys<'k> {
    office: OfficeId,
    desk: DeskNumber,
    seat: SeatNumber,
    auth: Vec<&'k SeatAuthKey>,
    prekeys: &'k [(Epoch, PrekeySecret)],
}

impl<'k> Keys<'k> {
    pub(super) fn new(
        identity: &'k Identity,
        office: OfficeId,
        seat: SeatNumber,
        prekeys: &'k [(Epoch, PrekeySecret)],
    ) -> Self {
        let auth = identity.auth.iter().map(|auth| &auth.key).collect();
        Self { office, desk: identity.desk, seat, auth, prekeys }
    }

    /// Opens letters; the outcomes are in their order.
    pub(super) fn open_all(&self, letters: &[Candidate]) -> Vec<Outcome> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let share = letters.len().div_ceil(threads).max(1);
        thread::scope(|scope| {
            let workers: Vec<_> = letters.chunks(share).map(|part| scope.spawn(|| self.open_part(part))).collect();
            let parts = workers.into_iter().map(|worker| match worker.join() {
                Ok(outcomes) => outcomes,
                // `open_part` catches what happens inside; this is the machine failing.
                Err(panic) => std::panic::resume_unwind(panic),
            });
            parts.flatten().collect()
        })
    }

    fn open_part(&self, letters: &[Candidate]) -> Vec<Outcome> {
        let opener = SeatOpener::new(self.office, self.desk, self.seat, self.auth.iter().copied());
        let open = |letter| {
            // Should an envelope ever make the program fail, it stands in quarantine and the inbox goes on.
            catch_unwind(AssertUnwindSafe(|| self.open(&opener, letter)))
                .unwrap_or(Outcome::Quarantined(QuarantineReason::Program))
        };
        letters.iter().map(open).collect()
    }

    fn open(&self, opener: &SeatOpener<'_>, letter: &Candidate) -> Outcome {
        let keys = likeliest_first(self.prekeys, letter.listed.day);
        match opener.open(&letter.id, &letter.envelope, keys, &JudgedLater) {
            Err(OpenError::CannotOpen) => Outcome::NotOpened,
            Err(OpenError::Quarantined(reason)) => Outcome::Quarantined(reason.into()),
            Err(_) => Outcome::Quarantined(QuarantineReason::Other),
            Ok(opened) if matches!(opened.message, Message::Cover) => Outcome::Cover(opened.directory, opened.offline),
            Ok(opened) => {
                let sender = match opened.author {
                    Author::Source { key } => Sender::Source(key),
                    Author::Seat { desk, seat, key } => Sender::Seat(desk, seat, key),
                };
                Outcome::Opened(OpenedFacts::new(sender, &opened))
            }
        }
    }
}

/// Takes every sender key for what the letter says it is; its MAC is verified under that key all the same. Whether the
/// key may stand for such a sender is judged when somebody looks at the letter, by what the seat knows then: a mirror
/// that is imported later may bring the directory that lists a colleague, or the roster that revokes one.
struct JudgedLater;

impl SenderLookup for JudgedLater {
    fn is_listed(&self, _: DeskNumber, _: SeatNumber, _: &AuthPublicKey) -> bool {
        true
    }

    fn is_seat_key(&self, _: &AuthPublicKey) -> bool {
        false
    }
}
