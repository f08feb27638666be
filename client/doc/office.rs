// For the examples in the documentation of this crate, which include it: an office with one desk, one seat and its
// courier, and a relay in this process that serves it. It is made as real ones are: keys, requests, admission, roster,
// publication, the first note.

type Failed = Box<dyn std::error::Error>;

/// The day on which it all happens.
const TODAY: cssr_proto::Day = cssr_proto::Day(20_780);

/// An office that is ready for letters.
struct ExampleOffice {
    folder: tempfile::TempDir,
    relay: cssr_relay::Handle,
    card: cssr_proto::Card,
}

impl ExampleOffice {
    async fn open() -> Result<Self, Failed> {
        use cssr_client::courier::{Connection, Courier, MirrorOptions};
        use cssr_client::office::{Change, NewOffice, Office, Passphrases, Request as Admission};
        use cssr_client::{mirror::Mirror, seat::Seat, transport::Dialer};
        use cssr_proto::publication::Publication;
        use cssr_proto::request::Request;
        use cssr_proto::{Addresses, Bytes, DeskNumber, Label, List, Number, Policy, SeatNumber};

        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let (folder, passphrase) = (tempfile::tempdir()?, Self::passphrase());
        let path = |name: &str| folder.path().join(name);

        // An office that knows where its relay will be, and the relay.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let addresses = Addresses::new(vec![format!("ws://{}", listener.local_addr()?).parse()?])?;
        let key = cssr_proto::keys::RelaySecretKey::generate(&mut rng);
        let policy = Policy {
            letter_days: Number::new(21)?,
            chunk_days: Number::new(7)?,
            group: Number::new(4)?,
            note_days: Number::new(3)?,
            rounds: Number::new(2)?,
        };
        let relay = cssr_proto::Relay { key: key.public(), addresses };
        let new = NewOffice { name: cssr_proto::Text::new("Office of the Envoy")?, relay, policy };
        let passphrases = Passphrases { root: &passphrase, successor: &passphrase };
        let mut office = Office::init(&path("office"), new, passphrases, &mut rng)?;
        let card = office.card();
        let quotas = cssr_relay::store::Quotas { letters: 1_000, chunks: 1_000 };
        let store = cssr_relay::store::MemoryStore::new(&key.public(), quotas);
        let clock = std::sync::Arc::new(cssr_relay::ManualClock::new(TODAY));
        let config = cssr_relay::Config::new(card.clone(), key);
        let (server, relay) = cssr_relay::Relay::start(store, config, clock).await?;
        tokio::spawn(server.serve(listener, std::future::pending()));

        // A seat and its courier ask to be admitted, and are.
        let (desk, number) = (DeskNumber::new(0)?, SeatNumber::new(0)?);
        let (label, name) = (Label::new("Amal")?, Label::new("Protection")?);
        let seat_at = (desk, label.clone());
        let mut seat = Seat::create(&path("seat"), &passphrase, card.clone(), seat_at, TODAY, &mut rng)?;
        let courier_at = (desk, number, label);
        let mut courier = Courier::create(&path("courier"), &passphrase, card.clone(), courier_at, TODAY, &mut rng)?;
        let draft = office.propose(Change::SetDesk { number: desk, name }, TODAY)?;
        office.keep(draft)?;
        let request = |file: &str| -> Result<Admission, Failed> {
            Ok(Admission::read(&std::fs::read(path(file))?, card.office_if_first(), TODAY)?)
        };
        let requests = vec![request("seat/seat.request")?, request("courier/courier.request")?];
        let draft = office.propose(Change::Admit { requests, days: 365 }, TODAY)?;
        let roster = office.issue(draft, &passphrase)?.bytes().to_vec();
        seat.accept(&roster, TODAY, &mut rng)?;
        courier.accept(&roster, TODAY)?;

        // Everything is published, and the courier confirms it with the first note.
        let mut publications = vec![Publication::Roster(Bytes::new(roster)?)];
        for statement in seat.statements(TODAY, &mut rng)? {
            publications.push(Publication::SeatStatements(List::new(vec![Bytes::new(statement.bytes())?])?));
        }
        let (dialer, silence) = (Dialer::default(), std::time::Duration::from_secs(60));
        let mut connection = Connection::open(&dialer, card.addresses(), silence, &mut rng).await?;
        for publication in publications {
            connection.call(Request::Publish(publication)).await?;
        }
        let mut connection = Connection::open(&dialer, card.addresses(), silence, &mut rng).await?;
        let mirror = Mirror::create(&path("mirror"))?;
        courier.mirror(&mut connection, &mirror, TODAY, &MirrorOptions::default(), |_| {}).await?;
        Ok(Self { folder, relay, card })
    }

    /// Has a source send a text, and the relay list it.
    #[allow(dead_code)]
    async fn receive(&self, text: &str) -> Result<(), Failed> {
        use cssr_client::visit::{Draft, Plan, Want};
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let desk = cssr_proto::DeskNumber::new(0)?;
        let draft = Draft { desk, text: text.to_owned().into(), language: None };
        let passphrase = cssr_proto::Passphrase::generate(&mut rng);
        let keys = cssr_proto::SourceKeys::derive(&passphrase, self.card.office_if_first())?;
        let want = Want { drafts: vec![draft], ..Want::default() };
        let plan = Plan::new(self.card.clone(), self.card.office_if_first(), keys, TODAY, want);
        let (dialer, patience) = (cssr_client::transport::Dialer::default(), cssr_client::source::Patience::default());
        cssr_client::source::visit(plan, self.card.addresses(), &dialer, &patience, &mut rng, |_| {}).await?;
        self.relay.seal().await;
        Ok(())
    }

    /// A folder of the seat, the courier or the mirror.
    #[allow(dead_code)]
    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// The staff's.
    fn passphrase() -> cssr_client::files::StaffPassphrase {
        cssr_client::files::StaffPassphrase::new("a passphrase for examples".to_owned())
    }
}

/// Runs an example.
fn run(example: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(example)
}
