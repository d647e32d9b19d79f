//! One channel that tells every loop that the store has changed, or that it is time to end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What the loops are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    changes: u64,
    stop: bool,
}

/// The speaking end.
#[derive(Clone)]
pub(super) struct Signal(Arc<watch::Sender<State>>);

/// The listening end of one loop.
pub(super) struct Listener(watch::Receiver<State>);

impl Signal {
    pub(super) fn new(changes: u64) -> Self {
        Self(Arc::new(watch::Sender::new(State {
            changes,
            stop: false,
        })))
    }

    pub(super) fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }

    /// Says what the store's change counter is now.
    pub(super) fn changed(&self, changes: u64) {
        self.0.send_if_modified(|state| {
            let new = state.changes != changes;
            state.changes = changes;
            new
        });
    }

    /// Says that it is time to end.
    pub(super) fn stop(&self) {
        self.0
            .send_if_modified(|state| !std::mem::replace(&mut state.stop, true));
    }

    /// Waits until somebody says stop.
    pub(super) async fn stopped(&self) {
        // The sender is alive as long as `self` is.
        let _ = self.0.subscribe().wait_for(|state| state.stop).await;
    }

    /// Runs a task whose end, also by a panic, ends all the others: a daemon with a part missing would
    /// look alive and do half its work.
    pub(super) fn ends_all<F>(&self, task: F) -> impl Future<Output = F::Output> + Send + use<F>
    where
        F: Future + Send,
    {
        let guard = StopOnDrop(self.clone());
        async move {
            let _guard = guard;
            task.await
        }
    }
}

struct StopOnDrop(Signal);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Listener {
    /// True once it is time to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.0.borrow().stop
    }

    /// Forgets the changes so far; those that happen from now on wake the next wait.
    pub(super) fn begin_work(&mut self) {
        self.0.borrow_and_update();
    }

    /// Waits for a change, the end, or so long.
    pub(super) async fn wait(&mut self, at_most: Duration) {
        // The sender is gone only when everything is; time then decides.
        let _ = tokio::time::timeout(at_most, self.0.changed()).await;
    }

    /// Waits so long, or until it is time to end.
    pub(super) async fn rest(&mut self, time: Duration) {
        let _ = tokio::time::timeout(time, self.0.wait_for(|state| state.stop)).await;
    }
}
