//! One mirror, from the first request to the published note. Every step that can fail comes before the signature.

use super::error::CourierError;
use super::history::{contradicts, leads_to};
use super::note::{NoteOutcome, Plan, Wish};
use super::notes::{Directories, KnownNotes, authentic, named};
use super::session::{Connection, Session};
use super::state::Followed;
use super::walk::{Gaps, Walk};
use super::{Courier, SessionFailure};
use crate::link::LinkError;
use crate::mirror::{BatchWriter, Mirror};
use cssr_proto::bundle::Record;
use cssr_proto::frame::EnvelopeKind;
use cssr_proto::index::{Batch, Head, chunk_genesis, letter_genesis};
use cssr_proto::publication::{Notes, Publication, Statements};
use cssr_proto::request::{NextBatches, Request};
use cssr_proto::response::{Mirrored, Response};
use cssr_proto::{
    Bytes, CheckedNote, CourierProof, Day, Directory, Notice, Pool, Roster, SeatStatement, Signed, Unverified,
};

/// What a person decides about a mirror.
#[derive(Clone, Debug, Default)]
pub struct MirrorOptions {
    /// The notice to sources that the office wants in the note.
    pub notice: Option<Notice>,
    /// Go on where batches have expired unseen and no note vouches for what follows: nobody had mirrored the relay for
    /// longer than it keeps letters. Whoever says this takes the relay's word once.
    pub accept_gap: bool,
}

/// How far a mirror has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MirrorProgress {
    /// Letters that were written.
    pub letters: u64,
    /// Chunks that were written.
    pub chunks: u64,
}

/// What a mirror did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorReport {
    /// What came.
    pub new: MirrorProgress,
    /// The number of the last batch of letters.
    pub last_batch: u64,
    /// What became of the day's note.
    pub note: NoteOutcome,
    /// Statements of seats that the relay showed and that do not verify, or are outdated.
    pub refused_statements: usize,
    /// Notes that the relay showed and that do not verify.
    pub refused_notes: usize,
    /// Notes that colleagues have proposed about another chain than the one followed here: the relay shows its couriers
    /// different lists, or a colleague's courier is not honest.
    pub contradictions: usize,
    /// Seats that nobody can write to, since they have published no current key: desk and seat.
    pub mute: Vec<(u64, u64)>,
}

/// How many days back a colleague's head may lie behind the batches that this courier has followed. Else one dishonest
/// courier could keep the signed head where it is, and the relay hide everything after it.
const HEAD_AGE: u32 = 1;

impl Courier {
    /// Mirrors the relay into a folder, and sees to the day's note. After any failure the same call goes on where this
    /// one stopped.
    ///
    /// # Errors
    /// See [`CourierError`].
    pub async fn mirror(
        &mut self,
        connection: &mut Connection,
        mirror: &Mirror,
        today: Day,
        options: &MirrorOptions,
        progress: impl FnMut(MirrorProgress),
    ) -> Result<MirrorReport, CourierError> {
        self.mirror_over(connection, mirror, today, options, progress).await
    }

