//! The forwarder: who is handed on to whom, who is dropped, and that nothing is told of anybody.

use crate::certificate::{Authority, tls};
use crate::client::{Client, letter};
use crate::process::{Running, path, program, run};
use crate::rig::Rig;
use cssr_proto::response::Response;
use cssr_relay::{ForwardConfig, ForwardLimits, Listeners, forward};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// After this a test fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_millis(200);

/// A forwarder in this process.
struct Forwarder {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Forwarder {
    async fn to(relays: &[SocketAddr], change: impl FnOnce(&mut ForwardLimits)) -> Self {
        let mut limits = ForwardLimits { shutdown_timeout: SOON, ..ForwardLimits::default() };
        change(&mut limits);
        let relays = relays.iter().map(|relay| relay.to_string().parse().unwrap()).collect();
        let (listener, address) = listening().await;
        let (stop, stopped) = oneshot::channel::<()>();
        let config = ForwardConfig { relays, forwarders: Vec::new(), limits };
        let task = tokio::spawn(forward(listener, config, async { drop(stopped.await) }));
        Self { address, stop, task }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(PATIENCE, self.task).await.expect("it does not stop").unwrap();
    }

    /// A connection whose first word was said.
    async fn connect(&self) -> TcpStream {
        connect(self.address).await
    }
}

/// A connection whose first word was said.
async fn connect(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    stream
}

async fn listening() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address at which nobody listens.
async fn nobody() -> SocketAddr {
    listening().await.1
}

/// The next connection, with the word that was said first. The forwarder's own say nothing.
async fn accept(relay: &TcpListener) -> TcpStream {
    loop {
        let (mut stream, _) = tokio::time::timeout(PATIENCE, relay.accept()).await.expect("nobody comes").unwrap();
        let mut first = [0; 5];
        if stream.read_exact(&mut first).await.is_ok() {
            assert_eq!(&first, b"hello");
            return stream;
        }
    }
}

/// The next connection, which must say nothing: the forwarder's own.
async fn probed(relay: &TcpListener) {
    let (mut stream, _) = tokio::time::timeout(PATIENCE, relay.accept()).await.expect("nobody comes").unwrap();
    assert_eq!(ends(&mut stream).await, b"");
}

/// Waits until the other side has ended the connection, and gives what it said before.
async fn ends(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    // It may be reset as well.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("it is not dropped");
    said
}

#[tokio::test]
async fn a_forwarder_takes_no_more_connections_than_it_may_open_files_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("forward.toml");
    std::fs::write(&file, format!("listen = \"127.0.0.1:0\"\nrelays = \"{}\"\n", nobody().await)).unwrap();
    let through = |limit: &str| {
        let mut command = Command::new("prlimit");
        command.args([&format!("--nofile={limit}:{limit}"), env!("CARGO_BIN_EXE_cssr-relay")]);
        command.args(["forward", "--config", path(&file)]).stdin(Stdio::null()).kill_on_drop(true);
        command
    };
    let output = through("280").output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("256 besides 2 for each connection"));
    let forwarder = Running::spawn(through("300"), false, 0).await;
    let said = forwarder.stop("-TERM").await;
    assert!(said.contains("fewer connections than configured") && said.contains("most=22"), "{said}");
}

