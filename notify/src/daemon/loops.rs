//! The loops, and the one step that each of them repeats.

use super::report;
use super::signal::{Listener, Signal};
use super::{Daemon, Heartbeat, Level, LogEvent, Summary};
use crate::blocking::with_store;
use crate::delivery::{Sender, Sent};
use crate::inbound::reader::{Reader, Round};
use crate::outgoing::DeliveryState;
use crate::repeat::{self, Firing};
use crate::store::StoreError;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How often the store is asked whether it has changed.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// The longest sleep of a loop: what becomes due by time is found after it.
const NAP: Duration = Duration::from_secs(1);

/// Events settled in one transaction.
const EVENTS: usize = 250;

/// Digests ended in one transaction.
const DIGESTS: usize = 50;

/// The store's last fault, so that each is reported once; the heartbeat tells of it for as long as it lasts.
struct Health {
    fault: Option<String>,
    heartbeat: Heartbeat,
}

impl Drop for Health {
    fn drop(&mut self) {
        self.heartbeat.replace_fault(self.fault.as_deref(), None);
    }
}

impl Health {
    fn of(daemon: &Daemon) -> Self {
        Self {
            fault: None,
            heartbeat: daemon.heartbeat.clone(),
        }
    }

    fn replace(&mut self, fault: Option<String>) {
        let former = std::mem::replace(&mut self.fault, fault);
        self.heartbeat
            .replace_fault(former.as_deref(), self.fault.as_deref());
    }

    /// Reports a new fault, or the end of one; gives the value if there is one.
    fn check<T>(&mut self, daemon: &Daemon, result: Result<T, StoreError>) -> Option<T> {
        match result {
            Ok(value) => {
                if self.fault.is_some() {
                    self.replace(None);
                    daemon.say(LogEvent::new(Level::Info, "store_ok"));
                }
                Some(value)
            }
            Err(error) => {
                let words = error.to_string();
                if self.fault.as_ref() != Some(&words) {
                    let event = LogEvent::new(Level::Error, "store_fault").with("reason", &words);
                    daemon.say(event.with("remedy", error.remedy().unwrap_or_default()));
                    self.replace(Some(words));
                }
                None
            }
        }
    }
}

impl Daemon {
    /// Tells the loops when the store has changed.
    pub(super) async fn watch_store(self: Arc<Self>, signal: Signal) {
        let listener = signal.listen();
        let mut written = self.store.written();
        while !listener.is_stopped() {
            // A fault shows up in the loops as well, and is reported there.
            if let Ok(changes) = with_store(&self.store, |store| store.change_counter()).await {
                signal.changed(changes);
            }
            match &mut written {
                // The store is here as long as `self` is.
                Some(written) => drop(timeout(TICK, written.changed()).await),
                None => sleep(TICK).await,
            }
        }
    }

    pub(super) async fn event_loop(self: Arc<Self>, mut listener: Listener) {
        let mut health = Health::of(&self);
        while !listener.is_stopped() {
            listener.begin_work();
            let settled = self.fire_and_settle(Timestamp::now()).await;
            if settled.is_ok() {
                self.heartbeat.beat(Timestamp::now());
            }
            match health.check(&self, settled) {
                Some(0) => listener.wait(NAP).await,
                Some(_) => {}
                None => listener.rest(NAP).await,
            }
        }
    }

    pub(super) async fn inbound_loop(self: Arc<Self>, mut listener: Listener) {
        let mut health = Health::of(&self);
        while !listener.is_stopped() {
            listener.begin_work();
            let processed = self.process(Timestamp::now()).await;
            match health.check(&self, processed) {
                Some(0) => listener.wait(NAP).await,
                Some(_) => {}
                None => listener.rest(NAP).await,
            }
        }
    }

    pub(super) async fn sender_loop(self: Arc<Self>, mut sender: Sender, mut listener: Listener) {
        let mut health = Health::of(&self);
        let mut summary = Summary::default();
        while !listener.is_stopped() {
            listener.begin_work();
            let goes_on = || !listener.is_stopped();
            let tried = self.send(&mut sender, &mut summary, goes_on).await;
            match health.check(&self, tried) {
                Some(0) => listener.wait(NAP).await,
                Some(_) => {}
                None => listener.rest(NAP).await,
            }
        }
        sender.close().await;
    }

    pub(super) async fn reader_loop(self: Arc<Self>, mut reader: Reader, mut listener: Listener) {
        let mut health = Health::of(&self);
        let mut summary = Summary::default();
        let interval = reader.account().interval.max(NAP);
        let (mut delay, mut after_fault) = (None, NAP);
        while !listener.is_stopped() {
            let read = self.read(&mut reader, &mut summary).await;
            // A pause has its own end; asking whether it is over costs nothing.
            let rest = match health.check(&self, read) {
                Some(wanted) => {
                    delay = wanted.or(delay);
                    after_fault = NAP;
                    interval
                }
                // Soon, as the store may be well again; but a mailbox that cannot be kept is not to be fetched without end.
                None => {
                    let rest = after_fault;
                    after_fault = interval.min(rest.saturating_mul(2));
                    rest
                }
            };
            listener.rest(rest.max(delay.unwrap_or_default())).await;
        }
    }

