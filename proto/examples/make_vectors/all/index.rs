//! The index: batches, the chain, the window of a visit (section 10).

use super::case::Case;
use super::cbor::{array, bytes, uint};
use super::kit::{Key, h, seed, x25519};
use super::office::{DAY, Head, relay_private};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = batches();
    cases.extend(windows());
    cases.extend(lies());
    cases
}

/// CDDL `batch`.
#[derive(Clone)]
pub(crate) struct Batch {
    number: u64,
    day: u32,
    previous: Key,
    ids: Vec<[u8; 16]>,
}

impl Batch {
    /// The batch after a head, of as many ids, in their order.
    pub(crate) fn after(head: &Head, day: u32, count: usize) -> Self {
        let id = |n: usize| *seed(&format!("id {n} of batch {}", head.0 + 1)).first_chunk().unwrap();
        let mut ids: Vec<[u8; 16]> = (0..count).map(id).collect();
        ids.sort_unstable();
        Self { number: head.0 + 1, day, previous: head.2, ids }
    }

    pub(crate) fn ids(&self) -> &[[u8; 16]] {
        &self.ids
    }

    pub(crate) fn cbor(&self) -> Vec<u8> {
        array(&[uint(self.number), uint(self.day), bytes(&self.previous), bytes(&self.ids.concat())])
    }

    pub(crate) fn chain(&self) -> Key {
        let (number, day, count) = (self.number.to_be_bytes(), self.day.to_be_bytes(), self.ids.len() as u32);
        h("cssr1 index batch", &[&self.previous[..], &number, &day, &count.to_be_bytes(), &self.ids.concat()].concat())
    }

    pub(crate) fn head(&self) -> Head {
        (self.number, self.day, self.chain())
    }
}

/// CDDL `index`.
pub(crate) fn index(batches: &[Batch]) -> Vec<u8> {
    array(&batches.iter().map(Batch::cbor).collect::<Vec<_>>())
}

/// The head of no batch.
pub(crate) fn genesis() -> Head {
    (0, 0, h("cssr1 index genesis", &x25519(&relay_private())))
}

fn batches() -> Vec<Case> {
    let ok = |name: &str, comment: &str, batch: &Batch| {
        Case::ok(&format!("batch/{name}"), comment)
            .input("batch", batch.cbor())
            .output("number", batch.number)
            .output("day", batch.day)
            .output("previous", batch.previous)
            .outputs("id", batch.ids.iter().copied())
            .output("chain", batch.chain())
    };
    let right = Batch::after(&genesis(), DAY, 3);
    let no = |name: &str, comment: &str, bytes: &[u8]| {
        Case::refused(&format!("batch/{name}"), "malformed", comment).input("batch", bytes)
    };
    let edited = |name: &str, comment: &str, edit: &dyn Fn(&mut Batch)| {
        let mut batch = right.clone();
        edit(&mut batch);
        no(name, comment, &batch.cbor())
    };
    let short = array(&[uint(1_u32), uint(DAY), bytes(&right.previous), bytes(&right.ids.concat()[..47])]);
    vec![
        ok("usual", "The first batch of a relay: three ids.", &right),
        ok("one-id", "A later batch with one id.", &Batch::after(&right.head(), DAY + 1, 1)),
        ok("largest-number", "The greatest number there is.", &Batch { number: u64::MAX, ..right.clone() }),
        edited("wrong-order", "The ids do not ascend.", &|batch| batch.ids.swap(0, 1)),
        edited("id-twice", "The same id twice.", &|batch| batch.ids[1] = batch.ids[0]),
        edited("empty", "A batch lists an id.", &|batch| batch.ids.clear()),
        edited("number-0", "Batches are numbered from 1.", &|batch| batch.number = 0),
        edited("day-3", "Days before 1970-01-05 are not valid.", &|batch| batch.day = 3),
        no("part-of-an-id", "47 bytes of ids.", &short),
        no("bytes-after-the-end", "A byte follows.", &[right.cbor(), vec![0]].concat()),
        no("five-items", "An item more than the CDDL has.", &[&[0x85][..], &right.cbor()[1..], &[0]].concat()),
    ]
}