    pub(super) async fn mirror_over<S: Session>(
        &mut self,
        session: &mut S,
        mirror: &Mirror,
        today: Day,
        options: &MirrorOptions,
        progress: impl FnMut(MirrorProgress),
    ) -> Result<MirrorReport, CourierError> {
        self.identify(session, today).await?;
        let (pool, refused_statements) = self.take_statements(session, mirror, today).await?;
        let roster = self.roster()?;
        let (notes, directories) = self.take_notes(session, mirror, &roster).await?;
        let heads: Vec<Head> = notes.heads(&directories, &roster).collect();
        let (head, new) = self.drain(session, mirror, &roster, (today, options), &heads, progress).await?;

        let directory = pool.directory(today).map_err(CourierError::Directory)?;
        mirror.put_own_directory(&directory)?;
        let courier = self.state.number.ok_or(CourierError::NotAdmitted)?;
        let wish = Wish { directory: &directory, head, notice: options.notice.clone(), courier };
        let plan = wish.plan(&notes, |other| leads_to(mirror, other, &head, today.minus(HEAD_AGE)));
        let note = match wish.sign(&plan, &self.key)? {
            None => match plan {
                Plan::Nothing(outcome) => outcome,
                Plan::Cosign(_) | Plan::Sign { .. } => NoteOutcome::Waiting,
            },
            Some(note) => {
                publish(session, &note, &directory).await?;
                match note {
                    CheckedNote::Proposed(_) => NoteOutcome::Proposed,
                    CheckedNote::Valid(note) => {
                        mirror.put_note(&note)?;
                        NoteOutcome::Valid { cosigned: matches!(plan, Plan::Cosign(_)) }
                    }
                }
            }
        };
        let said = notes.proposed_heads(&directories, &roster);
        let contradictions = said.filter(|said| contradicts(mirror, said, &head)).count();
        let mute = directory.seats().filter(cssr_proto::SeatView::is_mute);
        Ok(MirrorReport {
            new,
            last_batch: head.number(),
            note,
            refused_statements,
            refused_notes: notes.refused,
            contradictions,
            mute: mute.map(|view| (view.desk.get(), view.seat.number.get())).collect(),
        })
    }

    /// Checks whom it speaks to and what day that one believes it is, and says who it is.
    async fn identify<S: Session>(&self, session: &mut S, today: Day) -> Result<(), CourierError> {
        let roster = self.roster()?;
        if roster.relay.key != *session.relay() {
            return Err(CourierError::WrongRelay);
        }
        if session.day() != today {
            return Err(CourierError::DayDiffers { device: today, relay: session.day() });
        }
        let courier = self.state.number.ok_or(CourierError::NotAdmitted)?;
        let CourierProof { courier, signature } =
            CourierProof::sign(&roster, courier, &self.key, session.hash().as_bytes(), today)?;
        match session.ask(Request::Courier { courier, signature }).await? {
            Response::Courier => Ok(()),
            other => Err(unexpected(other)),
        }
    }

    /// The statements that are held now, those of earlier mirrors included, written into the mirror; and how many of the
    /// relay's were refused.
    async fn take_statements<S: Session>(
        &mut self,
        session: &mut S,
        mirror: &Mirror,
        today: Day,
    ) -> Result<(Pool, usize), CourierError> {
        let statements = match session.ask(Request::Statements).await? {
            Response::Statements(statements) => statements,
            other => return Err(unexpected(other)),
        };
        self.take_roster(&statements, today)?;
        let roster = self.roster()?;
        if roster.relay.key != *session.relay() {
            return Err(CourierError::WrongRelay);
        }
        let mut pool = Pool::resume(self.state.card.fingerprint(), Unverified::from_bytes(roster.bytes())?)?;
        let mut refused = 0;
        for bytes in statements.seat_keys.iter().chain(statements.prekeys.iter()) {
            let taken = SeatStatement::from_bytes(bytes.as_slice()).map(|s| pool.accept_seat_statement(s, today));
            refused += usize::from(!matches!(taken, Ok(Ok(_))));
        }
        // A relay cannot take back what a seat has published.
        for (_, bytes) in mirror.statements()?.flatten() {
            if let Ok(statement) = SeatStatement::from_bytes(&bytes) {
                let _ = pool.accept_seat_statement(statement, today);
            }
        }
        mirror.put_roster(&roster)?;
        pool.seat_keys().try_for_each(|key| mirror.put_seat_key(key))?;
        pool.prekeys().try_for_each(|prekey| mirror.put_prekey(prekey))?;
        Ok((pool, refused))
    }

    fn take_roster(&mut self, statements: &Statements, today: Day) -> Result<(), CourierError> {
        let known = self.roster()?;
        let behind = |relay| CourierError::RelayBehind { known: known.number.get(), relay };
        let bytes = statements.roster.as_ref().ok_or_else(|| behind(None))?;
        let offered: Unverified<Roster> = Unverified::from_bytes(bytes.as_slice())?;
        self.state.take_roster(offered, &self.key.public(), today).map_err(|error| match error {
            CourierError::Succession(cssr_proto::PoolError::Superseded { offered, held }) if offered < held => {
                behind(Some(offered))
            }
            other => other,
        })?;
        self.state.save(&self.folder)
    }

