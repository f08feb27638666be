//! Something between client and relay that writes down the size and direction of every message.

use futures_util::{SinkExt as _, StreamExt as _};
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};

/// Direction and size of each WebSocket message of one connection, in the order of each direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    pub sent: Vec<usize>,
    pub received: Vec<usize>,
}

pub struct Recorder {
    pub port: u16,
    shapes: Arc<Mutex<Vec<Shape>>>,
}

impl Recorder {
    pub async fn before(relay: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shapes = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&shapes);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let shape = pass_on(tcp, relay).await;
                all.lock().unwrap().push(shape);
            }
        });
        Self { port, shapes }
    }

    /// The shapes of the connections that have ended.
    pub fn shapes(&self) -> Vec<Shape> {
        self.shapes.lock().unwrap().clone()
    }
}

async fn pass_on(tcp: TcpStream, relay: u16) -> Shape {
    tcp.set_nodelay(true).unwrap();
    let mut client = tokio_tungstenite::accept_async(tcp).await.unwrap();
    let upstream = TcpStream::connect(("127.0.0.1", relay)).await.unwrap();
    upstream.set_nodelay(true).unwrap();
    let (mut server, _) = tokio_tungstenite::client_async(format!("ws://127.0.0.1:{relay}/"), upstream).await.unwrap();
    let mut shape = Shape::default();
    loop {
        tokio::select! {
            message = client.next() => match message {
                Some(Ok(message)) if message.is_binary() => {
                    shape.sent.push(message.len());
                    server.send(message).await.unwrap();
                }
                _ => return shape,
            },
            message = server.next() => match message {
                Some(Ok(message)) if message.is_binary() => {
                    shape.received.push(message.len());
                    client.send(message).await.unwrap();
                }
                _ => return shape,
            },
        }
    }
}
