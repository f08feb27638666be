use crate::Outcome;
use crate::case::{Case, Value};
use cssr_proto::frame::{EnvelopeKind, Frame};
use cssr_proto::publication::Publication;
use cssr_proto::request::{NextBatches, Request, RequestReader};
use cssr_proto::sizes::PUBLICATION_MAX;
use cssr_proto::wire_error::ErrorCode;

pub fn request(case: &Case) -> Outcome {
    let frames: Vec<Frame> =
        case.all("frame").iter().map(|frame| crate::frame::read(&frame.bytes()).unwrap()).collect();
    let mut reader = RequestReader::new(PUBLICATION_MAX);
    let mut read = None;
    for frame in &frames {
        assert!(read.is_none(), "{}: frames after the end", case.path());
        read = reader.push(frame.clone()).map_err(|refused| {
            assert_eq!(refused.request, frame.head().request);
            match refused.error.code {
                ErrorCode::Malformed => "malformed",
                ErrorCode::UnknownRequest => "unknown-request",
                other => panic!("{other}"),
            }
        })?;
    }
    let (number, request) = read.unwrap();
    case.expect("kind", request.kind().to_string());
    case.expect("request", u32::from(number));
    check(case, &request);
    assert!(request.into_frames(number) == frames, "{}: written again, it is another", case.path());
    Ok(())
}

fn check(case: &Case, request: &Request) {
    match request {
        Request::Directory | Request::Note | Request::Statements | Request::Notes => (),
        Request::Index(day) => case.expect("day", day.0),
        Request::Group(group) => {
            case.expect("day", group.day.0);
            case.expect("group", group.number);
        }
        Request::Post(post) => {
            case.expect("id", post.id().as_bytes());
            case.expect("envelope-kind", u32::from(EnvelopeKind::byte(post.kind())));
            case.expect("burn-hash", post.burn_hash());
            case.expect("effort", post.postage().effort);
            case.expect("nonce", post.postage().nonce);
            case.expect("solution", post.postage().solution);
            case.expect("envelope", post.envelope());
        }
        Request::Have(ids) => case.expect_all("id", ids.iter().map(|id| id.0)),
        Request::Fetch(id) => case.expect("id", id.as_bytes()),
        Request::Burn { id, key } => {
            case.expect("id", id.as_bytes());
            case.expect("burn", key);
        }
        Request::Publish(publication) => {
            case.expect("publication", Publication::to_bytes(publication));
        }
        Request::Courier { courier, signature } => {
            case.expect("courier", courier.get());
            case.expect("signature", signature);
        }
        Request::Drain(NextBatches { letters, chunks }) | Request::Watch(NextBatches { letters, chunks }) => {
            case.expect("letter-batch", Value::Number(*letters));
            case.expect("chunk-batch", Value::Number(*chunks));
        }
        Request::DirectoryByHash(hash) => case.expect("hash", hash.as_bytes()),
        other => panic!("{other:?}"),
    }
}
