use crate::Outcome;
use crate::case::{Case, Value};
use cssr_proto::Day;
use cssr_proto::message::{LetterName, Manifest, Message};

pub fn message(case: &Case) -> Outcome {
    let bytes = case.given("message").bytes();
    let message = Message::from_bytes(&bytes).map_err(|_| "malformed")?;
    case.expect("known", message.to_bytes().as_slice());
    let fields = Fields::of(&message);
    case.expect("kind", fields.kind);
    case.expect("text", fields.text);
    case.expect("day", fields.day.map(|day| day.0));
    case.expect("language", fields.language);
    case.expect("form", fields.form.map(|(form, _)| form));
    case.expect("answers", fields.form.map(|(_, answers)| answers));
    case.expect("number", fields.number);
    case.expect_all("receipt", fields.receipts.iter().map(|name| name.get()));
    case.expect("event", fields.event);
    let files = || fields.manifests.iter();
    case.expect_all("file-name", files().map(|file| file.name.as_str()));
    case.expect_all("media-type", files().map(|file| file.media_type.as_str()));
    case.expect_all("size", files().map(|file| file.size.get()));
    case.expect_all("file-sha256", files().map(|file| file.sha256.0));
    case.expect_all("parcel-key", files().map(|file| Value::from(file.key.expose())));
    Ok(())
}

#[derive(Default)]
struct Fields<'m> {
    kind: &'static str,
    text: Option<&'m str>,
    day: Option<Day>,
    language: Option<&'m str>,
    manifests: &'m [Manifest],
    form: Option<(&'m [u8; 32], &'m [u8])>,
    number: Option<u64>,
    receipts: &'m [LetterName],
    event: Option<&'m [u8]>,
}

impl<'m> Fields<'m> {
    fn of(message: &'m Message) -> Self {
        match message {
            Message::Testimony(it) => Self {
                kind: "testimony",
                text: Some(it.text.as_str()),
                day: Some(it.day),
                language: it.language.as_ref().map(|language| language.as_str()),
                manifests: &it.manifests,
                form: it.form.as_ref().map(|form| (form.form.as_bytes(), form.answers.as_slice())),
                ..Self::default()
            },
            Message::Reply(it) => Self {
                kind: "reply",
                text: Some(it.text.as_str()),
                day: Some(it.day),
                number: Some(it.number.get()),
                receipts: &it.receipts,
                ..Self::default()
            },
            Message::Receipt(it) => Self {
                kind: "receipt",
                day: Some(it.day),
                number: Some(it.number.get()),
                receipts: &it.receipts,
                ..Self::default()
            },
            Message::TeamEvent(it) => {
                Self { kind: "team event", day: Some(it.day), event: Some(it.event.as_slice()), ..Self::default() }
            }
            Message::Cover => Self { kind: "cover", ..Self::default() },
        }
    }
}
