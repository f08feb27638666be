//! A message is a single WebSocket frame (protocol, section 11); the library would put one together from any number of them.

use std::io::{self, Cursor, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// The longest header (RFC 6455, section 5.2): two bytes, a length of eight, a mask of four.
const HEADER_MAX: usize = 14;

/// What reading ends with where a frame is a part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame that is no whole message")]
pub(super) struct PartOfMessage;

/// A stream that is WebSocket frames from some moment on. Reading ends with [`PartOfMessage`] where there is one.
pub(super) struct WholeFrames<T> {
    stream: T,
    /// Nothing is looked at before it is WebSocket.
    upgraded: bool,
    /// The beginning of a header.
    header: Vec<u8>,
    /// What is to come of the frame that the last header was of.
    left: u64,
}

impl<T> WholeFrames<T> {
    pub(super) const fn new(stream: T) -> Self {
        Self { stream, upgraded: false, header: Vec::new(), left: 0 }
    }

    /// What is read from now on is frames.
    pub(super) const fn upgraded(&mut self) {
        self.upgraded = true;
    }

    pub(super) const fn get_mut(&mut self) -> &mut T {
        &mut self.stream
    }

    /// Looks at what was read.
    fn look(&mut self, mut read: &[u8]) -> io::Result<()> {
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

impl<T: AsyncRead + Unpin> AsyncRead for WholeFrames<T> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = to.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, to))?;
        if this.upgraded {
            this.look(to.filled().get(before..).unwrap_or_default())?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for WholeFrames<T> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, from)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cssr_proto::sizes::LARGE_WIRE;
    use tokio::io::AsyncReadExt as _;
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

    /// Reads in pieces of a size; gives what was read, and how it ended.
    async fn read(bytes: &[u8], piece: usize) -> (Vec<u8>, io::Result<()>) {
        let mut stream = WholeFrames::new(bytes);
        stream.upgraded();
        let (mut got, mut room) = (Vec::new(), vec![0; piece]);
        loop {
            match stream.read(&mut room).await {
                Ok(0) => return (got, Ok(())),
                Ok(read) => got.extend_from_slice(&room[..read]),
                Err(error) => return (got, Err(error)),
            }
        }
    }

    #[tokio::test]
    async fn whole_frames_of_every_length_go_through_in_pieces_of_every_size() {
        let lengths = [0, 1, 125, 126, 127, LARGE_WIRE, 1 << 16, 70_000];
        let mut bytes: Vec<u8> = lengths.into_iter().flat_map(|length| frame(length, BINARY, true)).collect();
        bytes.extend(frame(0, OpCode::Control(Control::Ping), true));
        bytes.extend(frame(5, OpCode::Control(Control::Close), true));
        for piece in [1, 2, 3, 7, 13, 14, 15, 2_048, 1 << 20] {
            let (got, ended) = read(&bytes, piece).await;
            assert!(got == bytes && ended.is_ok(), "{piece}");
        }
    }

    #[tokio::test]
    async fn a_part_of_a_message_is_an_error_wherever_it_comes() {
        let parts = [frame(9, BINARY, false), frame(0, BINARY, false), frame(9, OpCode::Data(Data::Continue), true)];
        for (part, piece) in parts.iter().flat_map(|part| [1, 5, 4_096].map(|piece| (part, piece))) {
            for before in [vec![], frame(3, BINARY, true), frame(200, BINARY, true)] {
                let (got, ended) = read(&[before.as_slice(), part].concat(), piece).await;
                assert!(is_part_of_message(&ended.unwrap_err()));
                assert!(got.len() <= before.len() + HEADER_MAX);
            }
        }
    }

    #[tokio::test]
    async fn what_comes_before_the_upgrade_is_not_looked_at() {
        let mut stream = WholeFrames::new(b"\x00\x00 GET / HTTP/1.1".as_slice());
        let mut got = Vec::new();
        stream.read_to_end(&mut got).await.unwrap();
        assert_eq!(got.len(), 17);
    }
}
