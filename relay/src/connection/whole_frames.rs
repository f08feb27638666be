//! A message is a single WebSocket frame (protocol, section 11); the library would put one together from any number of them.

use std::io::{self, Cursor, ErrorKind};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// The longest header (RFC 6455, section 5.2): two bytes, a length of eight, a mask of four.
const HEADER_MAX: usize = 14;

/// What it is that is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame that is no whole message")]
pub(super) struct PartOfMessage;

/// What looks at WebSocket frames as they are read, in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct WholeFrames {
    /// The beginning of a header.
    header: Vec<u8>,
    /// What is to come of the frame that the last header was of.
    left: u64,
}

impl WholeFrames {
    /// Looks at the next piece. An error with [`PartOfMessage`] if a frame begins in it that is no whole message.
    pub(super) fn look(&mut self, mut read: &[u8]) -> io::Result<()> {
        while !read.is_empty() {
            let content = usize::try_from(self.left).unwrap_or(usize::MAX).min(read.len());
            self.left -= content as u64;
            read = read.get(content..).unwrap_or_default();
            read = self.look_at_header(read)?;
        }
        Ok(())
    }

    /// Looks at what may be a header, or a part of one; gives what comes after it.
    fn look_at_header<'a>(&mut self, read: &'a [u8]) -> io::Result<&'a [u8]> {
        let known = self.header.len();
        self.header.extend(read.iter().take(HEADER_MAX - known));
        let mut cursor = Cursor::new(&self.header);
        let Some((header, length)) = FrameHeader::parse(&mut cursor).map_err(|_| not_whole())? else {
            return Ok(read.get(self.header.len() - known..).unwrap_or_default());
        };
        let ended = usize::try_from(cursor.position()).unwrap_or_default();
        if !header.is_final || header.opcode == OpCode::Data(Data::Continue) {
            return Err(not_whole());
        }
        self.left = length;
        self.header.clear();
        Ok(read.get(ended.saturating_sub(known)..).unwrap_or_default())
    }
}

fn not_whole() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, PartOfMessage)
}

/// Whether it was that which an error tells of.
pub(super) fn is_part_of_message(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<PartOfMessage>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cssr_proto::sizes::LARGE_WIRE;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::Control;

    fn frame(length: usize, opcode: OpCode, is_final: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mask = Some([1, 2, 3, 4]);
        let header = FrameHeader { is_final, opcode, mask, ..FrameHeader::default() };
        header.format(length as u64, &mut bytes).unwrap();
        bytes.resize(bytes.len() + length, 0xff);
        bytes
    }

    const BINARY: OpCode = OpCode::Data(Data::Binary);

    /// Looks at it in pieces of a size.
    fn look(bytes: &[u8], piece: usize) -> io::Result<()> {
        let mut frames = WholeFrames::default();
        bytes.chunks(piece).try_for_each(|piece| frames.look(piece))
    }

    #[test]
    fn whole_frames_of_every_length_go_through_in_pieces_of_every_size() {
        let lengths = [0, 1, 125, 126, 127, LARGE_WIRE, 1 << 16, 70_000];
        let mut bytes: Vec<u8> = lengths.into_iter().flat_map(|length| frame(length, BINARY, true)).collect();
        bytes.extend(frame(0, OpCode::Control(Control::Ping), true));
        bytes.extend(frame(5, OpCode::Control(Control::Close), true));
        for piece in [1, 2, 3, 7, 13, 14, 15, 2_048, 1 << 20] {
            assert!(look(&bytes, piece).is_ok(), "{piece}");
        }
    }

    #[test]
    fn a_part_of_a_message_is_an_error_wherever_it_comes() {
        let parts = [frame(9, BINARY, false), frame(0, BINARY, false), frame(9, OpCode::Data(Data::Continue), true)];
        for (part, piece) in parts.iter().flat_map(|part| [1, 5, 4_096].map(|piece| (part, piece))) {
            for before in [vec![], frame(3, BINARY, true), frame(200, BINARY, true)] {
                let error = look(&[before.as_slice(), part].concat(), piece).unwrap_err();
                assert!(is_part_of_message(&error));
                assert!(look(&before, piece).is_ok());
            }
        }
    }
}
