//! `cssr-relay forward`.

use super::{Failure, Forward, listening, logging, print};
use crate::forward::forward;
use crate::{ForwardConfig, ForwardFile};

pub(super) fn run(arguments: &Forward) -> Result<(), Failure> {
    if arguments.template {
        return print(&ForwardFile::template());
    }
    logging::start(arguments.log);
    let ForwardFile { listen, tls, config } = ForwardFile::read(&arguments.config).map_err(Failure::wrong)?;
    let certificate = listening::certificate(tls.as_ref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format_args!("the threads of the forwarder: {error}")))?;
    runtime.block_on(async {
        let bound = listening::bind(&listen, tls.as_ref(), certificate.as_ref())?;
        let shutdown = listening::signals(certificate)?;
        bound.tell(arguments.json)?;
        let ForwardConfig { relays, .. } = &config;
        tracing::info!(relays = relays.len(), "forwarding");
        forward(bound.listeners, config, shutdown).await;
        Ok(())
    })
}
