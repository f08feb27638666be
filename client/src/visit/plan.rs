//! What a person wants of a visit, decided before connecting.

use super::letters::SealedLetters;
use cssr_proto::letter::Sealed;
use cssr_proto::message::Language;
use cssr_proto::sizes::TEXT_MAX;
use cssr_proto::{Card, ClockChoice, Day, DeskNumber, OfficeId, SourceKeys};
use std::sync::Arc;
use zeroize::Zeroizing;

/// A testimony to send.
#[derive(Clone)]
pub struct Draft {
    /// The desk it is for.
    pub desk: DeskNumber,
    /// The text, 1 to 65,000 bytes; whether it fits an envelope shows when it is sealed.
    pub text: Zeroizing<String>,
    /// The language it is written in (BCP 47), if known.
    pub language: Option<Language>,
}

impl Draft {
    /// Whether the text is one that a letter may carry at all.
    pub(super) fn is_writable(&self) -> bool {
        !self.text.is_empty() && self.text.len() <= TEXT_MAX
    }
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { desk, text: _, language: _ } = self;
        write!(f, "Draft(desk {}, ..)", desk.get())
    }
}

/// What a visit is for.
#[derive(Clone, Debug, Default)]
pub struct Want {
    /// Letters to send; none for a visit that only looks.
    pub drafts: Vec<Draft>,
    /// Letters of a bundle, sealed by somebody earlier.
    pub ready: Vec<Sealed>,
    /// How many of the newest groups with replies to pass over, for who has more replies than a visit fetches.
    pub skip: usize,
    /// More rounds than the office's policy asks for. An observer sees the number of rounds.
    pub rounds: usize,
}

impl Want {
    /// How many letters there are to post that are no covers.
    pub(super) const fn letters(&self) -> usize {
        self.drafts.len() + self.ready.len()
    }
}

/// A visit before it begins.
pub struct Plan {
    pub(super) card: Card,
    pub(super) office: OfficeId,
    pub(super) keys: Arc<SourceKeys>,
    pub(super) today: Day,
    pub(super) clock: Option<ClockChoice>,
    pub(super) want: Want,
    pub(super) sealed: Option<SealedLetters>,
}

impl Plan {
    /// A visit to the office of `card` by the source whose `keys` were derived for `office`; `today` is the device's day.
    #[must_use]
    pub fn new(card: Card, office: OfficeId, keys: SourceKeys, today: Day, want: Want) -> Self {
        Self { card, office, keys: Arc::new(keys), today, clock: None, want, sealed: None }
    }

    /// What the person said when the device's date and the office's note disagreed.
    #[must_use]
    pub const fn with_clock(mut self, choice: ClockChoice) -> Self {
        self.clock = Some(choice);
        self
    }

    /// The card it was made for.
    #[must_use]
    pub const fn card(&self) -> &Card {
        &self.card
    }
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Plan(..)")
    }
}
