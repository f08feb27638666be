//! `check`, `export`, `import`, `backup` and `restore`, as an operator uses them.

use crate::client::{Client, burn_key, chunk, error, id, letter};
use crate::office::Office;
use crate::process::{Running, SEAL_AT_ONCE, configured, day_of_letters, path, program, run, today};
use cssr_proto::index::{Head, letter_genesis};
use cssr_proto::request::{NextBatches, Request};
use cssr_proto::response::Response;
use cssr_proto::wire_error::ErrorCode;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// Runs a command that must go well; gives what it told.
async fn told(arguments: &[&str]) -> Value {
    let (output, out, err) = run(&[arguments, &["--json"]].concat()).await;
    assert!(output.status.success(), "{arguments:?}: {out}{err}");
    serde_json::from_str(&out).unwrap()
}

/// Runs a command that must fail; gives what it said.
async fn refused(arguments: &[&str]) -> String {
    let (output, out, err) = run(arguments).await;
    assert_eq!((output.status.code(), out.as_str()), (Some(1), ""), "{arguments:?}: {err}");
    err
}

async fn post(client: &mut Client, request: Request) {
    assert!(matches!(client.ask(request).await, Response::Posted));
}

/// The batches that a courier is shown, by kind, number and chain value, and how many ids they list.
async fn mirrored(relay: &Running, office: &Office) -> (BTreeSet<(u8, u64, String)>, usize) {
    let mut courier = relay.client().await;
    office.become_courier(&mut courier, 0).await;
    courier.send(Request::Drain(NextBatches { letters: 1, chunks: 1 })).await;
    let (mut batches, mut ids) = (BTreeSet::new(), 0);
    loop {
        match courier.receive().await {
            Response::Batch(kind, batch) => {
                ids += batch.ids().len();
                batches.insert((kind.byte(), batch.number(), batch.chain_value().to_string()));
            }
            Response::Envelope(_) => {}
            Response::CaughtUp(_) => return (batches, ids),
            other => panic!("{other:?}"),
        }
    }
}

/// A backup of a relay.
fn holds_the_relays_key_and_no_day_key(folder: &Path, file: &str) {
    let bytes = std::fs::read(file).unwrap();
    let holds = |key: &[u8]| bytes.windows(key.len()).any(|window| window == key);
    let relay = std::fs::read_to_string(folder.join("relay.key")).unwrap();
    let relay = relay.lines().nth(1).unwrap();
    let relay: [u8; 32] = std::array::from_fn(|i| u8::from_str_radix(&relay[2 * i..2 * i + 2], 16).unwrap());
    assert!(holds(&relay), "it is not to be found as it is");
    let mut days = 0;
    for entry in std::fs::read_dir(folder.join("data/keys")).unwrap() {
        // Two keys, and before them their length.
        let keys = std::fs::read(entry.unwrap().path()).unwrap();
        assert_eq!(keys[..4], 64u32.to_be_bytes());
        for part in keys[4..68].chunks(16) {
            assert!(!holds(part), "a part of a day's key is in the backup");
        }
        days += 1;
    }
    assert!(days >= 2, "of letters and of chunks");
}

