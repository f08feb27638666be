//! What a visit's outcome is held against: what the relay really has, and what its letters really say.

use cssr_client::ConnectionError;
use cssr_client::link::LinkError;
use cssr_client::source::{Error, Failure};
use cssr_client::transport::DialError;
use cssr_client::visit::{Report, VisitError};
use cssr_proto::letter::{Author, Sealed};
use cssr_proto::message::Message;
use cssr_proto::session::SessionError;
use cssr_tests::honest::Honest;
use cssr_tests::office::SEATS;
use cssr_tests::people::{Source, calm, visit};

use crate::manipulator::{Manipulator, Session};

/// A relay that holds a testimony of a source and a seat's reply to it, and the session in which that came about.
pub struct Scene {
    pub relay: Honest,
    pub source: Source,
    pub earlier: Session,
    reply: Sealed,
}

/// What the source sent and was told earlier.
pub const BEFORE: &str = include_str!("../../testdata/testimony.kmr.txt");
pub const REPLY: &str = include_str!("../../testdata/reply.mixed.txt");
/// What it sends in the visit that is attacked.
pub const TEXT: &str = include_str!("../../testdata/testimony.ar.txt");

/// How a visit that failed says what went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection could not be made, or was closed or broken.
    Gone,
    /// Nothing came for too long.
    Silent,
    /// Something else than frames came.
    NotAFrame,
    /// The handshake failed.
    Handshake,
    /// A message was changed, or is none of this session or none in this place.
    Unreadable,
}

/// What a failure says; anything else than the network's faults is a defect here, where the relay is honest.
pub fn fault(failure: &Failure) -> Fault {
    let fault = match &failure.error {
        Error::Connection(ConnectionError::Dial(DialError::Timeout(_)) | ConnectionError::Silent(_)) => Fault::Silent,
        Error::Connection(ConnectionError::Dial(DialError::NotWebSocket(_) | DialError::Unreachable(_))) => Fault::Gone,
        Error::Connection(ConnectionError::Broken(_) | ConnectionError::Closed) => Fault::Gone,
        Error::Connection(ConnectionError::NotAFrame) => Fault::NotAFrame,
        Error::Visit(VisitError::Link(LinkError::Session(SessionError::Handshake))) => Fault::Handshake,
        Error::Visit(VisitError::Link(LinkError::Session(SessionError::Unreadable))) => Fault::Unreadable,
        other => panic!("no fault of the network: {other:?}"),
    };
    assert!(failure.to_string().len() > 10, "it says what went wrong");
    assert!(failure.plan.is_some(), "the letters are not lost");
    fault
}

impl Scene {
    pub async fn set(seed: u64) -> Self {
        let (mut relay, source) = (Honest::open(seed as u8).await, Source(seed));
        let manipulator = Manipulator::listening(relay.port).await;
        let card = relay.office.card(relay.port);
        let report = visit(source.plan(&card, Some(BEFORE)), manipulator.port, &calm(), seed).await.unwrap();
        assert_eq!(report.sent[0].stored, Ok(()));
        let reply = relay.reply_to(source, REPLY).await;
        relay.seal().await;
        let earlier = manipulator.sessions().pop().unwrap();
        Self { relay, source, earlier, reply }
    }

    /// Holds the outcome of a visit that was to send [`TEXT`] against the truth; tells whether it succeeded.
    pub async fn judge(&self, outcome: &Result<Report, Box<Failure>>) -> Option<Fault> {
        let letters: Vec<Sealed> = self.relay.held(1).await.into_iter().flat_map(|(_, letters)| letters).collect();
        for n in SEATS {
            let (key, _) = self.source.contact();
            let mut texts = Vec::new();
            for letter in &letters {
                let opened = self.relay.office.open(n, &letter.id, &letter.envelope).unwrap();
                match opened.message {
                    Message::Testimony(testimony) => {
                        assert_eq!(opened.author, Author::Source { key });
                        texts.push((letter.name(), testimony.text.as_str().to_owned()));
                    }
                    Message::Reply(reply) => assert_eq!((letter, reply.text.as_str()), (&self.reply, REPLY)),
                    Message::Cover => {}
                    _ => panic!("nobody sent this"),
                }
            }
            assert_eq!(texts.iter().filter(|(_, text)| text == BEFORE).count(), 1);
            let sent: Vec<_> = texts.iter().filter(|(_, text)| text == TEXT).collect();
            assert_eq!(texts.len(), sent.len() + 1, "a text that nobody wrote");
            assert!(sent.len() <= 1, "one letter, however often it is posted");
            if let Ok(report) = outcome {
                assert_eq!(report.sent.len(), 1);
                assert_eq!(report.sent[0].stored, Ok(()));
                assert_eq!(sent[0].0, report.sent[0].name);
            }
        }
        let Ok(report) = outcome else { return outcome.as_ref().err().map(|failure| fault(failure)) };
        let replies: Vec<_> = report.replies.iter().map(|reply| reply.text.as_deref()).collect();
        assert_eq!(replies, [Some(REPLY)]);
        assert_eq!((report.doubts.as_slice(), report.gaps.as_slice(), report.unfetched), (&[][..], &[][..], 0));
        None
    }
}
