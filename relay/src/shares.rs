//! Places that holders share fairly: who has many finds it harder to get another.
//!
//! A holder may have a place more only as long as it holds fewer than are free (dynamic thresholds: Choudhury and Hahne,
//! IEEE/ACM Transactions on Networking 6(2), 1998). So one greedy holder gets half of all places, `n` greedy ones get
//! `1/(n + 1)` each, and as much is left for whoever comes next. Nothing must be known of holders beforehand, and nothing
//! is remembered of who holds nothing.
//!
//! Whoever holds many could count the places that all others have by whether it gets one more. So the limit is drawn anew each
//! time, between two thirds of what is said above and all of it, for holders of more than a few.

use crate::draws::Draws;
use cssr_proto::CourierNumber;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of an address that name a customer's network: IPv4 /24 and IPv6 /48.
const IPV4_PREFIX: usize = 3;
const IPV6_PREFIX: usize = 6;

/// A holder of fewer places gets another as long as it holds fewer than are free.
const FEW: usize = 16;

/// Who holds places, for as long as it does: all connections from one address prefix, or by one way, or one connection, or a
/// courier.
///
/// A number that means something to this process only: no address is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Holder(u64);

impl Holder {
    /// All who come in by one of several listeners.
    pub(crate) const fn listener(number: usize) -> Self {
        Self(number as u64)
    }

    /// A courier, wherever it comes from.
    pub(crate) const fn courier(number: CourierNumber) -> Self {
        Self(number.get())
    }
}

/// Tells holders apart.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    prefixes: RandomState,
    connections: RandomState,
    next: AtomicU64,
}

impl Holders {
    /// Who a new connection from an address belongs to. What comes from this machine or from one of `forwarders` comes
    /// from people who have nothing in common, so each connection counts for itself.
    pub(crate) fn of(&self, peer: SocketAddr, forwarders: &[IpAddr]) -> Holder {
        let address = peer.ip().to_canonical();
        if is_of_many(address, forwarders) {
            return Holder(self.connections.hash_one(self.next.fetch_add(1, Ordering::Relaxed)));
        }
        Holder(match address {
            IpAddr::V4(address) => self.prefixes.hash_one(address.octets().first_chunk::<IPV4_PREFIX>()),
            IpAddr::V6(address) => self.prefixes.hash_one(address.octets().first_chunk::<IPV6_PREFIX>()),
        })
    }

    /// The way by which people come whom nothing tells apart: one of `forwarders`, or what runs on this machine behind one
    /// of several listeners. `None` for who comes directly.
    pub(crate) fn way(&self, peer: SocketAddr, forwarders: &[IpAddr], listener: usize) -> Option<Holder> {
        let local = peer.ip().to_canonical().is_loopback().then(|| Holder::listener(listener));
        local.or_else(|| self.forwarder(peer, forwarders))
    }

    /// All who come from one of `forwarders`; `None` for who comes otherwise.
    pub(crate) fn forwarder(&self, peer: SocketAddr, forwarders: &[IpAddr]) -> Option<Holder> {
        let address = Some(peer.ip().to_canonical()).filter(|address| !address.is_loopback());
        let forwarder = address.filter(|address| forwarders.contains(address));
        forwarder.map(|forwarder| Holder(self.prefixes.hash_one(forwarder)))
    }
}

/// Whether people who have nothing in common come from an address.
fn is_of_many(address: IpAddr, forwarders: &[IpAddr]) -> bool {
    address.is_loopback() || forwarders.contains(&address)
}

/// Places to be shared.
#[derive(Debug)]
pub(crate) struct Shares(Mutex<State>);

#[derive(Debug)]
struct State {
    free: usize,
    held: HashMap<Holder, usize>,
    draws: Draws,
}

impl State {
    /// Whether a holder has as many places as it gets.
    fn is_served(&mut self, holder: Holder) -> bool {
        let held = self.held.get(&holder).copied().unwrap_or_default();
        let blur = if held < FEW { 0 } else { self.draws.up_to(self.free as u64 / 2) };
        held as u64 + blur >= self.free as u64
    }
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    shares: Arc<Shares>,
    holder: Holder,
    way: Option<Holder>,
}

