//! One connection: WebSocket, handshake, session, requests and answers.

mod answers;
mod changes;
mod chatter;
mod frames;
mod group;
mod mirror;
mod patience;
mod read_ahead;
mod readable;
mod requests;
mod socket;
mod timers;
mod whole_frames;

use crate::counts::End;
use crate::shared::Shared;
use crate::shares::Holder;
use crate::store::Store;
use answers::Answers;
use chatter::Chatter;
use cssr_proto::frame::Frame;
use cssr_proto::session::{self, Session, SessionError};
use cssr_proto::wire_error::ERROR_KIND;
use getrandom::SysRng;
use patience::Patience;
use rand_core::UnwrapErr;
use requests::Requests;
use socket::{Happened, Socket};
use std::pin::pin;
use std::sync::Arc;
use timers::{Due, Timers};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Bytes;

/// How many times the announced number of requests may be unanswered before nothing more is read. Up to that a request
/// too many gets the error that tells so.
const UNREAD_FACTOR: usize = 2;

/// How much one connection does in a row before it is the others' turn: who sends as fast as it can must not keep who
/// sends little waiting for longer than some frames take. A message from the peer counts as much as [`MESSAGE`] small things,
/// a frame of an answer as much as [`FRAME`].
const TURN: u32 = 8;
const MESSAGE: u32 = 4;
const FRAME: u32 = 2;

/// What the loop waits for.
enum Event {
    Socket(Happened),
    /// A frame of an answer, or the end of the last one.
    Answer(Option<Frame>),
    Time,
    /// The peer is listened to again.
    Back,
    Stop,
}

