//! The roots of an office from the first to the current one (protocol, section 3, succession).

use super::Fingerprint;
use crate::cbor::List;
use crate::hash::hash;
use crate::ids::{Hash, OfficeId};
use crate::keys::RootPublicKey;
use crate::labels;
use minicbor::{Decode, Encode};

/// A root with its commitment to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Root {
    /// Its public key.
    #[n(0)]
    pub key: RootPublicKey,
    /// `commitment(next root)`.
    #[n(1)]
    pub commitment: Hash,
}

impl Root {
    /// What its card shows.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.key, &self.commitment)
    }
}

/// `H("cssr1 root commitment", next root public key)`.
#[must_use]
pub fn commitment(next: &RootPublicKey) -> Hash {
    Hash(hash(labels::ROOT_COMMITMENT, &[next.as_bytes()]))
}

/// One to sixteen roots, the first one first.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Lineage(#[n(0)] List<Root, 1, 16>);

/// Why a lineage does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineageError {
    /// A root is not the one that its predecessor committed to.
    #[error("root {0} of the office is not the one that the root before it announced")]
    Broken(usize),
    /// No root of it is the card's.
    #[error("this is another office than the card's")]
    OtherOffice,
}

impl Lineage {
    /// A lineage of an office that still has its first root, or all of its roots.
    ///
    /// # Errors
    /// None or more than sixteen roots.
    pub fn new(roots: Vec<Root>) -> Result<Self, crate::Malformed> {
        List::new(roots).map(Self)
    }

    /// Whether a holder of the card accepts these roots.
    ///
    /// # Errors
    /// A break, or no root that the card knows.
    pub fn check(&self, card: Fingerprint) -> Result<(), LineageError> {
        for (i, (root, next)) in self.0.iter().zip(self.0.iter().skip(1)).enumerate() {
            if commitment(&next.key) != root.commitment {
                return Err(LineageError::Broken(i + 2));
            }
        }
        if self.0.iter().any(|root| root.fingerprint() == card) { Ok(()) } else { Err(LineageError::OtherOffice) }
    }

    /// Whether this is `earlier` or a succession from it.
    #[must_use]
    pub fn continues(&self, earlier: &Self) -> bool {
        self.0.starts_with(&earlier.0)
    }

    /// `fingerprint(lineage[0])`: the office's name for ever.
    #[must_use]
    pub fn office(&self) -> OfficeId {
        self.first().fingerprint().office()
    }

    /// The root that signs now.
    #[must_use]
    pub fn current(&self) -> &Root {
        #[expect(clippy::expect_used, reason = "the list has at least one item")]
        self.0.last().expect("at least one root")
    }

    /// The roots, the first one first.
    #[must_use]
    pub fn roots(&self) -> &[Root] {
        &self.0
    }

    fn first(&self) -> &Root {
        #[expect(clippy::expect_used, reason = "the list has at least one item")]
        self.0.first().expect("at least one root")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::RootKey;

    /// Root `n` of an office, with the commitment to root `n + 1`.
    fn root(n: u8) -> Root {
        let key = |n| RootKey::from_bytes([n; 32]).public();
        Root { key: key(n), commitment: commitment(&key(n + 1)) }
    }

    fn lineage(roots: &[Root]) -> Lineage {
        Lineage::new(roots.to_vec()).unwrap()
    }

    #[test]
    fn every_card_that_an_office_ever_printed_keeps_its_worth() {
        let lineage = lineage(&[root(1), root(2), root(3)]);
        for n in 1..=3 {
            assert_eq!(lineage.check(root(n).fingerprint()), Ok(()));
        }
        assert_eq!(lineage.office().0, *root(1).fingerprint().as_bytes());
        assert_eq!(lineage.current(), &root(3));
    }

    #[test]
    fn a_root_that_was_not_announced_breaks_the_lineage() {
        assert_eq!(lineage(&[root(1), root(3)]).check(root(1).fingerprint()), Err(LineageError::Broken(2)));
        assert_eq!(lineage(&[root(1), root(2), root(9)]).check(root(1).fingerprint()), Err(LineageError::Broken(3)));
        // Also for the holder of the later root's card, who could do without the part before.
        assert_eq!(lineage(&[root(9), root(2)]).check(root(2).fingerprint()), Err(LineageError::Broken(2)));
    }

    #[test]
    fn a_card_of_another_office_or_of_a_root_not_yet_revealed_does_not_fit() {
        let lineage = lineage(&[root(1), root(2)]);
        assert_eq!(lineage.check(root(7).fingerprint()), Err(LineageError::OtherOffice));
        assert_eq!(lineage.check(root(3).fingerprint()), Err(LineageError::OtherOffice));
    }

    #[test]
    fn the_card_binds_the_commitment_too() {
        let thiefs = Root { commitment: commitment(&RootKey::from_bytes([66; 32]).public()), ..root(1) };
        assert_eq!(lineage(&[thiefs]).check(root(1).fingerprint()), Err(LineageError::OtherOffice));
    }

    #[test]
    fn a_lineage_continues_only_what_it_begins_with() {
        let long = lineage(&[root(1), root(2)]);
        let short = lineage(&[root(1)]);
        assert!(long.continues(&short) && long.continues(&long));
        assert!(!short.continues(&long));
        assert!(!lineage(&[root(3), root(4)]).continues(&short));
    }
}
