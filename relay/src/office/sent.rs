//! Directories that are being sent. One has up to a megabyte: whoever asks for it shares the copy of those to whom it is being
//! sent already, or many who take nothing in would use up the memory.

use cssr_proto::Hash;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

#[derive(Debug, Default)]
pub(super) struct Sent(Mutex<HashMap<Hash, Weak<Vec<u8>>>>);

impl Sent {
    /// The one with this hash, if it is being sent.
    pub(super) fn get(&self, hash: &Hash) -> Option<Arc<Vec<u8>>> {
        self.lock().get(hash).and_then(Weak::upgrade)
    }

    /// One that was read, or the same if it is being sent by now.
    pub(super) fn share(&self, hash: Hash, read: Vec<u8>) -> Arc<Vec<u8>> {
        let mut sent = self.lock();
        sent.retain(|_, copy| copy.strong_count() > 0);
        if let Some(copy) = sent.get(&hash).and_then(Weak::upgrade) {
            return copy;
        }
        let copy = Arc::new(read);
        sent.insert(hash, Arc::downgrade(&copy));
        copy
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Hash, Weak<Vec<u8>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Hash = Hash([1; 32]);
    const OTHER: Hash = Hash([2; 32]);

    #[test]
    fn a_directory_is_held_once_and_as_long_as_it_is_being_sent() {
        let sent = Sent::default();
        assert!(sent.get(&ONE).is_none());
        let first = sent.share(ONE, vec![7; 10]);
        assert!(Arc::ptr_eq(&first, &sent.get(&ONE).unwrap()));
        assert!(Arc::ptr_eq(&first, &sent.share(ONE, vec![7; 10])), "two have read it at once");
        assert!(sent.get(&OTHER).is_none());
        drop(first);
        assert!(sent.get(&ONE).is_none());
        drop(sent.share(OTHER, vec![8]));
        assert_eq!(sent.lock().len(), 1, "nothing is remembered of what was sent");
    }
}
