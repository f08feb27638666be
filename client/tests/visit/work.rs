//! A relay that asks for work before it takes letters.

use crate::recorder::Recorder;
use crate::relay_support::{Rig, draft, rng, some_source, text_of};
use cssr_client::source::{self, Error, Event, Patience};
use cssr_client::transport::Dialer;
use cssr_client::visit::{Report, VisitError};
use cssr_proto::Address;
use cssr_proto::postage::LETTER_EFFORT_MAX;
use cssr_relay::Efforts;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

async fn asking_for(effort: u32) -> Rig {
    Rig::open_with(|config| config.postage.letters = Efforts::fixed(effort)).await
}

async fn visit(rig: &Rig, port: u16, text: Option<&str>, tell: impl FnMut(Event)) -> Result<Report, Error> {
    let address: Address = format!("ws://127.0.0.1:{port}").parse().unwrap();
    let plan = rig.plan(&some_source(), text.map(draft).into_iter().collect());
    let patience = Patience { attempts: 1, ..Patience::default() };
    let visit = source::visit(plan, &[address], &Dialer::default(), &patience, &mut rng(), tell).await;
    visit.map_err(|failure| failure.error)
}

#[tokio::test]
async fn letters_and_covers_are_paid_for_alike_and_before_the_first_round() {
    let rig = asking_for(3).await;
    let recorder = Recorder::before(rig.port).await;
    for text in [None, Some("text"), None, Some("another, longer text")] {
        let mut events = Vec::new();
        let report = visit(&rig, recorder.port, text, |event| events.push(event)).await.unwrap();
        assert!(report.sent.iter().all(|delivery| delivery.stored == Ok(())), "{report:?}");
        let at = |event| events.iter().position(|other| *other == event).unwrap();
        let (begun, done) = (at(Event::Working { done: 0, letters: 2 }), at(Event::Working { done: 2, letters: 2 }));
        let large = cssr_proto::sizes::LARGE_WIRE as u64;
        let sent = events.iter().map(|event| if let Event::Traffic { sent, .. } = event { *sent } else { 0 });
        let sent: Vec<u64> = sent.collect();
        assert!(sent[..begun].iter().all(|sent| *sent < large), "a letter was posted before the work");
        assert!(sent[begun..done].iter().all(|sent| *sent == 0), "{events:?}");
    }
    rig.handle.seal().await;
    // The relay takes nothing unpaid, so the covers have been paid for, too.
    let opened = rig.open_as(0, &rig.letters().await);
    let texts: Vec<_> = opened.iter().flatten().map(text_of).collect();
    assert_eq!((texts.len(), opened.len()), (2, 8), "{texts:?}");
    let shapes = recorder.shapes();
    assert!(shapes.len() >= 3 && shapes.iter().all(|shape| *shape == shapes[0]), "{shapes:?}");
}

/// The relay asks every 50 ms whether the client is there, and drops who does not answer for half a second.
#[tokio::test]
async fn a_session_lives_while_its_work_is_done_and_nothing_else_waits() {
    let rig = Rig::open_with(|config| {
        config.postage.letters = Efforts::fixed(30);
        config.limits.ping_interval = Duration::from_millis(50);
        config.limits.silence_timeout = Duration::from_millis(500);
    })
    .await;
    // Something else on the client's only thread.
    let turns = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&turns);
    let other = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(1));
        loop {
            ticks.tick().await;
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    let mut meanwhile = Vec::new();
    let tell = |event| {
        if let Event::Working { .. } = event {
            meanwhile.push(turns.load(Ordering::Relaxed));
        }
    };
    let report = visit(&rig, rig.port, Some("text"), tell).await.unwrap();
    other.abort();
    assert_eq!(report.sent[0].stored, Ok(()));
    assert!(meanwhile.last().unwrap() - meanwhile[0] > 10, "{meanwhile:?}");
}

#[tokio::test]
async fn a_relay_that_asks_for_too_much_is_named_and_not_worked_for() {
    for effort in [LETTER_EFFORT_MAX + 1, u32::MAX] {
        let rig = asking_for(effort).await;
        let mut worked = false;
        let tell = |event| worked |= matches!(event, Event::Working { .. });
        let error = visit(&rig, rig.port, Some("text"), tell).await.unwrap_err();
        assert!(matches!(error, Error::Visit(VisitError::TooMuchWork(asked)) if asked == effort), "{error}");
        let (error, limit) = (error.to_string(), LETTER_EFFORT_MAX.to_string());
        assert!(error.contains(&effort.to_string()) && error.contains(&limit) && !worked, "{error}");
        rig.handle.seal().await;
        assert!(rig.letters().await.is_empty());
    }
}
