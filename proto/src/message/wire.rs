//! The encoding of messages (CDDL `message`).

use super::fields::{Answers, Event, Language, MessageText, SequenceNumber};
use super::{Form, LetterName, Manifest, Message, Receipt, Reply, TeamEvent, Testimony, extensions};
use crate::cbor::{List, from_slice};
use crate::ids::Hash;
use crate::sizes::MESSAGE_MAX;
use crate::time::Day;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use zeroize::Zeroizing;

const TESTIMONY: u8 = 1;
const REPLY: u8 = 2;
const RECEIPT: u8 = 3;
const TEAM_EVENT: u8 = 4;
const COVER: u8 = 5;

const KIND: u8 = 0;
const TEXT: u8 = 1;
const DAY: u8 = 2;
const LANGUAGE: u8 = 3;
const MANIFESTS: u8 = 4;
const FORM: u8 = 5;
const NUMBER: u8 = 6;
const RECEIPTS: u8 = 7;
const EVENT: u8 = 8;

/// Decodes the known entries of a message; they must be what this program would write.
pub(super) fn read(bytes: &[u8]) -> Option<Message> {
    if bytes.len() > MESSAGE_MAX {
        return None;
    }
    let known = extensions::split(bytes)?;
    // Encoding again and comparing refuses unknown keys, fields that the kind does not have, empty lists and nulls.
    if known.alone {
        return from_slice("message", bytes, MESSAGE_MAX).ok();
    }
    let count = u8::try_from(known.count).ok().filter(|count| *count < 24)?;
    let mut alone = Zeroizing::new(Vec::with_capacity(1 + known.entries.len()));
    alone.push(0xa0 | count);
    alone.extend_from_slice(known.entries);
    from_slice("message", &alone, MESSAGE_MAX).ok()
}

/// All fields that any kind may have.
#[derive(Decode)]
#[cbor(map)]
struct Fields {
    #[n(0)]
    kind: u8,
    #[n(1)]
    text: Option<MessageText>,
    #[n(2)]
    day: Option<Day>,
    #[n(3)]
    language: Option<Language>,
    #[n(4)]
    manifests: Option<List<Manifest, 1, 16>>,
    #[n(5)]
    form: Option<Form>,
    #[n(6)]
    number: Option<SequenceNumber>,
    #[n(7)]
    receipts: Option<List<LetterName, 1, 64>>,
    #[n(8)]
    event: Option<Event>,
}

impl Fields {
    /// Leaves out what the kind does not have; comparing the encodings refuses it.
    fn into_message(self) -> Option<Message> {
        let Self { kind, text, day, language, manifests, form, number, receipts, event } = self;
        Some(match kind {
            TESTIMONY => {
                let manifests = List::new(manifests.map(List::into_vec).unwrap_or_default()).ok()?;
                Message::Testimony(Testimony { text: text?, day: day?, language, manifests, form })
            }
            REPLY => {
                let receipts = List::new(receipts.map(List::into_vec).unwrap_or_default()).ok()?;
                Message::Reply(Reply { text: text?, day: day?, number: number?, receipts })
            }
            RECEIPT => Message::Receipt(Receipt { day: day?, number: number?, receipts: receipts? }),
            TEAM_EVENT => Message::TeamEvent(TeamEvent { day: day?, event: event? }),
            COVER => Message::Cover,
            _ => return None,
        })
    }
}

impl<'b> Decode<'b, ()> for Message {
    fn decode(d: &mut Decoder<'b>, ctx: &mut ()) -> Result<Self, decode::Error> {
        Fields::decode(d, ctx)?.into_message().ok_or_else(|| decode::Error::message("not a message of a known kind"))
    }
}

impl Encode<()> for Message {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut ()) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Testimony(testimony) => testimony.encode(e, ctx),
            Self::Reply(reply) => reply.encode(e, ctx),
            Self::Receipt(receipt) => receipt.encode(e, ctx),
            Self::TeamEvent(event) => event.encode(e, ctx),
            Self::Cover => e.map(1)?.u8(KIND)?.u8(COVER)?.ok(),
        }
    }
}

impl Encode<()> for Testimony {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut ()) -> Result<(), encode::Error<W::Error>> {
        let Self { text, day, language, manifests, form } = self;
        let optional = [language.is_some(), !manifests.is_empty(), form.is_some()].map(u64::from);
        e.map(3 + optional.iter().sum::<u64>())?.u8(KIND)?.u8(TESTIMONY)?;
        e.u8(TEXT)?.encode(text)?.u8(DAY)?.encode(day)?;
        if let Some(language) = language {
            e.u8(LANGUAGE)?.encode(language)?;
        }
        if !manifests.is_empty() {
            e.u8(MANIFESTS)?.encode(manifests)?;
        }
        if let Some(form) = form {
            e.u8(FORM)?.encode(form)?;
        }
        Ok(())
    }
}

impl Encode<()> for Reply {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut ()) -> Result<(), encode::Error<W::Error>> {
        let Self { text, day, number, receipts } = self;
        e.map(4 + u64::from(!receipts.is_empty()))?.u8(KIND)?.u8(REPLY)?;
        e.u8(TEXT)?.encode(text)?.u8(DAY)?.encode(day)?.u8(NUMBER)?.encode(number)?;
        if !receipts.is_empty() {
            e.u8(RECEIPTS)?.encode(receipts)?;
        }
        Ok(())
    }
}

impl Encode<()> for Receipt {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut ()) -> Result<(), encode::Error<W::Error>> {
        let Self { day, number, receipts } = self;
        e.map(4)?.u8(KIND)?.u8(RECEIPT)?.u8(DAY)?.encode(day)?;
        e.u8(NUMBER)?.encode(number)?.u8(RECEIPTS)?.encode(receipts)?.ok()
    }
}

impl Encode<()> for TeamEvent {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut ()) -> Result<(), encode::Error<W::Error>> {
        let Self { day, event } = self;
        e.map(3)?.u8(KIND)?.u8(TEAM_EVENT)?.u8(DAY)?.encode(day)?.u8(EVENT)?.encode(event)?.ok()
    }
}

impl<C> Encode<C> for Form {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        let Self { form, answers } = self;
        e.array(2)?;
        form.encode(e, ctx)?;
        answers.encode(e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for Form {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        if d.array()? != Some(2) {
            return Err(decode::Error::message("not a form"));
        }
        Ok(Self { form: Hash::decode(d, ctx)?, answers: Answers::decode(d, ctx)? })
    }
}
