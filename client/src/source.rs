//! A source's visits over the network: several addresses, patience with bad links, and nothing kept on disk.

mod work;

use crate::connection::{ConnectionError, Wire};
use crate::transport::Dialer;
use crate::visit::{Doubt, Plan, Progress, Report, Visit, VisitError};
use cssr_proto::Address;
use rand_core::CryptoRng;
use std::collections::VecDeque;
use std::time::Duration;

/// How patient a visit is.
#[derive(Clone, Debug)]
pub struct Patience {
    /// How often a visit is begun in all, over all addresses, each of which is tried once at least. Links in the field are
    /// cut for minutes; the person is waiting, so not for ever.
    pub attempts: u32,
    /// The pause once every address has failed; it doubles each time, up to `longest_pause`.
    pub first_pause: Duration,
    /// The longest pause between two attempts.
    pub longest_pause: Duration,
    /// How long a relay may say nothing while an answer is due. A group of letters takes 20 s at 4 KB/s.
    pub silence: Duration,
    /// How long one attempt may take as a whole: a relay that sends a byte now and then must not hold a person for ever.
    pub attempt: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: 6,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(30),
            silence: Duration::from_secs(60),
            attempt: Duration::from_secs(30 * 60),
        }
    }
}

/// Why no visit succeeded: what one relay showed that does not hold, or else the error of the last attempt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No relay could be reached, or the connection kept breaking.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// What a relay said does not hold, or a letter could not be sealed.
    #[error(transparent)]
    Visit(#[from] VisitError),
    /// An attempt took too long as a whole.
    #[error("the visit was not over within {0:?}")]
    TooSlow(Duration),
    /// There is no address to go to.
    #[error("the card names no address of a relay")]
    NoAddress,
}

/// What may help after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remedy {
    /// The same again: networks change.
    Again,
    /// Another address. What a relay shows that does not hold will not hold a second later; but whoever took over one
    /// address must not keep people from the others.
    Elsewhere,
    /// Nothing that a relay could do.
    Nothing,
}

impl Error {
    /// Whether the same address may answer differently soon.
    #[must_use]
    pub const fn is_worth_another_attempt(&self) -> bool {
        matches!(self.remedy(), Remedy::Again)
    }

    const fn remedy(&self) -> Remedy {
        match self {
            Self::Connection(_)
            | Self::TooSlow(_)
            | Self::Visit(VisitError::Link(_) | VisitError::Refused(_) | VisitError::WorkUnfinished) => Remedy::Again,
            Self::Visit(VisitError::Trust(_) | VisitError::Index(_) | VisitError::TooMuchWork(_)) => Remedy::Elsewhere,
            Self::Visit(_) | Self::NoAddress => Remedy::Nothing,
        }
    }
}

/// A visit that did not succeed, with its plan for another try.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Failure {
    /// Why.
    #[source]
    pub error: Error,
    /// The plan, with its letters as they were sealed; `None` if the visit could not even begin.
    pub plan: Option<Box<Plan>>,
}

/// What a person may want to see while a visit lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// An attempt begins, counted from 1.
    Attempt(u32),
    /// A relay was reached.
    Connected,
    /// Every address has failed; the next attempt begins after this pause.
    Pausing(Duration),
    /// The relay asks for work before it takes letters, and this is how much of it is done.
    Working {
        /// Letters whose postage is computed.
        done: usize,
        /// Letters, covers included.
        letters: usize,
    },
    /// This many bytes have gone out and come in during this attempt.
    Traffic {
        /// Bytes sent.
        sent: u64,
        /// Bytes received.
        received: u64,
    },
}

/// Makes a visit, with as many attempts as patience allows, at the addresses in turn.
///
/// A relay whose statements do not hold is not asked again; if another one then makes the visit, its report has a
/// [`Doubt::OtherRelay`].
///
/// # Errors
/// What one relay showed that does not hold, or else the last attempt's error; with the plan.
pub async fn visit<R: CryptoRng>(
    mut plan: Plan,
    addresses: &[Address],
    dialer: &Dialer,
    patience: &Patience,
    rng: &mut R,
    mut tell: impl FnMut(Event),
) -> Result<Report, Failure> {
    let mut left: Vec<&Address> = addresses.iter().collect();
    let mut turn = VecDeque::from(left.clone());
    let most = patience.attempts.max(u32::try_from(left.len()).unwrap_or(u32::MAX));
    let mut pause = patience.first_pause;
    let mut distrusted: Option<Error> = None;
    let mut last = Error::NoAddress;
    for attempt in 1..=most {
        if turn.is_empty() {
            if left.is_empty() {
                break;
            }
            tell(Event::Pausing(pause));
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(patience.longest_pause);
            turn.extend(&left);
        }
        let Some(address) = turn.pop_front() else { break };
        tell(Event::Attempt(attempt));
        let (visit, first) = match Visit::start(plan, rng) {
            Ok(started) => started,
            Err(error) => return Err(Failure { error: error.into(), plan: None }),
        };
        let mut under_way = UnderWay { visit, first: Some(first) };
        let outcome = tokio::time::timeout(patience.attempt, under_way.run(address, dialer, patience, rng, &mut tell));
        let error = match outcome.await {
            Ok(Ok(())) => {
                let mut report = under_way.visit.into_report();
                report.doubts.extend(distrusted.map(|error| Doubt::OtherRelay(error.to_string())));
                return Ok(report);
            }
            Ok(Err(error)) => error,
            Err(_) => Error::TooSlow(patience.attempt),
        };
        plan = under_way.visit.into_plan();
        match error.remedy() {
            Remedy::Again => last = error,
            Remedy::Elsewhere => {
                left.retain(|other| *other != address);
                distrusted.get_or_insert(error);
            }
            Remedy::Nothing => return Err(Failure { error, plan: Some(Box::new(plan)) }),
        }
    }
    Err(Failure { error: distrusted.unwrap_or(last), plan: Some(Box::new(plan)) })
}

/// One attempt.
struct UnderWay {
    visit: Visit,
    first: Option<Vec<u8>>,
}

impl UnderWay {
    async fn run<R: CryptoRng>(
        &mut self,
        address: &Address,
        dialer: &Dialer,
        patience: &Patience,
        rng: &mut R,
        tell: &mut impl FnMut(Event),
    ) -> Result<(), Error> {
        let mut wire = Wire::open(dialer, address, patience.silence).await?;
        tell(Event::Connected);
        let (mut sent, mut received) = (0, 0);
        let mut outgoing: Vec<Vec<u8>> = self.first.take().into_iter().collect();
        loop {
            sent += outgoing.iter().map(|message| message.len() as u64).sum::<u64>();
            wire.send(outgoing).await?;
            let message = wire.receive().await?;
            received += message.len() as u64;
            tell(Event::Traffic { sent, received });
            let mut progress = self.visit.receive(&message, rng)?;
            if let Progress::Work(work) = progress {
                progress = tokio::select! {
                    postage = work::solve(work, rng, tell) => self.visit.pay(&postage)?,
                    failure = wire.idle() => return Err(failure.into()),
                };
            }
            match progress {
                Progress::Exchange(messages) => outgoing = messages,
                Progress::Done => break,
                // There is work once in a visit.
                Progress::Work(_) => return Err(VisitError::WorkUnfinished.into()),
            }
        }
        wire.close().await;
        Ok(())
    }
}
