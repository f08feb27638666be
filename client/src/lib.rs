//! CSSR Relay clients: sources, seats with their couriers, and offices, as a library and as the programs `cssr-source`,
//! `cssr-desk` and `cssr-office`.
//!
//! For most cases: a **source** makes a [`visit::Plan`] and calls [`source::visit`]. It sends what there is to send and
//! brings back the replies; from outside, the one looks like the other.
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/office.rs"));
//! use cssr_client::source::{self, Patience};
//! use cssr_client::transport::Dialer;
//! use cssr_client::visit::{Draft, Plan, Want};
//! use cssr_proto::{Card, DeskNumber, Passphrase, SourceKeys};
//!
//! # fn main() -> Result<(), Failed> { run(async {
//! # let office = ExampleOffice::open().await?;
//! # let (card_text, today) = (office.card.to_string(), TODAY);
//! let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
//! let card: Card = card_text.parse()?;
//! let passphrase = Passphrase::generate(&mut rng); // the person learns it; later it is parsed from what they type
//! let keys = SourceKeys::derive(&passphrase, card.office_if_first())?;
//! let draft = Draft { desk: DeskNumber::new(0)?, text: "اقتحموا البيت فجرًا".to_owned().into(), language: None };
//! let want = Want { drafts: vec![draft], ..Want::default() };
//! let plan = Plan::new(card.clone(), card.office_if_first(), keys, today, want);
//! let report =
//!     source::visit(plan, card.addresses(), &Dialer::default(), &Patience::default(), &mut rng, |_| {}).await?;
//! assert_eq!(report.sent[0].stored, Ok(()));
//! report.replies.iter().for_each(|reply| println!("{}: {:?}", reply.label, reply.text));
//! # Ok(()) }) }
//! ```
//!
//! A **seat**'s [`courier`] mirrors the relay on a machine with a network; the [`seat`] itself, which needs none, imports
//! the mirror, reads and answers. What it writes waits in its [`seat::Outbox`] until somebody posts it.
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/office.rs"));
//! use cssr_client::courier::{Connection, Courier, MirrorOptions};
//! use cssr_client::{display::printable, mirror::Mirror, seat::Outbox, seat::Seat, transport::Dialer};
//! use cssr_proto::message::Message;
//!
//! # fn main() -> Result<(), Failed> { run(async {
//! # let office = ExampleOffice::open().await?;
//! # office.receive("اقتحموا البيت فجرًا").await?;
//! # let (card, today, passphrase) = (&office.card, TODAY, ExampleOffice::passphrase());
//! # let [seat_folder, courier_folder, mirror_folder] = ["seat", "courier", "mirror"].map(|name| office.path(name));
//! # let silence = std::time::Duration::from_secs(60);
//! let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
//! let mut courier = Courier::open(&courier_folder, &passphrase)?;
//! let mut connection = Connection::open(&Dialer::default(), card.addresses(), silence, &mut rng).await?;
//! let mirror = Mirror::create(&mirror_folder)?;
//! courier.mirror(&mut connection, &mirror, today, &MirrorOptions::default(), |_| {}).await?;
//!
//! let mut seat = Seat::open(&seat_folder, &passphrase)?;
//! let report = seat.import(&mirror, today, &mut rng, |_| {})?;
//! assert!(report.alarms.is_empty() && report.refused.is_empty());
//! for letter in seat.letters() {
//!     let (_, message) = seat.letter(letter.number)?;
//!     let Some(Message::Testimony(testimony)) = message else { continue };
//!     println!("{}: {}", letter.number, printable(testimony.text.as_str())); // letters are hostile until proven otherwise
//!     seat.reply(letter.number, "وصلتنا رسالتكم", today, &mut rng)?;
//! }
//! assert_eq!(Outbox::open(&seat_folder)?.waiting()?.len(), 1);
//! # Ok(()) }) }
//! ```
//!
//! The day, and the generator of every key and letter, are arguments; only [`cli`] reads a clock or asks a person.

pub mod cli;
mod connection;
pub mod courier;
pub mod display;
pub mod files;
pub mod link;
pub mod mirror;
pub mod office;
pub mod seat;
pub mod source;
pub mod transport;
pub mod visit;

pub use connection::ConnectionError;