#[tokio::test]
async fn a_session_goes_through_and_the_log_tells_nothing_about_anybody() {
    let rig = Rig::open().await;
    let dead = nobody().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("forward.toml");
    let (_, template, _) = run(&["forward", "--template"]).await;
    let lines = format!(
        "{template}\nlisten = \"127.0.0.1:0\"\nrelays = [\"{dead}\", \"{}\"]\nfirst_timeout = \"200ms\"\nconnections = 4\n\
         tls_listen = \"127.0.0.1:0\"\ntls_certificate = \"certificate.pem\"\ntls_key = \"key.pem\"\n",
        rig.address
    );
    std::fs::write(&file, lines).unwrap();
    let authority = Authority::new();
    authority.issue().write(folder.path());
    let (output, _, err) = run(&["check-config", "--forward", "--config", path(&file)]).await;
    assert!(output.status.success(), "{err}");

    let forwarder = Running::run(&["forward", "--config", path(&file), "--log", "trace"], 1).await;
    let with_tls: SocketAddr = forwarder.others[0].split_once("://").unwrap().1.parse().unwrap();
    let mut ports = vec![dead.port(), rig.address.port(), forwarder.address.port(), with_tls.port()];
    let mut client = forwarder.client().await;
    ports.push(client.socket.get_ref().local_addr().unwrap().port());
    assert_eq!(client.ask(letter(1)).await, Response::Posted);
    // One who says nothing, one who speaks nonsense, and more than there is room for.
    let mut silent = TcpStream::connect(forwarder.address).await.unwrap();
    ports.push(silent.local_addr().unwrap().port());
    let mut nonsense = TcpStream::connect(forwarder.address).await.unwrap();
    nonsense.write_all(b"GET /secret HTTP/1.1\r\n\r\n").await.unwrap();
    ends(&mut nonsense).await;
    ends(&mut silent).await;
    // No TLS where it is spoken, TLS that does not trust this one, and one who leaves without a word.
    let mut plain = TcpStream::connect(with_tls).await.unwrap();
    ports.push(plain.local_addr().unwrap().port());
    plain.write_all(b"GET /secret HTTP/1.1\r\n\r\n").await.unwrap();
    ends(&mut plain).await;
    assert!(tls(with_tls, &Authority::new().trust()).await.is_err());
    let over_tls = Client::over(tls(with_tls, &authority.trust()).await.unwrap()).await.unwrap();
    let abrupt = forwarder.client().await;
    for socket in [over_tls.socket.get_ref().get_ref().0, abrupt.socket.get_ref()] {
        ports.push(socket.local_addr().unwrap().port());
        rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO)).unwrap();
    }
    drop((over_tls, abrupt));
    let mut held = Vec::new();
    for _ in 0..6 {
        held.push(TcpStream::connect(forwarder.address).await.unwrap());
    }
    for stream in &mut held {
        ports.push(stream.local_addr().unwrap().port());
        ends(stream).await;
    }
    // And a relay that goes away under its clients.
    rig.stop().await;
    client.ends().await;
    let log = forwarder.stop("-TERM").await;
    assert!(log.contains("a relay cannot be reached relay=1") && log.contains("turned_away="), "{log}");
    assert!(!log.contains("127.0.0.1") && !log.contains("secret"), "{log}");
    for port in ports {
        assert!(!log.contains(&port.to_string()), "a port is in the log: {log}");
    }
}

#[tokio::test]
async fn the_first_relay_that_answers_is_taken_and_a_dead_one_is_asked_again_later() {
    let (first_at, (second, second_at)) = (nobody().await, listening().await);
    for (retry_after, now_first) in [(Duration::ZERO, true), (PATIENCE, false)] {
        let first = TcpListener::bind(first_at).await.unwrap();
        let forwarder = Forwarder::to(&[first_at, second_at], |limits| limits.retry_after = retry_after).await;
        let _client = forwarder.connect().await;
        accept(&first).await;
        drop(first);
        let _client = forwarder.connect().await;
        accept(&second).await;
        let first = TcpListener::bind(first_at).await.unwrap();
        let _client = forwarder.connect().await;
        accept(if now_first { &first } else { &second }).await;
        forwarder.stop().await;
    }
}

#[tokio::test]
async fn who_says_nothing_costs_no_relay_anything() {
    let (relay, address) = listening().await;
    let forwarder = Forwarder::to(&[address], |limits| limits.first_timeout = SOON).await;
    probed(&relay).await;
    let mut silent = TcpStream::connect(forwarder.address).await.unwrap();
    assert_eq!(ends(&mut silent).await, b"");
    // Had the silent one been handed on, it would come first, and have said nothing.
    let _client = forwarder.connect().await;
    let (mut first, _) = tokio::time::timeout(PATIENCE, relay.accept()).await.expect("nobody comes").unwrap();
    assert_eq!(first.read(&mut [0; 5]).await.unwrap(), 5);
    forwarder.stop().await;
}

