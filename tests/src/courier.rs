//! A courier at work: its folder, its mirror, and what it comes home with.

use crate::caller::Held;
use crate::office::{Office, TODAY, desk, local, seat};
use crate::people::rng;
use cssr_client::courier::{Connection, Courier, CourierError, MirrorOptions, MirrorReport};
use cssr_client::files::StaffPassphrase;
use cssr_client::mirror::Mirror;
use cssr_client::transport::Dialer;
use cssr_proto::frame::EnvelopeKind;
use cssr_proto::letter::Sealed;
use cssr_proto::{Envelope, Text};
use std::time::Duration;
use tempfile::TempDir;

/// A courier that the office has admitted, with a mirror that is empty at first.
#[derive(Debug)]
pub struct CourierAtWork {
    courier: Courier,
    mirror: Mirror,
    /// They go with it.
    folders: Vec<TempDir>,
    visits: u64,
}

impl CourierAtWork {
    /// Takes the place of the office's courier `n`, which is of seat `n`, by a new roster.
    #[must_use]
    pub fn admit(office: &mut Office, n: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let passphrase = StaffPassphrase::new("correct horse".to_owned());
        let request = (desk(), seat(n), Text::new(format!("courier {n}")).unwrap());
        let (path, mirror) = (folder.path().join("courier"), folder.path().join("mirror"));
        let mut rng = rng(n.into());
        let mut courier = Courier::create(&path, &passphrase, office.card(1), request, TODAY, &mut rng).unwrap();
        office.admit(n, courier.public_key());
        courier.accept(office.roster().bytes(), TODAY).unwrap();
        Self { courier, mirror: Mirror::create(&mirror).unwrap(), folders: vec![folder], visits: 0 }
    }

    /// Mirrors the relay at a port. `silence` is how long it may say nothing.
    ///
    /// # Errors
    /// The mirror's.
    pub async fn mirror(&mut self, port: u16, silence: Duration) -> Result<MirrorReport, CourierError> {
        self.visits += 1;
        let dialer = Dialer { timeout: silence, ..Dialer::default() };
        let mut connection = Connection::open(&dialer, &[local(port)], silence, &mut rng(self.visits)).await?;
        let options = MirrorOptions::default();
        let report = self.courier.mirror(&mut connection, &self.mirror, TODAY, &options, |_| {}).await;
        connection.close().await;
        report
    }

    /// Goes on with an empty mirror.
    pub fn new_mirror(&mut self) {
        let folder = tempfile::tempdir().unwrap();
        self.mirror = Mirror::create(&folder.path().join("mirror")).unwrap();
        self.folders.push(folder);
    }

    /// The letters in its mirror.
    #[must_use]
    pub fn held(&self) -> Held {
        let batches = self.mirror.batches(EnvelopeKind::Letter).unwrap().into_iter();
        batches
            .map(|file| {
                let reader = file.open().unwrap();
                let batch = reader.batch().clone();
                let letters = reader.map(|record| {
                    let record = record.unwrap();
                    let envelope = Envelope::from_slice(record.envelope.unwrap().as_slice()).unwrap();
                    Sealed { id: record.id, envelope }
                });
                (batch, letters.collect())
            })
            .collect()
    }

    /// How many valid notes and directories its mirror has.
    #[must_use]
    pub fn confirmations(&self) -> (usize, usize) {
        (self.mirror.notes().unwrap().count(), self.mirror.directories().unwrap().count())
    }
}
