//! Days in which nothing counts, and which could not be destroyed: they have expired, or could not be made.

use super::volume_id::VolumeId;
use std::collections::BTreeSet;

/// Tries each; gives those that are destroyed now, and the last error. One that cannot be destroyed must not keep the others,
/// and must be found again: here the next time, even after a panic, or by the manifest.
pub(super) fn destroy_each<E>(
    undestroyed: &mut BTreeSet<VolumeId>,
    destroy: impl Fn(VolumeId) -> Result<(), E>,
) -> (Vec<VolumeId>, Option<E>) {
    let (mut destroyed, mut failure) = (Vec::new(), None);
    for id in undestroyed.iter() {
        match destroy(*id) {
            Ok(()) => destroyed.push(*id),
            Err(error) => failure = Some(error),
        }
    }
    undestroyed.retain(|id| !destroyed.contains(id));
    (destroyed, failure)
}