    async fn take_notes<S: Session>(
        &self,
        session: &mut S,
        mirror: &Mirror,
        roster: &Signed<Roster>,
    ) -> Result<(KnownNotes, Directories), CourierError> {
        let notes: Notes = match session.ask(Request::Notes).await? {
            Response::Notes(notes) => notes,
            other => return Err(unexpected(other)),
        };
        let card = self.state.card.fingerprint();
        let mut directories = Directories::new();
        for hash in named(&notes) {
            let bytes = match mirror.directory(hash) {
                Some(bytes) => Some(bytes),
                None => match session.ask(Request::DirectoryByHash(hash)).await? {
                    Response::DirectoryByHash(bytes) => bytes,
                    other => return Err(unexpected(other)),
                },
            };
            let directory = bytes.and_then(|bytes| Some((authentic(card, hash, &bytes)?, bytes)));
            if let Some((directory, bytes)) = directory {
                mirror.put_directory(hash, &bytes)?;
                directories.insert(hash, directory);
            }
        }
        let known = KnownNotes::verify(&notes, &directories, roster);
        known.keep(mirror)?;
        Ok((known, directories))
    }

    /// Follows both chains from where this courier stands, batch by batch; gives the head of the letters.
    async fn drain<S: Session>(
        &mut self,
        session: &mut S,
        mirror: &Mirror,
        roster: &Signed<Roster>,
        (today, options): (Day, &MirrorOptions),
        heads: &[Head],
        mut progress: impl FnMut(MirrorProgress),
    ) -> Result<(Head, MirrorProgress), CourierError> {
        let relay = roster.relay.key;
        let genesis = (Head::genesis(letter_genesis(&relay)), Head::genesis(chunk_genesis(&relay)));
        let own = self.state.followed.filter(|followed| followed.relay == relay);
        if own.is_none() && self.state.followed.is_some() && !mirror.batches(EnvelopeKind::Letter)?.is_empty() {
            return Err(CourierError::OtherRelay);
        }
        let letters = start(mirror, EnvelopeKind::Letter, own.as_ref(), genesis.0)?;
        let chunks = start(mirror, EnvelopeKind::Chunk, own.as_ref(), genesis.1)?;

        let gaps = if options.accept_gap { Gaps::Accepted } else { Gaps::Vouched };
        let vouched = heads.iter().copied().chain(own.map(|own| own.letters));
        let mut walks = Walks {
            letters: Walk::new(letters, gaps, (today, roster.policy.letter_days()), vouched)?,
            chunks: Walk::new(chunks, Gaps::Free, (today, roster.policy.chunk_days()), [])?,
        };
        let mut new = MirrorProgress::default();
        let mut writing: Option<Writing> = None;
        let from = NextBatches { letters: walks.letters.wanted(), chunks: walks.chunks.wanted() };
        let mut response = session.ask(Request::Drain(from)).await?;
        loop {
            match (response, &mut writing) {
                (Response::Batch(kind, batch), None) => {
                    walks.of(kind).follow(&batch)?;
                    writing = Some(Writing::begin(mirror, kind, batch)?);
                }
                (Response::Envelope(envelope), Some(to)) => {
                    to.put(envelope)?;
                    if to.is_whole() {
                        let (kind, count) = to.finish()?;
                        writing = None;
                        new.count(kind, count);
                        progress(new);
                        // A cut costs one batch. What comes after a gap counts only once something vouches for it.
                        if walks.letters.is_vouched() {
                            self.remember(Followed::after(own, relay, *walks.letters.at(), *walks.chunks.at()))?;
                        }
                    }
                }
                (Response::CaughtUp(next), None) => {
                    let chunks = walks.chunks.finish(next.chunks)?;
                    let letters = walks.letters.finish(next.letters)?;
                    self.remember(Followed::after(own, relay, letters, chunks))?;
                    return Ok((letters, new));
                }
                (other, _) => return Err(unexpected(other)),
            }
            response = session.more().await?;
        }
    }