/// Three days: two batches, none, one.
struct Days {
    first: Head,
    batches: Vec<Batch>,
}

impl Days {
    /// After a head of before.
    fn after(first: &Head) -> Self {
        let one = Batch::after(first, DAY, 5);
        let two = Batch::after(&one.head(), DAY, 2);
        let three = Batch::after(&two.head(), DAY + 2, 3);
        Self { first: *first, batches: vec![one, two, three] }
    }

    fn index(&self, day: u32) -> Vec<u8> {
        index(&self.batches.iter().filter(|batch| batch.day == day).cloned().collect::<Vec<_>>())
    }

    fn indexes(&self) -> Vec<Vec<u8>> {
        [DAY, DAY + 1, DAY + 2].map(|day| self.index(day)).to_vec()
    }
}

const GROUP: usize = 4;

fn given(case: Case, indexes: &[Vec<u8>], head: &Head) -> Case {
    case.input("relay-key", x25519(&relay_private()))
        .input("first-day", DAY)
        .inputs("index", indexes)
        .input("head-number", head.0)
        .input("head-day", head.1)
        .input("head-chain", head.2)
        .input("group-size", GROUP as u64)
}

fn windows() -> Vec<Case> {
    let ok = |name: &str, comment: &str, days: &Days, head: &Head| {
        let case = given(Case::ok(&format!("window/{name}"), comment), &days.indexes(), head)
            .output("genesis", genesis().2)
            .output("chunk-genesis", h("cssr1 chunk genesis", &x25519(&relay_private())))
            .output("last-chain", days.batches.last().map(Batch::chain));
        [DAY, DAY + 1, DAY + 2].into_iter().fold(case, |case, day| {
            let ids = days.batches.iter().filter(|batch| batch.day == day).flat_map(|batch| &batch.ids);
            ids.enumerate().fold(case, |case, (position, id)| {
                case.output("id", *id).output("id-day", day).output("id-group", (position / GROUP) as u64)
            })
        })
    };
    let from_start = Days::after(&genesis());
    let before: Head = (17, DAY - 1, seed("the chain before"));
    let later = Days::after(&before);
    let nothing = Days { first: before, batches: Vec::new() };
    let only_last = Days { first: later.first, batches: later.batches[..2].to_vec() };
    vec![
        ok("from-the-start", "The relay's first batches; the note was made before them.", &from_start, &genesis()),
        ok(
            "head-inside",
            "The note knows the second of three batches; a day without any between.",
            &from_start,
            &from_start.batches[1].head(),
        ),
        ok("head-at-the-end", "The note knows all there is.", &from_start, &from_start.batches[2].head()),
        ok("head-before", "The note's batch is the last one before the window.", &later, &before),
        ok(
            "head-inside-of-later",
            "The chain goes on from batches that have expired; the note knows the first of the window.",
            &later,
            &later.batches[0].head(),
        ),
        ok("empty", "Nothing has come since the note's batch, which lies before the window.", &nothing, &before),
        ok("never-anything", "A relay without letters.", &Days { first: genesis(), batches: Vec::new() }, &genesis()),
        ok("last-day-empty", "Batches on the first day only.", &only_last, &only_last.batches[1].head()),
    ]
}

