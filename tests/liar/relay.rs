//! A relay that speaks the protocol as every relay does and shows what it was told to show.

use crate::shown::{Asked, Shown};
use cssr_proto::Envelope;
use cssr_proto::frame::Frame;
use cssr_proto::letter::Sealed;
use cssr_proto::publication::Publication;
use cssr_proto::request::{Request, RequestKind, RequestReader};
use cssr_proto::session::{self, Session};
use cssr_proto::sizes::PUBLICATION_MAX;
use cssr_tests::people::rng;
use futures_util::{SinkExt as _, StreamExt as _};
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// What clients said to it.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    pub requests: Vec<RequestKind>,
    pub posted: Vec<Sealed>,
    pub published: Vec<Publication>,
}

pub struct Liar {
    pub port: u16,
    heard: Arc<Mutex<Heard>>,
}

impl Liar {
    pub async fn serve(shown: Shown) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (shown, heard) = (Arc::new(shown), Arc::new(Mutex::new(Heard::default())));
        let all = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shown, heard) = (Arc::clone(&shown), Arc::clone(&all));
                // Until the client leaves.
                tokio::spawn(async move { attend(stream, &shown, &heard).await });
            }
        });
        Self { port, heard }
    }

    pub fn heard(&self) -> Heard {
        self.heard.lock().unwrap().clone()
    }
}

async fn attend(stream: TcpStream, shown: &Shown, heard: &Mutex<Heard>) -> Option<()> {
    let mut socket = tokio_tungstenite::accept_async(stream).await.ok()?;
    let first = socket.next().await?.ok()?.into_data();
    let (mut session, second) = session::accept(&shown.key, &shown.announcement, &first, &mut rng(77)).ok()?;
    socket.send(Message::Binary(second.to_vec().into())).await.ok()?;
    let mut reader = RequestReader::new(PUBLICATION_MAX);
    let mut kinds: Vec<RequestKind> = Vec::new();
    loop {
        let Message::Binary(message) = socket.next().await?.ok()? else { return None };
        let Some((number, request)) = reader.push(session.open(&message).ok()?).ok()? else { continue };
        let before = kinds.iter().filter(|kind| **kind == request.kind()).count();
        kinds.push(request.kind());
        listen(&request, &mut heard.lock().unwrap());
        let frames = shown.answer(&request, number);
        let frames = (shown.twist)(&Asked { request, number, before }, frames);
        send(&mut socket, &mut session, &frames).await?;
    }
}

fn listen(request: &Request, heard: &mut Heard) {
    heard.requests.push(request.kind());
    match request {
        Request::Post(post) => {
            let envelope = Envelope::from_slice(post.envelope()).unwrap();
            heard.posted.push(Sealed { id: *post.id(), envelope });
        }
        Request::Publish(publication) => heard.published.push(publication.clone()),
        _ => {}
    }
}

async fn send(socket: &mut WebSocketStream<TcpStream>, session: &mut Session, frames: &[Frame]) -> Option<()> {
    for frame in frames {
        let message = session.seal(frame).ok()?;
        socket.feed(Message::Binary(message.into())).await.ok()?;
    }
    socket.flush().await.ok()
}
