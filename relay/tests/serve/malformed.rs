//! Peers that do not speak the protocol.

use crate::client::{Client, letter, websocket};
use crate::office::DAY;
use crate::rig::Rig;
use cssr_proto::frame::{EnvelopeKind, Fields, Frame, Head};
use cssr_proto::postage::Postage;
use cssr_proto::request::Request;
use cssr_proto::response::Response;
use cssr_proto::sizes::{HANDSHAKE, LARGE_WIRE, SEAT_PUBLICATION_MAX, SMALL_WIRE};
use cssr_proto::wire_error::{ErrorCode, WireError};
use cssr_proto::{EnvelopeId, Hash};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

/// Another client is served after all that.
async fn still_serves(rig: &Rig) {
    assert!(matches!(rig.client().await.ask(Request::Note).await, Response::Note(_)));
}

/// Sends a message into an established session; the connection must end without an answer.
async fn ends_after(rig: &Rig, message: Message) {
    let mut client = rig.client().await;
    // The relay may be faster in ending than we in writing.
    let _ = client.socket.send(message).await;
    client.ends().await;
}

#[tokio::test]
async fn frames_that_break_the_protocol_are_answered_with_malformed_and_the_end() {
    let rig = Rig::open().await;
    let small = |kind, payload: &[u8]| Frame::small(Head::single(kind, 9), payload).unwrap();
    let large = |kind, fields: &Fields, payload: &[u8]| Frame::large(Head::single(kind, 9), fields, payload).unwrap();
    let part = |kind, part, parts| Frame::small(Head { kind, request: 9, part, parts }, &[]).unwrap();
    let letter = Fields { id: EnvelopeId([1; 16]), kind: Some(EnvelopeKind::Letter), ..Fields::NONE };
    let frames = [
        small(0x01, &[1]),
        small(0x03, &[]),
        small(0x03, &[0, 0, 0, 3]),
        small(0x04, &[0; 7]),
        small(0x05, &[]),
        small(0x06, &[]),
        small(0x06, &[1; 17]),
        small(0x07, &[1; 15]),
        small(0x08, &[1; 47]),
        small(0x09, &[0x82]),
        small(0x0c, &[1; 64]),
        small(0x0d, &[1; 15]),
        small(0x0f, &[1; 33]),
        part(0x02, 0, 2),
        part(0x02, 1, 2),
        part(0x33, 0, 2),
        large(0x02, &Fields::NONE, &[]),
        large(0x05, &letter, &[1; 16_255]),
        large(0x05, &Fields { kind: None, ..letter }, &[1; 16_256]),
        large(0x05, &Fields { present: true, ..letter }, &[1; 16_256]),
        large(0x05, &Fields { burn_hash: [1; 32], ..letter }, &[1; 16_256]),
        large(0x09, &letter, &[0x82]),
        large(0x09, &Fields::NONE, &[0x82]),
        large(0x09, &Fields { postage: Postage { effort: 1, ..Postage::FREE }, ..Fields::NONE }, &[0x82]),
    ];
    for (number, frame) in frames.iter().enumerate() {
        let mut client = rig.client().await;
        client.send_frame(frame).await;
        let answer = client.frame().await.unwrap();
        assert_eq!(answer, WireError::new(ErrorCode::Malformed).frame(9), "frame {number}");
        client.ends().await;
    }
    still_serves(&rig).await;
}

#[tokio::test]
async fn a_publication_larger_than_allowed_or_interrupted_ends_the_session() {
    let rig = Rig::open().await;
    let part = |part, parts| {
        let head = Head { kind: 0x09, request: 4, part, parts };
        Frame::large(head, &Fields::NONE, &[0; 16_256]).unwrap()
    };
    let too_many = (SEAT_PUBLICATION_MAX / 16_256 + 2) as u32;
    let other = Frame::small(Head::single(0x02, 4), &[]).unwrap();
    for frames in [vec![part(0, too_many)], vec![part(1, 3)], vec![part(0, 3), other], vec![part(0, 3), part(0, 3)]] {
        let mut client = rig.client().await;
        for frame in &frames {
            client.send_frame(frame).await;
        }
        assert_eq!(client.frame().await.unwrap(), WireError::new(ErrorCode::Malformed).frame(4));
        client.ends().await;
    }
    still_serves(&rig).await;
}

