use crate::Outcome;
use crate::case::Case;
use cssr_proto::EnvelopeId;
use cssr_proto::postage::{Challenge, Postage};
use cssr_proto::session::HandshakeHash;

pub fn postage(case: &Case) -> Outcome {
    let session: [u8; 32] = case.given("handshake-hash").array();
    let (id, posted) = (case.given("id").optional(), case.given("chunks-posted").optional());
    let hash = HandshakeHash::from_bytes(session);
    let (challenge, bytes) = match (id, posted) {
        (Some(id), None) => {
            let id: [u8; 16] = id.array();
            (Challenge::letter(&hash, &EnvelopeId(id)), [&b"\x14cssr1 letter postage"[..], &session, &id].concat())
        }
        (None, Some(posted)) => {
            let posted = posted.number();
            let part = (posted / 64).to_be_bytes();
            (Challenge::chunk(&hash, posted).unwrap(), [&b"\x13cssr1 chunk postage"[..], &session, &part].concat())
        }
        _ => panic!("{}: one of the two", case.path()),
    };
    let announced = case.given("announced-effort").small();
    let effort = case.given("effort").small();
    let postage = Postage { effort, nonce: case.given("nonce").array(), solution: case.given("solution").array() };
    challenge.verify(announced, &postage).map_err(|_| "postage")?;
    let seed = [&bytes[..], &postage.nonce, &effort.to_be_bytes()].concat();
    assert!(effort == 0 || equix::verify_bytes(&seed, &postage.solution).is_ok());
    case.expect("seed", (effort > 0).then_some(seed));
    Ok(())
}
