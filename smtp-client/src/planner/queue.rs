//! Which transaction is next: mails prepared, and their recipients divided as the server's limits ask for.

use super::Planner;
use super::prepare::{Prepared, prepare, prepare_stream};
use super::tally::Tally;
use super::transaction::{Next, Transaction};
use crate::{
    Capabilities, Envelope, Error, ErrorKind, Extension, ForwardPath, Limit, Mail, Outcome,
    RcptParameters, Stage,
};
use std::collections::HashMap;

/// What is to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Batch<'m> {
    Mails(&'m [Mail<'m>]),
    /// One mail, whose message comes in chunks.
    Streaming(&'m Envelope),
}

impl<'m> Batch<'m> {
    pub(super) fn len(self) -> usize {
        match self {
            Self::Mails(mails) => mails.len(),
            Self::Streaming(_) => 1,
        }
    }

    pub(super) fn envelope(self, index: usize) -> Option<&'m Envelope> {
        match self {
            Self::Mails(mails) => mails.get(index).map(|mail| mail.envelope),
            Self::Streaming(envelope) => (index == 0).then_some(envelope),
        }
    }

    pub(super) fn message(self, index: usize) -> Option<&'m [u8]> {
        match self {
            Self::Mails(mails) => mails.get(index).map(|mail| mail.message),
            Self::Streaming(_) => None,
        }
    }
}

impl Planner<'_> {
    pub(super) fn begin_transaction(&mut self) -> bool {
        while self.further.is_empty() && self.begun < self.mails.len() {
            self.begin_mail();
        }
        if self.connection.mails_left() == Some(0) && !self.further.is_empty() {
            self.defer_rest(Limit::MailMax);
            return false;
        }
        if self.flow.as_ref().is_some_and(|flow| !flow.can_begin()) && !self.further.is_empty() {
            self.defer_rest(Limit::RcptMax);
            return false;
        }
        let Some(transaction) = self.further.pop_front() else {
            return false;
        };
        self.active.push_back(transaction);
        true
    }

    /// The server takes no more mails on this connection, or no more recipients with a message that can be read only
    /// once: those not begun must go at another time.
    fn defer_rest(&mut self, limit: Limit) {
        let error = Error::new(Stage::Queue, ErrorKind::LimitReached(limit));
        for transaction in std::mem::take(&mut self.further) {
            self.settle(transaction.mail, |tally| {
                let to = transaction.to.iter();
                to.for_each(|&index| tally.error(index, Outcome::Deferred, &error));
            });
        }
        while self.begun < self.mails.len() {
            let mail = self.begin_tally();
            self.settle(mail, |t| t.queue_all(&error));
        }
    }

    fn begin_mail(&mut self) {
        let Some(envelope) = self.mails.envelope(self.begun) else {
            return;
        };
        let index = self.begin_tally();
        let prepared = match self.prepared.take() {
            Some((ahead, prepared)) if ahead == index => prepared,
            _ => self.prepare(index, envelope),
        };
        match prepared {
            Ok(prepared) => {
                self.refuse_recipients(index, envelope);
                self.divide(index, envelope, prepared);
            }
            Err(error) => self.settle(index, |t| t.error_for_all(Outcome::Refused, &error)),
        }
    }

    /// Looks at the next mail, and makes the message that is about to be sent ready: work that need not wait for a reply.
    pub(super) fn prepare_ahead(&mut self) {
        let last = self
            .active
            .back()
            .filter(|last| last.next == Next::AwaitData);
        if let Some(last) = last {
            if let Some(message) = self.mails.message(last.mail) {
                self.output.lines_ahead(message, last.regular);
            }
        }
        if self.prepared.is_none() {
            if let Some(envelope) = self.mails.envelope(self.begun) {
                let prepared = self.prepare(self.begun, envelope);
                self.prepared = Some((self.begun, prepared));
            }
        }
    }

    fn prepare(&self, index: usize, envelope: &Envelope) -> Result<Prepared, Error> {
        let offered = self.connection.capabilities();
        let (policy, encrypted) = (&self.policy, self.connection.is_encrypted());
        if let Some(flow) = &self.flow {
            return prepare_stream(envelope, &flow.outline, offered, policy, encrypted);
        }
        let message = self.mails.message(index).unwrap_or_default();
        let mail = Mail::new(envelope, message);
        prepare(&mail, offered, policy, encrypted)
    }

    pub(super) fn begin_tally(&mut self) -> usize {
        let envelope = self.mails.envelope(self.begun);
        let recipients = envelope.map_or(0, |envelope| envelope.recipients().len());
        self.tallies.push(Some(Tally::new(recipients)));
        self.begun += 1;
        self.begun - 1
    }

    /// Refuses those recipients that need an extension which is not offered.
    fn refuse_recipients(&mut self, index: usize, envelope: &Envelope) {
        let offered = self.connection.capabilities();
        let mut missing = Vec::new();
        for (i, to) in envelope.recipients().iter().enumerate() {
            let parameters = envelope.recipient_parameters(i);
            let utf8 = to.needs_smtp_utf8().then_some(Extension::SmtpUtf8);
            let needed = utf8
                .into_iter()
                .chain(parameters.and_then(RcptParameters::required));
            missing.extend(needed.filter(|&e| !offered.offers(e)).map(|e| (i, e)));
        }
        for (i, extension) in missing {
            let error = Error::local(ErrorKind::Missing(extension));
            self.settle(index, |tally| tally.error(i, Outcome::Refused, &error));
        }
    }

    /// Makes as many transactions of a mail as the server's limits ask for.
    fn divide(&mut self, index: usize, envelope: &Envelope, prepared: Prepared) {
        let Some(Some(tally)) = self.tallies.get(index) else {
            return;
        };
        let everybody = 0..envelope.recipients().len();
        let open = everybody.filter(|&i| tally.is_open(i));
        for to in divide(open.collect(), envelope, self.limits) {
            let transaction = Transaction::new(index, to, prepared.clone());
            self.further.push_back(transaction);
        }
    }
}

