//! The relay lies about its index, one lie at a time.

use super::*;
use chacha20::ChaCha20Rng;
use proptest::prelude::*;
use rand_core::SeedableRng;

const FIRST: Day = Day(20_000);
const SIZE: GroupSize = match GroupSize::new(4) {
    Ok(size) => size,
    Err(_) => panic!(),
};

fn genesis() -> Hash {
    letter_genesis(&RelayPublicKey([7; 32]))
}

fn id(n: u32) -> EnvelopeId {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&n.to_be_bytes());
    EnvelopeId(id)
}

/// A chain of batches from a head, one per (day after `FIRST`, number of ids).
fn chain(mut head: Head, shape: &[(u32, u32)]) -> Vec<Batch> {
    let mut next = head.number() as u32 * 1_000;
    shape
        .iter()
        .map(|(day, count)| {
            let ids = (next..next + count).map(id).collect();
            next += count;
            let batch = Batch::new(&head, FIRST.plus(*day), ids).unwrap();
            head = batch.head();
            batch
        })
        .collect()
}

/// Five days: 3 and 2 letters on day 0, none on day 1, 6 on day 2, 1 on day 3, none on day 4.
fn honest() -> Vec<Batch> {
    chain(Head::genesis(genesis()), &[(0, 3), (0, 2), (2, 6), (3, 1)])
}

fn by_day(batches: &[Batch]) -> Vec<Index> {
    let of = |day| batches.iter().filter(|b| b.day() == FIRST.plus(day)).cloned().collect();
    (0..5).map(|day| Index { batches: of(day) }).collect()
}

fn verify(batches: &[Batch], head: &Head) -> Result<Window, IndexError> {
    Window::verify(FIRST, by_day(batches), &genesis(), head)
}

#[test]
fn chain_values_are_what_the_protocol_says() {
    let relay = RelayPublicKey([7; 32]);
    let tagged = |label: &[u8], rest: &[&[u8]]| crate::sha256(&[label, &rest.concat()].concat());
    assert_eq!(letter_genesis(&relay).0, tagged(b"\x13cssr1 index genesis", &[&[7; 32]]));
    assert_eq!(chunk_genesis(&relay).0, tagged(b"\x13cssr1 chunk genesis", &[&[7; 32]]));
    let batch = Batch::new(&Head::new(0x0101, FIRST, Hash([9; 32])).unwrap(), FIRST, vec![id(2), id(1)]).unwrap();
    let number = [0, 0, 0, 0, 0, 0, 1, 2];
    let parts: [&[u8]; 6] = [&[9; 32], &number, &[0, 0, 0x4e, 0x20], &[0, 0, 0, 2], &id(1).0, &id(2).0];
    assert_eq!(batch.chain_value().0, tagged(b"\x11cssr1 index batch", &parts));
}

#[test]
fn an_honest_window_fits_every_head_of_its_chain() {
    let batches = honest();
    let none = Head::genesis(genesis());
    for head in batches.iter().map(Batch::head).chain([none]) {
        let window = verify(&batches, &head).unwrap();
        assert_eq!(window.head(), Some(&batches[3].head()));
        assert_eq!(window.ids().count(), 12);
    }
}

#[test]
fn an_honest_window_may_follow_a_head_that_has_expired() {
    let head = Head::new(41, FIRST.minus(3), Hash([9; 32])).unwrap();
    let batches = chain(head, &[(1, 2), (4, 2)]);
    assert!(verify(&batches, &head).is_ok());
    assert!(verify(&[], &head).is_ok(), "nothing has come since");
}

#[test]
fn letters_keep_the_order_of_their_batches_and_fall_into_groups() {
    let batches = honest();
    let window = verify(&batches, &batches[3].head()).unwrap();
    let day0: Vec<EnvelopeId> = (0..5).map(id).collect();
    assert_eq!(window.letters(FIRST), day0);
    assert_eq!(window.days().collect::<Vec<_>>(), (0..5).map(|d| FIRST.plus(d)).collect::<Vec<_>>());
    assert_eq!((0..5).map(|d| window.groups(FIRST.plus(d), SIZE)).collect::<Vec<_>>(), [2, 0, 2, 1, 0]);
    for (listed, day, position) in window.ids() {
        let group = window.group_of(day, position, SIZE);
        assert_eq!(window.members(group, SIZE)[position % 4], *listed);
    }
    assert!(window.members(Group { day: FIRST, number: 2 }, SIZE).is_empty());
    assert!(window.letters(FIRST.minus(1)).is_empty() && window.letters(FIRST.plus(5)).is_empty());
}

#[test]
fn a_random_group_is_always_a_listed_one_and_reaches_all_of_them() {
    let batches = honest();
    let window = verify(&batches, &batches[3].head()).unwrap();
    let mut rng = ChaCha20Rng::from_seed([3; 32]);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..200 {
        let group = window.random_group(SIZE, FIRST.plus(4), &mut rng);
        assert!(!window.members(group, SIZE).is_empty());
        seen.insert(group);
    }
    assert_eq!(seen.len(), 5);
}

