//! A relay for which days are short: it does what the program does, but for its clock and its sandbox.

use super::engine::{self, Engine};
use super::failure::RelayFailure;
use cssr_relay::{Clock, Config, ConfigFile, Relay, SystemClock, read_key_file};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

const SECONDS_OF_DAY: u32 = 86_400;

/// The machine's clock, on whose wall days pass faster.
struct ShortDays {
    clock: SystemClock,
    begun: Duration,
    /// How long one lasts.
    day: Duration,
}

impl Clock for ShortDays {
    fn wall(&self) -> Duration {
        let days = self.clock.elapsed().as_secs_f64() / self.day.as_secs_f64();
        self.begun + Duration::from_secs_f64(days * f64::from(SECONDS_OF_DAY))
    }

    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    fn sleep_until(&self, until: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.clock.sleep_until(until)
    }
}

/// Serves as the relay.toml in a folder says, on a port that `say` is told of, until the process is stopped.
pub(super) async fn serve(
    folder: &Path,
    day: Duration,
    say: impl AsyncFnOnce(String) -> Result<(), RelayFailure>,
) -> Result<(), RelayFailure> {
    let file = ConfigFile::read(folder).map_err(RelayFailure::wrong)?;
    let mut config = Config::new(file.card, read_key_file(&file.key_file).map_err(RelayFailure::wrong)?);
    (config.sealing, config.postage, config.limits) = (file.sealing, file.postage, file.limits);
    config.room = file.quotas;
    let clock = SystemClock::new();
    let clock = Arc::new(ShortDays { begun: clock.wall(), clock, day });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (relay, _handle) = Relay::start(<engine::Default as Engine>::open(&file.data)?, config, clock)
        .await
        .map_err(RelayFailure::wrong)?;
    say(format!("listening on ws://{address}")).await?;
    relay.serve(listener, std::future::pending()).await.map_err(RelayFailure::wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_passes_in_its_time() {
        let clock = SystemClock::new();
        let clock = ShortDays { begun: clock.wall(), clock, day: Duration::from_millis(50) };
        let first = clock.day();
        std::thread::sleep(Duration::from_millis(100));
        assert!(clock.day().since(first) >= 2);
    }
}
