//! What somebody between client and relay does to what passes, without I/O.

use rand_core::Rng;
use std::time::Duration;
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToRelay,
    ToClient,
}

/// What happens to one message, by its number in its direction; number 0 is the handshake's.
#[derive(Clone, Copy, Debug)]
pub struct Attack {
    pub way: Way,
    pub at: usize,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// One bit is changed; the bits are counted round and round.
    FlipBit(usize),
    /// It changes places with the next one.
    Swap,
    /// It and the next two come in reverse order.
    Reverse,
    /// It comes twice.
    Repeat,
    /// An earlier one of the same direction comes in its place.
    Replay(usize),
    /// What stood in its place in an earlier session comes instead.
    Foreign,
    /// It is sent back to where it came from.
    Reflect,
    /// Only so many of its bytes come.
    Truncate(usize),
    /// It is longer by so many zeros.
    Extend(usize),
    /// It and the next one come as one message.
    Merge,
    /// It comes as two messages.
    Split,
    /// It does not come.
    Drop,
    /// It comes a little later.
    Delay,
    /// Neither it nor anything after it comes.
    Hold,
    /// Pings come in its place, for ever.
    Pings,
    /// A text message comes before it.
    Text,
    /// A message far over every limit comes before it.
    Oversized,
    /// The connection is closed with the WebSocket's goodbye.
    Close,
    /// The connection is cut without a word.
    Cut,
}

impl Attack {
    /// Any attack at any place of a visit, or shortly after its end.
    pub fn random(rng: &mut impl Rng) -> Self {
        let way = if rng.next_u32().is_multiple_of(2) { Way::ToRelay } else { Way::ToClient };
        // A visit of the test office has 13 messages to the relay and 20 to the client.
        let at = below(rng, if way == Way::ToRelay { 14 } else { 21 });
        Self { way, at, what: What::random(rng) }
    }
}

impl What {
    fn random(rng: &mut impl Rng) -> Self {
        match below(rng, 19) {
            0 => Self::FlipBit(below(rng, 8 * 16_400)),
            1 => Self::Swap,
            2 => Self::Reverse,
            3 => Self::Repeat,
            4 => Self::Replay(below(rng, 20)),
            5 => Self::Foreign,
            6 => Self::Reflect,
            7 => Self::Truncate(below(rng, 1_536)),
            8 => Self::Extend(1 + below(rng, 20_000)),
            9 => Self::Merge,
            10 => Self::Split,
            11 => Self::Drop,
            12 => Self::Delay,
            13 => Self::Hold,
            14 => Self::Pings,
            15 => Self::Text,
            16 => Self::Oversized,
            17 => Self::Close,
            _ => Self::Cut,
        }
    }
}

pub fn below(rng: &mut impl Rng, n: usize) -> usize {
    (rng.next_u64() % n as u64) as usize
}

/// What to do on the wire.
#[derive(Debug)]
pub enum Effect {
    /// Send this on.
    Pass(Message),
    /// Send this back to where the last one came from.
    Back(Message),
    Wait(Duration),
    /// Send pings on for as long as somebody takes them.
    Flood,
    Close,
    Cut,
}

/// The messages of one direction of a session.
pub type Passed = Vec<Bytes>;

/// One direction of a connection under attack.
#[derive(Debug)]
pub struct Pipe {
    attacks: Vec<Attack>,
    /// The same direction of an earlier session.
    earlier: Passed,
    seen: Passed,
    /// Held back until so many more have come, to go on in another order or as one message.
    kept: Vec<Bytes>,
    keep: usize,
    then: Then,
    held: bool,
}

#[derive(Clone, Copy, Debug)]
enum Then {
    Reversed,
    Merged,
}

impl Pipe {
    pub fn new(way: Way, attacks: &[Attack], earlier: Passed) -> Self {
        let attacks = attacks.iter().filter(|attack| attack.way == way).copied().collect();
        Self { attacks, earlier, seen: Vec::new(), kept: Vec::new(), keep: 0, then: Then::Reversed, held: false }
    }

    /// Takes a message; gives what to do about it.
    pub fn take(&mut self, message: Bytes) -> Vec<Effect> {
        let at = self.seen.len();
        self.seen.push(message.clone());
        if self.held {
            return Vec::new();
        }
        if self.keep > 0 {
            self.kept.push(message);
            self.keep -= 1;
            return if self.keep == 0 { self.release() } else { Vec::new() };
        }
        match self.attacks.iter().find(|attack| attack.at == at) {
            Some(attack) => self.attack(at, attack.what, message),
            None => vec![pass(message)],
        }
    }

    fn attack(&mut self, at: usize, what: What, message: Bytes) -> Vec<Effect> {
        match what {
            What::FlipBit(bit) => {
                let mut bytes = message.to_vec();
                let bit = bit % (8 * bytes.len());
                bytes[bit / 8] ^= 1 << (bit % 8);
                vec![pass(bytes)]
            }
            What::Swap => self.keep_with(message, 1, Then::Reversed),
            What::Reverse => self.keep_with(message, 2, Then::Reversed),
            What::Merge => self.keep_with(message, 1, Then::Merged),
            What::Repeat => vec![pass(message.clone()), pass(message)],
            What::Replay(earlier) => vec![pass(self.seen[earlier % at.max(1)].clone())],
            What::Foreign => vec![pass(self.earlier.get(at).cloned().unwrap_or(message))],
            What::Reflect => vec![Effect::Back(Message::Binary(message))],
            What::Truncate(length) => vec![pass(message.slice(..length % message.len()))],
            What::Extend(by) => vec![pass([message.to_vec(), vec![0; by]].concat())],
            What::Split => {
                let (first, second) = message.split_at(message.len() / 2);
                vec![pass(first.to_vec()), pass(second.to_vec())]
            }
            What::Drop => Vec::new(),
            What::Delay => vec![Effect::Wait(Duration::from_millis(50)), pass(message)],
            What::Hold => {
                self.held = true;
                Vec::new()
            }
            What::Pings => vec![Effect::Flood],
            What::Text => vec![Effect::Pass(Message::Text("hello".into())), pass(message)],
            What::Oversized => vec![pass(vec![0; 1 << 20]), pass(message)],
            What::Close => vec![Effect::Close],
            What::Cut => vec![Effect::Cut],
        }
    }

    fn keep_with(&mut self, message: Bytes, others: usize, then: Then) -> Vec<Effect> {
        self.kept.push(message);
        (self.keep, self.then) = (others, then);
        Vec::new()
    }

    fn release(&mut self) -> Vec<Effect> {
        let kept = std::mem::take(&mut self.kept);
        match self.then {
            Then::Reversed => kept.into_iter().rev().map(pass).collect(),
            Then::Merged => vec![pass(kept.concat())],
        }
    }
}

fn pass(bytes: impl Into<Bytes>) -> Effect {
    Effect::Pass(Message::Binary(bytes.into()))
}
