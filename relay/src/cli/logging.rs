//! What goes to standard error while a program runs.

use super::{Level, LogFormat};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Without times: whoever collects the log adds those that it wants. Without what libraries would say.
pub(super) fn start(level: Level, format: LogFormat) {
    let level = match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    let layer = || tracing_subscriber::fmt::layer().with_writer(std::io::stderr).without_time().with_target(false);
    let ours = Targets::new().with_target("cssr_relay", level);
    match format {
        LogFormat::Text => tracing_subscriber::registry().with(layer().with_ansi(false)).with(ours).init(),
        LogFormat::Json => tracing_subscriber::registry().with(layer().json().flatten_event(true)).with(ours).init(),
    }
}
