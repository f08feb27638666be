//! Files with a right sum at their end that nobody wrote.

use super::*;
use crate::store::first_head;
use crate::store::transfer::{Content, Held, Outline};
use crate::store::{Shelf, StatementName};
use crate::transfer::format::Section;
use crate::transfer::rules::Rules;
use cssr_proto::{EnvelopeId, Hash};
use zeroize::Zeroizing;

/// Each may be made only once, so they are made anew.
fn sections() -> Vec<Section> {
    let genesis = [Kind::Letter, Kind::Chunk].map(|kind| first_head(kind, &relay()));
    let batch = |head: &Head, n, seeds: [u64; 2]| Batch::new(head, day(n), seeds.map(id).to_vec()).unwrap();
    let first = batch(&genesis[0], 0, [1, 2]);
    let second = batch(&first.head(), 1, [3, 4]);
    let heads = [second.head(), genesis[1]];
    let name = |text: &str| StatementName::new(text).unwrap();
    let mut sections = vec![
        Section::Outline(Outline { relay: relay(), latest: day(3), heads }),
        Section::Config(String::new()),
        Section::Key(Zeroizing::new([9; 32])),
        Section::Statement(Shelf::Notes, name("a"), vec![]),
        Section::Statement(Shelf::Notes, name("b"), vec![]),
        Section::Statement(Shelf::Rosters, name("a"), vec![]),
    ];
    for (n, batch) in [first, second].into_iter().enumerate() {
        let ids = batch.ids().to_vec();
        sections.extend([Section::Day(Kind::Letter, day(n as u32)), Section::Batch(batch)]);
        sections.extend(ids.into_iter().map(|id| Section::Held(letter_of(id))));
    }
    sections.push(Section::Day(Kind::Chunk, day(0)));
    sections.push(Section::Held(Held { content: Content::Burned, burn: Some(burn_key(5).hash()), ..letter_of(id(5)) }));
    sections.push(Section::End(Hash([0; 32])));
    sections
}

fn letter_of(id: EnvelopeId) -> Held {
    Held { id, burn: None, content: Content::Envelope(envelope(7)) }
}

fn accepted(sections: impl IntoIterator<Item = Section>) -> bool {
    let mut rules = Rules::default();
    sections.into_iter().all(|section| rules.check(&section).is_ok())
}

#[test]
fn every_section_has_its_place() {
    let count = sections().len();
    assert!(accepted(sections()));
    for at in 0..count - 1 {
        let mut changed = sections();
        changed.swap(at, at + 1);
        assert!(!accepted(changed), "{at} after the next");
        let twice = sections().into_iter().take(at + 1).chain(sections().into_iter().skip(at));
        assert!(!accepted(twice), "{at} twice");
    }
    // What nothing else depends on may be absent; both of relay.toml and key, an early day, statements, what waits.
    let without = |gone: &[usize]| {
        accepted(sections().into_iter().enumerate().filter(|(at, _)| !gone.contains(at)).map(|(_, section)| section))
    };
    assert!(without(&[1, 2]) && without(&[3]) && without(&[6, 7, 8, 9]) && without(&[15]));
    for gone in [&[0][..], &[1], &[2], &[6], &[8], &[9], &[10], &[14]] {
        assert!(!without(gone), "{gone:?}");
    }
}

/// Of which one could not be read for a while, so that what it lists was listed again.
#[test]
fn two_batches_may_list_one_id_of_which_the_envelope_comes_once() {
    let genesis = first_head(Kind::Letter, &relay());
    let first = Batch::new(&genesis, day(0), vec![id(1), id(2)]).unwrap();
    let again = Batch::new(&first.head(), day(0), vec![id(1), id(3)]).unwrap();
    let heads = [again.head(), first_head(Kind::Chunk, &relay())];
    let mut ids = vec![id(1), id(2), id(3)];
    ids.sort_unstable();
    let sections = |ids: Vec<EnvelopeId>| {
        let listed = [Section::Day(Kind::Letter, day(0)), Section::Batch(first.clone()), Section::Batch(again.clone())];
        std::iter::once(Section::Outline(Outline { relay: relay(), latest: day(3), heads }))
            .chain(listed)
            .chain(ids.into_iter().map(|id| Section::Held(letter_of(id))))
            .chain([Section::End(Hash([0; 32]))])
            .collect::<Vec<_>>()
    };
    assert!(accepted(sections(ids.clone())));
    for absent in 0..3 {
        let mut fewer = ids.clone();
        fewer.remove(absent);
        assert!(!accepted(sections(fewer)));
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let with = |at: usize, section: Section| {
        let mut changed = sections();
        changed[at] = section;
        accepted(changed)
    };
    let held = |burn: bool, content| Held { burn: burn.then(|| burn_key(5).hash()), content, ..letter_of(id(5)) };
    assert!(with(15, Section::Held(held(false, Content::Envelope(envelope(5))))), "a chunk that waits");
    for bad in [held(false, Content::Burned), held(true, Content::Lost), letter_of(id(1))] {
        assert!(!with(15, Section::Held(bad)));
    }
    let listed = |content, burn: bool| {
        let Section::Held(Held { id, .. }) = sections().swap_remove(8) else { panic!("no envelope") };
        with(8, Section::Held(Held { id, burn: burn.then(|| burn_key(5).hash()), content }))
    };
    assert!(listed(Content::Lost, false));
    assert!(!listed(Content::Burned, true), "a letter cannot be burned");
    assert!(!listed(Content::Envelope(envelope(1)), true));

    let Section::Outline(outline) = sections().swap_remove(0) else { panic!("no outline") };
    let [letters, chunks] = outline.heads;
    let before = Head::new(1, day(0), *letters.chain()).unwrap();
    let after = Head::new(9, day(3), *chunks.chain()).unwrap();
    assert!(with(0, Section::Outline(Outline { heads: [after, after], ..outline })), "what was sealed has expired");
    for heads in [[before, chunks], [chunks, letters], [chunks, chunks]] {
        assert!(!with(0, Section::Outline(Outline { heads, ..outline })));
    }
    assert!(!with(0, Section::Outline(Outline { latest: day(0), ..outline })));
    assert!(!with(0, Section::Outline(Outline { relay: RelaySecretKey::from_bytes([8; 32]).public(), ..outline })));
}