#[test]
fn an_empty_window_gives_group_0_of_the_announced_day() {
    let window = verify(&[], &Head::genesis(genesis())).unwrap();
    let group = window.random_group(SIZE, FIRST.plus(4), &mut ChaCha20Rng::from_seed([3; 32]));
    assert_eq!(group, Group { day: FIRST.plus(4), number: 0 });
    assert_eq!(window.head(), None);
}

#[test]
fn a_batch_under_another_day_is_a_lie() {
    let batches = honest();
    let mut days = by_day(&batches);
    days.swap(2, 1);
    assert_eq!(Window::verify(FIRST, days, &genesis(), &batches[3].head()), Err(IndexError::WrongDay));
}

#[test]
fn a_missing_batch_in_the_middle_is_a_gap() {
    let mut batches = honest();
    let head = batches[3].head();
    batches.remove(1);
    assert_eq!(verify(&batches, &head), Err(IndexError::Gap));
}

#[test]
fn swapped_batches_of_one_day_are_a_gap() {
    let mut batches = honest();
    let head = batches[3].head();
    batches.swap(0, 1);
    assert_eq!(verify(&batches, &head), Err(IndexError::Gap));
}

#[test]
fn a_batch_on_another_chain_is_broken() {
    let mut batches = honest();
    let head = batches[0].head();
    batches[2].previous = Hash([1; 32]);
    assert_eq!(verify(&batches, &head), Err(IndexError::BrokenChain));
}

#[test]
fn a_changed_id_breaks_the_chain_after_it() {
    let mut batches = honest();
    let head = batches[0].head();
    batches[1].ids[0] = id(500);
    batches[1].ids.sort_unstable();
    assert_eq!(verify(&batches, &head), Err(IndexError::BrokenChain));
}

#[test]
fn a_chain_that_begins_elsewhere_is_refused() {
    let batches = chain(Head::genesis(Hash([1; 32])), &[(0, 3), (2, 1)]);
    assert_eq!(verify(&batches, &batches[1].head()), Err(IndexError::WrongGenesis));
    assert_eq!(verify(&[], &Head::genesis(Hash([1; 32]))), Err(IndexError::WrongGenesis));
    let chunks = chunk_genesis(&RelayPublicKey([7; 32]));
    assert_ne!(chunks, genesis());
    assert_eq!(verify(&[], &Head::genesis(chunks)), Err(IndexError::WrongGenesis));
}

#[test]
fn one_id_in_two_batches_is_a_duplicate() {
    let first = Batch::new(&Head::genesis(genesis()), FIRST, vec![id(1), id(2)]).unwrap();
    let second = Batch::new(&first.head(), FIRST.plus(3), vec![id(2), id(3)]).unwrap();
    let head = second.head();
    assert_eq!(verify(&[first, second], &head), Err(IndexError::Duplicate));
}

#[test]
fn batches_up_to_the_head_cannot_be_hidden() {
    let batches = honest();
    let head = batches[3].head();
    for shown in 0..4 {
        assert_eq!(verify(&batches[..shown], &head), Err(IndexError::Hidden), "{shown}");
    }
}

#[test]
fn batches_after_an_expired_head_cannot_be_hidden_nor_replaced() {
    let head = Head::new(41, FIRST.minus(3), Hash([9; 32])).unwrap();
    let batches = chain(head, &[(1, 2), (4, 2)]);
    assert_eq!(verify(&batches[1..], &head), Err(IndexError::Hidden));
    let other = Head::new(41, FIRST.minus(3), Hash([8; 32])).unwrap();
    assert_eq!(verify(&batches, &other), Err(IndexError::Forked));
    assert_eq!(verify(&batches, &Head::genesis(genesis())), Err(IndexError::Hidden));
}

#[test]
fn another_history_than_the_notes_is_a_fork() {
    let batches = honest();
    let other = chain(Head::genesis(genesis()), &[(0, 3), (0, 1), (2, 6), (3, 1)]);
    for forked in &other[1..] {
        assert_eq!(verify(&batches, &forked.head()), Err(IndexError::Forked), "{forked:?}");
    }
    assert!(verify(&batches, &other[0].head()).is_ok(), "the histories part after the first batch");
}

#[test]
fn a_head_of_another_day_than_its_batch_is_a_fork() {
    let batches = honest();
    let head = Head::new(4, FIRST.plus(2), *batches[3].head().chain()).unwrap();
    assert_eq!(verify(&batches, &head), Err(IndexError::Forked));
}

#[test]
fn a_head_after_the_window_is_refused() {
    let batches = honest();
    let head = Head::new(5, FIRST.plus(5), Hash([1; 32])).unwrap();
    assert_eq!(verify(&batches, &head), Err(IndexError::HeadAfterWindow));
    assert_eq!(Window::verify(FIRST, vec![], &genesis(), &head), Err(IndexError::HeadAfterWindow));
}

