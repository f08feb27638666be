//! Somebody in the middle with a key of its own: it makes a session with the client and one with the relay, and reads
//! everything that it passes on. Whatever it passes on is genuine.

use crate::manipulator::{dial, listen};
use cssr_proto::frame::Frame;
use cssr_proto::keys::RelaySecretKey;
use cssr_proto::session::{Announcement, ClientHandshake, Session, accept};
use cssr_tests::office::TODAY;
use cssr_tests::people::rng;
use futures_util::{SinkExt as _, StreamExt as _};
use std::sync::{Arc, Mutex};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

pub struct Impostor {
    pub port: u16,
    requests: Arc<Mutex<Vec<u8>>>,
}

impl Impostor {
    pub async fn before(relay: u16) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&requests);
        let port = listen(move |stream| {
            let all = Arc::clone(&all);
            async move {
                // Until either side hangs up.
                let _ = read_all(stream, relay, &all).await;
            }
        })
        .await;
        Self { port, requests }
    }

    /// The kinds of the requests that it has read.
    pub fn requests(&self) -> Vec<u8> {
        self.requests.lock().unwrap().clone()
    }
}

struct Side {
    socket: WebSocketStream<TcpStream>,
    session: Session,
}

impl Side {
    async fn next(&mut self) -> Option<Frame> {
        self.session.open(&self.socket.next().await?.ok()?.into_data()).ok()
    }

    async fn send(&mut self, frame: &Frame) -> Option<()> {
        let message = self.session.seal(frame).ok()?;
        self.socket.send(Message::Binary(message.into())).await.ok()
    }
}

async fn read_all(stream: TcpStream, relay: u16, requests: &Mutex<Vec<u8>>) -> Option<()> {
    let mut client = as_relay(stream).await?;
    let mut server = as_client(relay).await?;
    loop {
        tokio::select! {
            frame = client.next() => {
                let frame = frame?;
                requests.lock().unwrap().push(frame.head().kind);
                server.send(&frame).await?;
            }
            frame = server.next() => client.send(&frame?).await?,
        }
    }
}

async fn as_relay(stream: TcpStream) -> Option<Side> {
    let mut socket = tokio_tungstenite::accept_async(stream).await.ok()?;
    let first = socket.next().await?.ok()?.into_data();
    let announcement = Announcement { day: TODAY, letter_effort: 0, chunk_effort: 0, in_flight: 8 };
    let key = RelaySecretKey::from_bytes([0x66; 32]);
    let (session, second) = accept(&key, &announcement, &first, &mut rng(66)).ok()?;
    socket.send(Message::Binary(second.to_vec().into())).await.ok()?;
    Some(Side { socket, session })
}

async fn as_client(relay: u16) -> Option<Side> {
    let mut socket = dial(relay).await;
    let (handshake, first) = ClientHandshake::start(&mut rng(67)).ok()?;
    socket.send(Message::Binary(first.to_vec().into())).await.ok()?;
    let (session, ..) = handshake.finish(&socket.next().await?.ok()?.into_data()).ok()?;
    Some(Side { socket, session })
}
