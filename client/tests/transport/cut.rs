//! A link between client and relay that breaks after so many bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// How many bytes pass to the relay and to the client before the link breaks.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub up: usize,
    pub down: usize,
}

impl Limits {
    pub const NONE: Self = Self { up: usize::MAX, down: usize::MAX };
}

/// What passed on one connection.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    pub up: Vec<u8>,
    pub down: Vec<u8>,
}

pub struct Link {
    pub port: u16,
    limits: Arc<Mutex<VecDeque<Limits>>>,
    passed: Arc<Mutex<Vec<Passed>>>,
}

impl Link {
    pub async fn before(relay: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (limits, passed) = (Arc::<Mutex<VecDeque<Limits>>>::default(), Arc::<Mutex<Vec<Passed>>>::default());
        let (of, all) = (Arc::clone(&limits), Arc::clone(&passed));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let limits = of.lock().unwrap().pop_front().unwrap_or(Limits::NONE);
                let relay = TcpStream::connect(("127.0.0.1", relay)).await.unwrap();
                let passed = pass(client, relay, limits).await;
                all.lock().unwrap().push(passed);
            }
        });
        Self { port, limits, passed }
    }

    /// Breaks the next connection; those after it are whole.
    pub fn cut_next(&self, limits: Limits) {
        self.limits.lock().unwrap().push_back(limits);
    }

    /// What passed on the connections that have ended, of which there must be so many.
    pub async fn passed(&self, connections: usize) -> Vec<Passed> {
        while self.passed.lock().unwrap().len() < connections {
            tokio::task::yield_now().await;
        }
        std::mem::take(&mut self.passed.lock().unwrap())
    }
}

async fn pass(client: TcpStream, relay: TcpStream, limits: Limits) -> Passed {
    for stream in [&client, &relay] {
        stream.set_nodelay(true).unwrap();
    }
    let ((from_client, to_client), (from_relay, to_relay)) = (client.into_split(), relay.into_split());
    let mut passed = Passed::default();
    tokio::select! {
        () = pass_one_way(from_client, to_relay, limits.up, &mut passed.up) => {}
        () = pass_one_way(from_relay, to_client, limits.down, &mut passed.down) => {}
    }
    passed
}

async fn pass_one_way(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, limit: usize, passed: &mut Vec<u8>) {
    let mut buffer = [0; 4_096];
    while passed.len() < limit {
        let most = buffer.len().min(limit - passed.len());
        match from.read(&mut buffer[..most]).await {
            Ok(0) | Err(_) => return,
            Ok(length) => {
                passed.extend_from_slice(&buffer[..length]);
                if to.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Where the WebSocket messages of one direction lie (RFC 6455, section 5.2), the HTTP upgrade being the first.
pub fn messages(stream: &[u8]) -> Vec<std::ops::Range<usize>> {
    let head = stream.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let mut messages = Vec::from([std::ops::Range { start: 0, end: head }]);
    let mut at = head;
    while at < stream.len() {
        let (mask, length) = (stream[at + 1] & 0x80 != 0, stream[at + 1] & 0x7f);
        let (length, extended) = match length {
            126 => (usize::from(u16::from_be_bytes([stream[at + 2], stream[at + 3]])), 2),
            127 => panic!("no message is that long"),
            short => (usize::from(short), 0),
        };
        let end = at + 2 + extended + if mask { 4 } else { 0 } + length;
        messages.push(at..end);
        at = end;
    }
    messages
}