impl Shares {
    pub(crate) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { free: places, held: HashMap::new(), draws: Draws::default() })))
    }

    /// A place for a holder; `None` if none is free, or it has as many as are left.
    pub(crate) fn take(self: &Arc<Self>, holder: Holder) -> Option<Place> {
        self.take_by(holder, None)
    }

    /// A place for a holder that comes by a way, which holds all places of those who come by it; `None` if none is free, or
    /// one of the two has as many as are left.
    pub(crate) fn take_by(self: &Arc<Self>, holder: Holder, way: Option<Holder>) -> Option<Place> {
        let mut state = self.lock();
        let holders = || [Some(holder), way].into_iter().flatten();
        if holders().any(|holder| state.is_served(holder)) {
            return None;
        }
        state.free -= 1;
        holders().for_each(|holder| *state.held.entry(holder).or_default() += 1);
        Some(Place { shares: Arc::clone(self), holder, way })
    }

    /// Numbers that a panic left behind are whole: each change is one step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.shares.lock();
        state.free += 1;
        for holder in [Some(self.holder), self.way].into_iter().flatten() {
            if let Some(held) = state.held.get_mut(&holder) {
                *held -= 1;
                if *held == 0 {
                    state.held.remove(&holder);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a greedy one tries: so often that it gets whatever it may.
    const TRIES: usize = 20_000;

    fn take_all(shares: &Arc<Shares>, holder: Holder) -> Vec<Place> {
        (0..TRIES).filter_map(|_| shares.take(holder)).collect()
    }

    #[test]
    fn who_holds_many_does_not_learn_how_many_others_have() {
        let of = |others: usize| {
            let shares = Shares::new(900);
            let others: Vec<_> =
                (0..others).map(|number| shares.take(Holder(1_000 + number as u64)).unwrap()).collect();
            let greedy: Vec<_> = std::iter::from_fn(|| shares.take(Holder(1))).collect();
            assert_eq!(others.len(), shares.lock().held.len() - 1);
            greedy.len()
        };
        let got = |others| (0..50).map(|_| of(others)).collect::<Vec<_>>();
        let [none, few] = [got(0), got(5)];
        assert!(none.iter().all(|got| (299..=450).contains(got)), "{none:?}");
        assert!(none.iter().max() > few.iter().min() && few.iter().max() > none.iter().min(), "{none:?} {few:?}");
        // Who holds few is not told apart either way: it always gets one.
        let shares = Shares::new(900);
        assert_eq!((0..FEW).filter_map(|_| shares.take(Holder(1))).collect::<Vec<_>>().len(), FEW);
    }

    #[test]
    fn one_greedy_holder_gets_half_and_leaves_half() {
        let shares = Shares::new(900);
        let greedy = take_all(&shares, Holder(1));
        assert_eq!(greedy.len(), 450);
        assert_eq!(take_all(&shares, Holder(2)).len(), 225, "and a second one half of the rest");
        assert!(shares.take(Holder(3)).is_some());
    }

    #[test]
    fn many_greedy_holders_that_compete_get_equal_shares_and_leave_one() {
        let shares = Shares::new(1_024);
        let mut held: Vec<Vec<Place>> = (0..50).map(|_| Vec::new()).collect();
        for _ in 0..1_024 {
            for (number, places) in held.iter_mut().enumerate() {
                places.extend(shares.take(Holder(number as u64)));
            }
        }
        assert!(held.iter().all(|places| (19..=22).contains(&places.len())));
        assert!(shares.take(Holder(50)).is_some(), "whoever comes next finds a place");
    }

    #[test]
    fn a_way_leaves_as_much_as_it_takes_however_full_it_is_already() {
        let shares = Shares::new(900);
        let direct: Vec<_> = (0..500).filter_map(|number| shares.take(Holder(number))).collect();
        let way = Some(Holder(1_000));
        let crowd: Vec<_> = (2_000..3_000).filter_map(|number| shares.take_by(Holder(number), way)).collect();
        assert_eq!((direct.len(), crowd.len()), (500, 200), "half of what was left");
        assert!(shares.take(Holder(501)).is_some() && shares.take_by(Holder(2_999), way).is_none());
        drop(crowd);
        assert!(shares.take_by(Holder(2_999), way).is_some());
        drop(direct);
        assert!(shares.lock().held.is_empty() && shares.lock().free == 900);
    }

    #[test]
    fn a_place_comes_back_and_nothing_is_remembered_of_who_had_it() {
        let shares = Shares::new(1);
        let place = shares.take(Holder(1));
        assert!(place.is_some() && shares.take(Holder(2)).is_none());
        drop(place);
        assert!(shares.take(Holder(2)).is_some(), "given back at once");
        assert!(shares.lock().held.is_empty() && shares.lock().free == 1);
    }

    #[test]
    fn neighbours_share_and_strangers_do_not() {
        let (holders, forwarder) = (Holders::default(), "192.0.2.9".parse().unwrap());
        let of = |peer: &str| holders.of(peer.parse().unwrap(), &[forwarder]);
        assert_eq!(of("198.51.100.1:1"), of("198.51.100.254:2"));
        assert_ne!(of("198.51.100.1:1"), of("198.51.101.1:1"));
        assert_eq!(of("[2001:db8:1:2::1]:1"), of("[2001:db8:1:ffff::]:1"));
        assert_ne!(of("[2001:db8:1::1]:1"), of("[2001:db8:2::1]:1"));
        assert_eq!(of("[::ffff:198.51.100.1]:1"), of("198.51.100.7:1"), "an IPv4 peer of an IPv6 socket");
        for proxy in ["127.0.0.1:1", "[::1]:1", "192.0.2.9:1", "[::ffff:127.0.0.1]:1"] {
            assert_ne!(of(proxy), of(proxy), "{proxy}");
        }
    }

    #[test]
    fn who_cannot_be_told_apart_comes_by_one_way() {
        let (holders, forwarders) = (Holders::default(), ["192.0.2.9".parse().unwrap(), "192.0.2.10".parse().unwrap()]);
        let way = |peer: &str, listener| holders.way(peer.parse().unwrap(), &forwarders, listener);
        assert_eq!(way("198.51.100.1:1", 0), None);
        assert!(way("192.0.2.9:1", 0).is_some());
        assert_eq!(way("192.0.2.9:1", 0), way("[::ffff:192.0.2.9]:2", 1));
        assert_ne!(way("192.0.2.9:1", 0), way("192.0.2.10:1", 0));
        assert_eq!(way("127.0.0.1:1", 0), way("[::1]:2", 0));
        assert_ne!(way("127.0.0.1:1", 0), way("127.0.0.1:1", 1));
        let forwarder = |peer: &str| holders.forwarder(peer.parse().unwrap(), &forwarders);
        assert_eq!(forwarder("192.0.2.9:1"), way("192.0.2.9:1", 0));
        assert_eq!((forwarder("198.51.100.1:1"), forwarder("127.0.0.1:1")), (None, None));
    }
}
