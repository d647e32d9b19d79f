//! Two futures on one task.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Runs both to their ends.
pub(super) async fn both<A, B>(
    one: impl Future<Output = A>,
    other: impl Future<Output = B>,
) -> (A, B) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(|context| {
        // A future that has ended is not asked again.
        if first.is_none()
            && let Poll::Ready(value) = one.as_mut().poll(context)
        {
            first = Some(value);
        }
        if second.is_none()
            && let Poll::Ready(value) = other.as_mut().poll(context)
        {
            second = Some(value);
        }
        match (first.take(), second.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            open => {
                (first, second) = open;
                Poll::Pending
            }
        }
    })
    .await
}

/// Waits until one of them has ended; the other is dropped.
pub(super) async fn either(one: impl Future, other: impl Future) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| {
        if one.as_mut().poll(context).is_ready() || other.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use tokio::task::yield_now;

    #[tokio::test]
    async fn both_come_to_their_ends_whichever_is_first() {
        let late = |value| async move {
            yield_now().await;
            value
        };
        assert_eq!(both(late(1), ready(2)).await, (1, 2));
        assert_eq!(both(ready(1), late(2)).await, (1, 2));
        assert_eq!(both(late(1), late(2)).await, (1, 2));
    }

    #[tokio::test]
    async fn the_first_end_is_enough() {
        either(pending::<()>(), yield_now()).await;
        either(yield_now(), pending::<()>()).await;
    }
}