#[tokio::test]
async fn the_log_tells_once_that_a_relay_is_out_of_reach_and_once_that_it_is_back() {
    let (address, folder) = (nobody().await, tempfile::tempdir().unwrap());
    let file = folder.path().join("forward.toml");
    let lines = format!("relays = \"{address}\"\nlisten = \"127.0.0.1:0\"\nprobe_interval = \"20ms\"\n");
    std::fs::write(&file, lines).unwrap();
    let mut forwarder = program();
    forwarder.args(["forward", "--config", path(&file)]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut forwarder = forwarder.spawn().unwrap();
    let mut log = BufReader::new(forwarder.stderr.take().unwrap()).lines();
    let mut told = async || {
        loop {
            let line =
                tokio::time::timeout(PATIENCE, log.next_line()).await.expect("nothing is told").unwrap().unwrap();
            if line.contains("a relay ") {
                return line;
            }
        }
    };
    // What is told twice would come in the place of the next.
    for _ in 0..2 {
        assert!(told().await.contains("a relay cannot be reached relay=1"));
        let relay = TcpListener::bind(address).await.unwrap();
        assert!(told().await.contains("a relay can be reached again relay=1"));
        for _ in 0..3 {
            probed(&relay).await;
        }
    }
    forwarder.kill().await.unwrap();
}

#[tokio::test]
async fn what_each_side_says_last_reaches_the_other() {
    let (relay, address) = listening().await;
    let forwarder = Forwarder::to(&[address], |_| {}).await;
    let mut client = forwarder.connect().await;
    let mut at_relay = accept(&relay).await;
    client.write_all(b"last").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(ends(&mut at_relay).await, b"last");
    at_relay.write_all(b"answer").await.unwrap();
    at_relay.shutdown().await.unwrap();
    assert_eq!(ends(&mut client).await, b"answer");
    forwarder.stop().await;
}

#[tokio::test]
async fn a_connection_that_is_half_open_is_dropped() {
    let (relay, address) = listening().await;
    let forwarder = Forwarder::to(&[address], |limits| limits.half_open_timeout = SOON).await;
    let mut client = forwarder.connect().await;
    let mut at_relay = accept(&relay).await;
    client.shutdown().await.unwrap();
    // The relay goes on talking, and nobody ever ends.
    let talk = async { while at_relay.write_all(b"still here").await.is_ok() {} };
    let said = tokio::time::timeout(PATIENCE, async { tokio::join!(talk, ends(&mut client)).1 }).await;
    assert!(said.expect("it is not dropped").starts_with(b"still here"));
    forwarder.stop().await;
}

#[tokio::test]
async fn a_connection_on_which_nothing_passes_is_dropped() {
    let (relay, address) = listening().await;
    let forwarder = Forwarder::to(&[address], |limits| limits.idle_timeout = SOON).await;
    let mut client = forwarder.connect().await;
    let mut at_relay = accept(&relay).await;
    assert_eq!(ends(&mut client).await, b"");
    assert_eq!(ends(&mut at_relay).await, b"");
    forwarder.stop().await;
}

#[tokio::test]
async fn who_takes_nothing_in_is_dropped_although_it_talks_and_little_is_held_for_it() {
    let (relay, address) = listening().await;
    let forwarder = Forwarder::to(&[address], |limits| limits.idle_timeout = SOON).await;
    let mut client = forwarder.connect().await;
    let mut at_relay = accept(&relay).await;
    let (mut relay_reads, mut relay_writes) = at_relay.split();
    let mut sent = 0_usize;
    let flood = async {
        while let Ok(length) = relay_writes.write(&[0; 65_536]).await {
            sent += length;
        }
    };
    let chatter = async { while client.write_all(b"still here").await.is_ok() {} };
    let hear = async {
        let mut sink = [0; 4_096];
        while relay_reads.read(&mut sink).await.is_ok_and(|length| length > 0) {}
    };
    let dropped = tokio::time::timeout(PATIENCE, async { tokio::join!(flood, chatter, hear) }).await;
    dropped.expect("it is not dropped");
    // What the system's own buffers take is not the forwarder's.
    assert!(sent < 32 * 1024 * 1024, "{sent} bytes were taken for somebody who reads nothing");
    forwarder.stop().await;
}

#[tokio::test]
async fn more_than_there_is_room_for_are_turned_away_until_one_ends() {
    let (relay, address) = listening().await;
    let forwarder = Forwarder::to(&[address], |limits| limits.connections = 1).await;
    let client = forwarder.connect().await;
    let at_relay = accept(&relay).await;
    let mut second = TcpStream::connect(forwarder.address).await.unwrap();
    assert_eq!(ends(&mut second).await, b"");
    drop((client, at_relay));
    let let_in = async {
        loop {
            let mut next = forwarder.connect().await;
            tokio::select! {
                _ = accept(&relay) => break,
                _ = ends(&mut next) => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, let_in).await.expect("the place is not free again");
    forwarder.stop().await;
}

#[tokio::test]
async fn one_of_several_ways_in_leaves_places_to_the_others() {
    let (relay, address) = listening().await;
    let ((first, flooded), (second, quiet)) = (listening().await, listening().await);
    let limits = ForwardLimits { connections: 8, shutdown_timeout: SOON, ..ForwardLimits::default() };
    let config = ForwardConfig { relays: vec![address.to_string().parse().unwrap()], forwarders: Vec::new(), limits };
    let (stop, stopped) = oneshot::channel::<()>();
    let listeners = Listeners::from(first).and_plain(second);
    let task = tokio::spawn(forward(listeners, config, async { drop(stopped.await) }));

    let forwarder = Forwarder { address: flooded, stop, task };
    let (mut held, mut away) = (Vec::new(), 0);
    for _ in 0..8 {
        let mut client = forwarder.connect().await;
        tokio::select! {
            at_relay = accept(&relay) => held.push((client, at_relay)),
            _ = ends(&mut client) => away += 1,
        }
    }
    assert_eq!((held.len(), away), (4, 4), "half of them");
    let mut client = TcpStream::connect(quiet).await.unwrap();
    client.write_all(b"hello").await.unwrap();
    accept(&relay).await;
    forwarder.stop().await;
}

#[tokio::test]
async fn each_way_in_may_have_a_limit_of_its_own() {
    let (relay, address) = listening().await;
    let ((first, one), (second, other)) = (listening().await, listening().await);
    let limits = ForwardLimits {
        connections: 20,
        listener_connections: Some(3),
        shutdown_timeout: SOON,
        ..ForwardLimits::default()
    };
    let config = ForwardConfig { relays: vec![address.to_string().parse().unwrap()], forwarders: Vec::new(), limits };
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(forward(Listeners::from(first).and_plain(second), config, async { drop(stopped.await) }));
    let mut held = Vec::new();
    for (address, free) in [(one, 3), (other, 3), (one, 0), (other, 0)] {
        let (before, mut away) = (held.len(), 0);
        for _ in 0..5 {
            let mut client = connect(address).await;
            tokio::select! {
                at_relay = accept(&relay) => held.push((client, at_relay)),
                _ = ends(&mut client) => away += 1,
            }
        }
        assert_eq!((held.len() - before, away), (free, 5 - free));
    }
    // Who goes leaves the place to another by the same way.
    drop(held.remove(0));
    let mut client = loop {
        let mut client = connect(one).await;
        tokio::select! {
            _ = accept(&relay) => break client,
            _ = ends(&mut client) => tokio::task::yield_now().await,
        }
    };
    client.write_all(b"more").await.unwrap();
    let _ = stop.send(());
    task.await.unwrap();
}

#[tokio::test]
async fn a_forwarder_that_is_stopped_waits_a_little_and_then_cuts() {
    let (relay, address) = listening().await;
    let forwarder = Forwarder::to(&[address], |_| {}).await;
    let mut client = forwarder.connect().await;
    let _at_relay = accept(&relay).await;
    let address = forwarder.address;
    forwarder.stop().await;
    assert_eq!(ends(&mut client).await, b"");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn tls_may_end_at_the_forwarder() {
    let (rig, authority, folder) = (Rig::open().await, Authority::new(), tempfile::tempdir().unwrap());
    authority.issue().write(folder.path());
    let file = folder.path().join("forward.toml");
    let lines = format!(
        "relays = \"{}\"\ntls_listen = \"127.0.0.1:0\"\ntls_certificate = \"certificate.pem\"\ntls_key = \"key.pem\"\n",
        rig.address
    );
    std::fs::write(&file, lines).unwrap();
    let forwarder = Running::run(&["forward", "--config", path(folder.path()), "--json"], 0).await;
    let stream = tls(forwarder.address, &authority.trust()).await.unwrap();
    let mut client = Client::over(stream).await.unwrap();
    assert_eq!(client.ask(letter(1)).await, Response::Posted);
    drop(client);
    forwarder.stop("-INT").await;
}