#[tokio::test]
async fn messages_that_are_no_part_of_the_session_end_it_without_a_word() {
    let rig = Rig::open().await;
    for size in [0, 1, SMALL_WIRE, SMALL_WIRE - 1, HANDSHAKE, LARGE_WIRE, LARGE_WIRE + 1, 100_000] {
        ends_after(&rig, Message::Binary(vec![7; size].into())).await;
    }
    ends_after(&rig, Message::Text("directory".into())).await;
    still_serves(&rig).await;
}

#[tokio::test]
async fn a_message_that_was_recorded_is_not_taken_twice() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    let frame = letter(1).into_frames(0).remove(0);
    let message = client.session.seal(&frame).unwrap();
    for _ in 0..2 {
        client.socket.send(Message::Binary(message.clone().into())).await.unwrap();
    }
    // What came before the replay was begun; whether its answer is still sent does not matter.
    while client.frame().await.is_some() {}
    assert!(*rig.store.puts.borrow() <= 1);
}

#[tokio::test]
async fn handshakes_that_fail_end_the_connection() {
    let rig = Rig::open().await;
    for message in [vec![], vec![0; HANDSHAKE], vec![0xff; HANDSHAKE], vec![1; HANDSHAKE - 1], vec![1; HANDSHAKE + 1]] {
        let mut socket = websocket(rig.address).await;
        socket.send(Message::Binary(message.into())).await.unwrap();
        assert!(!matches!(socket.next().await, Some(Ok(Message::Binary(_)))));
    }
    let mut socket = websocket(rig.address).await;
    socket.send(Message::Text("hello".into())).await.unwrap();
    assert!(!matches!(socket.next().await, Some(Ok(Message::Binary(_) | Message::Text(_)))));
    still_serves(&rig).await;
}

#[tokio::test]
async fn only_a_websocket_at_the_root_is_served() {
    let rig = Rig::open().await;
    let upgrade = |path: &str, connection: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
    };
    for (request, accepted) in [
        (upgrade("/", "Upgrade"), true),
        (upgrade("/admin", "Upgrade"), false),
        (upgrade("/", "close"), false),
        ("POST / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), false),
        ("\u{16}\u{3}\u{1}nonsense\r\n\r\n".to_owned(), false),
    ] {
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        let answered = stream.read_exact(&mut answer).await.is_ok();
        assert_eq!(answered && &answer == b"HTTP/1.1 101", accepted, "{request}");
    }
    still_serves(&rig).await;
}

#[tokio::test]
async fn pings_are_answered_and_disturb_nothing() {
    let rig = Rig::open().await;
    let mut client = rig.client().await;
    client.socket.send(Message::Ping(vec![1, 2].into())).await.unwrap();
    assert!(matches!(client.socket.next().await, Some(Ok(Message::Pong(payload))) if payload[..] == [1, 2]));
    assert!(matches!(client.ask(Request::DirectoryByHash(Hash([0; 32]))).await, Response::DirectoryByHash(None)));
}

#[tokio::test]
async fn a_peer_that_goes_away_in_the_middle_leaves_nothing_behind() {
    let rig = Rig::open().await;
    for _ in 0..20 {
        let mut client: Client = rig.client().await;
        let frames = letter(5).into_frames(0);
        let message = client.session.seal(&frames[0]).unwrap();
        // The beginning of a masked binary frame of 16,400 bytes.
        let mut start = vec![0x82, 0xfe, 0x40, 0x10, 0, 0, 0, 0];
        start.extend_from_slice(&message[..5_000]);
        client.socket.get_mut().write_all(&start).await.unwrap();
    }
    assert_eq!(rig.client().await.ask(Request::Index(DAY)).await, Response::Index(Default::default()));
    assert_eq!(*rig.store.puts.borrow(), 0);
}
