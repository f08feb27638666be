//! What is done for each request of a session (protocol, section 12.2).

use super::answers::Frames;
use super::changes::Changes;
use super::frames::{To, error, one};
use super::mirror::Proven;
use super::{group, mirror};
use crate::shared::Shared;
use crate::shares::{Holder, Place};
use crate::store::{Kind, Store};
use cssr_proto::frame::Frame;
use cssr_proto::parcel::BurnKey;
use cssr_proto::publication::Publication;
use cssr_proto::request::{Request, RequestKind, RequestReader};
use cssr_proto::session::{Announcement, HandshakeHash};
use cssr_proto::sizes::{PUBLICATION_MAX, SEAT_PUBLICATION_MAX};
use cssr_proto::wire_error::ErrorCode;
use cssr_proto::{CourierProof, EnvelopeId, Hash};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// Bytes of a note.
type Shown = Arc<OnceLock<Arc<[u8]>>>;

/// An answer that is being made.
pub(super) type Answering = BoxFuture<'static, Frames>;

/// The requests of one session.
pub(super) struct Requests<S> {
    shared: Arc<Shared<S>>,
    reader: RequestReader,
    role: Role,
    session: HandshakeHash,
    announcement: Announcement,
    holder: Holder,
    changes: Changes<S>,
    /// The note of the directory that the last request is answered with, if it was for one, once its turn has come.
    shown: Option<Shown>,
    stopped: watch::Receiver<bool>,
}

/// Whose session it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Nothing was asked yet: it may become a courier's.
    Fresh,
    Anonymous,
    Courier(Proven),
}

/// The last answer of a connection that broke the protocol.
pub(super) fn malformed(request: u16) -> Answering {
    ready(error(request, ErrorCode::Malformed))
}

impl<S: Store> Requests<S> {
    pub(super) fn new(
        shared: Arc<Shared<S>>,
        session: HandshakeHash,
        announcement: Announcement,
        holder: Holder,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let changes = Changes::new(Arc::clone(&shared), session, announcement, holder);
        let reader = RequestReader::new(SEAT_PUBLICATION_MAX);
        Self { shared, reader, role: Role::Fresh, session, announcement, holder, changes, shown: None, stopped }
    }

    /// How many requests may be unanswered.
    pub(super) fn in_flight(&self) -> usize {
        usize::from(self.announcement.in_flight)
    }

    pub(super) const fn is_courier(&self) -> bool {
        matches!(self.role, Role::Courier(_))
    }

    /// Takes the next frame, with so many requests unanswered; gives the answer if it completes a request.
    ///
    /// # Errors
    /// The answer after which the connection is closed.
    pub(super) fn take(&mut self, frame: Frame, unanswered: usize) -> Result<Option<Answering>, Answering> {
        match self.reader.push(frame) {
            Ok(None) => Ok(None),
            Ok(Some((number, request))) => {
                let to = To::new(request.kind(), number);
                let answer = if unanswered >= self.in_flight() {
                    self.count_refused(&request);
                    Err(ErrorCode::TooManyRequests)
                } else {
                    self.answer(to, request)
                };
                Ok(Some(answer.unwrap_or_else(|code| ready(to.error(code)))))
            }
            Err(refused) if refused.error.code == ErrorCode::Malformed => Err(malformed(refused.request)),
            Err(refused) => Ok(Some(ready(error(refused.request, refused.error.code)))),
        }
    }

    /// A client counts its chunks as it posts them, whatever the answers are (protocol, section 12.4).
    fn count_refused(&mut self, request: &Request) {
        if let Request::Post(post) = request {
            self.changes.skip(post);
        }
    }

