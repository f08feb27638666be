//! For tests: an office with seats, couriers and sources, and what its relay has accepted, to make mirrors of.

use super::Mirror;
use chacha20::ChaCha20Rng;
use cssr_proto::bundle::Record;
use cssr_proto::frame::EnvelopeKind;
use cssr_proto::index::{Batch, Head, letter_genesis};
use cssr_proto::keys::{
    ContactSecret, CourierKey, PrekeySecret, RelaySecretKey, ReplySecret, RootKey, SeatAuthKey, SeatPublicKey,
    SeatSigningKey, SourceAuthKey,
};
use cssr_proto::letter::{Letter, Recipients, Sealed, seal};
use cssr_proto::message::{MessageText, Testimony};
use cssr_proto::{
    Card, CheckedNote, Contact, Courier, Day, Desk, DeskNumber, Directory, Epoch, Lineage, List, Notice, Number,
    Policy, Prekey, Relay, Root, Roster, Seat, SeatKey, SeatNumber, SeatState, Signed, Text, ValidNote, commitment,
};
use rand_core::SeedableRng as _;
use std::collections::BTreeMap;
use std::path::Path;

/// A Wednesday.
pub(crate) const TODAY: Day = Day(20_782);

/// A seat as its colleagues see it, with its secrets.
pub(crate) struct TestSeat {
    pub(crate) number: SeatNumber,
    pub(crate) signing: SeatSigningKey,
    pub(crate) auth: SeatAuthKey,
    pub(crate) prekeys: BTreeMap<Epoch, PrekeySecret>,
}

/// A source.
pub(crate) struct TestSource {
    pub(crate) auth: SourceAuthKey,
    pub(crate) reply: ReplySecret,
    pub(crate) contact: Contact,
}

/// Everything at the office's end.
pub(crate) struct TestOffice {
    pub(crate) rng: ChaCha20Rng,
    pub(crate) root: RootKey,
    pub(crate) next_root: RootKey,
    pub(crate) relay: RelaySecretKey,
    pub(crate) rosters: Vec<Signed<Roster>>,
    /// Colleagues: seats 1 and 2 of desk 1. Seat 0 is the one under test.
    pub(crate) colleagues: Vec<TestSeat>,
    /// The seat under test, whose keys are its own business.
    pub(crate) own: Option<SeatPublicKey>,
    /// Couriers 1 and 2, of seats 1 and 2.
    pub(crate) couriers: Vec<(u64, CourierKey)>,
    pub(crate) seat_keys: Vec<Signed<SeatKey>>,
    pub(crate) prekeys: Vec<Signed<Prekey>>,
    pub(crate) notes: Vec<(ValidNote, Directory)>,
    pub(crate) batches: Vec<(Batch, Vec<Record>)>,
}

pub(crate) fn number<const MIN: u64, const MAX: u64>(n: u64) -> Number<MIN, MAX> {
    Number::new(n).unwrap()
}

pub(crate) fn desk() -> DeskNumber {
    number(1)
}

pub(crate) fn text<const MIN: usize, const MAX: usize>(text: &str) -> Text<MIN, MAX> {
    Text::new(text).unwrap()
}

impl TestOffice {
    /// An office that has not issued a roster yet.
    pub(crate) fn new(seed: u8) -> Self {
        let mut rng = ChaCha20Rng::from_seed([seed; 32]);
        let colleagues = (1..=2).map(|n| TestSeat {
            number: number(n),
            signing: SeatSigningKey::generate(&mut rng),
            auth: SeatAuthKey::generate(&mut rng),
            prekeys: BTreeMap::new(),
        });
        let colleagues = colleagues.collect();
        Self {
            root: RootKey::generate(&mut rng),
            next_root: RootKey::generate(&mut rng),
            relay: RelaySecretKey::generate(&mut rng),
            rosters: Vec::new(),
            colleagues,
            own: None,
            couriers: (1..=2).map(|n| (n, CourierKey::generate(&mut rng))).collect(),
            seat_keys: Vec::new(),
            prekeys: Vec::new(),
            notes: Vec::new(),
            batches: Vec::new(),
            rng,
        }
    }