fn mode(path: &str) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_is_backed_up_while_it_runs_checked_and_moved_from_engine_to_engine() {
    let (folder, mut office, key) = configured(SEAL_AT_ONCE).await;
    let (folder, scratch) = (folder.path(), tempfile::tempdir().unwrap());
    let files = ["public", "letters", "export", "relay"].map(|name| scratch.path().join(name));
    let [public, letters, export, new] = files.each_ref().map(|file| path(file));
    let here = path(folder);

    let relay = Running::start(folder, &[]).await;
    let address = relay.address;
    office.open(async || Client::connect(address).await, Head::genesis(letter_genesis(&key))).await;
    let mut client = relay.client().await;
    for seed in 0..10 {
        post(&mut client, letter(seed)).await;
        post(&mut client, chunk(100 + seed)).await;
    }
    let burn = Request::Burn { id: id(103), key: *burn_key(103).as_bytes() };
    assert!(matches!(client.ask(burn).await, Response::Burned));
    let announced = loop {
        let (batches, ids) = mirrored(&relay, &office).await;
        if ids == 20 {
            break batches;
        }
        tokio::task::yield_now().await;
    };

    // While it runs and more comes in.
    let mut poster = relay.client().await;
    let posting = tokio::spawn(async move {
        for seed in 1_000..1_200 {
            post(&mut poster, letter(seed)).await;
        }
    });
    let of_public = told(&["backup", "--config", here, public]).await;
    assert_eq!((&of_public["letters"], of_public["statements"].as_u64().unwrap() > 5), (&0.into(), true));
    let of_letters = told(&["backup", "--config", here, "--letters", letters]).await;
    assert!(of_letters["letters"].as_u64().unwrap() >= 10 && of_letters["burned"] == 1, "{of_letters}");
    posting.await.unwrap();
    for file in [public, letters] {
        holds_the_relays_key_and_no_day_key(folder, file);
    }
    assert_eq!((mode(public), mode(letters)), (0o600, 0o600));
    for command in [&["check", "--config", here][..], &["export", "--config", here, export]] {
        assert!(refused(command).await.contains("another relay has this store open"));
    }
    assert!(refused(&["backup", "--config", here, public]).await.contains("is there already"));
    relay.stop("-TERM").await;

    // Checked, and moved.
    assert_eq!(told(&["check", "--config", here]).await["ok"], true);
    let exported = told(&["export", "--config", here, export]).await;
    assert_eq!((&exported["letters"], &exported["chunks"], &exported["burned"]), (&210.into(), &9.into(), &1.into()));
    assert!(refused(&["import", "--config", here, export]).await.contains("not empty"));
    std::fs::rename(folder.join("data"), folder.join("data-before")).unwrap();
    let mut config = std::fs::read_to_string(folder.join("relay.toml")).unwrap();
    config += "store = \"sled\"\n";
    std::fs::write(folder.join("relay.toml"), config).unwrap();
    assert!(refused(&["import", "--config", here, letters]).await.contains("restore"));
    assert_eq!(told(&["import", "--config", here, export]).await, exported);
    assert_eq!(told(&["check", "--config", here]).await["ok"], true);
    let moved = Running::start(folder, &[]).await;
    assert!(mirrored(&moved, &office).await.0.is_superset(&announced));
    let again = moved.client().await.ask(chunk(103)).await;
    assert_eq!(error(&again), ErrorCode::Conflict, "what was burned does not come back");
    moved.stop("-TERM").await;

    // From the backup, in a folder that is not there.
    assert_eq!(told(&["restore", "--config", new, letters]).await, of_letters);
    assert_eq!((mode(new), mode(path(&files[3].join("relay.key")))), (0o700, 0o600));
    assert!(refused(&["restore", "--config", new, letters]).await.contains("is there already"));
    let relay = Running::start(&files[3], &[]).await;
    assert_eq!(relay.client().await.relay, key);
    assert!(mirrored(&relay, &office).await.0.is_superset(&announced));
    let again = relay.client().await.ask(chunk(103)).await;
    assert_eq!(error(&again), ErrorCode::Conflict, "burned, and known");
    relay.stop("-TERM").await;
}