    fn remember(&mut self, followed: Followed) -> Result<(), CourierError> {
        self.state.followed = Some(followed);
        self.state.save(&self.folder)
    }

    fn roster(&self) -> Result<Signed<Roster>, CourierError> {
        self.state.roster.clone().ok_or(CourierError::NotAdmitted)
    }
}

/// The two chains.
struct Walks {
    letters: Walk,
    chunks: Walk,
}

impl Walks {
    const fn of(&mut self, kind: EnvelopeKind) -> &mut Walk {
        match kind {
            EnvelopeKind::Letter => &mut self.letters,
            EnvelopeKind::Chunk => &mut self.chunks,
        }
    }
}

impl MirrorProgress {
    const fn count(&mut self, kind: EnvelopeKind, count: u64) {
        match kind {
            EnvelopeKind::Letter => self.letters += count,
            EnvelopeKind::Chunk => self.chunks += count,
        }
    }
}

/// A batch on its way into the mirror.
struct Writing {
    kind: EnvelopeKind,
    batch: Batch,
    received: usize,
    /// None if the mirror has the batch already.
    writer: Option<BatchWriter>,
}

impl Writing {
    fn begin(mirror: &Mirror, kind: EnvelopeKind, batch: Batch) -> Result<Self, CourierError> {
        let writer = match mirror.batch(kind, batch.number())? {
            None => Some(mirror.begin_batch(kind, &batch)?),
            Some(there) if there == batch => None,
            Some(_) => return Err(CourierError::OtherBatch(batch.number())),
        };
        Ok(Self { kind, batch, received: 0, writer })
    }

    fn put(&mut self, mirrored: Mirrored) -> Result<(), CourierError> {
        let Mirrored { id, kind, frame } = mirrored;
        let envelope = frame.map(|frame| Box::new(*frame.envelope()));
        if envelope.is_none() && kind == EnvelopeKind::Letter {
            return Err(CourierError::Withheld(self.batch.number()));
        }
        self.received += 1;
        if let Some(writer) = &mut self.writer {
            writer.put(&Record { kind, id, burn_hash: None, envelope })?;
        }
        Ok(())
    }

    fn is_whole(&self) -> bool {
        self.received == self.batch.ids().len()
    }

    fn finish(&mut self) -> Result<(EnvelopeKind, u64), CourierError> {
        let Some(writer) = self.writer.take() else { return Ok((self.kind, 0)) };
        writer.finish()?;
        Ok((self.kind, self.received as u64))
    }
}

/// Where to begin: at the furthest head that was followed and lies in this folder, or at the genesis, so that a new
/// folder gets everything that the relay still lists.
fn start(mirror: &Mirror, kind: EnvelopeKind, own: Option<&Followed>, genesis: Head) -> Result<Head, CourierError> {
    for head in own.iter().flat_map(|own| own.heads(kind)).filter(|head| head.number() > 0) {
        match mirror.batch(kind, head.number())? {
            Some(batch) if batch.head() == head => return Ok(head),
            Some(_) => return Err(CourierError::OtherBatch(head.number())),
            None => {}
        }
    }
    Ok(genesis)
}

async fn publish<S: Session>(session: &mut S, note: &CheckedNote, directory: &Directory) -> Result<(), CourierError> {
    let note = Bytes::new(note.bytes())?;
    let publication = Publication::Note(note, Some(Bytes::new(directory.bytes())?));
    match session.ask(Request::Publish(publication)).await? {
        Response::Published => Ok(()),
        other => Err(unexpected(other)),
    }
}

fn unexpected(response: Response) -> CourierError {
    match response {
        Response::Error(error) => CourierError::Refused(error),
        _ => CourierError::Session(SessionFailure::Link(LinkError::Unexpected)),
    }
}
