//! `cssr-relay serve`.

use super::{Failure, Level, Serve, print};
use crate::store::{Damage, JournalConfig, JournalStore, OpenError, SledConfig, SledStore, Store};
use crate::{Clock as _, Config, ConfigFile, Engine, SystemClock, read_key_file, run as run_relay};
use getrandom::SysRng;
use rand_core::UnwrapErr;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The system's buffer for what a peer has not taken in yet. Small, so that a slow peer shows as one, and an answer to
/// a ping does not wait behind megabytes; large enough for 64 KiB in each round trip.
const SEND_BUFFER: u32 = 64 * 1024;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

pub(crate) fn run(arguments: &Serve) -> Result<(), Failure> {
    log(arguments.log);
    let file = ConfigFile::read(&arguments.config).map_err(Failure::wrong)?;
    let key = read_key_file(&file.key_file)
        .map_err(|error| Failure::wrong(format_args!("the key file {}: {error}", file.key_file.display())))?;
    let clock = SystemClock::new();
    let accept_day = match &arguments.accept_date {
        None => None,
        Some(date) if *date == clock.day().to_string() => Some(clock.day()),
        Some(date) => {
            return Err(Failure::wrong(format_args!("--accept-date says {date}, but the clock says {}", clock.day())));
        }
    };
    let relay = key.public();
    let ConfigFile { card, sealing, postage, limits, listen, data: directory, engine, quotas, .. } = file;
    let data = directory.clone();
    let config = Config { card, key, sealing, postage, limits, accept_day };

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format_args!("the threads of the relay: {error}")))?;
    runtime.block_on(async {
        let failed = |error: OpenError| Failure::failed(format_args!("the store in {}: {error}", data.display()));
        match engine {
            Engine::Sled => {
                let store = SledStore::open(&SledConfig { directory, relay, quotas }, UnwrapErr(SysRng));
                serve(listen, store.map_err(failed)?, config, clock, arguments.json).await
            }
            _ => {
                let store = JournalStore::open(&JournalConfig { directory, relay, quotas }, UnwrapErr(SysRng));
                let store = store.map_err(failed)?;
                warn_of(store.damage());
                serve(listen, store, config, clock, arguments.json).await
            }
        }
    })
}

fn warn_of(damage: Damage) {
    let Damage { blocks, envelopes, batches, .. } = damage;
    if envelopes > 0 || batches > 0 {
        tracing::error!(blocks, envelopes, batches, "the store is damaged: what is counted here cannot be read");
    } else if blocks > 0 {
        tracing::warn!(
            blocks,
            "blocks of the store do not open: what was being written when it was stopped, or damage"
        );
    }
}

async fn serve<S: Store>(
    listen: SocketAddr,
    store: S,
    config: Config,
    clock: SystemClock,
    json: bool,
) -> Result<(), Failure> {
    let signals = || Ok::<_, std::io::Error>((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?));
    let (mut terminate, mut interrupt) =
        signals().map_err(|error| Failure::failed(format_args!("signals: {error}")))?;
    let listener =
        bind(listen).map_err(|error| Failure::failed(format_args!("{listen} cannot be listened on: {error}")))?;
    let address = listener.local_addr().map_err(Failure::failed)?;
    print(&if json {
        format!("{{\"listening\":\"ws://{address}\"}}\n")
    } else {
        format!("listening on ws://{address}\n")
    })?;
    let shutdown = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    };
    run_relay(listener, store, config, Arc::new(clock), shutdown).await.map_err(Failure::failed)
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // So that a relay can be restarted while old connections linger.
    socket.set_reuseaddr(true)?;
    // Connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Without times: whoever collects the log adds those that it wants. Without what libraries would say.
fn log(level: Level) {
    let level = match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .without_time()
        .with_target(false)
        .with_ansi(false);
    let ours = Targets::new().with_target("cssr_relay", level);
    tracing_subscriber::registry().with(lines).with(ours).init();
}
