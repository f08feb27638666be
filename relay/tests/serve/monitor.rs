//! Metrics, health and alarms: what they tell in time, and what they never tell.

use crate::client::{Client, chunk, letter};
use crate::gate::Gate;
use crate::image::Image;
use crate::office::{DAY, publish_note, publish_roster};
use crate::process::{Running, SEAL_AT_ONCE, configured, day_of_letters, path};
use crate::rig::{Rig, genesis, office, relay_public_key};
use chacha20::ChaCha20Rng;
use cssr_proto::index::{Head, letter_genesis};
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use cssr_proto::wire_error::ErrorCode;
use cssr_proto::{Directory, SeatNumber, SeatState};
use cssr_relay::store::{JournalConfig, JournalStore, Quotas};
use cssr_relay::{Health, ManualClock, Monitor, serve_monitor};
use rand_core::SeedableRng as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// After this a test fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(20);
const A_DAY: Duration = Duration::from_secs(86_400);

fn value(metrics: &str, name: &str) -> u64 {
    let line = metrics.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {metrics}"));
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

fn alarms(monitor: &Monitor) -> (Health, Vec<&'static str>) {
    monitor.health()
}

/// A relay that sources can use, and that has looked at itself since.
async fn opened() -> Rig {
    let rig = Rig::open().await;
    rig.handle.tick().await;
    rig
}

/// Everything that a server says to some bytes.
async fn say(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may have heard enough before it has heard everything.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("no end to the answer");
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn nothing_that_users_do_moves_a_figure_until_a_batch_seals() {
    let rig = opened().await;
    let before = rig.monitor.metrics();
    for seed in 0..20 {
        let mut client = rig.client().await;
        assert_eq!(client.ask(letter(seed)).await, Response::Posted);
        assert_eq!(client.ask(chunk(100 + seed)).await, Response::Posted);
        drop(client);
    }
    let stranger = TcpStream::connect(rig.address).await.unwrap();
    drop(stranger);
    rig.handle.tick().await;
    assert_eq!(rig.monitor.metrics(), before, "the figures told of what is not listed yet");
    rig.handle.seal().await;
    let after = rig.monitor.metrics();
    for kind in ["letter", "chunk"] {
        assert_eq!(value(&after, &format!("cssr_relay_batches_sealed_total{{kind=\"{kind}\"}}")), 1);
        assert_eq!(value(&after, &format!("cssr_relay_envelopes_listed_total{{kind=\"{kind}\"}}")), 20);
    }
    assert!(value(&after, "cssr_relay_connections_ended_total{how=\"closed\"}") >= 20, "{after}");
}

#[tokio::test]
async fn an_alarm_is_raised_before_the_note_lapses_and_ends_with_a_new_one() {
    let mut rig = opened().await;
    let mut days = Vec::new();
    for _ in 0..5 {
        let about_notes = note_alarms(&rig.monitor);
        days.push((about_notes, value(&rig.monitor.metrics(), "cssr_relay_note_days_left")));
        rig.clock.advance(A_DAY);
        rig.handle.tick().await;
    }
    // The policy's note_days are 3: the note counts on its own day and on three more.
    let (lapses, lapsed) = (vec!["note_lapses"], vec!["note_lapsed"]);
    assert_eq!(days, [(vec![], 4), (vec![], 3), (lapses.clone(), 2), (lapses, 1), (lapsed, 0)]);
    assert_eq!(alarms(&rig.monitor).0, Health::Failing);

    let mut courier = rig.courier().await;
    let (note, directory) = (rig.office.note(DAY.plus(5), genesis()), rig.office.directory(DAY.plus(5)));
    assert_eq!(courier.ask(publish_note(note.bytes(), Some(&directory))).await, Response::Published);
    rig.handle.tick().await;
    assert_eq!(note_alarms(&rig.monitor), [""; 0]);
    assert_eq!(alarms(&rig.monitor).0, Health::Warning, "the keys of the seats end next week");
}

fn note_alarms(monitor: &Monitor) -> Vec<&'static str> {
    let (_, mut names) = alarms(monitor);
    names.retain(|name| name.contains("note"));
    names
}

/// Seats of the test's office publish for this week and the next.
#[tokio::test]
async fn an_alarm_is_raised_before_prekeys_lapse_and_another_once_a_desk_is_mute() {
    let rig = opened().await;
    let mut raised = None;
    for day in 0..=14 {
        let (_, names) = alarms(&rig.monitor);
        match (names.contains(&"seats_lapse"), raised) {
            (true, None) => raised = Some(day),
            (false, Some(_)) => panic!("the alarm ended by itself on day {day}"),
            _ => {}
        }
        assert_eq!(names.contains(&"desks_mute"), day == 14, "day {day}: {names:?}");
        rig.clock.advance(A_DAY);
        rig.handle.tick().await;
    }
    assert_eq!(raised, Some(1), "thirteen days are left of two weeks");
    assert_eq!(alarms(&rig.monitor).0, Health::Failing);
    let metrics = rig.monitor.metrics();
    assert_eq!(value(&metrics, "cssr_relay_alarm{name=\"desks_mute\"}"), 1);
    assert_eq!(value(&metrics, "cssr_relay_alarm{name=\"store_failed\"}"), 0);
}

/// Who still writes to it has nobody to read it.
#[tokio::test]
async fn a_desk_whose_seats_have_all_come_to_their_last_day_is_mute_unless_they_are_retired() {
    for (state, is_mute) in [(SeatState::Active, true), (SeatState::Retired, false)] {
        let mut rig = opened().await;
        rig.office.change_seats(|seat| (seat.through, seat.state) = (DAY, state));
        let roster = rig.office.sign_roster();
        assert_eq!(rig.client().await.ask(publish_roster(&roster)).await, Response::Published);
        rig.handle.tick().await;
        assert!(!alarms(&rig.monitor).1.contains(&"desks_mute"), "{state:?}: on the last day");
        rig.clock.advance(A_DAY);
        rig.handle.tick().await;
        assert_eq!(alarms(&rig.monitor).1.contains(&"desks_mute"), is_mute, "{state:?}");
    }
}

/// Sources look at the roster of the note's day.
#[tokio::test]
async fn a_roster_that_has_ended_is_a_failure_only_once_the_last_note_has_lapsed() {
    let mut rig = opened().await;
    rig.office.expire_on(DAY);
    let roster = rig.office.sign_roster();
    assert_eq!(rig.client().await.ask(publish_roster(&roster)).await, Response::Published);
    for (day, health) in
        [Health::Warning, Health::Warning, Health::Warning, Health::Warning, Health::Failing].iter().enumerate()
    {
        rig.handle.tick().await;
        let (now, names) = alarms(&rig.monitor);
        assert_eq!((&now, names.contains(&"roster_lapsed")), (health, day > 0), "{day}: {names:?}");
        rig.clock.advance(A_DAY);
    }
}

/// Whatever the seats have published: sources get what the note names.
#[tokio::test]
async fn seats_that_a_note_leaves_out_are_an_alarm_and_so_is_a_desk_that_it_makes_mute() {
    let mut rig = opened().await;
    let (left_out, mute) = ("seats_left_out", "desks_mute");
    let with = [
        (vec![0], Health::Warning, vec![left_out]),
        (vec![], Health::Failing, vec![left_out, mute]),
        (vec![1], Health::Warning, vec![left_out]),
        (vec![0, 1], Health::Good, vec![]),
    ];
    for (seats, health, names) in with {
        let listed = |seat: SeatNumber| seats.contains(&seat.get());
        let pool = rig.office.pool();
        let (keys, prekeys) = (pool.seat_keys().filter(|key| listed(key.seat)), pool.prekeys());
        let prekeys = prekeys.filter(|prekey| listed(prekey.seat));
        let directory = Directory::assemble(pool.roster().unwrap(), keys, prekeys, DAY).unwrap();
        let note = rig.office.note_of(&directory, genesis());
        let mut courier = rig.courier().await;
        assert_eq!(courier.ask(publish_note(note.bytes(), Some(&directory))).await, Response::Published);
        drop(courier);
        rig.handle.tick().await;
        assert_eq!(alarms(&rig.monitor), (health, names.clone()), "{seats:?}");
        rig = rig.restart().await;
        assert_eq!(alarms(&rig.monitor), (health, names), "{seats:?}");
    }
}

/// It is not the couriers' fault, and no other note would help.
#[tokio::test]
async fn a_seat_that_has_published_nothing_is_not_left_out_by_the_note() {
    let mut rig = opened().await;
    rig.office.add_seat(2);
    let roster = rig.office.sign_roster();
    assert_eq!(rig.client().await.ask(publish_roster(&roster)).await, Response::Published);
    let (note, directory) = (rig.office.note(DAY, genesis()), rig.office.directory(DAY));
    assert_eq!(rig.courier().await.ask(publish_note(note.bytes(), Some(&directory))).await, Response::Published);
    rig.handle.tick().await;
    assert_eq!(alarms(&rig.monitor), (Health::Warning, vec!["seats_lapse"]));
}

#[tokio::test]
async fn a_relay_without_an_office_says_that_nobody_can_send() {
    let rig = Rig::new(|_| {}).await;
    assert_eq!(alarms(&rig.monitor), (Health::Failing, vec!["no_note"]));
}

/// Days that should have passed have not: what should be destroyed is not.
#[tokio::test]
async fn a_clock_that_is_days_behind_is_an_alarm() {
    let rig = opened().await;
    for (behind, doubted) in [(1, false), (2, true), (40, true), (0, false)] {
        rig.clock.set_day(DAY.minus(behind));
        rig.handle.tick().await;
        assert_eq!(alarms(&rig.monitor).1.contains(&"clock_doubted"), doubted, "{behind}");
    }
}

#[tokio::test]
async fn a_clock_that_is_not_believed_is_an_alarm() {
    let rig = opened().await;
    rig.clock.set_day(DAY.plus(100));
    rig.handle.tick().await;
    assert_eq!(alarms(&rig.monitor), (Health::Warning, vec!["clock_doubted"]));
    rig.clock.set_day(DAY);
    rig.handle.tick().await;
    assert_eq!(alarms(&rig.monitor), (Health::Good, vec![]));
}

/// Couriers refuse a relay whose day is not theirs, so its note lapses, which it does not notice by its own day.
#[tokio::test]
async fn a_clock_that_is_not_believed_for_a_day_is_a_failure() {
    for wrong in [DAY.plus(100), DAY.minus(40)] {
        let rig = opened().await;
        rig.clock.set_day(wrong);
        rig.handle.tick().await;
        assert_eq!(alarms(&rig.monitor), (Health::Warning, vec!["clock_doubted"]));
        for hours in [23, 1, 24] {
            rig.clock.advance(Duration::from_secs(hours * 3_600));
            rig.handle.tick().await;
            let health = if hours == 23 { Health::Warning } else { Health::Failing };
            assert_eq!(alarms(&rig.monitor), (health, vec!["clock_doubted"]), "{wrong}, {hours}");
        }
        rig.clock.set_day(DAY);
        rig.handle.tick().await;
        assert_eq!(alarms(&rig.monitor), (Health::Good, vec![]));
    }
}

#[tokio::test]
async fn a_store_that_failed_is_an_alarm_until_the_relay_is_started_again() {
    let rig = opened().await;
    rig.store.failing.store(true, Ordering::Relaxed);
    assert_eq!(rig.client().await.refused(letter(1)).await, ErrorCode::StorageFailed);
    for day in 0..2 {
        rig.handle.tick().await;
        let (health, names) = alarms(&rig.monitor);
        assert!(health == Health::Failing && names.contains(&"store_failed"), "day {day}: {names:?}");
        // Nothing waits to be sealed, so nobody finds out anew.
        rig.clock.advance(A_DAY);
    }
}

/// A disk that hangs reports no error.
#[tokio::test]
async fn a_store_that_does_not_answer_is_an_alarm_until_it_does() {
    let rig = opened().await;
    rig.store.hangs.send_replace(true);
    let meanwhile = async {
        while rig.store.hangs.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
        for minute in 0..4 {
            rig.clock.advance(Duration::from_mins(1));
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert_eq!(alarms(&rig.monitor), (Health::Good, vec![]), "{minute}");
        }
        rig.clock.advance(Duration::from_mins(1));
        while alarms(&rig.monitor).0 == Health::Good {
            tokio::task::yield_now().await;
        }
        assert_eq!(alarms(&rig.monitor), (Health::Failing, vec!["store_hangs"]));
        rig.store.hangs.send_replace(false);
    };
    let both = async { tokio::join!(rig.handle.tick(), meanwhile) };
    tokio::time::timeout(PATIENCE, both).await.unwrap();
    assert_eq!(alarms(&rig.monitor), (Health::Good, vec![]));
}

#[tokio::test]
async fn what_a_start_finds_lost_is_an_alarm_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("store");
    let quotas = Quotas { letters: 9, chunks: 9 };
    let config = JournalConfig { directory: directory.clone(), relay: relay_public_key(), quotas };
    let open = || JournalStore::open(&config, ChaCha20Rng::seed_from_u64(1)).unwrap();
    let clock = Arc::new(ManualClock::new(DAY));
    let rig = Rig::with(Gate::closing(open()), office(), Arc::clone(&clock), |_| {}).await.opened().await;
    assert_eq!(rig.client().await.ask(letter(1)).await, Response::Posted);
    rig.handle.seal().await;
    rig.stop().await;
    let day = day_of_letters(&directory);
    let journal = day.join("journal");
    let whole = std::fs::read(&journal).unwrap();
    let mut alarms = Vec::new();
    // The letter, and two copies of its batch.
    for at in (0..whole.len()).step_by(16_384).filter(|at| whole[*at..][..16_384].iter().any(|byte| *byte != 0)) {
        let mut damaged = whole.clone();
        damaged[at + 70] ^= 1;
        std::fs::write(&journal, damaged).unwrap();
        // As after a crash: it has to look.
        std::fs::remove_file(day.join("index")).unwrap();
        let rig = Rig::with(Gate::closing(open()), office(), Arc::clone(&clock), |_| {}).await;
        alarms.push(rig.monitor.health().1.contains(&"store_damaged"));
        rig.stop().await;
    }
    assert_eq!((alarms.len(), alarms.iter().filter(|alarm| **alarm).count()), (3, 1), "{alarms:?}");
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_an_alarm_and_its_last_tenth_a_warning() {
    let rig = Rig::open_with(|config| config.room = Quotas { letters: 10, chunks: 10 }).await;
    let full = async |kind: &str, post: fn(u64) -> Request| {
        let mut told = Vec::new();
        for seed in 0..10 {
            assert_eq!(rig.client().await.ask(post(seed)).await, Response::Posted);
            rig.handle.tick().await;
            let before = alarms(&rig.monitor);
            rig.handle.seal().await;
            let after = alarms(&rig.monitor);
            assert!(before == after || seed >= 8, "{kind} {seed}");
            told.push(after.1.into_iter().find(|name| name.starts_with(kind)));
        }
        told
    };
    let letters = full("letters", letter).await;
    assert_eq!((letters[7], letters[8], letters[9]), (None, Some("letters_nearly_full"), Some("letters_full")));
    assert_eq!(alarms(&rig.monitor).0, Health::Failing);
    let chunks = full("chunks", |seed| chunk(100 + seed)).await;
    assert_eq!((chunks[7], chunks[8], chunks[9]), (None, Some("chunks_nearly_full"), Some("chunks_full")));
}

/// As operators have it: a real disk, with room for little more than the relay takes at once.
#[tokio::test]
#[ignore = "needs loop-device"]
async fn a_disk_that_is_full_is_an_alarm_and_no_end() {
    let image = Image::of(160 << 20);
    let lines =
        format!("{SEAL_AT_ONCE}metrics_listen = \"127.0.0.1:0\"\ndata = \"{}\"\n", path(&image.disk().join("data")));
    let (folder, mut office, key) = configured(&lines).await;
    let relay = Running::start(folder.path(), &["--log", "info"]).await;
    office.open(|| relay.client(), Head::genesis(letter_genesis(&key))).await;
    let health = async |relay: &Running, has: &str, not: &str| {
        let url = relay.others[0].strip_prefix("http://").unwrap();
        let monitor = url.strip_suffix("/metrics").unwrap().parse().unwrap();
        let told = async {
            loop {
                let health = say(monitor, b"GET /health HTTP/1.1\r\n\r\n").await;
                if health.contains(has) && !health.contains(not) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, told).await.unwrap_or_else(|_| panic!("{has} is not told, or {not} is"));
    };
    health(&relay, "\"disk_nearly_full\"", "disk_full").await;

    let mut client = relay.client().await;
    assert_eq!(client.ask(letter(0)).await, Response::Posted);
    // Something else fills the disk, while letters come.
    let ballast = image.disk().join("ballast");
    let mut file = std::fs::File::create_new(&ballast).unwrap();
    while std::io::Write::write_all(&mut file, &[7; 1 << 16]).is_ok() {}
    health(&relay, "\"disk_full\"", "store_failed").await;
    let mut posted = 1;
    loop {
        match client.ask(letter(posted)).await {
            Response::Posted => posted += 1,
            Response::Error(error) if error.code == ErrorCode::Full => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(posted > 1, "nothing of the space that was taken is used");
    health(&relay, "\"disk_full\"", "store_failed").await;
    drop(client);
    let log = relay.stop("-TERM").await;
    assert_eq!(log.matches("the disk is full: posts are refused").count(), 1, "{log}");

    // A relay starts on such a disk, too, and serves what there is; as it does once there is room.
    let relay = Running::start(folder.path(), &["--log", "info"]).await;
    health(&relay, "\"disk_full\"", "store_failed").await;
    let mut client = relay.client().await;
    assert_eq!(client.refused(letter(posted)).await, ErrorCode::Full);
    assert_eq!(client.ask(letter(0)).await, Response::Posted, "it is there already");
    std::fs::remove_file(ballast).unwrap();
    drop(file);
    health(&relay, "\"disk_nearly_full\"", "disk_full").await;
    assert_eq!(client.ask(letter(posted)).await, Response::Posted);
    relay.stop("-TERM").await;
}

#[tokio::test]
async fn metrics_and_health_are_answered_over_http_and_nothing_else_is() {
    let rig = opened().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve_monitor(listener, rig.monitor.clone()));
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes();

    let metrics = say(address, &get("/metrics")).await;
    assert!(metrics.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"), "{metrics}");
    let (head, body) = metrics.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    assert_eq!(body, rig.monitor.metrics());
    assert_well_formed(body);
    let health = say(address, &get("/health?x=1")).await;
    assert!(
        health.starts_with("HTTP/1.1 200 ") && health.ends_with("{\"alarms\":[],\"health\":\"good\"}\n"),
        "{health}"
    );
    rig.clock.advance(A_DAY * 4);
    rig.handle.tick().await;
    let health = say(address, &get("/health")).await;
    assert!(health.starts_with("HTTP/1.1 503 ") && health.contains("\"note_lapsed\""), "{health}");
    let head = say(address, b"HEAD /metrics HTTP/1.1\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");

    assert!(say(address, &get("/")).await.starts_with("HTTP/1.1 404 "));
    assert!(say(address, b"POST /health HTTP/1.1\r\n\r\n").await.starts_with("HTTP/1.1 405 "));
    assert!(say(address, b"\xff\xfe\r\n\r\n").await.starts_with("HTTP/1.1 405 "));
    assert_eq!(say(address, &[b'x'; 20_000]).await, "");
    assert!(Client::try_connect(address).await.is_none(), "the metrics listener is no relay");
}

#[tokio::test]
async fn who_asks_for_metrics_and_says_nothing_more_does_not_keep_others_waiting_for_long() {
    let rig = opened().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve_monitor(listener, rig.monitor.clone()));
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    assert!(say(address, b"GET /health HTTP/1.1\r\n\r\n").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn the_program_answers_for_itself() {
    let (folder, _, _) = configured("metrics_listen = \"127.0.0.1:0\"\n").await;
    for arguments in [&[][..], &["--json"][..]] {
        let relay = Running::start(folder.path(), arguments).await;
        let url = relay.others[0].strip_prefix("http://").unwrap().strip_suffix("/metrics").unwrap();
        let health = say(url.parse().unwrap(), b"GET /health HTTP/1.1\r\n\r\n").await;
        assert!(health.starts_with("HTTP/1.1 503 ") && health.contains("no_note"), "{health}");
        let log = relay.stop("-TERM").await;
        assert!(log.contains("no note of the office yet"), "{log}");
    }
}

/// Every sample has a name that was described before, and a number (Prometheus's text format).
fn assert_well_formed(metrics: &str) {
    let mut described = "";
    for line in metrics.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            described = name;
        } else if !line.starts_with("# HELP ") {
            let (sample, number) = line.rsplit_once(' ').unwrap();
            assert_eq!(sample.split('{').next().unwrap(), described);
            number.parse::<u64>().unwrap();
        }
    }
}
