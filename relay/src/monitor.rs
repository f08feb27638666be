//! What may be told of a relay while it runs: figures for Prometheus, its health, and alarms.
//!
//! Nothing here is about users. Counters move only when a batch seals, as the list that everybody may fetch does; gauges
//! and alarms follow the office's statements, the clock and the store.

mod alarm;
mod http;

pub use http::serve_monitor;

use crate::counts::Totals;
use crate::office::View;
use crate::store::Kind;
use crate::trouble::Found;
use alarm::Alarm;
use cssr_proto::Day;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// After which alarms are told again.
const A_DAY: Duration = Duration::from_secs(86_400);

/// What may be told of one relay. A copy tells of the same relay.
#[derive(Clone, Debug, Default)]
pub struct Monitor(Arc<Mutex<Figures>>);

/// Whether a relay does what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// All is well.
    Good,
    /// It works, and will stop to if nobody acts.
    Warning,
    /// It takes no letters, or nobody can send any.
    Failing,
}

#[derive(Debug, Default)]
struct Figures {
    letters: Listed,
    chunks: Listed,
    connections: Totals,
    day: Option<Day>,
    /// When all alarms were told last.
    told: Duration,
    alarms: BTreeSet<Alarm>,
    left: Left,
}

#[derive(Debug, Default)]
struct Listed {
    batches: u64,
    envelopes: u64,
}

/// Days until something ends, today included; 0 if it has ended, `None` if it is not there.
#[derive(Clone, Copy, Debug, Default)]
struct Left {
    note: Option<u32>,
    roster: Option<u32>,
}

/// What alarms depend on beside the office's statements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    pub(crate) today: Day,
    /// On a clock that never goes back.
    pub(crate) elapsed: Duration,
    /// Since when the wall clock is not believed, if it is not.
    pub(crate) doubted: Option<Duration>,
    pub(crate) found: Found,
}

impl Monitor {
    /// Figures as Prometheus reads them (text format 0.0.4).
    #[must_use]
    pub fn metrics(&self) -> String {
        self.lock().metrics()
    }

    /// Whether the relay does what it is for, and the names of the alarms.
    #[must_use]
    pub fn health(&self) -> (Health, Vec<&'static str>) {
        let figures = self.lock();
        let health = figures.alarms.iter().map(Alarm::health).max().unwrap_or(Health::Good);
        (health, figures.alarms.iter().map(Alarm::name).collect())
    }

    /// A batch was sealed.
    pub(crate) fn sealed(&self, kind: Kind, envelopes: usize, connections: Totals) {
        let mut figures = self.lock();
        figures.connections = connections;
        let listed = match kind {
            Kind::Letter => &mut figures.letters,
            Kind::Chunk => &mut figures.chunks,
        };
        listed.batches += 1;
        listed.envelopes += envelopes as u64;
    }

    /// Looks for what should alarm somebody, and tells the log what is new, and once a day what is not.
    pub(crate) fn look(&self, view: &View, now: Circumstances) {
        let alarms = alarm::all(view, now);
        let mut figures = self.lock();
        // Also while the day stands still.
        let again = figures.day != Some(now.today) || now.elapsed.saturating_sub(figures.told) >= A_DAY;
        if again {
            figures.told = now.elapsed;
        }
        for alarm in alarms.iter().filter(|alarm| again || !figures.alarms.contains(alarm)) {
            alarm.tell();
        }
        let names: BTreeSet<_> = alarms.iter().map(Alarm::name).collect();
        for over in figures.alarms.iter().map(Alarm::name).filter(|name| !names.contains(name)) {
            tracing::info!(alarm = over, "an alarm is over");
        }
        figures.left = Left::of(view, now.today);
        figures.alarms = alarms;
        figures.day = Some(now.today);
    }

    /// The store does not answer. Over when it is looked again.
    pub(crate) fn hangs(&self) {
        let alarm = Alarm::StoreHangs;
        if self.lock().alarms.insert(alarm) {
            alarm.tell();
        }
    }

    /// Figures that a panic left behind are at worst old.
    fn lock(&self) -> MutexGuard<'_, Figures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Figures {
    fn metrics(&self) -> String {
        let mut text = Text(String::new());
        text.head("cssr_relay_info", "gauge", "The program's version.");
        text.line("cssr_relay_info", &format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1);
        let kinds = [("letter", &self.letters), ("chunk", &self.chunks)];
        text.head("cssr_relay_batches_sealed_total", "counter", "Batches sealed since the start.");
        for (kind, listed) in kinds {
            text.line("cssr_relay_batches_sealed_total", &format!("{{kind=\"{kind}\"}}"), listed.batches);
        }
        text.head("cssr_relay_envelopes_listed_total", "counter", "Envelopes in these batches.");
        for (kind, listed) in kinds {
            text.line("cssr_relay_envelopes_listed_total", &format!("{{kind=\"{kind}\"}}"), listed.envelopes);
        }
        text.head(
            "cssr_relay_connections_ended_total",
            "counter",
            "Connections that had ended when the last batch was sealed, by how.",
        );
        for (end, count) in self.connections.each() {
            text.line("cssr_relay_connections_ended_total", &format!("{{how=\"{end}\"}}"), count);
        }
        text.head("cssr_relay_day", "gauge", "The relay's day, in days since 1970-01-01.");
        text.line("cssr_relay_day", "", self.day.map_or(0, |day| day.0).into());
        for (name, what, left) in
            [("note", "the newest note", self.left.note), ("roster", "the newest roster", self.left.roster)]
        {
            let name = format!("cssr_relay_{name}_days_left");
            text.head(&name, "gauge", &format!("Days, today included, on which {what} still counts; 0 without one."));
            text.line(&name, "", left.unwrap_or(0).into());
        }
        text.head("cssr_relay_alarm", "gauge", "1 for what somebody must see to.");
        for name in Alarm::NAMES {
            let raised = self.alarms.iter().any(|alarm| alarm.name() == name);
            text.line("cssr_relay_alarm", &format!("{{name=\"{name}\"}}"), raised.into());
        }
        text.0
    }
}

impl Left {
    fn of(view: &View, today: Day) -> Self {
        let left = |last: Day| last.plus(1).since(today);
        Self {
            note: view.served.as_ref().map(|served| left(served.last_day())),
            roster: view.roster.as_ref().map(|roster| left(roster.expires)),
        }
    }
}

/// Prometheus's text format.
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &str, value: u64) {
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}
