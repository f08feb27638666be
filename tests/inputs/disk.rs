//! Full disks. A limit on the size of files makes writing fail in the middle, as a full disk does; how the office's
//! program takes it is tested in `client/tests/office_program.rs`.

use crate::check::{keeps, refused};
use crate::setting::{Sandbox, TESTIMONY, programs, shared};
use cssr_installation::{Installation, RunningRelay};
use cssr_proto::letter::Sealed;
use cssr_proto::postage::Postage;
use cssr_proto::request::{Post, Request};
use cssr_proto::response::Response;
use cssr_proto::wire_error::ErrorCode;
use cssr_proto::{Envelope, EnvelopeId};
use cssr_tests::caller::Caller;
use cssr_tests::people::rng;
use rand_core::Rng as _;
use std::path::Path;

#[test]
fn a_seat_on_a_full_disk_keeps_every_file_as_it_was() {
    let sandbox = Sandbox::new();
    let roster = sandbox.installation.newest_roster().unwrap();
    let before = ["seat-0", "courier-0", "mirror-0"].map(|folder| sandbox.snapshot(folder));
    for command in [
        format!("accept seat-0 {roster}"),
        format!("accept courier-0 {roster}"),
        "statements seat-0".to_owned(),
        "import seat-0 mirror-0".to_owned(),
        "receipts seat-0".to_owned(),
        format!("reply seat-0 {} testimony.txt", shared().letter),
        "mirror courier-0 mirror-0".to_owned(),
    ] {
        let outcome = sandbox.desk(&command).with_files_of_at_most(0).outcome().unwrap();
        refused(&outcome, 1, &["File too large", "the disk is not full, then do the same again."]);
        keeps(&outcome, TESTIMONY);
    }
    assert_eq!(["seat-0", "courier-0", "mirror-0"].map(|folder| sandbox.snapshot(folder)), before);
}

#[test]
fn nothing_half_made_is_a_seat_or_courier() {
    let sandbox = Sandbox::new();
    let card = sandbox.installation.card().unwrap();
    for (command, key) in
        [("init new --desk 0 --label X", "seat.key"), ("courier new --desk 0 --seat 0 --label X", "courier.key")]
    {
        for blocks in [0, 8] {
            let made = sandbox.desk(command).args(["--card", &card]).with_files_of_at_most(blocks).outcome().unwrap();
            if made.code != Some(0) {
                refused(&made, 1, &["new: ", "File too large"]);
                assert!(!sandbox.path("new").join(key).exists());
            }
        }
        let again = sandbox.desk(command).args(["--card", &card]).outcome().unwrap();
        assert!(sandbox.path("new").join(key).exists(), "{again:?}");
        std::fs::remove_dir_all(sandbox.path("new")).unwrap();
    }
}

/// The disk fills up at another moment in each round; what was written until then stands, and the next import goes on.
#[test]
fn an_import_that_the_disk_stops_in_the_middle_is_made_good_by_the_next_one() {
    let sandbox = Sandbox::new();
    let keys = sandbox.snapshot("seat-1/prekeys");
    let mut stopped = 0;
    for blocks in [0, 8, 9, 16, 24, 32] {
        let outcome = sandbox.desk("import seat-1 mirror-0").with_files_of_at_most(blocks).outcome().unwrap();
        if outcome.code != Some(0) {
            refused(&outcome, 1, &["File too large"]);
            stopped += 1;
        }
    }
    assert!(stopped >= 2);
    let report = sandbox.desk("import seat-1 mirror-0").json().unwrap();
    assert_eq!(report["refused"].as_array().unwrap().len(), 0, "{report}");
    let letters = sandbox.installation.seat(1).letters().unwrap();
    assert_eq!(letters.len(), 1);
    let shown = sandbox.installation.seat(1).show(letters[0]["letter"].as_u64().unwrap()).unwrap();
    assert_eq!(shown["message"]["text"], TESTIMONY);
    assert_eq!(sandbox.snapshot("seat-1/prekeys"), keys);
}

#[test]
fn a_reply_that_the_disk_does_not_take_was_not_written_and_the_next_one_has_its_number() {
    let sandbox = Sandbox::new();
    let reply = format!("reply seat-0 {} testimony.txt", shared().letter);
    for blocks in [0, 4] {
        refused(&sandbox.desk(&reply).with_files_of_at_most(blocks).outcome().unwrap(), 1, &["File too large"]);
    }
    assert_eq!(sandbox.installation.files("seat-0/outbox", ".cssr").unwrap().len(), 0);
    let written = sandbox.desk(&reply).json().unwrap();
    assert_eq!(written["written"][0]["number"], 1, "{written}");
    assert_eq!(sandbox.installation.files("seat-0/outbox", ".cssr").unwrap().len(), 1);
}

