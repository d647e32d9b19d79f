//! One-click unsubscribing, where the configuration has an address for it.

use super::signal::Signal;
use super::{Daemon, Level, LogEvent};
use crate::unsubscribe::listen;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::net::TcpListener;

/// How long the page rests after its socket failed.
const REST: Duration = Duration::from_secs(5);

impl Daemon {
    /// Answers clicks until the daemon stops. That nobody can click is reported, and stops no mail.
    pub(super) async fn unsubscribe_loop(self: Arc<Self>, address: SocketAddr, signal: Signal) {
        let listener = match TcpListener::bind(address).await {
            Ok(listener) => listener,
            Err(error) => return self.cannot_listen(address, &error, signal).await,
        };
        let at = listener.local_addr().unwrap_or(address);
        self.say(LogEvent::new(Level::Info, "unsubscribe_page").with("address", at));
        let answering = async {
            loop {
                let (store, signer) = (Arc::clone(&self.store), self.signer.clone());
                if let Err(error) = listen(&listener, store, signer).await {
                    // Too many open files, for one: that passes, and the links in mails are to work then.
                    self.report_fault(at, &error);
                    tokio::time::sleep(REST).await;
                }
            }
        };
        unless_stopped(answering, signal.stopped()).await;
    }

    async fn cannot_listen(&self, address: SocketAddr, error: &io::Error, signal: Signal) {
        self.report_fault(address, error);
        signal.stopped().await;
    }

    fn report_fault(&self, address: SocketAddr, error: &io::Error) {
        let event = LogEvent::new(Level::Error, "unsubscribe_fault");
        self.say(event.with("address", address).with("reason", error));
    }
}

/// Works until `stop` comes.
async fn unless_stopped(work: impl Future<Output = Infallible>, stop: impl Future<Output = ()>) {
    let (mut work, mut stop) = (pin!(work), pin!(stop));
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Pending => stop.as_mut().poll(context),
        Poll::Ready(never) => match never {},
    })
    .await;
}