    /// Its card.
    pub(crate) fn card(&self) -> Card {
        Card::new(self.first_root().fingerprint(), List::new(vec!["relay.example.org".parse().unwrap()]).unwrap())
    }

    fn first_root(&self) -> Root {
        Root { key: self.root.public(), commitment: commitment(&self.next_root.public()) }
    }

    /// What the next roster would say on a day.
    pub(crate) fn roster_of(&self, issued: Day) -> Roster {
        let (from, through) = (issued.minus(100), issued.plus(300));
        let seat = |n: u64, signing_key| Seat {
            number: number(n),
            label: text(&format!("seat {n}")),
            signing_key,
            from,
            through,
            state: SeatState::Active,
        };
        let own = self.own.iter().map(|key| seat(0, *key));
        let others = self.colleagues.iter().map(|colleague| seat(colleague.number.get(), colleague.signing.public()));
        let courier = |(n, key): &(u64, CourierKey)| Courier {
            number: number(*n),
            label: text(&format!("courier {n}")),
            desk: desk(),
            seat: number(*n),
            key: key.public(),
            from,
            through,
        };
        Roster {
            name: text("Office"),
            lineage: Lineage::new(vec![self.first_root()]).unwrap(),
            number: number(self.rosters.len() as u64 + 1),
            issued,
            expires: issued.plus(200),
            previous: self.rosters.last().map(Signed::hash),
            desks: List::new(vec![Desk {
                number: desk(),
                name: text("Desk"),
                seats: List::new(own.chain(others).collect()).unwrap(),
            }])
            .unwrap(),
            couriers: List::new(self.couriers.iter().map(courier).collect()).unwrap(),
            relay: Relay {
                key: self.relay.public(),
                addresses: List::new(vec!["relay.example.org".parse().unwrap()]).unwrap(),
            },
            policy: Policy {
                letter_days: number(30),
                chunk_days: number(14),
                group: number(4),
                note_days: number(3),
                rounds: number(2),
            },
            page: None,
            forms: None,
        }
    }

    /// Issues the next roster on a day, changed as the test wants it.
    pub(crate) fn issue(&mut self, issued: Day, change: impl FnOnce(&mut Roster)) -> Signed<Roster> {
        let mut roster = self.roster_of(issued);
        change(&mut roster);
        let roster = roster.sign(&self.root).unwrap();
        self.rosters.push(roster.clone());
        roster
    }

    /// The newest roster.
    pub(crate) fn roster(&self) -> &Signed<Roster> {
        self.rosters.last().unwrap()
    }

    /// Publishes the colleagues' keys as of a day.
    pub(crate) fn publish_colleagues(&mut self, today: Day) {
        let roster = self.rosters.last().unwrap();
        let office = roster.office();
        for TestSeat { number, signing, auth, prekeys } in &mut self.colleagues {
            let key = SeatKey {
                office,
                desk: desk(),
                seat: *number,
                from: today.minus(50),
                through: today.plus(250),
                key: auth.public(),
            };
            self.seat_keys.push(key.sign(roster, signing).unwrap());
            for epoch in (0..=8).map(|weeks| today.epoch().plus(weeks)) {
                let secret = prekeys.entry(epoch).or_insert_with(|| PrekeySecret::generate(&mut self.rng));
                let prekey = Prekey { office, desk: desk(), seat: *number, epoch, key: secret.public() };
                self.prekeys.push(prekey.sign(roster, signing).unwrap());
            }
        }
    }

    /// The directory of a day.
    pub(crate) fn directory(&self, day: Day) -> Directory {
        Directory::assemble(self.roster(), &self.seat_keys, &self.prekeys, day).unwrap()
    }

    /// The chain's head.
    pub(crate) fn head(&self) -> Head {
        let genesis = Head::genesis(letter_genesis(&self.relay.public()));
        self.batches.last().map_or(genesis, |(batch, _)| batch.head())
    }

    /// Makes a note that is valid on a day, for the chain as it stands.
    pub(crate) fn note(&mut self, day: Day) -> Directory {
        let directory = self.directory(day);
        let note = self.note_for(&directory, self.notes.len() as u64, self.head(), None);
        self.notes.push((note, directory.clone()));
        directory
    }

