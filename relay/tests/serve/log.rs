//! What the program says about the people who use it: nothing, at its loudest, whatever they do.

use crate::certificate::{Authority, tls};
use crate::client::{Client, burn_key, chunk, envelope, error, id, letter, websocket};
use crate::dated::{Dated, LOG};
use crate::office::{Office, publish_note, publish_seats};
use crate::process::{Running, SEAL_AT_ONCE, configured, path, run, today};
use crate::secrets::{Secrets, base64};
use chacha20::ChaCha20Rng;
use cssr_proto::frame::{Frame, Head as FrameHead};
use cssr_proto::index::{Group, Head, letter_genesis};
use cssr_proto::keys::RelayPublicKey;
use cssr_proto::postage::{Challenge, Postage};
use cssr_proto::publication::Publication;
use cssr_proto::request::{NextBatches, Post, Request};
use cssr_proto::response::Response;
use cssr_proto::wire_error::ErrorCode;
use cssr_proto::{Bytes, CourierProof, List};
use futures_util::SinkExt as _;
use rand_core::SeedableRng as _;
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::tungstenite::Message;

const FROM_START: NextBatches = NextBatches { letters: 1, chunks: 1 };
const LETTERS_MAX: u64 = 20;
/// The name that a peer asks for in TLS.
const NAME: &str = "name-of-a-front.example.org";

#[tokio::test]
async fn the_log_says_nothing_about_anybody_even_at_its_loudest() {
    says_nothing("journal", &["--log", "trace"]).await;
}

#[tokio::test]
async fn nor_does_it_in_json() {
    says_nothing("journal", &["--log", "trace", "--log-format", "json"]).await;
}

async fn says_nothing(engine: &str, arguments: &[&str]) {
    let (folder, office, key) = configured(&format!(
        "store = \"{engine}\"\n{SEAL_AT_ONCE}letters_max = {LETTERS_MAX}\nchunk_effort = 1\nrequests_in_flight = 8\nletters_in_flight = 1\n\
         silence_timeout = \"2s\"\nping_interval = \"200ms\"\n\
         tls_listen = \"127.0.0.1:0\"\ntls_certificate = \"certificate.pem\"\ntls_key = \"key.pem\"\n"
    ))
    .await;
    let authority = Authority::new();
    authority.issue().write(folder.path());
    let relay = Running::start(folder.path(), arguments).await;
    let data = folder.path().join("data");
    let (secrets, refused) = (Secrets::default(), BTreeSet::new());
    let mut day = Day { relay: &relay, data: &data, office, key, authority, secrets, refused };
    day.begins_before_the_office().await;
    day.source_posts_too_much_at_once().await;
    day.source_posts_and_reads().await;
    day.everything_is_asked_for_wrongly().await;
    day.courier_drains().await;
    day.peers_speak_nonsense().await;
    day.peers_speak_tls().await;
    let mut all: BTreeSet<u16> = (1..=13).collect();
    if engine == "journal" {
        day.the_disk_goes_bad().await;
    } else {
        // sled has read everything by now.
        all.remove(&ErrorCode::StorageFailed.number());
    }
    let Day { mut secrets, refused, .. } = day;
    assert_eq!(refused, all, "not every kind of error happened");

    let key_file = std::fs::read_to_string(folder.path().join("relay.key")).unwrap();
    let hex = key_file.lines().nth(1).unwrap();
    let secret: Vec<u8> = (0..32).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect();
    secrets.add(&secret);
    // Of letters and of chunks.
    let before = secrets.bytes.len();
    secrets.add_day_keys(&data.join("keys"));
    let each = if engine == "journal" { 2 } else { 1 };
    assert!(secrets.bytes.len() >= before + 2 * each, "there are no day keys");

    let log = relay.stop("-TERM").await;
    assert!(log.contains("a new roster") && log.contains("sealed a batch"), "nothing was logged: {log}");
    secrets.must_not_be_in(&log);
    for line in log.lines() {
        assert!(line.chars().all(|c| !c.is_control()), "{line:?}");
    }
}

#[tokio::test]
async fn nor_with_plain_sled() {
    says_nothing("sled", &["--log", "trace"]).await;
}

#[tokio::test]
async fn nor_when_days_pass_or_should() {
    for engine in ["journal", "sled"] {
        passes(engine).await;
    }
}

#[tokio::test]
async fn nor_when_things_fail() {
    for engine in ["journal", "sled"] {
        fails(engine, &["--log", "trace"]).await;
    }
}

#[tokio::test]
async fn nor_in_json_when_things_fail() {
    fails("journal", &["--log", "trace", "--log-format", "json"]).await;
}

