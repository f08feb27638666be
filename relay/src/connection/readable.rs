//! Envelopes of an answer that is one message, though some of them cannot be read.

use crate::shared::Shared;
use crate::store::{Store, StoreError};
use std::ops::Range;

/// What is read for so many places: all together or, if that fails, each by itself. One that cannot be read is absent, to
/// everybody: an error cannot stand inside a message, and must not take its neighbours away.
pub(super) async fn readable<S: Store, T, R>(
    shared: &Shared<S>,
    count: usize,
    read: impl Fn(Range<usize>) -> R,
) -> Vec<Option<T>>
where
    R: Future<Output = Result<Vec<Option<T>>, StoreError>>,
{
    if let Ok(all) = read(0..count).await {
        return all;
    }
    let mut found = Vec::new();
    for place in 0..count {
        match read(place..place.saturating_add(1)).await {
            Ok(one) => found.extend(one),
            Err(error) => {
                shared.store_failed(&error);
                found.push(None);
            }
        }
    }
    found
}