#[tokio::test]
async fn a_store_that_is_damaged_is_told_with_its_places_and_exit_code_1() {
    let (folder, mut office, key) = configured(SEAL_AT_ONCE).await;
    let folder = folder.path();
    let relay = Running::start(folder, &[]).await;
    let address = relay.address;
    office.open(async || Client::connect(address).await, Head::genesis(letter_genesis(&key))).await;
    post(&mut relay.client().await, letter(1)).await;
    relay.stop("-TERM").await;
    let day = day_of_letters(&folder.join("data"));
    let journal = day.join("journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    let at = bytes.iter().position(|byte| *byte != 0).unwrap();
    bytes[at + 9_000] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    let note = std::fs::read_dir(folder.join("data/statements/notes")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&note).unwrap();
    // Of both copies.
    let half = bytes.len() / 2;
    [50, half + 50].iter().for_each(|at| bytes[*at] ^= 1);
    std::fs::write(&note, bytes).unwrap();

    let (output, out, err) = run(&["check", "--config", path(folder), "--json"]).await;
    assert_eq!(output.status.code(), Some(1), "{err}");
    let told: Value = serde_json::from_str(&out).unwrap();
    let files: Vec<_> =
        told["findings"].as_array().unwrap().iter().map(|found| found["file"].as_str().unwrap()).collect();
    assert_eq!(told["ok"], false);
    for file in [&journal, &note] {
        let file = path(file.strip_prefix(folder.join("data")).unwrap());
        assert!(files.contains(&file), "{out}");
    }
    let offset = (at / 16_384 * 16_384) as u64;
    assert!(told["findings"].as_array().unwrap().iter().any(|found| found["offset"] == offset), "{out}");
    let (_, out, _) = run(&["check", "--config", path(folder)]).await;
    assert!(out.contains(&format!("journal at {offset}: a block does not open")), "{out}");
}

/// Its restore would be refused, when the relay is gone.
#[tokio::test]
async fn with_the_card_of_another_office_nothing_is_backed_up() {
    let (folder, mut office, key) = configured(SEAL_AT_ONCE).await;
    let folder = folder.path();
    let relay = Running::start(folder, &[]).await;
    let address = relay.address;
    office.open(async || Client::connect(address).await, Head::genesis(letter_genesis(&key))).await;
    relay.stop("-TERM").await;
    let file = folder.join("relay.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let (card, other) = (office.card().to_string(), Office::new(6, key, today()).card().to_string());
    std::fs::write(&file, good.replace(&card, &other)).unwrap();
    let backup = folder.join("backup");
    let error = refused(&["backup", "--config", path(folder), path(&backup)]).await;
    assert!(error.contains("of another office than the card's"), "{error}");
    assert!(!backup.exists() && !folder.join("backup.unfinished").exists());
    std::fs::write(&file, good).unwrap();
    told(&["backup", "--config", path(folder), path(&backup)]).await;
}

/// At once: by a program that is begun for it, it would come too late.
fn send(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|pid| Pid::from_raw(pid.try_into().unwrap())).unwrap();
    kill_process(pid, signal).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_a_restore_and_leaves_nothing_of_it() {
    let (folder, mut office, key) = configured(SEAL_AT_ONCE).await;
    let relay = Running::start(folder.path(), &[]).await;
    let address = relay.address;
    office.open(async || Client::connect(address).await, Head::genesis(letter_genesis(&key))).await;
    let mut client = relay.client().await;
    for seed in 0..500 {
        post(&mut client, letter(seed)).await;
    }
    relay.stop("-TERM").await;
    let scratch = tempfile::tempdir().unwrap();
    let [backup, new] = ["backup", "relay"].map(|name| scratch.path().join(name));
    told(&["backup", "--config", path(folder.path()), "--letters", path(&backup)]).await;

    let unfinished = scratch.path().join("relay.unfinished");
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        // Until one is hit while it works.
        let (mut tries, mut took) = (0..100, Duration::ZERO);
        loop {
            assert!(tries.next().is_some(), "it is never hit while it works: {took:?}, {:?}", backup.metadata());
            let mut restore = program();
            restore.args(["restore", "--config", path(&new), path(&backup)]);
            let child = restore.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            while !unfinished.exists() && !new.exists() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let sent = Instant::now();
            send(&child, signal);
            let output = child.wait_with_output().await.unwrap();
            took = sent.elapsed();
            assert!(!unfinished.exists());
            if new.exists() {
                std::fs::remove_dir_all(&new).unwrap();
                continue;
            }
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains("interrupted") && said.contains("nothing was changed"), "{said}");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_started_with_nohup_goes_on_when_its_terminal_has_gone() {
    let (folder, _, _) = configured(SEAL_AT_ONCE).await;
    let scratch = tempfile::tempdir().unwrap();
    let backup = scratch.path().join("backup");
    told(&["backup", "--config", path(folder.path()), path(&backup)]).await;
    let mut hit = 0;
    for number in 0..10 {
        let new = scratch.path().join(number.to_string());
        let mut restore = Command::new("nohup");
        restore.arg(env!("CARGO_BIN_EXE_cssr-relay")).args(["restore", "--config", path(&new), path(&backup)]);
        restore.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = restore.spawn().unwrap();
        let unfinished = scratch.path().join(format!("{number}.unfinished"));
        while !unfinished.exists() && !new.exists() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        hit += usize::from(unfinished.exists());
        send(&child, Signal::HUP);
        let output = child.wait_with_output().await.unwrap();
        assert!(output.status.success() && new.exists(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(hit > 0, "none was at work when the signal came");
}
