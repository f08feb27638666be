//! `cssr-relay serve`.

use super::{Failure, Serve, listening, logging};
use crate::store::{Damage, JournalConfig, JournalStore, OpenError, SledConfig, SledStore, Store};
use crate::{Clock as _, Config, ConfigFile, Engine, Relay, SystemClock, TlsSection, read_key_file, serve_monitor};
use getrandom::SysRng;
use rand_core::UnwrapErr;
use std::net::SocketAddr;
use std::sync::Arc;

pub(crate) fn run(arguments: &Serve) -> Result<(), Failure> {
    logging::start(arguments.log);
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
    let certificate = listening::certificate(file.tls.as_ref())?;
    let relay = key.public();
    let ConfigFile { card, sealing, postage, limits, listen, tls, metrics, data: directory, engine, quotas, .. } = file;
    let data = directory.clone();
    let config = Config { card, key, sealing, postage, limits, accept_day };

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format_args!("the threads of the relay: {error}")))?;
    let sockets = Sockets { listen, tls, metrics, certificate };
    runtime.block_on(async {
        let failed = |error: OpenError| Failure::failed(format_args!("the store in {}: {error}", data.display()));
        match engine {
            Engine::Sled => {
                let store = SledStore::open(&SledConfig { directory, relay, quotas }, UnwrapErr(SysRng));
                serve(store.map_err(failed)?, config, clock, sockets, arguments.json).await
            }
            _ => {
                let store = JournalStore::open(&JournalConfig { directory, relay, quotas }, UnwrapErr(SysRng));
                let store = store.map_err(failed)?;
                warn_of(store.damage());
                serve(store, config, clock, sockets, arguments.json).await
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

/// Where to listen, and with what.
struct Sockets {
    listen: Vec<SocketAddr>,
    tls: Option<TlsSection>,
    metrics: Option<SocketAddr>,
    certificate: Option<listening::Certificate>,
}

async fn serve<S: Store>(
    store: S,
    config: Config,
    clock: SystemClock,
    sockets: Sockets,
    json: bool,
) -> Result<(), Failure> {
    let Sockets { listen, tls, metrics, certificate } = sockets;
    let mut bound = listening::bind(&listen, tls.as_ref(), certificate.as_ref())?;
    let metrics = metrics.map(|address| bound.metrics(address)).transpose()?;
    let shutdown = listening::signals(certificate)?;
    let (relay, _handle) = Relay::start(store, config, Arc::new(clock)).await.map_err(Failure::failed)?;
    if let Some(listener) = metrics {
        tokio::spawn(serve_monitor(listener, relay.monitor()));
    }
    bound.tell(json)?;
    relay.serve(bound.listeners, shutdown).await.map_err(Failure::failed)
}
