//! Every vector, by family. Shared with the test that checks that the files are these.

mod answer;
mod card;
mod case;
mod cbor;
mod clue;
mod directory;
mod file;
mod frame;
mod index;
mod kit;
mod letter;
mod message;
mod note;
mod office;
mod parcel;
mod postage;
mod publication;
mod request;
mod roster;
mod sealing;
mod seat;
mod session;
mod source;

pub(crate) use case::Case;

/// Every vector.
pub(crate) fn cases() -> Vec<Case> {
    let families = [
        card::cases(),
        roster::cases(),
        seat::cases(),
        directory::cases(),
        note::cases(),
        source::cases(),
        message::cases(),
        letter::cases(),
        clue::cases(),
        parcel::cases(),
        index::cases(),
        session::cases(),
        frame::cases(),
        request::cases(),
        answer::cases(),
        publication::cases(),
        postage::cases(),
        file::cases(),
    ];
    let cases = families.concat();
    let paths: std::collections::BTreeSet<String> = cases.iter().map(Case::path).collect();
    assert_eq!(paths.len(), cases.len(), "two vectors of one name");
    cases
}
