//! A group of letters (protocol, section 12.2).

use super::answers::Frames;
use super::frames::To;
use super::readable::readable;
use crate::shared::Shared;
use crate::store::Store;
use cssr_proto::index::{Group, GroupSize};
use cssr_proto::{Envelope, EnvelopeId};
use futures_util::{FutureExt as _, Stream, StreamExt as _, stream};
use std::future::ready;
use std::ops::Range;
use std::sync::Arc;

/// Letters that are read at once: as many as one connection sends before it is the others' turn, so that they are sealed while
/// they are in the processor's cache, and a peer that takes nothing in costs little.
const SLICE: usize = 4;

/// A letter, and its id.
type Held = (EnvelopeId, Envelope);

/// All letters of a group, read a few at a time as the connection takes them.
pub(super) fn frames<S: Store>(shared: Arc<Shared<S>>, to: To, group: Group, size: GroupSize) -> Frames {
    let first = u64::from(group.number).saturating_mul(size.get());
    let letters = in_slices(size, move |place, count| {
        let shared = Arc::clone(&shared);
        async move { letters(&shared, group, first.saturating_add(place), count).await }
    });
    let placed = stream::iter(0..).zip(letters);
    placed.filter_map(move |(place, letter)| ready(to.answer().letter(place, size, letter).ok())).boxed()
}

/// What is read at each place of a group, given where to begin and how many; nothing before it is asked for.
fn in_slices<T, R: Future<Output = Vec<T>>>(size: GroupSize, read: impl Fn(u64, usize) -> R) -> impl Stream<Item = T> {
    let slice = move |place: u64| {
        // A group has 16 letters at most.
        let count = usize::try_from(size.get().saturating_sub(place)).unwrap_or_default().min(SLICE);
        read(place, count).map(stream::iter)
    };
    stream::iter((0..size.get()).step_by(SLICE)).then(slice).flatten()
}

/// Letters by their places in the day's list.
async fn letters<S: Store>(shared: &Shared<S>, group: Group, first: u64, count: usize) -> Vec<Option<Held>> {
    let read = |places: Range<usize>| {
        // Of a few.
        let first = first.saturating_add(places.start as u64);
        shared.store.letters(group.day, first, places.len())
    };
    readable(shared, count, read).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::pin::pin;

    /// Numbers of their places in a group.
    async fn read(size: u64, taken: usize) -> (Vec<u64>, Vec<(u64, usize)>) {
        let asked = RefCell::new(Vec::new());
        let slices = in_slices(GroupSize::new(size).unwrap(), |place, count| {
            asked.borrow_mut().push((place, count));
            ready((place..).take(count).collect())
        });
        let read = pin!(slices).take(taken).collect().await;
        (read, asked.into_inner())
    }

    #[tokio::test]
    async fn a_group_of_any_size_is_read_whole_and_in_order() {
        for size in 1..=16 {
            assert_eq!(read(size, usize::MAX).await.0, Vec::from_iter(0..size));
        }
        assert_eq!(read(7, usize::MAX).await.1, [(0, 4), (4, 3)]);
    }

    #[tokio::test]
    async fn what_nobody_takes_is_not_read() {
        assert_eq!(read(16, 1).await.1, [(0, 4)]);
        assert_eq!(read(16, 4).await.1, [(0, 4)]);
        assert_eq!(read(16, 5).await.1, [(0, 4), (4, 4)]);
    }
}
