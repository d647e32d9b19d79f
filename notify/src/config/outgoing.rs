//! What holds for all mail that goes out.

use std::time::Duration;

/// What holds for all mail that goes out, whatever its account (`[outgoing]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Off: events are settled and mail is queued, and none leaves.
    pub active: bool,
    /// All mail goes there instead of to its recipients, also what is queued already.
    pub test_address: Option<String>,
    /// Only recipients in these domains, and in those below them, get mail; all if empty.
    pub allow_domains: Vec<String>,
    /// Recipients in these domains, and in those below them, get none.
    pub deny_domains: Vec<String>,
    /// Characters of a body, HTML or text, at most.
    pub max_body: usize,
    /// Octets of a whole message at most.
    pub max_message: usize,
    /// Files of a record that go along in one mail at most.
    pub max_attachments: usize,
    /// Octets of them together.
    pub max_attachment_octets: u64,
    /// What is done with is kept for so long; for good if unset. The daemon forgets settled events with their mails and
    /// attempts, and inbound mail, once an hour, as [`Store::trim`](crate::store::Store::trim) does.
    pub keep_log: Option<Duration>,
}

impl Default for Outgoing {
    /// The limits are ServiceNow's: 524,288 characters of body, and the attachments that go with it.
    fn default() -> Self {
        Self {
            active: true,
            test_address: None,
            allow_domains: Vec::new(),
            deny_domains: Vec::new(),
            max_body: 524_288,
            max_message: 32 * 1024 * 1024,
            max_attachments: 30,
            max_attachment_octets: 18_874_368,
            keep_log: None,
        }
    }
}

impl Outgoing {
    /// Why an address gets no mail, if its domain is why.
    pub fn denied(&self, address: &str) -> Option<String> {
        let domain = address.rsplit_once('@')?.1.to_lowercase();
        let covers = |list: &&String| {
            let below = domain.strip_suffix(list.as_str());
            below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if let Some(denied) = self.deny_domains.iter().find(covers) {
            return Some(format!("`deny_domains` has {denied}"));
        }
        let allowed =
            self.allow_domains.is_empty() || self.allow_domains.iter().any(|d| covers(&d));
        (!allowed).then(|| format!("`allow_domains` has not {domain}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_stands_for_those_below_it() {
        let outgoing = Outgoing {
            allow_domains: vec!["example.org".into()],
            deny_domains: vec!["secret.example.org".into()],
            ..Outgoing::default()
        };
        let denied = |address| outgoing.denied(address).is_some();
        assert!(!denied("ada@example.org") && !denied("ada@Mail.Example.ORG"));
        assert!(denied("ada@secret.example.org") && denied("ada@a.secret.example.org"));
        assert!(denied("ada@notexample.org") && denied("ada@example.com"));
        assert_eq!(Outgoing::default().denied("x@anywhere"), None);
    }
}
