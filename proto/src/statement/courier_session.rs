//! A courier's proof within one session (protocol, sections 4.1 and 14).

use super::note::signer;
use super::roster::{CourierError, Roster};
use super::signed::{Role, SignedAs};
use crate::ids::CourierNumber;
use crate::keys::{CourierKey, Signer as _, Verifier as _};
use crate::labels::context;
use crate::sizes::SIGNATURE;
use crate::time::Day;

/// The signature of a courier over a session's handshake hash; worth nothing in another session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CourierProof {
    /// Who signed.
    pub courier: CourierNumber,
    /// The signature.
    pub signature: [u8; SIGNATURE],
}

impl CourierProof {
    /// Signs for one session. `announced` is the day that the relay announced in it.
    ///
    /// # Errors
    /// The courier does not count on that day, or the key is not its own.
    pub fn sign(
        roster: &Roster,
        courier: CourierNumber,
        key: &CourierKey,
        handshake_hash: &[u8; 32],
        announced: Day,
    ) -> Result<Self, CourierError> {
        let signature = key.sign(&input(roster, courier, handshake_hash, announced)?);
        let proof = Self { courier, signature };
        proof.verify(roster, handshake_hash, announced)?;
        Ok(proof)
    }

    /// Verifies the proof for the session that it was received in.
    ///
    /// # Errors
    /// Unknown, not in force, or a signature that does not verify.
    pub fn verify(&self, roster: &Roster, handshake_hash: &[u8; 32], announced: Day) -> Result<(), CourierError> {
        let courier = roster.courier_on(self.courier, announced)?;
        if courier.key.verifies(&input(roster, self.courier, handshake_hash, announced)?, &self.signature) {
            Ok(())
        } else {
            Err(CourierError::Signature(self.courier))
        }
    }
}

impl std::fmt::Debug for CourierProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { courier, signature: _ } = self;
        write!(f, "CourierProof({})", courier.get())
    }
}

fn input(
    roster: &Roster,
    number: CourierNumber,
    handshake_hash: &[u8; 32],
    announced: Day,
) -> Result<Vec<u8>, CourierError> {
    let courier = roster.courier_on(number, announced)?;
    let about = SignedAs {
        context: context::COURIER_SESSION,
        office: roster.office(),
        role: Role::Courier,
        name: courier.label.as_str(),
        desk: Some(courier.desk),
        number: Some(signer(number)),
        from: announced,
        through: announced,
    };
    Ok(about.input(handshake_hash))
}
