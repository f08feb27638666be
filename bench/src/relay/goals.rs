//! What should be reached.

use crate::report::Goal;
use crate::report::Goal::{AtLeast, AtMost};

/// The goal of a figure, by its name.
pub(super) fn of(name: &str) -> Option<Goal> {
    GOALS.iter().find(|(of, _)| *of == name).map(|(_, goal)| *goal)
}

const GOALS: &[(&str, Goal)] = &[
    // The engine that relays use if nothing else is said.
    ("store.ratio", AtLeast(0.8)),
    ("store.write_amplification", AtMost(1.1)),
    ("store.churn", AtMost(1.3)),
    ("whole.to_postgres", AtLeast(3.0)),
    ("whole.to_redis", AtLeast(1.0)),
    ("whole.cpu.64", AtMost(60.0)),
    ("delivery.groups.ratio", AtLeast(0.5)),
    ("delivery.groups.plain_ratio", AtLeast(0.5)),
    ("delivery.drain.ratio", AtLeast(0.5)),
    ("delivery.drain.plain_ratio", AtLeast(0.5)),
    ("idle.memory", AtMost(16.0)),
    ("idle.held", AtLeast(10_000.0)),
    ("index.ratio", AtLeast(0.5)),
    // What it costs the relay, by what it costs the sender.
    ("junk.oversized.ratio", AtMost(1.0)),
    ("junk.malformed.ratio", AtMost(1.0)),
    ("junk.unsealed.ratio", AtMost(1.0)),
    ("junk.no_greeting.ratio", AtMost(1.0)),
    ("junk.noise.ratio", AtMost(1.0)),
    ("flood.postage", AtMost(100.0)),
    ("flood.ratio", AtMost(3.0)),
    ("flood.lost", AtMost(0.0)),
    ("flood.refused", AtMost(0.0)),
    // As the test of the same flood has them: MiB.
    ("flood.memory", AtMost(256.0)),
    ("flood.disk", AtMost(512.0)),
    ("soak.files_more", AtMost(4.0)),
    ("soak.growth", AtMost(2.0)),
    ("growth.ready_after_stop.1000000", AtMost(1.0)),
    ("growth.ready_after_kill.1000000", AtMost(30.0)),
    ("growth.memory_after_stop.1000000", AtMost(300.0)),
    ("growth.memory_after_kill.1000000", AtMost(300.0)),
];
