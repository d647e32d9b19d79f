//! How mail is taken: from whom, how much of it, and what is believed. `[incoming]` in the configuration.

use std::collections::BTreeMap;
use std::time::Duration;

/// How mail is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Mail of people who are no active users, unless their domain is named.
    pub guests: Treatment,
    /// The same by domain, in lower case; a domain stands for those below it.
    pub guest_domains: BTreeMap<String, Treatment>,
    /// A reply by somebody who was not a recipient of what is replied to.
    pub strangers: Strangers,
    /// The names that our own servers write into Authentication-Results (RFC 8601 §2.5) and put in front of what they say about spam.
    /// What other names say is not believed.
    pub trusted: Vec<String>,
    /// Mail that a trusted server calls spam.
    pub spam: Treatment,
    /// Files of one mail that are attached at most.
    pub max_attachments: usize,
    /// Octets of them together.
    pub max_attachment_octets: u64,
    /// More mails than this from one sender in [`loop_time`](Self::loop_time) look like a loop.
    pub sender_rate: usize,
    /// The same for one sender about one record.
    pub thread_rate: usize,
    /// See [`sender_rate`](Self::sender_rate).
    pub loop_time: Duration,
    /// What bounces lead to.
    pub bounces: Bounces,
}

/// What is done with such mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It is acted upon.
    Accept,
    /// A person decides.
    Hold,
    /// Nothing is done.
    Ignore,
}

/// What is done with a reply by somebody who was not a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strangers {
    /// A person decides.
    Hold,
    /// It becomes a comment that says so, under the writer's own address. Nothing else is changed by it.
    Comment,
}

/// When an address that bounces gets no more mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounces {
    /// A hard bounce counts so many points.
    pub hard: u32,
    /// A soft one so many.
    pub soft: u32,
    /// At so many points the address is suppressed.
    pub suppress_at: u32,
    /// For so long.
    pub rest: Duration,
    /// Points are forgotten when nothing bounced for so long.
    pub forget: Duration,
}

const DAY: u64 = 24 * 60 * 60;

impl Default for Bounces {
    fn default() -> Self {
        Self {
            hard: 4,
            soft: 1,
            suppress_at: 4,
            rest: Duration::from_secs(30 * DAY),
            forget: Duration::from_secs(30 * DAY),
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            guests: Treatment::Accept,
            guest_domains: BTreeMap::new(),
            strangers: Strangers::Hold,
            trusted: Vec::new(),
            spam: Treatment::Hold,
            max_attachments: 30,
            max_attachment_octets: 18_874_368,
            sender_rate: 30,
            thread_rate: 20,
            loop_time: Duration::from_secs(60 * 60),
            bounces: Bounces::default(),
        }
    }
}

impl Policy {
    /// What is done with mail of a guest of this domain: the longest name that fits decides.
    pub fn guest(&self, domain: &str) -> Treatment {
        let domain = domain.to_lowercase();
        let mut rest = domain.as_str();
        loop {
            if let Some(treatment) = self.guest_domains.get(rest) {
                return *treatment;
            }
            match rest.split_once('.') {
                Some((_, parent)) => rest = parent,
                None => return self.guests,
            }
        }
    }

    /// True if what a server of this name says is believed.
    pub fn trusts(&self, name: &str) -> bool {
        self.trusted
            .iter()
            .any(|trusted| trusted.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_domain_decides_about_a_guest() {
        let policy = Policy {
            guest_domains: BTreeMap::from([
                ("example.net".to_owned(), Treatment::Ignore),
                ("good.example.net".to_owned(), Treatment::Hold),
            ]),
            ..Policy::default()
        };
        assert_eq!(policy.guest("EXAMPLE.net"), Treatment::Ignore);
        assert_eq!(policy.guest("a.b.example.net"), Treatment::Ignore);
        assert_eq!(policy.guest("mx.good.example.net"), Treatment::Hold);
        assert_eq!(policy.guest("notexample.net"), Treatment::Accept);
        assert_eq!(policy.guest(""), Treatment::Accept);
    }
}