    fn answer(&mut self, to: To, request: Request) -> Result<Answering, ErrorCode> {
        if let Request::Courier { courier, signature } = request {
            return self.become_courier(to, CourierProof { courier, signature });
        }
        if self.role == Role::Fresh {
            self.role = Role::Anonymous;
        }
        if let Err(code) = self.check_role(&request).and_then(|()| self.check_ready(request.kind())) {
            self.count_refused(&request);
            return Err(code);
        }
        let shared = Arc::clone(&self.shared);
        // A note that becomes valid between the two requests must not make them contradict each other.
        let shown = self.shown.take();
        let answer = match request {
            Request::Directory => {
                let shown = Shown::default();
                self.shown = Some(Arc::clone(&shown));
                to.later(directory(shared, to, shown))
            }
            Request::Note => to.later(note(shared, to, shown)),
            // Of the moment at which their turn comes: whoever waits for many of them must not keep one of each moment.
            Request::Statements => to.later(async move {
                let statements = Arc::clone(&shared.office.view().statements);
                Ok(to.bytes(statements, &shared.lane))
            }),
            Request::Notes => to.later(async move {
                let notes = Arc::clone(&shared.office.view().notes);
                Ok(to.bytes(notes, &shared.lane))
            }),
            Request::Index(day) => to.later(async move {
                let index = shared.index.get(&*shared.store, day).await.map_err(|error| shared.store_failed(&error))?;
                Ok(to.index(index, &shared.lane))
            }),
            Request::Group(asked) => {
                let view = shared.office.view();
                let size = view.served.as_ref().ok_or(ErrorCode::NotReady)?.policy.group;
                group::frames(shared, to, asked, size)
            }
            Request::Have(ids) => to.later(async move {
                let have = shared.store.have(&ids).await.map_err(|error| shared.store_failed(&error))?;
                to.answer().have(&have).map(one).map_err(|_| ErrorCode::StorageFailed)
            }),
            Request::Fetch(id) => to.later(fetch(shared, to, id)),
            Request::DirectoryByHash(hash) => to.later(directory_by_hash(shared, to, hash)),
            Request::Post(post) => return Ok(self.changes.post(to, post)),
            Request::Burn { id, key } => return Ok(self.changes.burn(to, id, BurnKey::from_bytes(key))),
            Request::Publish(publication) => {
                let place = shared
                    .place_to_publish(self.holder, self.courier().ok().map(|courier| courier.number))
                    .ok_or(ErrorCode::Busy)?;
                return Ok(by_itself(&self.shared, to, publish(shared, to, publication, place)));
            }
            Request::Drain(from) => mirror::frames(shared, to, self.courier()?, from, false, self.stopped.clone()),
            Request::Watch(from) => mirror::frames(shared, to, self.courier()?, from, true, self.stopped.clone()),
            _ => return Err(ErrorCode::UnknownRequest),
        };
        Ok(ready(answer))
    }

    fn become_courier(&mut self, to: To, proof: CourierProof) -> Result<Answering, ErrorCode> {
        if self.role != Role::Fresh {
            return Err(ErrorCode::WrongSession);
        }
        // A session that fails here cannot try again: a signature is right or wrong.
        self.role = Role::Anonymous;
        let view = self.shared.office.view();
        let roster = view.roster.as_ref().ok_or(ErrorCode::RefusedCourier)?;
        proof.verify(roster, self.session.as_bytes(), self.announcement.day).map_err(|_| ErrorCode::RefusedCourier)?;
        let courier = roster.courier_on(proof.courier, self.announcement.day).map_err(|_| ErrorCode::RefusedCourier)?;
        self.role = Role::Courier(Proven { number: courier.number, key: courier.key });
        self.reader.limit_publications(PUBLICATION_MAX);
        Ok(ready(to.done()))
    }

    fn courier(&self) -> Result<Proven, ErrorCode> {
        match self.role {
            Role::Courier(courier) => Ok(courier),
            Role::Fresh | Role::Anonymous => Err(ErrorCode::WrongSession),
        }
    }

