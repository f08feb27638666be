//! Any number of imports, of any parts, in any order, end in the same state.

use super::setting::{Setting, open};
use crate::mirror::Mirror;
use crate::mirror::testing::{TODAY, desk, write_batch};
use crate::seat::{Alarm, LetterSummary, Seat};
use cssr_proto::letter::Sealed;
use cssr_proto::{Epoch, Hash};
use proptest::prelude::*;
use std::path::Path;
use std::sync::OnceLock;
use tempfile::TempDir;

/// Pieces of what the office and its relay have, each of which may be in a mirror or not.
struct World {
    setting: std::sync::Mutex<Setting>,
    folder: TempDir,
}

/// What two copies of a seat must agree on: everything but the numbers by which letters are called.
#[derive(Debug, PartialEq)]
struct State {
    letters: Vec<(LetterSummary, bool)>,
    sent: Vec<(u32, Option<cssr_proto::Day>)>,
    alarms: Vec<Alarm>,
    roster: Hash,
    directory: Option<Hash>,
    prekeys: Vec<Epoch>,
    reaches: Option<cssr_proto::Day>,
}

const BATCHES: usize = 8;
const NOTES: usize = 4;
const ROSTERS: usize = 2;
const PIECES: usize = BATCHES + NOTES + ROSTERS;

/// A seat that has written one reply, and everything that may come to it: good letters, repeated ones, its own reply,
/// covers, quarantined letters, a revoked colleague's letter, an unknown directory, a fork.
fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let mut setting = Setting::new();
        let source = setting.office.source();
        let directory = setting.directory();
        let first = setting.office.testimony(&source, "first", &directory);
        setting.office.batch(TODAY.minus(1), &[&first]);
        setting.import(TODAY);
        setting.seat.reply(1, "answer", TODAY, &mut setting.rng).unwrap();
        let own = {
            let path = std::fs::read_dir(setting.seat.outbox()).unwrap().map(|f| f.unwrap().path());
            let path = path.into_iter().find(|path| path.extension().is_some_and(|e| e == "cssr")).unwrap();
            let record = cssr_proto::bundle::read_bundle(&std::fs::read(path).unwrap()).unwrap().remove(0);
            let envelope = cssr_proto::Envelope::from_slice(record.envelope.unwrap().as_slice()).unwrap();
            Sealed { id: record.id, envelope }
        };
        let strange = {
            let mut to = directory.recipients(desk()).unwrap();
            to.directory = Hash([8; 32]);
            let echo = setting.office.testimony_to(&source, "echo", TODAY, &to);
            to.desk = crate::mirror::testing::number(5);
            [echo, setting.office.testimony_to(&source, "other desk", TODAY, &to)]
        };
        let event = {
            let colleague = &setting.office.colleagues[0];
            let message =
                cssr_proto::message::TeamEvent { day: TODAY, event: cssr_proto::Bytes::new(vec![1]).unwrap() };
            let from = cssr_proto::letter::SeatSender { number: colleague.number, auth: &colleague.auth };
            let letter = cssr_proto::letter::Letter::TeamEvent { from, message: &message };
            cssr_proto::letter::seal(&letter, &directory.recipients(desk()).unwrap(), &mut setting.rng).unwrap()
        };
        let cover = setting.office.cover(&directory);
        setting.office.batch(TODAY, &[&strange[0], &own]);
        setting.office.note(TODAY);
        setting.office.batch(TODAY, &[&event, &strange[1], &cover]);
        setting.office.batch(TODAY.plus(1), &[&first]);
        setting.office.note(TODAY.plus(1));
        let next = TODAY.epoch().plus(1).first_day();
        setting.publish(next);
        let directory = setting.office.note(next);
        for text in ["second", "third"] {
            let letter = setting.office.testimony(&source, text, &directory);
            setting.office.batch(next, &[&letter]);
        }
        setting.office.batch(next.plus(1), &[&own]);
        // Another history, beside.
        let mut beside = setting.office.batches.clone();
        let forked = setting.office.testimony(&source, "forked", &directory);
        setting.office.batches.truncate(6);
        setting.office.batch(next.plus(1), &[&forked]);
        let fork = setting.office.batches.pop().unwrap();
        beside.push(fork);
        assert_eq!(beside.len(), BATCHES);
        setting.office.batches = beside;
        setting.office.colleagues.remove(0);
        setting.office.couriers.remove(0);
        setting.office.issue(next, |_| {});
        assert_eq!((setting.office.notes.len(), setting.office.rosters.len()), (NOTES, ROSTERS));
        World { setting: std::sync::Mutex::new(setting), folder: tempfile::tempdir().unwrap() }
    })
}