#[test]
fn days_beyond_the_last_one_are_refused() {
    let head = Head::genesis(genesis());
    let days = vec![Index::default(); 2];
    assert_eq!(Window::verify(Day(u32::MAX), days, &genesis(), &head), Err(IndexError::WrongDay));
}

#[test]
fn a_batch_never_follows_a_head_of_a_later_day() {
    let batch = Batch::new(&Head::genesis(genesis()), FIRST, vec![id(1)]).unwrap();
    assert!(Batch::new(&batch.head(), FIRST.minus(1), vec![id(2)]).is_err());
    let earlier = Batch::checked(2, FIRST.minus(1), batch.chain_value(), vec![id(2)]).unwrap();
    assert_eq!(batch.head().follow(&earlier), Err(IndexError::WrongDay));
}

#[test]
fn batches_outside_their_limits_cannot_be_made() {
    let start = Head::genesis(genesis());
    assert!(Batch::new(&start, FIRST, vec![]).is_err());
    assert!(Batch::new(&start, FIRST, vec![id(1), id(1)]).is_err());
    assert!(Batch::new(&start, Day(3), vec![id(1)]).is_err());
    assert!(Batch::new(&start, FIRST, (0..65_537).map(id).collect()).is_err());
    let last = Head::new(u64::MAX, FIRST, genesis()).unwrap();
    assert!(Batch::new(&last, FIRST, vec![id(1)]).is_err());
    let largest = Batch::new(&start, FIRST, (0..65_536).map(id).collect()).unwrap();
    assert!(largest.to_bytes().len() <= Batch::ENCODED_MAX);
    assert_eq!(Batch::from_bytes(&largest.to_bytes()), Ok(largest));
}

#[test]
fn unsorted_or_repeated_ids_do_not_decode() {
    let good = &honest()[0];
    for ids in [vec![id(2), id(1)], vec![id(1), id(1)], vec![]] {
        let bad = Batch { ids, ..good.clone() };
        assert!(Batch::from_bytes(&bad.to_bytes()).is_err());
        assert!(Index::from_bytes(&Index { batches: vec![good.clone(), bad] }.to_bytes()).is_err());
    }
}

#[test]
fn a_batch_with_half_an_id_does_not_decode() {
    let mut e = Encoder::new(Vec::new());
    e.array(4).unwrap().u64(1).unwrap().u32(20_000).unwrap().bytes(&[0; 32]).unwrap().bytes(&[0; 17]).unwrap();
    assert!(Batch::from_bytes(e.writer()).is_err());
}

#[test]
fn a_head_has_a_day_exactly_if_it_has_a_number() {
    let hash = Hash([1; 32]);
    assert!(Head::new(0, Day(0), hash).is_ok());
    for (number, day) in [(0, 20_000), (1, 0), (1, 3), (0, 3)] {
        assert!(Head::new(number, Day(day), hash).is_err());
        let bad = to_vec(&Head { number, day: Day(day), chain: hash });
        assert!(from_slice::<Head>("head", &bad, 64).is_err());
    }
}

#[test]
fn debug_shows_no_id_and_no_group() {
    let batches = chain(Head::genesis(genesis()), &[(0, 2)]);
    let window = verify(&batches, &batches[0].head()).unwrap();
    assert_eq!(format!("{window:?}"), "Window(5 days from 2024-10-04, 2 ids)");
    assert_eq!(format!("{:?}", Group { day: FIRST, number: 77 }), "Group(2024-10-04, ..)");
    assert!(format!("{batches:?}").ends_with("2 ids)]"));
}

proptest! {
    #[test]
    fn an_index_survives_its_encoding(shape in prop::collection::vec((0_u32..5, 1_u32..40), 0..6)) {
        let mut shape = shape;
        shape.sort_unstable();
        let index = Index { batches: chain(Head::genesis(genesis()), &shape) };
        let bytes = index.to_bytes();
        prop_assert_eq!(&Index::from_bytes(&bytes).unwrap(), &index);
        prop_assert!(Index::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
        prop_assert!(Index::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn any_bytes_decode_to_what_encodes_to_them_or_not_at_all(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(index) = Index::from_bytes(&bytes) {
            prop_assert_eq!(index.to_bytes(), bytes);
        }
    }

    #[test]
    fn a_changed_byte_anywhere_in_the_index_is_found(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let batches = honest();
        let head = batches[3].head();
        let mut days: Vec<Vec<u8>> = by_day(&batches).iter().map(Index::to_bytes).collect();
        let (day, offset) = {
            let places: Vec<(usize, usize)> =
                days.iter().enumerate().flat_map(|(d, bytes)| (0..bytes.len()).map(move |o| (d, o))).collect();
            *at.get(&places)
        };
        days[day][offset] ^= 1 << bit;
        let decoded: Result<Vec<Index>, Malformed> = days.iter().map(|bytes| Index::from_bytes(bytes)).collect();
        if let Ok(days) = decoded {
            prop_assert!(Window::verify(FIRST, days, &genesis(), &head).is_err());
        }
    }
}
