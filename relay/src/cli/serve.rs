//! `cssr-relay serve`.

use super::{Failure, Serve, listening, logging, open_files, owner, runtime};
use crate::store::{Damage, JournalConfig, JournalStore, OpenError, SledConfig, SledStore, Store};
use crate::{
    Clock as _, Config, ConfigFile, Engine, Limits, Relay, Sandbox, SystemClock, TlsSection, read_key_file,
    serve_monitor,
};
use getrandom::SysRng;
use rand_core::UnwrapErr;
use std::fs::{DirBuilder, File};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use tokio::signal::unix::Signal;

pub(crate) fn run(arguments: &Serve) -> Result<(), Failure> {
    logging::start(arguments.log, arguments.log_format);
    let file = ConfigFile::read(&arguments.config).map_err(Failure::wrong)?;
    let key = read_key_file(&file.key_file)
        .map_err(|error| Failure::wrong(format_args!("the key file {}: {error}", file.key_file.display())))?;
    owner::check(&file.data)?;
    let clock = SystemClock::new();
    let accept_day = arguments.accept_date;
    if let Some(day) = accept_day
        && day != clock.day()
    {
        return Err(Failure::wrong(format_args!("--accept-date says {day}, but the clock says {}", clock.day())));
    }
    let certificate = listening::certificate(file.tls.as_ref())?;
    let relay = key.public();
    let ConfigFile {
        card,
        sealing,
        postage,
        limits,
        listen,
        tls,
        metrics,
        sandbox,
        data: directory,
        engine,
        quotas,
        forwarders,
        ..
    } = file;
    let data = directory.clone();
    let limits = Limits { connections: open_files::connections(limits.connections, 1)?, ..limits };
    let config = Config { card, key, sealing, postage, room: quotas, limits, forwarders, accept_day };

    make_folder(&data).map_err(|error| Failure::failed(format_args!("the data folder {}: {error}", data.display())))?;
    let needs = Sandbox { write: vec![data.clone()], ..listening::needs(&listen, tls.as_ref(), metrics) };
    let runtime = runtime::start(&needs, sandbox)?;
    runtime.block_on(async {
        let hangup = listening::hangup()?;
        let sockets = Sockets { listen, tls, metrics, certificate, hangup };
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
    if damage.is_loss() {
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
    hangup: Signal,
}

async fn serve<S: Store>(
    store: S,
    config: Config,
    clock: SystemClock,
    sockets: Sockets,
    json: bool,
) -> Result<(), Failure> {
    let Sockets { listen, tls, metrics, certificate, hangup } = sockets;
    let mut bound = listening::bind(&listen, tls.as_ref(), certificate.as_ref(), metrics)?;
    let metrics = metrics.map(|address| bound.metrics(address)).transpose()?;
    let shutdown = listening::signals(hangup, certificate)?;
    let (relay, _handle) = Relay::start(store, config, Arc::new(clock)).await.map_err(Failure::failed)?;
    if let Some(listener) = metrics {
        tokio::spawn(serve_monitor(listener, relay.monitor()));
    }
    bound.tell(json)?;
    relay.serve(bound.listeners, shutdown).await.map_err(Failure::failed)
}

/// Makes the folder of the store, for its owner alone, and its name durable, before the sandbox forbids it.
fn make_folder(path: &Path) -> std::io::Result<()> {
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let made = DirBuilder::new().mode(0o700).create(path);
    match (made, File::open(above)) {
        (Ok(()), above) => above?.sync_all(),
        // Somebody else made it, perhaps in a folder that is not for us to read.
        (Err(error), Err(_)) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        (Err(error), Ok(above)) if error.kind() == ErrorKind::AlreadyExists => above.sync_all(),
        (Err(error), _) => Err(error),
    }
}