/// Writes some pieces into a mirror.
fn write(setting: &Setting, pieces: &[usize], folder: &Path) -> Mirror {
    let mirror = Mirror::create(folder).unwrap();
    for piece in pieces {
        match *piece {
            batch if batch < BATCHES => {
                let (batch, records) = &setting.office.batches[batch];
                // Of two batches with one number the first one written stays in a folder.
                if mirror.batch(cssr_proto::frame::EnvelopeKind::Letter, batch.number()).unwrap().is_none() {
                    write_batch(&mirror, batch, records);
                }
            }
            note if note < BATCHES + NOTES => {
                let (note, directory) = &setting.office.notes[note - BATCHES];
                mirror.put_note(note).unwrap();
                mirror.put_own_directory(directory).unwrap();
            }
            roster => mirror.put_roster(&setting.office.rosters[roster - BATCHES - NOTES]).unwrap(),
        }
    }
    mirror
}

/// Imports mirrors of these pieces, one after the other, into a fresh copy of the seat.
fn state_after(mirrors: &[Vec<usize>]) -> State {
    let world = world();
    let setting = world.setting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = tempfile::tempdir_in(world.folder.path()).unwrap();
    let mut seat = setting.copy(&folder.path().join("seat"));
    let today = TODAY.epoch().plus(1).first_day().plus(1);
    let mut rng = <chacha20::ChaCha20Rng as rand_core::SeedableRng>::from_seed([3; 32]);
    for (n, pieces) in mirrors.iter().enumerate() {
        let mirror = write(&setting, pieces, &folder.path().join(n.to_string()));
        seat.import(&mirror, today, &mut rng, |_| {}).unwrap();
    }
    drop(seat);
    let seat = open(&folder.path().join("seat"), [11; 32]);
    state(&seat, today)
}

fn state(seat: &Seat, today: cssr_proto::Day) -> State {
    let numbers: Vec<u32> = seat.letters().iter().map(|letter| letter.number).collect();
    let mut letters: Vec<(LetterSummary, bool)> = numbers
        .iter()
        .map(|number| {
            let (summary, message) = seat.letter(*number).unwrap();
            (LetterSummary { number: 0, ..summary }, message.is_some())
        })
        .collect();
    letters.sort_by_key(|(letter, _)| (letter.received, letter.name));
    let alarms = seat.alarms(today).into_iter().map(|alarm| match alarm {
        Alarm::Echo { directory, doubt, letters, covers } => {
            Alarm::Echo { directory, doubt, letters: vec![letters.len() as u32], covers }
        }
        other => other,
    });
    let status = seat.status(today).unwrap();
    State {
        letters,
        sent: seat.sent().into_iter().map(|sent| (sent.number, sent.listed)).collect(),
        alarms: alarms.collect(),
        roster: seat.knowledge.roster().unwrap().hash(),
        directory: seat.knowledge.directory().map(|(directory, _)| directory.hash()),
        prekeys: status.prekeys,
        reaches: status.imported_through,
    }
}

/// Every piece once, in an order and cut into mirrors as the test wants; then some again.
fn mirrors() -> impl Strategy<Value = Vec<Vec<usize>>> {
    let order = Just((0..PIECES).collect::<Vec<_>>()).prop_shuffle();
    let cuts = prop::collection::vec(1_usize..6, PIECES);
    let again = prop::collection::vec(prop::collection::vec(0..PIECES, 1..5), 0..3);
    (order, cuts, again).prop_map(|(order, cuts, again)| {
        let mut rest = order.as_slice();
        let mut mirrors = Vec::new();
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            rest = after;
            // The two histories of batch 7 do not fit into one folder.
            let (fork, others): (Vec<usize>, Vec<usize>) = piece.iter().partition(|piece| **piece == BATCHES - 1);
            mirrors.extend([fork, others].into_iter().filter(|pieces| !pieces.is_empty()));
        }
        mirrors.extend(again);
        mirrors
    })
}

#[test]
fn the_world_holds_everything_that_may_differ() {
    let state = state_after(&[(0..PIECES - 3).collect(), vec![BATCHES - 1], (0..PIECES).collect()]);
    let states: std::collections::BTreeSet<String> =
        state.letters.iter().map(|(letter, _)| format!("{:?}", letter.state)).collect();
    assert_eq!(states.len(), 4, "{states:?}");
    assert_eq!(state.letters.len(), 7);
    assert_eq!(state.sent, [(1, Some(TODAY))]);
    let [Alarm::Echo { .. }, Alarm::Fork { batch: 7 }] = state.alarms.as_slice() else { panic!("{:?}", state.alarms) };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn imports_in_any_order_and_number_end_in_the_same_state(mirrors in mirrors()) {
        let together = state_after(&[(0..PIECES).filter(|piece| *piece != BATCHES - 1).collect(), vec![BATCHES - 1]]);
        prop_assert_eq!(state_after(&mirrors), together);
    }
}