#[test]
fn a_source_needs_no_disk_but_for_the_files_that_it_asks_for() {
    let sandbox = Sandbox::new();
    let card = sandbox.installation.card().unwrap();
    let look = sandbox.source("look").args(["--json"]).with_files_of_at_most(0).run().unwrap();
    assert_eq!(look.json().unwrap()["ok"], true);
    let fetch = || sandbox.installation.call("cssr-source").args(["directory", &card, "--out", "keys"]);
    let says = ["keys: File too large", "make room on the disk", "Nothing was written."];
    refused(&fetch().with_files_of_at_most(0).outcome().unwrap(), 1, &says);
    fetch().run().unwrap();
    let seal = "--desk 0 testimony.txt --directory keys --out letter.cssr";
    let outcome = sandbox.source("seal").args(seal.split(' ')).with_files_of_at_most(8).outcome().unwrap();
    refused(&outcome, 1, &["letter.cssr: File too large", "Nothing was written."]);
    keeps(&outcome, TESTIMONY);
    let left: Vec<_> = std::fs::read_dir(sandbox.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name == "letter.cssr" || name.to_string_lossy().ends_with(".new")), "{left:?}");
}

/// 16 MiB: the second segment of the store's log is the last that fits.
const BLOCKS: u32 = 16 * 1024 * 2;
/// More letters than fit in that.
const LETTERS: u64 = 1_500;

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_on_a_full_disk_says_so_and_loses_nothing_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("relay");
    open_for_posts(folder.path());
    let relay = RunningRelay::start_with_files_of_at_most(BLOCKS, &programs(), &home).unwrap();
    let mut caller = Caller::connect(port(&relay)).await;
    let mut acknowledged = 0;
    while acknowledged < LETTERS && caller.ask(post(&letter(acknowledged))).await == Response::Posted {
        acknowledged += 1;
    }
    assert!((1..LETTERS).contains(&acknowledged), "{acknowledged}");
    // Neither it nor what was there is taken now, as the store trusts its disk no more; and the session goes on.
    for n in [acknowledged, acknowledged + 1, 0] {
        assert_eq!(refusal(&mut caller, &letter(n)).await, ErrorCode::StorageFailed, "{n}");
    }
    relay.kill().unwrap();
    let log = std::fs::read_to_string(home.join("log")).unwrap();
    assert!(log.contains("ERROR") && !log.contains("panicked"), "{log}");

    let relay = RunningRelay::start(&programs(), &home).unwrap();
    let mut caller = Caller::connect(port(&relay)).await;
    for n in 0..acknowledged {
        // Other bytes under the id of what is held are refused, the same ones are not.
        let other = Sealed { id: id(n), ..letter(n + 1) };
        assert_eq!(refusal(&mut caller, &other).await, ErrorCode::Conflict, "letter {n} of {acknowledged} is lost");
        assert_eq!(caller.ask(post(&letter(n))).await, Response::Posted, "letter {n} of {acknowledged} was changed");
    }
    assert_eq!(caller.ask(post(&letter(LETTERS))).await, Response::Posted, "it takes letters again");
    relay.stop().unwrap();
}

/// The smallest office that there can be, and its relay, which has stopped.
fn open_for_posts(folder: &Path) {
    let mut small = Installation::new(programs(), folder);
    small.make_relay().unwrap();
    small.make_office("Office").unwrap();
    let relay = small.start_relay().unwrap();
    small.make_desk("Desk").unwrap();
    small.admit_seat().unwrap();
    small.admit_courier(0).unwrap();
    small.hand_out_roster().unwrap();
    small.publish().unwrap();
    small.confirm_keys().unwrap();
    relay.stop().unwrap();
    // What is posted here again and again would be taken for a flood.
    let file = folder.join("relay/relay.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let free = config.replace("#:letter_effort_most = 100\n", "letter_effort_most = 0\n");
    assert_ne!(free, config);
    std::fs::write(file, free).unwrap();
}

async fn refusal(caller: &mut Caller, letter: &Sealed) -> ErrorCode {
    match caller.ask(post(letter)).await {
        Response::Error(error) => error.code,
        other => panic!("{other:?}"),
    }
}

fn port(relay: &RunningRelay) -> u16 {
    relay.address().rsplit(':').next().unwrap().parse().unwrap()
}

fn post(letter: &Sealed) -> Request {
    Request::Post(Post::letter(letter.id, Postage::FREE, letter.envelope.as_bytes()))
}

/// Random bytes, which is all that a relay sees of any letter.
fn letter(n: u64) -> Sealed {
    let mut bytes = vec![0; cssr_proto::sizes::ENVELOPE];
    rng(n).fill_bytes(&mut bytes);
    bytes[0] = 1;
    bytes[1] = 1;
    Sealed { id: id(n), envelope: Envelope::from_slice(&bytes).unwrap() }
}

fn id(n: u64) -> EnvelopeId {
    let mut id = [0; 16];
    rng(n ^ 0xffff).fill_bytes(&mut id);
    EnvelopeId(id)
}
