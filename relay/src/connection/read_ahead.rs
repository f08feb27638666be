//! Reading what is large from the system at once, for a library that reads in small pieces.

use super::whole_frames::WholeFrames;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// A stream that, when a read has filled what it was given, next reads up to `most` bytes, and gives them out in pieces of any
/// size. It holds memory only for what was read and not given out.
pub(super) struct ReadAhead<T> {
    stream: T,
    most: usize,
    /// The last read was filled: there may be more.
    filled: bool,
    /// What was read; what was not given out of it begins at `given`.
    ahead: Vec<u8>,
    given: usize,
    /// What looks at what is given out, once that is frames.
    frames: Option<WholeFrames>,
}

impl<T> ReadAhead<T> {
    pub(super) const fn new(stream: T, most: usize) -> Self {
        Self { stream, most, filled: false, ahead: Vec::new(), given: 0, frames: None }
    }

    /// What is given out from now on is WebSocket frames. A part of a message is an error.
    pub(super) fn upgraded(&mut self) {
        self.frames = Some(WholeFrames::default());
    }

    /// Gives out what fits.
    fn give(&mut self, to: &mut ReadBuf<'_>) {
        let ahead = self.ahead.get(self.given..).unwrap_or_default();
        let fits = ahead.len().min(to.remaining());
        to.put_slice(ahead.get(..fits).unwrap_or_default());
        self.given += fits;
        if self.given >= self.ahead.len() {
            (self.ahead, self.given) = (Vec::new(), 0);
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ReadAhead<T> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = to.filled().len();
        if !this.ahead.is_empty() {
            this.give(to);
        } else if std::mem::take(&mut this.filled) {
            let mut ahead = Vec::with_capacity(this.most);
            ready!(pin!(this.stream.read_buf(&mut ahead)).poll(context))?;
            this.filled = ahead.len() >= this.most;
            this.ahead = ahead;
            this.give(to);
        } else {
            ready!(Pin::new(&mut this.stream).poll_read(context, to))?;
            this.filled = to.remaining() == 0;
        }
        let given = to.filled().get(before..).unwrap_or_default();
        Poll::Ready(this.frames.as_mut().map_or(Ok(()), |frames| frames.look(given)))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ReadAhead<T> {
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
    use super::super::whole_frames::is_part_of_message;
    use super::*;
    use futures_util::FutureExt as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

    /// Counts what is asked of the system.
    struct Counted(DuplexStream, Arc<AtomicUsize>);

    impl AsyncRead for Counted {
        fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let this = self.get_mut();
            this.1.fetch_add(1, Ordering::Relaxed);
            Pin::new(&mut this.0).poll_read(context, to)
        }
    }

    fn pair(most: usize) -> (ReadAhead<Counted>, DuplexStream, Arc<AtomicUsize>) {
        let (ours, theirs) = duplex(1 << 16);
        let asked = Arc::<AtomicUsize>::default();
        (ReadAhead::new(Counted(ours, Arc::clone(&asked)), most), theirs, asked)
    }

    /// Everything up to the end, in pieces; the sizes of the pieces, and the most that was held.
    async fn drained(stream: &mut ReadAhead<Counted>, piece: usize) -> (Vec<u8>, Vec<usize>, usize) {
        let (mut got, mut sizes, mut held) = (Vec::new(), Vec::new(), 0);
        let mut room = vec![0; piece];
        loop {
            let size = stream.read(&mut room).await.unwrap();
            if size == 0 {
                return (got, sizes, held);
            }
            got.extend_from_slice(&room[..size]);
            sizes.push(size);
            held = held.max(stream.ahead.capacity());
        }
    }

    #[tokio::test]
    async fn what_is_large_is_asked_for_twice_and_given_out_in_small_pieces() {
        let (mut stream, mut peer, asked) = pair(1_000);
        let sent: Vec<u8> = (0..1_030_u32).map(|n| n as u8).collect();
        peer.write_all(&sent).await.unwrap();
        let mut got = Vec::new();
        let mut room = [0; 64];
        while got.len() < sent.len() {
            let size = stream.read(&mut room).await.unwrap();
            got.extend_from_slice(&room[..size]);
        }
        assert!(got == sent);
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn nothing_is_read_ahead_unless_the_last_read_was_filled() {
        let (mut stream, mut peer, _) = pair(1_000);
        let mut room = [0; 64];
        peer.write_all(&[1; 63]).await.unwrap();
        assert_eq!(stream.read(&mut room).await.unwrap(), 63);
        peer.write_all(&[1; 100]).await.unwrap();
        assert_eq!((stream.read(&mut room).await.unwrap(), stream.ahead.capacity()), (64, 0));
        assert_eq!(stream.read(&mut room).await.unwrap(), 36);
        peer.write_all(&[1; 64]).await.unwrap();
        assert_eq!(stream.read(&mut room).await.unwrap(), 64);
        // Filled, but that was all; what comes later begins anew.
        assert!(stream.read(&mut room).now_or_never().is_none());
        peer.write_all(&[1; 164]).await.unwrap();
        assert_eq!(stream.read(&mut room).await.unwrap(), 64);
        assert_eq!(stream.ahead.capacity(), 0);
    }

    #[tokio::test]
    async fn what_was_read_ahead_is_held_until_it_is_given_out_and_no_longer() {
        let (mut stream, mut peer, _) = pair(1_000);
        let mut room = [0; 64];
        peer.write_all(&[1; 164]).await.unwrap();
        for (size, held) in [(64, 0), (64, 100), (36, 0)] {
            assert_eq!((stream.read(&mut room).await.unwrap(), stream.ahead.len()), (size, held));
        }
        assert_eq!((stream.ahead.capacity(), stream.given), (0, 0));
    }

    #[tokio::test]
    async fn the_end_comes_after_everything_and_no_more_is_held_than_was_said() {
        for (sent, expected) in [
            (0, vec![]),
            (29, vec![29]),
            (30, vec![30]),
            (130, vec![30, 30, 30, 30, 10]),
            (260, vec![30, 30, 30, 30, 10, 30, 30, 30, 10, 30]),
        ] {
            let (mut stream, mut peer, _) = pair(100);
            peer.write_all(&vec![7; sent]).await.unwrap();
            drop(peer);
            let (got, sizes, held) = drained(&mut stream, 30).await;
            assert_eq!((got, sizes), (vec![7; sent], expected), "{sent}");
            assert!(held <= 100, "{held}");
        }
    }

    #[tokio::test]
    async fn what_is_given_out_is_looked_at_once_it_is_frames_however_it_was_read() {
        let (mut stream, mut peer, _) = pair(1_000);
        let mut room = [0; 64];
        // A frame that is no whole message, before and after.
        let part = [0x02, 0x80, 0, 0, 0, 0];
        peer.write_all(&part).await.unwrap();
        assert_eq!(stream.read(&mut room).await.unwrap(), part.len());
        stream.upgraded();
        let (content, mut sent) = (vec![7; 120], vec![0x82, 0x80 | 120, 0, 0, 0, 0]);
        sent.extend(content);
        sent.extend(part);
        peer.write_all(&sent).await.unwrap();
        assert_eq!(stream.read(&mut room).await.unwrap(), 64);
        assert_eq!(stream.read(&mut room[..62]).await.unwrap(), 62);
        assert!(is_part_of_message(&stream.read(&mut room).await.unwrap_err()));
    }

    #[tokio::test]
    async fn what_is_written_goes_through() {
        let (ours, mut theirs) = duplex(64);
        let mut stream = ReadAhead::new(ours, 10);
        stream.write_all(b"answer").await.unwrap();
        stream.flush().await.unwrap();
        stream.shutdown().await.unwrap();
        let mut got = Vec::new();
        theirs.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"answer");
    }
}