/// Days that pass and expire, clocks that are wrong both ways, an office whose keys and notes lapse, and statements that are
/// found to be another's.
async fn passes(engine: &str) {
    let (folder, office, key) = configured(&format!("store = \"{engine}\"\n{SEAL_AT_ONCE}")).await;
    let (folder, mut secrets, mut office) = (folder.path(), Secrets::default(), office.with_lives(2, 1));
    let genesis = Head::genesis(letter_genesis(&key));
    let day = today();
    let mut relay = Dated::start(folder, day).await;
    let address = relay.address;
    office.open(async || Client::connect(address).await, genesis).await;
    for passed in 0..5 {
        let mut client = relay.client().await;
        secrets.add_client(&client);
        for seed in 10 * passed..10 * passed + 3 {
            secrets.add_envelope(seed);
            assert_eq!(client.ask(letter(seed)).await, Response::Posted);
        }
        secrets.add_day_keys(&folder.join("data/keys"));
        relay.say(day.plus(passed as u32 + 1)).await;
        relay.took_up(day.plus(passed as u32 + 1)).await;
    }
    for wrong in [day.plus(100), day.plus(5), day.minus(40), day.plus(5)] {
        relay.say(wrong).await;
        relay.took_up(wrong).await;
    }
    relay.kill().await;
    let log = std::fs::read_to_string(folder.join(LOG)).unwrap();
    for told in [
        "what is older than its life is destroyed",
        "the relay keeps its day",
        "the clock is behind",
        "the couriers have not renewed the note",
        "sealed a batch",
        "an alarm is over",
    ] {
        assert!(log.contains(told), "not told: {told}: {log}");
    }
    secrets.must_not_be_in(&log);

    // Statements of seats that no roster lists, and bytes that are none.
    let statements = folder.join("data/statements/seats");
    let name = std::fs::read_dir(&statements).unwrap().next().unwrap().unwrap().file_name();
    secrets.add(&envelope(77)[..300]);
    std::fs::write(statements.join("strange"), &envelope(77)[..300]).unwrap();
    std::fs::copy(statements.join(name), statements.join("another")).unwrap();
    let relay = Dated::start(folder, day.plus(5)).await;
    relay.kill().await;
    let log = std::fs::read_to_string(folder.join(LOG)).unwrap();
    assert!(log.contains("do not verify and are left out"), "{log}");
    secrets.must_not_be_in(&log);
}

/// Whatever a relay has to complain of: a certificate, its disk, peers that stay, what it finds when it starts again; and what
/// the other commands say then.
async fn fails(engine: &str, arguments: &[&str]) {
    let (folder, mut office, key) = configured(&format!(
        "store = \"{engine}\"\n{SEAL_AT_ONCE}requests_in_flight = 1000\nshutdown_timeout = \"1s\"\n\
         tls_listen = \"127.0.0.1:0\"\ntls_certificate = \"certificate.pem\"\ntls_key = \"key.pem\"\n"
    ))
    .await;
    let (folder, mut secrets) = (folder.path(), Secrets::default());
    Authority::new().issue().write(folder);
    // What is written beyond a limit, which comes below, must fail and not kill.
    let through = ["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""];
    let relay = Running::start_through(&through, folder, arguments).await;
    office.open(async || relay.client().await, Head::genesis(letter_genesis(&key))).await;
    let mut client = relay.client().await;
    secrets.add_client(&client);
    for seed in 0..8 {
        secrets.add_envelope(seed);
        assert_eq!(client.ask(letter(seed)).await, Response::Posted);
    }
    while !matches!(client.ask(Request::Index(today())).await, Response::Index(index) if !index.batches.is_empty()) {
        tokio::task::yield_now().await;
    }

    secrets.add(&envelope(8)[..300]);
    let certificate = base64(&envelope(8)[..300]);
    let certificate = format!("-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n");
    std::fs::write(folder.join("certificate.pem"), certificate).unwrap();
    relay.signal("-HUP").await;

    // Nothing can be written to any file any more.
    let pid = relay.pid().to_string();
    let limited = Command::new("prlimit").args(["--pid", &pid, "--fsize=1:1"]).status().await.unwrap();
    assert!(limited.success());
    secrets.add_envelope(9);
    assert_eq!(client.refused(letter(9)).await, ErrorCode::StorageFailed);

    // One that takes nothing in is still there when the relay stops.
    let mut deaf = relay.client().await;
    secrets.add_client(&deaf);
    for number in 0..1_000 {
        if !deaf.try_send(Request::Group(Group { day: today(), number })).await {
            break;
        }
    }
    let (status, log) = relay.end("-TERM").await;
    assert_eq!(status.code(), Some(1), "{log}");
    for told in ["the new certificate is not used", "the store failed", "are cut"] {
        assert!(log.contains(told), "not told: {told}: {log}");
    }
    secrets.must_not_be_in(&log);

    let data = folder.join("data");
    secrets.add_day_keys(&data.join("keys"));
    let note = std::fs::read_dir(data.join("statements/notes")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&note).unwrap();
    secrets.add(&bytes[100..200]);
    // Of both copies.
    let half = bytes.len() / 2;
    [150, half + 150].iter().for_each(|at| bytes[*at] ^= 1);
    std::fs::write(&note, bytes).unwrap();
    Authority::new().issue().write(folder);
    let is_sled = engine == "sled";
    let log = if is_sled { starts_without_note(folder).await } else { starts_damaged(folder, &data, arguments).await };
    assert!(log.contains("cannot be read and are left out"), "{log}");
    secrets.must_not_be_in(&log);
    if is_sled {
        // One that lost a block does not open.
        spoil_volumes(&data);
    }

    let [backup, export, new] = ["backup", "export", "new"].map(|name| folder.join(name));
    std::fs::write(&export, envelope(9)).unwrap();
    for (command, code) in [
        (&["check"][..], 1),
        (&["backup", "--letters", path(&backup)], i32::from(is_sled)),
        (&["backup", path(&backup)], i32::from(!is_sled)),
        (&["export", path(&export)], 1),
        (&["import", path(&export)], 1),
    ] {
        let (output, out, err) = run(&[command, &["--config", path(folder)]].concat()).await;
        assert_eq!(output.status.code(), Some(code), "{command:?}: {out}{err}");
        secrets.must_not_be_in(&(out + &err));
    }
    let mut bytes = std::fs::read(&backup).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&backup, bytes).unwrap();
    let (output, out, err) = run(&["restore", "--config", path(&new), path(&backup)]).await;
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    secrets.must_not_be_in(&(out + &err));
}