    /// What section 14 allows to couriers and to others.
    fn check_role(&self, request: &Request) -> Result<(), ErrorCode> {
        let (courier, anyone) = match request {
            Request::Directory | Request::Note | Request::Statements | Request::Notes | Request::DirectoryByHash(_) => {
                (true, true)
            }
            Request::Drain(_) | Request::Watch(_) | Request::Publish(Publication::Note(..)) => (true, false),
            _ => (false, true),
        };
        match self.role {
            Role::Courier(proven) if courier => mirror::check_courier(&self.shared, proven),
            Role::Fresh | Role::Anonymous if anyone => Ok(()),
            _ => Err(ErrorCode::WrongSession),
        }
    }

    /// Before the first valid note there is nothing that a source could do.
    fn check_ready(&self, kind: RequestKind) -> Result<(), ErrorCode> {
        let needs_note = matches!(
            kind,
            RequestKind::Directory
                | RequestKind::Note
                | RequestKind::Index
                | RequestKind::Group
                | RequestKind::Post
                | RequestKind::Have
                | RequestKind::Fetch
                | RequestKind::Burn
        );
        if needs_note && self.shared.office.view().served.is_none() { Err(ErrorCode::NotReady) } else { Ok(()) }
    }
}

/// What has a place that others wait for is done at once, though the answers before it are not taken in.
pub(super) fn by_itself<S: Store>(
    shared: &Shared<S>,
    to: To,
    work: impl Future<Output = Frames> + Send + 'static,
) -> Answering {
    let answer = shared.works.begin(work);
    async move { answer.await.unwrap_or_else(|| to.error(ErrorCode::StorageFailed)) }.boxed()
}

pub(super) fn ready(frames: Frames) -> Answering {
    std::future::ready(frames).boxed()
}

/// `shown` learns of which note it is.
async fn directory<S: Store>(shared: Arc<Shared<S>>, to: To, shown: Shown) -> Result<Frames, ErrorCode> {
    let served = shared.office.view().served.clone().ok_or(ErrorCode::NotReady)?;
    // Nobody else sets it, and only once.
    let _ = shown.set(Arc::clone(&served.note));
    Ok(to.bytes(Arc::clone(&served.directory), &shared.lane))
}

/// The note of the directory that was asked for just before, if one was; the one that is served otherwise.
async fn note<S: Store>(shared: Arc<Shared<S>>, to: To, shown: Option<Shown>) -> Result<Frames, ErrorCode> {
    let shown = shown.and_then(|shown| shown.get().cloned());
    let newest = || shared.office.view().served.as_ref().map(|served| Arc::clone(&served.note));
    let note = shown.or_else(newest).ok_or(ErrorCode::NotReady)?;
    Ok(to.bytes(note, &shared.lane))
}

async fn fetch<S: Store>(shared: Arc<Shared<S>>, to: To, id: EnvelopeId) -> Result<Frames, ErrorCode> {
    let chunks = shared.store.get(Kind::Chunk, None, &[id]).await.map_err(|error| shared.store_failed(&error))?;
    let chunk = chunks.into_iter().next().flatten();
    to.answer().chunk(chunk.map(|chunk| (id, chunk))).map(one).map_err(|_| ErrorCode::StorageFailed)
}

async fn directory_by_hash<S: Store>(shared: Arc<Shared<S>>, to: To, hash: Hash) -> Result<Frames, ErrorCode> {
    let directory = shared.office.directory(hash).await.map_err(|error| shared.store_failed(&error))?;
    Ok(to.bytes(directory.unwrap_or_default(), &shared.lane))
}

async fn publish<S: Store>(shared: Arc<Shared<S>>, to: To, publication: Publication, _place: Place) -> Frames {
    match shared.office.publish(publication, shared.today.get()).await {
        Ok(()) => to.done(),
        Err(crate::office::Refused::Statement) => to.error(ErrorCode::RefusedStatement),
        Err(crate::office::Refused::Store(error)) => to.error(shared.store_failed(&error)),
    }
}
