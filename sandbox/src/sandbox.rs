use crate::builder::Builder;
use crate::dialogue::{Dialogue, DialogueLine};
use crate::driver::Ports;
use crate::fault::Fault;
use crate::mail::{Arrival, Mail};
use crate::service::Service;
use crate::store::DeliverError;
use bytes::Bytes;
use postrider_wire::{Endpoint, Tls};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// An SMTP server and a POP3 server over one set of maildrops, on the loopback interface of this machine.
///
/// Dropping it stops everything; [`shutdown`](Self::shutdown) also waits until the ports are closed.
pub struct Sandbox {
    pub(crate) service: Service,
    pub(crate) dialogue: Dialogue,
    pub(crate) endpoints: Ports<Endpoint>,
    pub(crate) ca_pem: String,
    pub(crate) tls: Tls,
    pub(crate) accepted: Arc<Ports<AtomicU64>>,
    pub(crate) stop: watch::Sender<()>,
    pub(crate) tasks: Vec<JoinHandle<()>>,
}

impl Sandbox {
    /// Begins to describe a sandbox.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// SMTP in clear text, with STARTTLS.
    pub fn smtp(&self) -> &Endpoint {
        &self.endpoints.smtp
    }

    /// SMTP inside TLS.
    pub fn smtps(&self) -> &Endpoint {
        &self.endpoints.smtps
    }

    /// POP3 in clear text, with STLS.
    pub fn pop3(&self) -> &Endpoint {
        &self.endpoints.pop3
    }

    /// POP3 inside TLS.
    pub fn pop3s(&self) -> &Endpoint {
        &self.endpoints.pop3s
    }

    /// The certificate of the authority that issued the servers' certificate, in PEM. Its key is never written
    /// anywhere and is gone with this value.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// A client's TLS configuration that trusts that authority and no other.
    pub fn tls(&self) -> Tls {
        self.tls.clone()
    }

    /// What lies in the maildrop of an address now; what POP3 has deleted is gone.
    pub fn messages(&self, address: &str) -> Vec<Mail> {
        self.service.store().mails_of(address)
    }

    /// What lies in all maildrops, in order of arrival.
    pub fn mails(&self) -> Vec<Mail> {
        self.service.store().mails_after(0)
    }

    /// Puts a mail into a maildrop as it is, past SMTP and all its rules.
    ///
    /// # Errors
    /// An address without a maildrop, where there is no catch-all; or the limit of the store.
    pub fn deliver(&self, to: &str, content: impl Into<Bytes>) -> Result<Mail, DeliverError> {
        let store = self.service.store();
        let unknown = || DeliverError::UnknownMailbox(to.to_owned());
        let maildrop = store.route(to).ok_or_else(unknown)?;
        let arrival = Arrival {
            from: String::new(),
            recipients: Vec::new(),
            parameters: Vec::new(),
            content: content.into(),
            tls: false,
            user: None,
            client: String::new(),
            received_at: SystemTime::now(),
        };
        let copies = store.accept(arrival, &BTreeSet::from([maildrop]));
        let copy = copies.map_err(|_| DeliverError::Full)?.pop();
        copy.ok_or_else(unknown)
    }

    /// Takes a mail out of a maildrop; true if it was there.
    pub fn remove(&self, to: &str, uidl: &str) -> bool {
        self.service.store().remove(to, |mail| mail.uidl == uidl) > 0
    }

    /// Empties every maildrop.
    pub fn clear(&self) {
        self.service.store().clear();
    }

    /// Waits until a mail is there that is wanted. Those that are there already are looked at first, and each one
    /// only once.
    ///
    /// # Errors
    /// [`NotArrived`] when the time is over.
    pub async fn wait_for(
        &self,
        mut wanted: impl FnMut(&Mail) -> bool,
        timeout: Duration,
    ) -> Result<Mail, NotArrived> {
        let deadline = Instant::now() + timeout;
        let store = self.service.store();
        let (mut last, mut seen) = (0, 0);
        loop {
            // Made before looking: no arrival is missed, however late the waiting begins.
            let arrival = store.arrivals().notified();
            for mail in store.mails_after(last) {
                if wanted(&mail) {
                    return Ok(mail);
                }
                (last, seen) = (mail.id, seen + 1);
            }
            if timeout_at(deadline, arrival).await.is_err() {
                let waited = timeout;
                return Err(NotArrived { waited, seen });
            }
        }
    }

    /// What was said on all connections: the last lines, up to [`Limits::transcript`](crate::Limits::transcript).
    pub fn transcript(&self) -> Vec<DialogueLine> {
        self.dialogue.lines()
    }

    /// Forgets what was said so far.
    pub fn clear_transcript(&self) {
        self.dialogue.clear();
    }

    /// Adds a fault. Its occurrences are counted from now on.
    pub fn add_fault(&self, fault: Fault) {
        self.service.script().add(fault);
    }

    /// Takes every fault back; what an address asks for still happens.
    pub fn clear_faults(&self) {
        self.service.script().clear();
    }

    /// How many connections each port has accepted so far.
    pub fn connections(&self) -> Connections {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Connections {
            smtp: count(&self.accepted.smtp),
            smtps: count(&self.accepted.smtps),
            pop3: count(&self.accepted.pop3),
            pop3s: count(&self.accepted.pop3s),
        }
    }

    /// Closes all ports and connections, and waits until they are closed.
    pub async fn shutdown(self) {
        drop(self.stop);
        for task in self.tasks {
            // A task that panicked is over as well.
            let _ = task.await;
        }
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("endpoints", &self.endpoints)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// Connections accepted, by port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connections {
    /// SMTP in clear text.
    pub smtp: u64,
    /// SMTP inside TLS.
    pub smtps: u64,
    /// POP3 in clear text.
    pub pop3: u64,
    /// POP3 inside TLS.
    pub pop3s: u64,
}

/// No wanted mail arrived in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotArrived {
    /// How long was waited.
    pub waited: Duration,
    /// How many mails were looked at, and not wanted.
    pub seen: usize,
}

impl fmt::Display for NotArrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { waited, seen } = self;
        write!(
            f,
            "no such mail within {waited:?}; {seen} others were in the sandbox"
        )
    }
}

impl std::error::Error for NotArrived {}