/// Damages one block after the other until it is that of a letter that is listed, which a start finds; what it says then.
async fn starts_damaged(folder: &Path, data: &Path, arguments: &[&str]) -> String {
    let days = std::fs::read_dir(data.join("days")).unwrap().map(|day| day.unwrap().path().join("journal"));
    for journal in days.collect::<Vec<_>>() {
        let bytes = std::fs::read(&journal).unwrap();
        let written = (0..bytes.len()).step_by(16_384).filter(|at| bytes[*at..*at + 128] != [0; 128]);
        for at in written {
            let mut damaged = bytes.clone();
            damaged[at + 40] ^= 1;
            std::fs::write(&journal, damaged).unwrap();
            let relay = Running::start(folder, arguments).await;
            // Not stopped well, so that the next one reads the journal again.
            let (_, log) = relay.end("-KILL").await;
            if log.contains("the store is damaged") {
                return log;
            }
        }
        std::fs::write(&journal, bytes).unwrap();
    }
    panic!("no start has found that anything was lost");
}

/// What a start says that finds a statement damaged.
async fn starts_without_note(folder: &Path) -> String {
    Running::start(folder, &["--log", "trace"]).await.stop("-TERM").await
}

/// Damages all blocks of a store on sled.
fn spoil_volumes(data: &Path) {
    for day in std::fs::read_dir(data.join("days")).unwrap() {
        let log = OpenOptions::new().write(true).open(day.unwrap().path().join("db")).unwrap();
        for at in (0..log.metadata().unwrap().len()).step_by(4_096) {
            log.write_all_at(b"bad", at + 900).unwrap();
        }
    }
}

/// Damages all blocks of a store.
fn spoil_days(data: &Path) {
    for day in std::fs::read_dir(data.join("days")).unwrap() {
        let journal = OpenOptions::new().write(true).open(day.unwrap().path().join("journal")).unwrap();
        for at in (0..journal.metadata().unwrap().len()).step_by(16_384) {
            journal.write_all_at(b"bad", at + 9_000).unwrap();
        }
    }
}

/// What happens at a relay in a day, good and bad.
struct Day<'a> {
    relay: &'a Running,
    /// Its store.
    data: &'a Path,
    office: Office,
    key: RelayPublicKey,
    /// Of its certificate.
    authority: Authority,
    secrets: Secrets,
    /// The codes of the errors that were answered.
    refused: BTreeSet<u16>,
}

