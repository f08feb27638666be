//! Links that break, addresses that are dead or lead elsewhere, and when to give up.

use crate::cut::{Limits, Link, messages};
use crate::relay_support::{Rig, some_source};
use crate::{arrived, nobody, patience, send};
use cssr_client::ConnectionError;
use cssr_client::source::{Error, Event, Patience};
use cssr_client::transport::Dialer;
use cssr_client::visit::{Doubt, VisitError};
use cssr_proto::keys::RelaySecretKey;
use cssr_proto::{Address, TrustError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn address(port: u16) -> Address {
    format!("ws://127.0.0.1:{port}").parse().unwrap()
}

fn pauses(events: &[Event]) -> Vec<u128> {
    let pause = |event: &Event| match event {
        Event::Pausing(pause) => Some(pause.as_millis()),
        _ => None,
    };
    events.iter().filter_map(pause).collect()
}

fn attempts(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Attempt(_))).count()
}

/// A port where something else than a relay answers.
async fn something_else() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1_024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    port
}

/// A relay whose key does not stand in the roster that it serves.
async fn impostor() -> Rig {
    Rig::open_with(|config| config.key = RelaySecretKey::from_bytes([99; 32])).await
}

/// In the middle of every message of either direction: the upgrade, the handshake, directory and note, the index, and
/// post and group of each round.
#[tokio::test]
async fn a_visit_that_is_cut_anywhere_is_made_again_whole_and_leaves_each_letter_once() {
    let rig = Rig::open().await;
    let link = Link::before(rig.port).await;
    let keys = some_source();
    let visit = async |text: &str| {
        let (outcome, events) =
            send(&rig, (&keys, text), &[address(link.port)], &Dialer::default(), &patience(2)).await;
        assert_eq!(outcome.unwrap().sent[0].stored, Ok(()), "{text}");
        events
    };
    visit("uncut").await;
    let whole = link.passed(1).await.remove(0);
    let up = messages(&whole.up).into_iter().map(|m| Limits { up: m.start.midpoint(m.end), ..Limits::NONE });
    let down = messages(&whole.down).into_iter().map(|m| Limits { down: m.start.midpoint(m.end), ..Limits::NONE });
    // The last message of each direction is the goodbye, after which nothing can go wrong any more.
    let goodbyes = [up.len() - 1, up.len() + down.len() - 1];
    let cuts: Vec<_> = up.chain(down).enumerate().filter(|(n, _)| !goodbyes.contains(n)).collect();
    assert!(cuts.len() > 40, "{}", cuts.len());

    let mut texts = vec!["uncut".to_owned()];
    for (n, limits) in cuts {
        let text = format!("cut {n}: {limits:?}");
        link.cut_next(limits);
        let events = visit(&text).await;
        assert_eq!((attempts(&events), pauses(&events)), (2, vec![1]), "{text}");
        let passed = link.passed(2).await;
        assert!(passed[0].up.len() < whole.up.len(), "{text}");
        assert_eq!(passed[1].up.len(), whole.up.len(), "the second attempt is no whole visit: {text}");
        texts.push(text);
    }
    texts.sort_unstable();
    let covers = texts.len();
    // Sealed once and posted once or twice: had a letter another id the second time, both would be here.
    assert_eq!(arrived(&rig).await, (texts, covers));
}

#[tokio::test]
async fn the_second_address_is_used_at_once_when_the_first_is_dead() {
    let rig = Rig::open().await;
    let addresses = [address(nobody().await), address(something_else().await), rig.address()];
    // Fewer attempts than addresses: each is tried once all the same.
    let (outcome, events) = send(&rig, (&some_source(), "text"), &addresses, &Dialer::default(), &patience(1)).await;
    assert_eq!(outcome.unwrap().sent[0].stored, Ok(()));
    assert_eq!((attempts(&events), pauses(&events)), (3, vec![]));
    assert_eq!(arrived(&rig).await.0, ["text"]);
}

#[tokio::test]
async fn pauses_grow_to_their_limit_and_attempts_end() {
    let rig = Rig::open().await;
    let addresses = [address(nobody().await)];
    let (outcome, events) = send(&rig, (&some_source(), "text"), &addresses, &Dialer::default(), &patience(6)).await;
    assert_eq!((attempts(&events), pauses(&events)), (6, vec![1, 2, 4, 4, 4]));
    assert!(matches!(outcome.unwrap_err(), Error::Connection(ConnectionError::Dial(_))));
}

#[tokio::test]
async fn giving_up_names_what_happened_last() {
    let rig = Rig::open().await;
    let (dead, other) = (address(nobody().await), address(something_else().await));
    for (addresses, word) in [([&other, &dead], "refused"), ([&dead, &other], "404")] {
        let addresses = addresses.map(Address::clone);
        let (outcome, events) =
            send(&rig, (&some_source(), "text"), &addresses, &Dialer::default(), &patience(4)).await;
        assert_eq!((attempts(&events), pauses(&events)), (4, vec![1]));
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[tokio::test]
async fn a_relay_that_falls_silent_is_given_up() {
    let rig = Rig::open().await;
    // The upgrade works; then nothing comes through, and nothing is closed.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = address(listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.push(tokio_tungstenite::accept_async(stream).await.unwrap());
        }
    });
    let patience = Patience { silence: Duration::from_millis(50), ..patience(2) };
    let addresses = [silent];
    let (outcome, _) = send(&rig, (&some_source(), "text"), &addresses, &Dialer::default(), &patience).await;
    assert!(matches!(outcome, Err(Error::Connection(ConnectionError::Silent(_)))), "{outcome:?}");

    let patience = Patience { attempt: Duration::from_millis(50), silence: Duration::from_secs(60), ..patience };
    let (outcome, _) = send(&rig, (&some_source(), "text"), &addresses, &Dialer::default(), &patience).await;
    assert!(matches!(outcome, Err(Error::TooSlow(_))), "{outcome:?}");
}

#[tokio::test]
async fn an_address_that_leads_to_an_impostor_keeps_nobody_from_the_relay() {
    let (rig, impostor) = (Rig::open().await, impostor().await);
    let addresses = [address(impostor.port), rig.address()];
    let (outcome, events) = send(&rig, (&some_source(), "text"), &addresses, &Dialer::default(), &patience(6)).await;
    let report = outcome.unwrap();
    assert!(matches!(&report.doubts[..], [Doubt::OtherRelay(what)] if what.contains("relay")), "{report:?}");
    assert_eq!((attempts(&events), pauses(&events)), (2, vec![]));
    assert_eq!(arrived(&rig).await.0, ["text"]);
    assert_eq!(arrived(&impostor).await, (vec![], 0));
}

#[tokio::test]
async fn an_impostor_is_what_a_person_is_told_of_when_nothing_else_works() {
    let (rig, impostor) = (Rig::open().await, impostor().await);
    let addresses = [address(nobody().await), address(impostor.port)];
    let (outcome, events) = send(&rig, (&some_source(), "text"), &addresses, &Dialer::default(), &patience(4)).await;
    assert!(matches!(outcome, Err(Error::Visit(VisitError::Trust(TrustError::WrongRelayKey)))), "{outcome:?}");
    // The dead address gets all attempts that are left, the impostor none.
    let connected = events.iter().filter(|event| matches!(event, Event::Connected)).count();
    assert_eq!((attempts(&events), connected), (4, 1));
}