fn lies() -> Vec<Case> {
    let no = |name: &str, reason: &str, comment: &str, indexes: &[Vec<u8>], head: &Head| {
        given(Case::refused(&format!("window/{name}"), reason, comment), indexes, head)
    };
    let days = Days::after(&genesis());
    let [one, two, three] = days.batches.as_slice() else { unreachable!() };
    let at = |indexes: [&[&Batch]; 3]| -> Vec<Vec<u8>> {
        indexes.map(|batches| index(&batches.iter().map(|batch| (*batch).clone()).collect::<Vec<_>>())).to_vec()
    };
    let all = days.indexes();
    let before: Head = (17, DAY - 1, seed("the chain before"));
    let later = Days::after(&before);
    let bent = Batch { previous: seed("another chain"), ..two.clone() };
    let other_start = Batch { previous: seed("another start"), ..one.clone() };
    let repeated = Batch { ids: one.ids[..1].to_vec(), ..three.clone() };
    let other_two = Batch { ids: two.ids[..1].to_vec(), ..two.clone() };
    let after_other_two = Batch { previous: other_two.chain(), ..three.clone() };
    let mut decreasing = two.clone();
    decreasing.day = DAY - 1;
    let broken = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut indexes = all.clone();
        edit(&mut indexes[0]);
        indexes
    };
    let chain = &three.head();
    vec![
        no(
            "batch-on-other-day",
            "wrong-day",
            "The second batch stands under the day after its own.",
            &at([&[one], &[two], &[three]]),
            chain,
        ),
        no(
            "batch-of-the-day-before",
            "wrong-day",
            "A batch of the day before the window stands in it.",
            &at([&[one, &decreasing], &[], &[]]),
            &one.head(),
        ),
        no("batch-left-out", "gap", "The second of three batches is missing.", &at([&[one], &[], &[three]]), chain),
        no("batches-exchanged", "gap", "The second batch before the first.", &at([&[two, one], &[], &[three]]), chain),
        no("batch-twice", "gap", "The second batch twice.", &at([&[one, two, two], &[], &[three]]), chain),
        no(
            "broken-chain",
            "broken-chain",
            "The second batch does not follow the first.",
            &at([&[one, &bent], &[], &[]]),
            &one.head(),
        ),
        no(
            "wrong-start",
            "wrong-genesis",
            "The first batch does not begin with the relay's key.",
            &at([&[&other_start], &[], &[]]),
            &genesis(),
        ),
        no(
            "head-of-another-start",
            "wrong-genesis",
            "The head of no batch does not begin with the relay's key.",
            &at([&[], &[], &[]]),
            &(0, 0, seed("another start")),
        ),
        no(
            "id-twice",
            "duplicate",
            "An id of the first batch in the third, two days later.",
            &at([&[one, two], &[], &[&repeated]]),
            &two.head(),
        ),
        no(
            "newest-hidden",
            "hidden",
            "The note knows the third batch; the relay shows two.",
            &at([&[one, two], &[], &[]]),
            chain,
        ),
        no(
            "all-hidden",
            "hidden",
            "The note knows the third batch; the relay shows nothing.",
            &at([&[], &[], &[]]),
            chain,
        ),
        no(
            "first-hidden",
            "hidden",
            "The note's batch lies before the window, and the one after it is missing.",
            &at([&[&later.batches[1]], &[], &[&later.batches[2]]]),
            &before,
        ),
        no(
            "other-history",
            "forked",
            "The note knows another second batch.",
            &at([&[one, &other_two], &[], &[&after_other_two]]),
            &two.head(),
        ),
        no(
            "other-history-before",
            "forked",
            "The window goes on from another batch 17 than the note knows.",
            &later.indexes(),
            &(17, DAY - 1, seed("another chain before")),
        ),
        no(
            "head-of-other-day",
            "forked",
            "The note says another day of the second batch than the relay.",
            &all,
            &(2, DAY + 1, two.chain()),
        ),
        no(
            "head-after-window",
            "head-after-window",
            "The note's batch is of the day after the window.",
            &all,
            &(9, DAY + 3, seed("a chain value")),
        ),
        no("head-0-with-day", "malformed", "A head of no batch has no day.", &all, &(0, DAY, genesis().2)),
        no("head-without-day", "malformed", "A head of a batch has its day.", &all, &(2, 0, two.chain())),
        no(
            "index-bytes-after-the-end",
            "malformed",
            "A byte follows the first index.",
            &broken(&|index| index.push(0)),
            chain,
        ),
        no(
            "index-indefinite",
            "malformed",
            "An array of indefinite length.",
            &broken(&|index| {
                index[0] = 0x9f;
                index.push(0xff);
            }),
            chain,
        ),
        no(
            "index-with-empty-batch",
            "malformed",
            "A batch lists an id.",
            &at([&[&Batch { ids: Vec::new(), ..one.clone() }], &[], &[]]),
            &genesis(),
        ),
    ]
}
