//! A process between client and relay, on a port of its own: what passes through it is at its mercy.

use crate::attack::{Attack, Effect, Passed, Pipe, Way};
use futures_util::{SinkExt as _, StreamExt as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

type Socket = WebSocketStream<TcpStream>;

/// Between two pings of a flood: short against every timeout.
const BETWEEN_PINGS: Duration = Duration::from_millis(5);

/// The messages of a session as they came: to the relay, to the client.
pub type Session = (Passed, Passed);
/// All sessions, in the order in which they began.
type Log = Arc<Mutex<Vec<Session>>>;

/// What is done to the connections in turn; the ones after the last are left alone.
pub struct Manipulator {
    pub port: u16,
    log: Log,
}

impl Manipulator {
    /// Attacks each connection with its list, knowing the messages of an earlier session.
    pub async fn before(relay: u16, attacks: Vec<Vec<Attack>>, earlier: Session) -> Self {
        let log = Log::default();
        let all = Arc::clone(&log);
        let mut attacks = attacks.into_iter();
        let port = listen(move |client| {
            let attacks = attacks.next().unwrap_or_default();
            let up = Pipe::new(Way::ToRelay, &attacks, earlier.0.clone());
            let down = Pipe::new(Way::ToClient, &attacks, earlier.1.clone());
            stand_between(client, relay, [up, down], Arc::clone(&all))
        })
        .await;
        Self { port, log }
    }

    /// Only writes down what passes.
    pub async fn listening(relay: u16) -> Self {
        Self::before(relay, Vec::new(), Session::default()).await
    }

    pub fn sessions(&self) -> Vec<Session> {
        self.log.lock().unwrap().clone()
    }
}

/// Accepts connections on a new port, each in a task of its own.
pub async fn listen<F: Future<Output = ()> + Send + 'static>(
    mut serve: impl FnMut(TcpStream) -> F + Send + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    port
}

pub async fn dial(relay: u16) -> Socket {
    let upstream = TcpStream::connect(("127.0.0.1", relay)).await.unwrap();
    tokio_tungstenite::client_async(format!("ws://127.0.0.1:{relay}/"), upstream).await.unwrap().0
}

async fn stand_between(client: TcpStream, relay: u16, [mut up, mut down]: [Pipe; 2], log: Log) {
    let this = {
        let mut log = log.lock().unwrap();
        log.push(Session::default());
        log.len() - 1
    };
    let Ok(mut client) = tokio_tungstenite::accept_async(client).await else { return };
    let mut server = dial(relay).await;
    // Until either side has gone.
    loop {
        let handled = tokio::select! {
            message = client.next() => {
                let Some(Ok(message)) = message else { return };
                if let Message::Binary(bytes) = &message {
                    log.lock().unwrap()[this].0.push(bytes.clone());
                }
                handle(message, &mut up, &mut client, &mut server).await
            }
            message = server.next() => {
                let Some(Ok(message)) = message else { return };
                if let Message::Binary(bytes) = &message {
                    log.lock().unwrap()[this].1.push(bytes.clone());
                }
                handle(message, &mut down, &mut server, &mut client).await
            }
        };
        if handled.is_none() {
            return;
        }
    }
}

/// Does to a message what is to be done; `None` if the connection is over.
async fn handle(message: Message, pipe: &mut Pipe, from: &mut Socket, to: &mut Socket) -> Option<()> {
    match message {
        Message::Binary(bytes) => {
            for effect in pipe.take(bytes) {
                act(effect, from, to).await?;
            }
            Some(())
        }
        Message::Close(_) => {
            to.close(None).await.ok()?;
            None
        }
        _ => Some(()),
    }
}

async fn act(effect: Effect, from: &mut Socket, to: &mut Socket) -> Option<()> {
    match effect {
        Effect::Pass(message) => to.send(message).await.ok(),
        Effect::Back(message) => from.send(message).await.ok(),
        Effect::Wait(time) => {
            tokio::time::sleep(time).await;
            Some(())
        }
        Effect::Flood => loop {
            to.send(Message::Ping(vec![1; 8].into())).await.ok()?;
            // Both sides may hang up meanwhile.
            tokio::select! {
                () = tokio::time::sleep(BETWEEN_PINGS) => {}
                message = to.next() => { message?.ok()?; }
                message = from.next() => { message?.ok()?; }
            }
        },
        Effect::Close => {
            to.close(None).await.ok()?;
            None
        }
        Effect::Cut => None,
    }
}

/// What happens to the bytes of the TCP connection itself, WebSocket upgrade included.
#[derive(Clone, Copy, Debug)]
pub struct ByteAttack {
    pub way: Way,
    /// Before which byte.
    pub at: usize,
    pub what: ByteWhat,
}

#[derive(Clone, Copy, Debug)]
pub enum ByteWhat {
    /// The connection is cut.
    Cut,
    /// Nothing comes any more.
    Stall,
    /// The byte is changed by this pattern.
    Garble(u8),
}

/// Listens before a relay and attacks the bytes of every connection.
pub async fn attack_bytes(relay: u16, attack: ByteAttack) -> u16 {
    listen(move |client: TcpStream| async move {
        let server = TcpStream::connect(("127.0.0.1", relay)).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let on = |way| (attack.way == way).then_some(attack);
        tokio::select! {
            () = pump(&mut from_client, &mut to_server, on(Way::ToRelay)) => {}
            () = pump(&mut from_server, &mut to_client, on(Way::ToClient)) => {}
        }
    })
    .await
}

async fn pump(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin), attack: Option<ByteAttack>) {
    let (mut buffer, mut passed) = (vec![0; 4096], 0);
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let mut bytes = &mut buffer[..read];
        let hit = attack.and_then(|attack| Some((attack.at.checked_sub(passed)?, attack.what)));
        let mut ending = None;
        match hit.filter(|(at, _)| *at < read) {
            Some((at, ByteWhat::Garble(pattern))) => bytes[at] ^= pattern,
            Some((at, what)) => {
                bytes = &mut bytes[..at];
                ending = Some(what);
            }
            None => {}
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
        passed += read;
        match ending {
            Some(ByteWhat::Stall) => while let Ok(1..) = from.read(&mut buffer).await {},
            Some(_) => return,
            None => {}
        }
    }
}