/// How much a server takes in one transaction (RFC 9422 §4).
#[derive(Clone, Copy, Debug)]
pub(super) struct TransactionLimits {
    pub(super) recipients: usize,
    pub(super) domains: usize,
}

impl TransactionLimits {
    pub(super) fn of(offered: &Capabilities) -> Self {
        let limit = |limit| {
            let limit = offered.limit(limit);
            limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX))
        };
        Self {
            recipients: limit(Limit::RcptMax),
            domains: limit(Limit::RcptDomainMax),
        }
    }
}

/// Recipients in groups that keep the limits, in their order within each. Only a limit of domains looks at domains.
fn divide(to: Vec<usize>, envelope: &Envelope, limits: TransactionLimits) -> Vec<Vec<usize>> {
    if limits.domains == usize::MAX {
        if to.len() <= limits.recipients {
            return if to.is_empty() { Vec::new() } else { vec![to] };
        }
        return to
            .chunks(limits.recipients)
            .map(<[usize]>::to_vec)
            .collect();
    }
    let mut by_domain: Vec<(String, Vec<usize>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for index in to {
        let path = envelope.recipients().get(index);
        let domain = path.map_or("", ForwardPath::domain).to_ascii_lowercase();
        let place = *places.entry(domain.clone()).or_insert_with(|| {
            by_domain.push((domain, Vec::new()));
            by_domain.len() - 1
        });
        if let Some((_, group)) = by_domain.get_mut(place) {
            group.push(index);
        }
    }
    let mut groups = Vec::new();
    for domains in by_domain.chunks(limits.domains) {
        let together: Vec<usize> = domains.iter().flat_map(|(_, to)| to).copied().collect();
        groups.extend(together.chunks(limits.recipients).map(<[usize]>::to_vec));
    }
    groups
}