/// Waits for a moment, or for ever.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Ends when the relay is being stopped, and never again.
async fn stop(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// An established session on its socket.
struct Connection<S, T> {
    socket: Socket<T>,
    session: Session,
    requests: Requests<S>,
    answers: Answers,
    timers: Timers,
    patience: Patience,
    chatter: Chatter,
    /// A ping is being written, and no frame.
    pinging: bool,
    /// No more requests are read; the connection ends once what was asked for is answered.
    ending: Option<End>,
}

/// Serves one connection to its end. `stopped` turns true when the relay is being stopped.
pub(crate) async fn run<S: Store, T: AsyncRead + AsyncWrite + Unpin>(
    shared: &Arc<Shared<S>>,
    stream: T,
    holder: Holder,
    mut stopped: watch::Receiver<bool>,
) -> End {
    let greeting =
        tokio::time::timeout(shared.limits.handshake_timeout, greet(shared, stream, holder, stopped.clone()));
    let connection = tokio::select! {
        greeted = greeting => greeted,
        _ = stopped.wait_for(|stopped| *stopped) => return End::Stopped,
    };
    match connection {
        Ok(Some(connection)) => connection.serve(stopped).await,
        Ok(None) => End::Handshake,
        Err(_) => End::Slow,
    }
}

/// The WebSocket upgrade and the session's handshake (protocol, section 11).
async fn greet<S: Store, T: AsyncRead + AsyncWrite + Unpin>(
    shared: &Arc<Shared<S>>,
    stream: T,
    holder: Holder,
    stopped: watch::Receiver<bool>,
) -> Option<Connection<S, T>> {
    let mut socket = Socket::accept(stream).await?;
    let mut chatter = Chatter::new(Instant::now());
    let first = loop {
        match socket.next(true).await {
            Happened::Message(message) => break message,
            Happened::Alive if chatter.take(Instant::now()) => {}
            Happened::Alive | Happened::Flushed | Happened::Gone | Happened::Nonsense => return None,
        }
    };
    let announcement = shared.announcement();
    let (session, reply) = session::accept(&shared.key, &announcement, &first, &mut UnwrapErr(SysRng)).ok()?;
    if !socket.send(reply.to_vec()) {
        return None;
    }
    while !socket.is_flushed() {
        if matches!(socket.next(false).await, Happened::Gone | Happened::Nonsense) {
            return None;
        }
    }
    let requests = Requests::new(Arc::clone(shared), *session.handshake_hash(), announcement, holder, stopped);
    let timers = Timers::new(&shared.limits, Instant::now());
    let (answers, patience) = (Answers::default(), Patience::default());
    let (pinging, ending) = (false, None);
    Some(Connection { socket, session, requests, answers, timers, patience, chatter, pinging, ending })
}

impl<S: Store, T: AsyncRead + AsyncWrite + Unpin> Connection<S, T> {
    async fn serve(mut self, stopped: watch::Receiver<bool>) -> End {
        let mut done = 0;
        // Both are made once: making them for each thing that happens would cost as much as the smaller things.
        let mut stop = pin!(stop(stopped));
        let mut alarm = pin!(tokio::time::sleep_until(self.timers.next(false)));
        loop {
            if done >= TURN {
                done = 0;
                tokio::task::yield_now().await;
            }
            let unanswered = self.answers.unanswered();
            if let Some(end) = self.ending
                && unanswered == 0
                && self.socket.is_flushed()
            {
                self.socket.close().await;
                return end;
            }
            let paused = self.patience.until();
            let room = unanswered < self.requests.in_flight() * UNREAD_FACTOR;
            let reading = self.ending.is_none() && paused.is_none() && room;
            // Couriers wait for batches that may not come for hours.
            let idle = unanswered == 0 && !self.requests.is_courier();
            // One that is too early costs a look. What is due moves on with everything that happens.
            let next = self.timers.next(idle);
            if next < alarm.deadline() || alarm.is_elapsed() {
                alarm.as_mut().reset(next);
            }
            let takes = unanswered > 0 && self.socket.has_room();
            let (answers, socket) = (&mut self.answers, &mut self.socket);
            // Frames that are ready come first, so that they are handed on together.
            let works = async {
                tokio::select! {
                    biased;
                    frame = answers.next(), if takes => Event::Answer(frame),
                    happened = socket.next(reading) => Event::Socket(happened),
                }
            };
            // In no order, so that what never ends keeps nothing else waiting.
            let event = tokio::select! {
                event = works => event,
                () = alarm.as_mut() => Event::Time,
                () = until(paused), if paused.is_some() => Event::Back,
                () = stop.as_mut(), if self.ending.is_none() => Event::Stop,
            };
            done += match event {
                Event::Socket(Happened::Message(_)) => MESSAGE,
                Event::Answer(Some(_)) => FRAME,
                _ => 1,
            };
            let now = Instant::now();
            let ended = match event {
                Event::Socket(Happened::Message(message)) => {
                    self.timers.heard(now);
                    self.receive(&message, now)
                }
                Event::Socket(Happened::Alive) => {
                    self.timers.heard(now);
                    if self.chatter.take(now) { Ok(()) } else { Err(End::Malformed) }
                }
                Event::Socket(Happened::Flushed) => {
                    self.flushed(now);
                    Ok(())
                }
                Event::Socket(Happened::Gone) => Err(End::Gone),
                Event::Socket(Happened::Nonsense) => Err(End::Malformed),
                Event::Answer(Some(frame)) => {
                    if frame.head().kind == ERROR_KIND {
                        self.patience.refused(now);
                    }
                    self.send(&frame, now)
                }
                Event::Back => {
                    // Whatever it has sent meanwhile, it was not heard.
                    self.timers.heard(now);
                    self.patience.is_back();
                    Ok(())
                }
                Event::Answer(None) => Ok(()),
                Event::Time => self.look_at_time(idle, now),
                Event::Stop => {
                    self.ending = Some(End::Stopped);
                    Ok(())
                }
            };
            if let Err(end) = ended {
                return end;
            }
        }
    }

    fn receive(&mut self, message: &Bytes, now: Instant) -> Result<(), End> {
        match self.session.open(message) {
            Ok(frame) => {
                self.timers.requested(now);
                let unanswered = self.answers.unanswered();
                match self.requests.take(frame, unanswered) {
                    Ok(Some(answer)) => self.answers.push(answer),
                    Ok(None) => {}
                    Err(error) => self.end_with(error),
                }
                Ok(())
            }
            Err(SessionError::Malformed { request }) => {
                self.end_with(requests::malformed(request));
                Ok(())
            }
            // Whatever comes may be anybody's: nothing is said any more.
            Err(_) => Err(End::Malformed),
        }
    }

    /// Ends the connection after the answers to what came before, and this last one. Only a courier's may be endless: those
    /// are broken off.
    fn end_with(&mut self, error: requests::Answering) {
        if self.requests.is_courier() {
            self.answers = Answers::default();
        }
        self.answers.push(error);
        self.ending = Some(End::Malformed);
    }

    fn send(&mut self, frame: &Frame, now: Instant) -> Result<(), End> {
        let message = self.session.seal(frame).map_err(|_| End::Malformed)?;
        self.timers.write_begun(now);
        self.pinging = false;
        if self.socket.send(message) { Ok(()) } else { Err(End::Gone) }
    }

    fn flushed(&mut self, now: Instant) {
        if std::mem::take(&mut self.pinging) {
            self.timers.ping_flushed();
        } else {
            self.timers.flushed(now);
        }
    }

    fn look_at_time(&mut self, idle: bool, now: Instant) -> Result<(), End> {
        match self.timers.due(idle, now) {
            None => Ok(()),
            Some(Due::End) => Err(End::Slow),
            Some(Due::Ping) => {
                self.timers.pinged();
                self.chatter.asked();
                self.timers.write_begun(now);
                self.pinging = true;
                if self.socket.ping() { Ok(()) } else { Err(End::Gone) }
            }
        }
    }
}
