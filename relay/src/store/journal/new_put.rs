//! A put on its way to the writer.

use super::family::{Family, FamilyError};
use super::key::Nonce;
use super::record::Draft;
use crate::store::{Kind, Put};
use cssr_proto::parcel::BurnHash;
use cssr_proto::{Day, Envelope, EnvelopeId};
use std::sync::Arc;

/// A put, of which whoever asked for it may have sealed the envelope, so that the one thread that writes need not.
pub(super) struct NewPut {
    pub(super) day: Day,
    pub(super) kind: Kind,
    pub(super) id: EnvelopeId,
    burn: Option<BurnHash>,
    body: Body,
}

enum Body {
    Plain(Envelope),
    Sealed(Draft, Arc<Family>),
}

impl NewPut {
    /// In clear.
    pub(super) fn plain(put: Put) -> Self {
        let Put { day, kind, id, burn, envelope } = put;
        Self { day, kind, id, burn, body: Body::Plain(envelope) }
    }

    /// Sealed for the family that it will go into, if the day does not turn meanwhile.
    pub(super) fn sealed(put: Put, family: Arc<Family>, nonce: Nonce) -> Self {
        let (day, kind, id, burn) = (put.day, put.kind, put.id, put.burn);
        let draft = Draft::envelope(put, family.key(), nonce);
        Self { day, kind, id, burn, body: Body::Sealed(draft, family) }
    }

    /// What was put.
    pub(super) fn into_put(self) -> Result<Put, FamilyError> {
        let Self { day, kind, id, burn, body } = self;
        let envelope = match body {
            Body::Plain(envelope) => envelope,
            Body::Sealed(draft, family) => {
                let reopened = draft.reopen(family.key());
                reopened.ok_or(FamilyError::Damaged("what was just sealed does not open"))?.1
            }
        };
        Ok(Put { day, kind, id, burn, envelope })
    }

    /// The record for a family, without its position.
    pub(super) fn into_draft(self, family: &Arc<Family>, nonce: impl FnOnce() -> Nonce) -> Result<Draft, FamilyError> {
        match self.body {
            Body::Sealed(draft, of) if Arc::ptr_eq(&of, family) => Ok(draft),
            _ => Ok(Draft::envelope(self.into_put()?, family.key(), nonce())),
        }
    }
}
