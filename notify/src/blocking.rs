//! Calling the store from asynchronous code: its methods block, so they run on a thread for that.

use crate::store::{Store, StoreError};
use std::sync::Arc;

/// Runs `work` with the store on a blocking thread.
pub(crate) async fn with_store<T: Send + 'static>(
    store: &Arc<dyn Store>,
    work: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let store = Arc::clone(store);
    on_thread(move || work(store.as_ref())).await?
}

/// Runs `work` on a blocking thread.
pub(crate) async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => Ok(value),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(StoreError::Corrupt(
            "the program is ending, and this was not done".to_owned(),
        )),
    }
}
