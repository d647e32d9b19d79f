//! One-click unsubscribing, where the configuration has an address for it.

use super::signal::Signal;
use super::{Daemon, Level, LogEvent};
use crate::unsubscribe::listen;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::net::TcpListener;

impl Daemon {
    /// Answers clicks until the daemon stops. That nobody can click is reported, and stops no mail.
    pub(super) async fn unsubscribe_loop(self: Arc<Self>, address: SocketAddr, signal: Signal) {
        let listener = match TcpListener::bind(address).await {
            Ok(listener) => listener,
            Err(error) => return self.cannot_listen(address, &error, signal).await,
        };
        let at = listener.local_addr().unwrap_or(address);
        self.say(LogEvent::new(Level::Info, "unsubscribe_page").with("address", at));
        let signer = self.signer.clone();
        let answering = listen(listener, Arc::clone(&self.store), signer);
        if let Err(error) = unless_stopped(answering, signal.stopped()).await {
            self.cannot_listen(at, &error, signal).await;
        }
    }

    async fn cannot_listen(&self, address: SocketAddr, error: &io::Error, signal: Signal) {
        let event = LogEvent::new(Level::Error, "unsubscribe_fault");
        self.say(event.with("address", address).with("reason", error));
        signal.stopped().await;
    }
}

/// What `work` ends with, or success when `stop` comes first.
async fn unless_stopped(
    work: impl Future<Output = io::Result<()>>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let (mut work, mut stop) = (pin!(work), pin!(stop));
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Pending => stop.as_mut().poll(context).map(Ok),
        ended => ended,
    })
    .await
}
