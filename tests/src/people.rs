//! Sources, and how patient people are in tests.

use crate::office::{TODAY, desk, local};
use chacha20::ChaCha20Rng;
use cssr_client::source::{self, Failure, Patience};
use cssr_client::transport::Dialer;
use cssr_client::visit::{Draft, Plan, Report, Want};
use cssr_proto::keys::{AuthPublicKey, ContactSecret, ParcelSecret, ReplySecret, SourceAuthKey};
use cssr_proto::{Card, Contact, SourceKeys};
use rand_core::SeedableRng as _;
use std::time::Duration;
use zeroize::Zeroizing;

/// A source with keys from a seed rather than a passphrase, whose derivation takes long on purpose.
#[derive(Clone, Copy, Debug)]
pub struct Source(pub u64);

impl Source {
    fn secret(self, purpose: u8) -> [u8; 32] {
        let mut bytes = [purpose; 32];
        bytes[..8].copy_from_slice(&self.0.to_be_bytes());
        bytes
    }

    /// Its keys.
    #[must_use]
    pub fn keys(self) -> SourceKeys {
        SourceKeys {
            auth: SourceAuthKey::from_bytes(self.secret(1)),
            reply: ReplySecret::from_bytes(self.secret(2)),
            contact: ContactSecret::from_bytes(self.secret(3)),
            parcel: ParcelSecret::from_bytes(self.secret(4)),
        }
    }

    /// What an office needs to answer it.
    #[must_use]
    pub fn contact(self) -> (AuthPublicKey, Contact) {
        let keys = self.keys();
        (keys.auth.public(), keys.to_contact())
    }

    /// A visit of its as of [`TODAY`]: with a text to send, or only to look.
    #[must_use]
    pub fn plan(self, card: &Card, text: Option<&str>) -> Plan {
        let drafts = text.map(draft).into_iter().collect();
        Plan::new(card.clone(), card.office_if_first(), self.keys(), TODAY, Want { drafts, ..Want::default() })
    }
}

/// A testimony for the only desk.
#[must_use]
pub fn draft(text: &str) -> Draft {
    Draft { desk: desk(), text: Zeroizing::new(text.to_owned()), language: None }
}

/// A deterministic generator.
#[must_use]
pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// One attempt, and generous waiting: for visits that nobody holds up.
#[must_use]
pub fn calm() -> Patience {
    let (silence, attempt) = (Duration::from_secs(15), Duration::from_secs(30));
    Patience { attempts: 1, first_pause: Duration::ZERO, longest_pause: Duration::ZERO, silence, attempt }
}

/// Makes a visit to a port of this machine.
///
/// # Errors
/// The visit's.
pub async fn visit(plan: Plan, port: u16, patience: &Patience, seed: u64) -> Result<Report, Box<Failure>> {
    let dialer = Dialer { timeout: patience.silence, ..Dialer::default() };
    source::visit(plan, &[local(port)], &dialer, patience, &mut rng(seed), |_| {}).await.map_err(Box::new)
}

/// Waits for something that must end by then: a hang is a failure.
///
/// # Panics
/// It did not end.
pub async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, future).await.unwrap_or_else(|_| panic!("not over within {limit:?}"))
}