    /// Fires the events that repeat, then settles all that is due; gives how many.
    async fn fire_and_settle(&self, now: Timestamp) -> Result<usize, StoreError> {
        let fired = self.repeat(now).await;
        // What keeps these from being fired keeps nothing else from its end.
        let done = self.settle_all(now).await?;
        fired.map(|()| done)
    }

    /// Settles the events that are due, and the digests; gives how many.
    pub(super) async fn settle_all(&self, now: Timestamp) -> Result<usize, StoreError> {
        Ok(self.settle(now).await? + self.digest(now).await?)
    }

    /// Fires the repeated events whose moment has come.
    pub(super) async fn repeat(&self, now: Timestamp) -> Result<(), StoreError> {
        if !self
            .config
            .events
            .values()
            .any(|event| event.repeat.is_some())
        {
            return Ok(());
        }
        let (config, shared) = (Arc::clone(&self.config), Arc::clone(&self.store));
        let fired = with_store(&self.store, move |store| {
            if !store.lead("events")? {
                return Ok(Vec::new());
            }
            let due = repeat::due(&config, &shared, now)?;
            let mut fired = Vec::new();
            for firing in due {
                if store.repeat(&firing)? {
                    fired.push(firing);
                }
            }
            Ok(fired)
        })
        .await?;
        let says_something =
            |firing: &&Firing| !firing.events.is_empty() || !firing.left_out.is_empty();
        for firing in fired.iter().filter(says_something) {
            self.say(report::repeated(firing));
        }
        Ok(())
    }

    /// Ends the digests that are due; gives how many.
    async fn digest(&self, now: Timestamp) -> Result<usize, StoreError> {
        let events = Arc::clone(&self.events);
        let (due, outcomes) = with_store(&self.store, move |store| {
            if !store.lead("events")? {
                return Ok((Vec::new(), Vec::new()));
            }
            let due = store.due_digests(now, DIGESTS)?;
            let ended = due.iter().map(|digest| events.digest(digest, now));
            let outcomes = ended.collect::<Result<Vec<_>, _>>()?;
            if !outcomes.is_empty() {
                store.end_digests(&outcomes)?;
            }
            Ok((due, outcomes))
        })
        .await?;
        for (digest, outcome) in due.iter().zip(&outcomes) {
            self.say(report::digested(digest, outcome));
        }
        Ok(due.len())
    }

    /// Settles the events that are due; gives how many.
    async fn settle(&self, now: Timestamp) -> Result<usize, StoreError> {
        let events = Arc::clone(&self.events);
        let done = with_store(&self.store, move |store| {
            if !store.lead("events")? {
                return Ok(Vec::new());
            }
            let due = store.due_events_heard(now, EVENTS, &|event| events.hears(event))?;
            let settlements = events.settle_all(&due, now)?;
            if !settlements.is_empty() {
                store.settle(&settlements)?;
            }
            Ok(due.into_iter().zip(settlements).collect::<Vec<_>>())
        })
        .await?;
        for (event, settlement) in &done {
            self.say(report::settled(event, settlement));
        }
        Ok(done.len())
    }

    /// Processes the inbound mail that is due; gives how many.
    pub(super) async fn process(&self, now: Timestamp) -> Result<usize, StoreError> {
        let inbound = Arc::clone(&self.inbound);
        let done = with_store(&self.store, move |_| inbound.run_once(now)).await?;
        for processed in &done {
            self.say(report::processed(processed));
        }
        Ok(done.len())
    }

    /// A pass of a sender; gives how many mails it had in hand.
    pub(super) async fn send(
        &self,
        sender: &mut Sender,
        summary: &mut Summary,
        more: impl Fn() -> bool,
    ) -> Result<usize, StoreError> {
        let account = sender.account().to_owned();
        let mut tried = 0;
        let told = |sent: Sent| {
            for attempt in &sent.attempts {
                self.say(report::attempted(attempt));
            }
            if let Some(pause) = &sent.paused {
                summary.faults += 1;
                self.say(report::paused("smtp", &account, pause));
            }
            let delivered = sent.count(DeliveryState::Delivered);
            summary.delivered += delivered;
            summary.undelivered += sent.attempts.len() - delivered;
            tried += sent.attempts.len() + sent.given_back.len();
        };
        sender.pass(Timestamp::now(), more, told).await?;
        Ok(tried)
    }

    /// One fetch of a mailbox; gives the time that its server wants between logins.
    pub(super) async fn read(
        &self,
        reader: &mut Reader,
        summary: &mut Summary,
    ) -> Result<Option<Duration>, StoreError> {
        let role = format!("pop3 {}", reader.account().name);
        if !with_store(&self.store, move |store| store.lead(&role)).await? {
            return Ok(None);
        }
        let round = reader.run_once(Timestamp::now()).await?;
        let name = &reader.account().name;
        let (fetched, pause) = match round {
            Round::Paused(_) => return Ok(None),
            Round::Failed { fetched, pause, .. } => (fetched, Some(pause)),
            Round::Fetched(fetched) => (fetched, None),
        };
        summary.fetched += fetched.new.len();
        for event in report::fetched(name, &fetched) {
            self.say(event);
        }
        if let Some(pause) = pause {
            summary.faults += 1;
            self.say(report::paused("pop3", name, &pause));
        }
        Ok(fetched.login_delay)
    }
}
