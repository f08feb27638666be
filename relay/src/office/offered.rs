//! A publication on its way into the book. All that can be found out without the book is found out before anybody has to wait
//! for it: whoever likes may publish nonsense.

use super::notes::Offer;
use super::{Book, Refused, Served, verify};
use cssr_proto::publication::{RosterBytes, SeatStatementBytes};
use cssr_proto::{
    Accepted, CheckedNote, Day, Directory, Fingerprint, Hash, Note, Roster, SeatStatement, Signed, Unverified,
};
use std::sync::Arc;

/// What decodes, and what it was found to be.
pub(super) enum Offered {
    /// Signed by a root of the office.
    Roster(Box<Unverified<Roster>>),
    Seats(SeatStatements),
    /// Verified with the directory that it names.
    Note(Box<(CheckedNote, Directory)>),
}

/// Statements of seats, and under which roster it was looked whether their signatures verify.
pub(super) struct SeatStatements {
    statements: Vec<SeatStatement>,
    verify: bool,
    under: Option<Hash>,
}

/// What a publication makes of the book.
pub(super) struct Change {
    pub(super) new: Book,
    /// To be kept first.
    pub(super) directory: Option<Directory>,
}

impl Offered {
    pub(super) fn roster(roster: &RosterBytes, card: Fingerprint) -> Result<Self, Refused> {
        let roster = Unverified::<Roster>::from_bytes(roster.as_slice()).map_err(|_| Refused::Statement)?;
        roster.clone().authenticate(card).map_err(|_| Refused::Statement)?;
        Ok(Self::Roster(Box::new(roster)))
    }

    pub(super) fn seats(list: &[SeatStatementBytes], newest: Option<&Signed<Roster>>) -> Result<Self, Refused> {
        let statements = list.iter().map(|bytes| SeatStatement::from_bytes(bytes.as_slice()));
        let statements = statements.collect::<Result<Vec<_>, _>>().map_err(|_| Refused::Statement)?;
        let verify = newest.is_some_and(|roster| statements.iter().all(|statement| stands(statement, roster)));
        Ok(Self::Seats(SeatStatements { statements, verify, under: newest.map(Signed::hash) }))
    }

    pub(super) fn note(note: Unverified<Note>, directory: &[u8], card: Fingerprint) -> Result<Self, Refused> {
        Ok(Self::Note(Box::new(verify(card, note, directory).ok_or(Refused::Statement)?)))
    }

    /// Whether it is known to be refused by this book, without a further look.
    pub(super) fn is_refused_by(&self, book: &Book) -> bool {
        match self {
            // A roster that has come meanwhile may be the one under which they verify.
            Self::Seats(seats) => !seats.verify && seats.under == book.pool.roster().map(Signed::hash),
            Self::Roster(_) | Self::Note(_) => false,
        }
    }

    /// What it makes of the book; nothing if it is known.
    pub(super) fn onto(self, held: Book, today: Day) -> Result<Option<Change>, Refused> {
        match self {
            Self::Roster(roster) => with_roster(held, *roster, today),
            Self::Seats(seats) => with_seat_statements(held, seats.statements, today),
            Self::Note(checked) => with_note(held, checked.0, checked.1, today),
        }
    }
}

fn stands(statement: &SeatStatement, roster: &Roster) -> bool {
    match statement {
        SeatStatement::SeatKey(key) => key.clone().verify(roster).is_ok(),
        SeatStatement::Prekey(prekey) => (**prekey).clone().verify(roster).is_ok(),
    }
}

fn with_roster(held: Book, roster: Unverified<Roster>, today: Day) -> Result<Option<Change>, Refused> {
    let mut new = held;
    match Arc::make_mut(&mut new.pool).accept_roster(roster, today) {
        Err(_) => Err(Refused::Statement),
        Ok(Accepted::Known) => Ok(None),
        Ok(Accepted::New) => {
            // They name directories with the roster before, and cannot become valid any more.
            Arc::make_mut(&mut new.notes).drop_proposals();
            let number = new.pool.roster().map_or(0, |roster| roster.number.get());
            tracing::info!(number, "a new roster; it is served once a note names it");
            Ok(Some(Change { new, directory: None }))
        }
    }
}

fn with_seat_statements(held: Book, statements: Vec<SeatStatement>, today: Day) -> Result<Option<Change>, Refused> {
    let mut new = held;
    let pool = Arc::make_mut(&mut new.pool);
    let mut any = false;
    for statement in statements {
        let accepted = pool.accept_seat_statement(statement, today).map_err(|_| Refused::Statement)?;
        any |= accepted == Accepted::New;
    }
    Ok(any.then_some(Change { new, directory: None }))
}

fn with_note(held: Book, note: CheckedNote, directory: Directory, today: Day) -> Result<Option<Change>, Refused> {
    let mut new = held;
    let newest = new.pool.roster().ok_or(Refused::Statement)?.hash();
    // Sources refuse a note from after the announced day.
    if directory.roster().hash() != newest || note.day > today {
        return Err(Refused::Statement);
    }
    match Arc::make_mut(&mut new.notes).offer(note, &directory) {
        Offer::Outdated => Err(Refused::Statement),
        Offer::Known => Ok(None),
        Offer::Proposed => Ok(Some(Change { new, directory: Some(directory) })),
        Offer::Valid(note) => {
            new.served = Some(Arc::new(Served::new(&note, &directory, &new.pool)));
            Ok(Some(Change { new, directory: Some(directory) }))
        }
    }
}