    /// A note with the signatures of both couriers.
    pub(crate) fn note_for(&self, directory: &Directory, serial: u64, head: Head, notice: Option<Notice>) -> ValidNote {
        let [(first, first_key), (second, second_key)] = self.couriers.as_slice() else { panic!("two couriers") };
        let note = directory.sign_note(serial, head, notice, number(*first), first_key).unwrap();
        let CheckedNote::Proposed(note) = note else { panic!("one courier is not enough") };
        note.add_signature(directory.roster(), number(*second), second_key).unwrap().valid().unwrap()
    }

    /// Seals a batch of a day.
    pub(crate) fn batch(&mut self, day: Day, letters: &[&Sealed]) {
        let (batch, records) = batch_after(&self.head(), day, letters);
        self.batches.push((batch, records));
    }

    /// Writes statements, notes and directories into a mirror.
    pub(crate) fn write_office(&self, folder: &Path) -> Mirror {
        let mirror = Mirror::create(folder).unwrap();
        mirror.put_roster(self.roster()).unwrap();
        self.seat_keys.iter().for_each(|key| mirror.put_seat_key(key).unwrap());
        self.prekeys.iter().for_each(|prekey| mirror.put_prekey(prekey).unwrap());
        for (note, directory) in &self.notes {
            mirror.put_note(note).unwrap();
            mirror.put_own_directory(directory).unwrap();
        }
        mirror
    }

    /// Writes a whole mirror.
    pub(crate) fn write(&self, folder: &Path) -> Mirror {
        let mirror = self.write_office(folder);
        self.batches.iter().for_each(|(batch, records)| write_batch(&mirror, batch, records));
        mirror
    }

    /// A source.
    pub(crate) fn source(&mut self) -> TestSource {
        let reply = ReplySecret::generate(&mut self.rng);
        let contact = Contact { reply_key: reply.public(), secret: ContactSecret::generate(&mut self.rng) };
        TestSource { auth: SourceAuthKey::generate(&mut self.rng), reply, contact }
    }

    /// Seals a testimony for the desk.
    pub(crate) fn testimony(&mut self, source: &TestSource, text: &str, directory: &Directory) -> Sealed {
        let to = directory.recipients(desk()).unwrap();
        self.testimony_to(source, text, directory.day(), &to)
    }

    /// Seals a testimony for anybody.
    pub(crate) fn testimony_to(&mut self, source: &TestSource, text: &str, day: Day, to: &Recipients<'_>) -> Sealed {
        let message = testimony(text, day);
        let letter = Letter::Testimony { from: &source.auth, contact: &source.contact, message: &message };
        seal(&letter, to, &mut self.rng).unwrap()
    }

    /// Seals a cover.
    pub(crate) fn cover(&mut self, directory: &Directory) -> Sealed {
        seal(&Letter::Cover, &directory.recipients(desk()).unwrap(), &mut self.rng).unwrap()
    }
}

pub(crate) fn testimony(text: &str, day: Day) -> Testimony {
    let text = MessageText::new(text).unwrap();
    Testimony { text, day, language: None, manifests: List::default(), form: None }
}

/// A batch of letters with its records.
pub(crate) fn batch_after(head: &Head, day: Day, letters: &[&Sealed]) -> (Batch, Vec<Record>) {
    let batch = Batch::new(head, day, letters.iter().map(|letter| letter.id).collect()).unwrap();
    let record = |id| {
        let letter = letters.iter().find(|letter| letter.id == id).unwrap();
        let envelope = Some(Box::new(*letter.envelope.as_bytes()));
        Record { kind: EnvelopeKind::Letter, id, burn_hash: None, envelope }
    };
    let records = batch.ids().iter().map(|id| record(*id)).collect();
    (batch, records)
}

/// Writes one batch into a mirror.
pub(crate) fn write_batch(mirror: &Mirror, batch: &Batch, records: &[Record]) {
    let mut writer = mirror.begin_batch(EnvelopeKind::Letter, batch).unwrap();
    records.iter().for_each(|record| writer.put(record).unwrap());
    writer.finish().unwrap();
}
