//! Alarms: what a person must know and no program can put right. They stop nothing.

use cssr_proto::{Day, Hash};

/// What is odd about the directory that a sender used (protocol, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EchoDoubt {
    /// No valid note that was imported names it.
    Unknown,
    /// Another one had taken its place long before the letter arrived.
    Superseded {
        /// The day on which that happened.
        since: Day,
    },
}

/// Something that a person must look into. All of them follow from what was imported, in whatever order; some vanish when
/// a later import explains them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Alarm {
    /// Letters whose senders used a directory that they should not have had: somebody may be showing sources other
    /// keys than the office's.
    Echo {
        /// The directory's hash.
        directory: Hash,
        /// What is odd about it.
        doubt: EchoDoubt,
        /// The letters, by number; none if only covers came with it.
        letters: Vec<u32>,
        /// Covers that came with it, by the days on which they did.
        covers: usize,
    },
    /// Two histories of the letter index: the relay, a courier or whoever had the mirror in hand shows different people
    /// different letters.
    Fork {
        /// The batch at which they part.
        batch: u64,
    },
    /// Batches that no imported mirror holds, although later ones were imported or couriers vouch for them.
    Gap {
        /// The first missing batch.
        first: u64,
        /// The last missing batch.
        last: u64,
    },
    /// Two rosters contradict each other: somebody else has a root of the office.
    RosterFork {
        /// Their number.
        number: u64,
    },
    /// Couriers that the office had replaced signed a note: sources may have been shown an old roster.
    StaleNote {
        /// The note's day.
        day: Day,
        /// The number of the roster it was signed under.
        roster: u64,
    },
    /// A directory lists keys in this seat's name that it did not make: somebody else has its signing key, or the
    /// office's root.
    ForeignKey {
        /// The directory's hash.
        directory: Hash,
    },
    /// A letter authenticated with this seat's key was not written in this folder: the key was copied.
    NotWrittenHere {
        /// The letter's number.
        letter: u32,
    },
    /// The couriers' last note is of a day after today: this machine's clock is wrong, and prekeys are erased too late.
    ClockBehind {
        /// What the clock says.
        today: Day,
        /// The note's day.
        note: Day,
    },
    /// The roster no longer lists this seat: what is sealed from now on cannot be opened here.
    Revoked,
}

impl std::fmt::Display for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Echo { directory, doubt, letters, covers } => {
                let short: String = directory.to_string().chars().take(16).collect();
                match doubt {
                    EchoDoubt::Unknown => write!(f, "a directory that the office never confirmed ({short}) was used")?,
                    EchoDoubt::Superseded { since } => {
                        write!(f, "a directory ({short}) was used long after it had been replaced on {since}")?;
                    }
                }
                match letters.as_slice() {
                    [] => write!(f, " by {covers} empty letters"),
                    [letter] => write!(f, " by the sender of letter {letter}"),
                    [first, ..] => write!(f, " by the senders of {} letters, first letter {first}", letters.len()),
                }
            }
            Self::Fork { batch } => {
                write!(f, "there are two histories of the letter index; they part at batch {batch}")
            }
            Self::Gap { first, last } if first == last => write!(f, "batch {first} of the letters is missing"),
            Self::Gap { first, last } => write!(f, "batches {first} to {last} of the letters are missing"),
            Self::RosterFork { number } => write!(f, "two rosters contradict each other at number {number}"),
            Self::StaleNote { day, roster } => {
                write!(f, "the note of {day} was signed under roster {roster}, which had been replaced long before")
            }
            Self::ForeignKey { directory } => {
                let short: String = directory.to_string().chars().take(16).collect();
                write!(f, "a directory ({short}) lists keys for this seat that were not made here")
            }
            Self::NotWrittenHere { letter } => {
                write!(f, "letter {letter} bears this seat's key, but was not written in this folder")
            }
            Self::ClockBehind { today, note } => {
                write!(f, "this machine says that it is {today}, but the couriers signed a note on {note}")
            }
            Self::Revoked => f.write_str("the office's roster no longer lists this seat"),
        }
    }
}

impl Alarm {
    /// What to do about it.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Echo { .. } => {
                "Import the newest mirrors. If it stays, tell the office's security contact today: somebody may be \
                 showing sources other keys."
            }
            Self::Fork { .. } => "Keep both mirrors, and compare them with another courier's.",
            Self::Gap { .. } => "Import a mirror that holds them; ask another courier if yours does not.",
            Self::RosterFork { .. } => "Tell the holder of the office's root at once: it may have to be succeeded.",
            Self::StaleNote { .. } => "Tell the holder of the office's root: old courier keys are in use.",
            Self::ForeignKey { .. } | Self::NotWrittenHere { .. } => {
                "Tell the holder of the office's root at once: this seat should be revoked and made anew."
            }
            Self::ClockBehind { .. } => "Set the clock of this machine.",
            Self::Revoked => "Ask the holder of the office's root whether that is meant.",
        }
    }
}