impl Day<'_> {
    fn address(&self) -> SocketAddr {
        self.relay.address
    }

    async fn client(&mut self) -> Client {
        let client = self.relay.client().await;
        self.secrets.add_client(&client);
        client
    }

    async fn refused(&mut self, client: &mut Client, request: Request, code: ErrorCode) {
        let answer = client.ask(request).await;
        assert_eq!(error(&answer), code);
        self.refused.insert(code.number());
    }

    async fn begins_before_the_office(&mut self) {
        let mut early = self.client().await;
        self.refused(&mut early, Request::Note, ErrorCode::NotReady).await;
        let (address, head) = (self.address(), Head::genesis(letter_genesis(&self.key)));
        self.office.open(async || Client::connect(address).await, head).await;
        for courier in [0, 1] {
            self.secrets.add(self.office.courier_key(courier).expose());
        }
    }

    /// Only one letter may be on its way to the disk. The relay is held until all of them have arrived, so that it reads the
    /// second while the first is written.
    async fn source_posts_too_much_at_once(&mut self) {
        let mut client = self.client().await;
        let (at_once, busy) = (4, ErrorCode::Busy.number());
        // A fast disk may keep up all the same.
        for _ in 0..200 {
            self.relay.signal("-STOP").await;
            for seed in 0..at_once {
                client.send(letter(seed)).await;
            }
            self.relay.signal("-CONT").await;
            for _ in 0..at_once {
                match client.receive().await {
                    Response::Posted => {}
                    refusal => {
                        assert_eq!(error(&refusal), ErrorCode::Busy);
                        self.refused.insert(busy);
                    }
                }
            }
            if self.refused.contains(&busy) {
                return;
            }
        }
    }

    /// More letters than there is room for.
    async fn source_posts_and_reads(&mut self) {
        let mut client = self.client().await;
        for seed in 0..LETTERS_MAX {
            self.secrets.add_envelope(seed);
            assert_eq!(client.ask(letter(seed)).await, Response::Posted);
        }
        self.secrets.add_envelope(LETTERS_MAX);
        self.refused(&mut client, letter(LETTERS_MAX), ErrorCode::Full).await;
        for seed in 101..=165 {
            self.secrets.add_envelope(seed);
            let post = self.paid_chunk(&client, seed, seed - 101);
            assert_eq!(client.ask(post).await, Response::Posted, "{seed}");
        }
        let ids = List::new((101..110).map(id).collect()).unwrap();
        assert!(matches!(client.ask(Request::Have(ids)).await, Response::Have(_)));
        assert!(matches!(client.ask(Request::Fetch(id(101))).await, Response::Chunk(_)));
        assert!(matches!(client.ask(Request::Group(Group { day: today(), number: 0 })).await, Response::Group(_)));
        assert!(matches!(client.ask(Request::Index(today())).await, Response::Index(_)));
        self.secrets.add(&[9; 32]);
        self.refused(&mut client, Request::Burn { id: id(102), key: [9; 32] }, ErrorCode::RefusedBurn).await;
        let burn = Request::Burn { id: id(101), key: *burn_key(101).as_bytes() };
        assert_eq!(client.ask(burn).await, Response::Burned);
    }

    async fn everything_is_asked_for_wrongly(&mut self) {
        let mut client = self.client().await;
        let other = Post::letter(id(1), Postage::FREE, &envelope(2));
        self.refused(&mut client, Request::Post(other), ErrorCode::Conflict).await;
        self.refused(&mut client, chunk(100), ErrorCode::Postage).await;
        self.refused(&mut client, Request::Drain(FROM_START), ErrorCode::WrongSession).await;
        let garbage = Publication::Roster(Bytes::new(envelope(3)[..900].to_vec()).unwrap());
        self.refused(&mut client, Request::Publish(garbage), ErrorCode::RefusedStatement).await;
        let seats = publish_seats(&[envelope(4)[..900].to_vec()]);
        self.refused(&mut client, seats, ErrorCode::RefusedStatement).await;
        client.send_frame(&Frame::small(FrameHead::single(0x55, 1), id(0).as_bytes()).unwrap()).await;
        client.frame().await.unwrap();
        self.refused.insert(ErrorCode::UnknownRequest.number());
        client.send_frame(&Frame::small(FrameHead::single(0x03, 1), id(0).as_bytes()).unwrap()).await;
        client.frame().await.unwrap();
        self.refused.insert(ErrorCode::Malformed.number());
        client.ends().await;

        self.too_much_is_asked_for_at_once().await;

        let mut stranger = self.client().await;
        let CourierProof { courier, signature } = self.office.proof(0, &self.relay.client().await);
        self.secrets.add(&signature);
        self.refused(&mut stranger, Request::Courier { courier, signature }, ErrorCode::RefusedCourier).await;
    }

    /// The answers are more than all buffers between here and there hold, so they wait until they are read.
    async fn too_much_is_asked_for_at_once(&mut self) {
        let mut client = self.client().await;
        let asked = 300;
        for number in 0..asked {
            client.send(Request::Group(Group { day: today(), number })).await;
        }
        for _ in 0..asked {
            if let Response::Error(error) = client.receive().await {
                self.refused.insert(error.code.number());
            }
        }
    }

    /// A chunk with the postage that the session's `n`th needs.
    fn paid_chunk(&mut self, client: &Client, seed: u64, n: u64) -> Request {
        let (key, hash) = (burn_key(seed), cssr_proto::sha256(burn_key(seed).as_bytes()));
        let postage = Challenge::chunk(client.session.handshake_hash(), n).map(|challenge| {
            let postage = challenge.solve(1, 1_000, &mut ChaCha20Rng::seed_from_u64(7)).unwrap();
            self.secrets.add(&postage.nonce);
            self.secrets.add(&postage.solution);
            postage
        });
        self.secrets.add(key.as_bytes());
        self.secrets.add(&hash);
        Request::Post(Post::chunk(id(seed), hash, postage.unwrap_or(Postage::FREE), &envelope(seed)))
    }

    async fn courier_drains(&mut self) {
        let mut courier = self.client().await;
        self.secrets.add(&self.office.proof(0, &courier).signature);
        self.office.become_courier(&mut courier, 0).await;
        courier.send(Request::Drain(FROM_START)).await;
        while !matches!(courier.receive().await, Response::CaughtUp(_)) {}
        let group = Request::Group(Group { day: today(), number: 0 });
        self.refused(&mut courier, group, ErrorCode::WrongSession).await;
        let note = publish_note(&envelope(5)[..900], None);
        self.refused(&mut courier, note, ErrorCode::RefusedStatement).await;
    }

    /// Under everything that was stored.
    async fn the_disk_goes_bad(&mut self) {
        spoil_days(self.data);
        let mut client = self.client().await;
        self.refused(&mut client, Request::Fetch(id(105)), ErrorCode::StorageFailed).await;
        let group = client.ask(Request::Group(Group { day: today(), number: 0 })).await;
        assert!(matches!(group, Response::Group(letters) if letters.iter().all(Option::is_none)));
    }

    async fn peers_speak_nonsense(&mut self) {
        let mut socket = websocket(self.address()).await;
        self.secrets.add_port(socket.get_ref());
        socket.send(Message::Text("hello".into())).await.unwrap();
        let mut plain = TcpStream::connect(self.address()).await.unwrap();
        self.secrets.add_port(&plain);
        plain.write_all(&[&b"GET /"[..], &envelope(6)[..64], b" HTTP/1.1\r\n\r\n"].concat()).await.unwrap();
        self.secrets.add(&envelope(6)[..64]);
        plain.read_to_end(&mut Vec::new()).await.unwrap();
        let mut damaged = self.client().await;
        damaged.socket.send(Message::Binary(envelope(0)[..528].to_vec().into())).await.unwrap();
        damaged.ends().await;
        // One that answers no ping is dropped as silent.
        let silent = self.client().await;
        silent.socket.into_inner().read_to_end(&mut Vec::new()).await.unwrap();
    }

    /// Well, badly, and not at all.
    async fn peers_speak_tls(&mut self) {
        let address: SocketAddr = self.relay.others[0].strip_prefix("wss://").unwrap().parse().unwrap();
        let stream = tls(address, &self.authority.trust()).await.unwrap();
        self.secrets.add_port(stream.get_ref().0);
        let mut client = Client::over(stream).await.unwrap();
        self.secrets.add(client.handshake_hash());
        self.secrets.add_envelope(0);
        assert_eq!(client.ask(letter(0)).await, Response::Posted);

        let tcp = TcpStream::connect(address).await.unwrap();
        self.secrets.add_port(&tcp);
        self.secrets.add(NAME.as_bytes());
        let named = TlsConnector::from(self.authority.trust()).connect(ServerName::try_from(NAME).unwrap(), tcp).await;
        assert!(named.is_err(), "the certificate is for an address");
        for said in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 3, 1, 2, 0], &envelope(7)[..300]] {
            let mut peer = TcpStream::connect(address).await.unwrap();
            self.secrets.add_port(&peer);
            peer.write_all(said).await.unwrap();
            peer.shutdown().await.unwrap();
            // Cut, or answered with an alert.
            let _ = peer.read_to_end(&mut Vec::new()).await;
        }
        self.secrets.add(&envelope(7)[..300]);
    }
}
