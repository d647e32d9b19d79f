//! Leaving: List-Unsubscribe in every mail that may be switched off (RFC 2369), also by one click (RFC 8058). By mail it takes an
//! account with a `reply_to`, by click an `unsubscribe_url`; where there is neither, there is no such field.
//!
//! A token names one recipient and one notification, and is signed with the key of the store. Whoever presents it, in a mail
//! or to the address of `unsubscribe_url`, switches that notification off for that recipient, and nothing else. It holds for the
//! address that it names, be that of a user, of a device, or of several users.
//!
//! ```text
//! List-Unsubscribe: <https://desk.example.org/unsubscribe?aW5jaWRlbnQ…>, <mailto:support@example.org?subject=unsubscribe%20aW5jaWRlbnQ…>
//! List-Unsubscribe-Post: List-Unsubscribe=One-Click
//! ```
//!
//! A forwarded mail carries the token with it, here as everywhere; that is why it can do nothing but switch off.

mod http;
mod listener;

pub use http::{MAX_REQUEST, answer};
pub use listener::listen;

use crate::inbound::subject::inside;
use crate::preference::{self, Person};
use crate::record::{Change, Fields};
use crate::store::{Store, StoreError};
use crate::token::Signer;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::fmt;

/// The longest token, in octets.
const MAX_TOKEN: usize = 1_000;

/// One recipient and one notification, with the proof that both come from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsubscribeToken {
    notification: String,
    address: String,
    tag: String,
}

impl UnsubscribeToken {
    /// The notification.
    pub fn notification(&self) -> &str {
        &self.notification
    }

    /// The recipient's address, in lower case.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Reads `BASE64URL.TAG`. Verify it before believing it.
    pub fn parse(text: &str) -> Option<Self> {
        let (names, tag) = text.split_once('.')?;
        let names = URL_SAFE_NO_PAD.decode(names).ok()?;
        let names = String::from_utf8(names).ok()?;
        let (notification, address) = names.split_once('\n')?;
        let short = text.len() <= MAX_TOKEN && !tag.is_empty();
        short.then(|| Self {
            notification: notification.to_owned(),
            address: address.to_owned(),
            tag: tag.to_owned(),
        })
    }

    /// The token in the subject of a mail: `unsubscribe TOKEN`. A gateway may have marked it as one from outside.
    pub fn in_subject(subject: &str) -> Option<Self> {
        let mut words = inside(subject).split_whitespace();
        let command = words.next()?;
        let token = Self::parse(words.next()?)?;
        command
            .eq_ignore_ascii_case("unsubscribe")
            .then_some(token)
            .filter(|_| words.next().is_none())
    }
}

impl fmt::Display for UnsubscribeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = format!("{}\n{}", self.notification, self.address);
        write!(f, "{}.{}", URL_SAFE_NO_PAD.encode(names), self.tag)
    }
}

impl Signer {
    /// The token that switches a notification off for a recipient.
    pub fn unsubscribe_token(&self, notification: &str, address: &str) -> UnsubscribeToken {
        let address = address.to_lowercase();
        UnsubscribeToken {
            tag: self.tag(&["unsubscribe", notification, &address]),
            notification: notification.to_owned(),
            address,
        }
    }

    /// True if the token was made here.
    pub fn verify_unsubscribe(&self, token: &UnsubscribeToken) -> bool {
        let expected = self.unsubscribe_token(&token.notification, &token.address);
        crate::token::equal(&expected.tag, &token.tag)
    }
}

/// Where a recipient leaves a notification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// A page that asks, and that a POST of one click answers without asking.
    pub https: Option<String>,
    /// A mail that does it: a `mailto:` address with its subject.
    pub mailto: Option<String>,
}

impl Ways {
    /// The ways out for a token: a page below `url`, if there is one, and a mail to `mailbox`, if there is one.
    pub fn new(token: &UnsubscribeToken, url: &str, mailbox: Option<&str>) -> Self {
        Self {
            https: (!url.is_empty()).then(|| format!("{url}?{token}")),
            mailto: mailbox.map(|mailbox| {
                let mailbox = percent(mailbox);
                format!("mailto:{mailbox}?subject=unsubscribe%20{token}")
            }),
        }
    }

    /// The way for people: the page, else the mail.
    pub fn link(&self) -> Option<&str> {
        self.https.as_deref().or(self.mailto.as_deref())
    }

    /// The value of List-Unsubscribe (RFC 2369 §3.2); `None` if there is no way.
    pub fn header(&self) -> Option<String> {
        let ways = [&self.https, &self.mailto];
        let ways: Vec<String> = ways
            .into_iter()
            .flatten()
            .map(|way| format!("<{way}>"))
            .collect();
        (!ways.is_empty()).then(|| ways.join(", "))
    }

    /// Whether List-Unsubscribe-Post belongs to it: one click needs HTTPS (RFC 8058 §3.1).
    pub fn has_one_click(&self) -> bool {
        self.https
            .as_deref()
            .is_some_and(|url| url.starts_with("https://"))
    }
}

/// An address or a text as it stands in a `mailto:` URI (RFC 6068 §2).
pub(crate) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Why nothing was switched off.
#[derive(Debug)]
#[non_exhaustive]
pub enum UnsubscribeError {
    /// No such token was made here.
    NotOurs,
    /// The store could not do it.
    Store(StoreError),
}

impl fmt::Display for UnsubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOurs => f.write_str("the token was not made here"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for UnsubscribeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotOurs => None,
            Self::Store(error) => Some(error),
        }
    }
}

/// The change that a token asks for: the preference of the user, or of the address, says `active = false`. Commit it.
///
/// # Errors
/// The token was not made here, or the store cannot be read.
pub fn unsubscribe(
    store: &dyn Store,
    signer: &Signer,
    token: &UnsubscribeToken,
) -> Result<Change, UnsubscribeError> {
    if !signer.verify_unsubscribe(token) {
        return Err(UnsubscribeError::NotOurs);
    }
    let change = || {
        let person = Person::find(store, &token.address, &token.notification)?;
        let mut fields = Fields::new();
        fields.insert("active".into(), Value::from(false));
        preference::change(store, &person, &token.notification, fields, &token.address)
    };
    change().map_err(UnsubscribeError::Store)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{SqliteStore, Work};
    use crate::token::KEY_LEN;

    fn signer() -> Signer {
        Signer::new(&[7; KEY_LEN]).unwrap()
    }

    #[test]
    fn a_token_survives_the_subject_and_the_url() {
        let token = signer().unsubscribe_token("incident_commented", "Ada@example.org");
        for mark in [
            "",
            "[EXT] ",
            "[External] (spam?) ",
            "EXTERN: ",
            "[EXT] External: ",
        ] {
            let subject = format!("{mark}unsubscribe {token}");
            assert_eq!(UnsubscribeToken::in_subject(&subject), Some(token.clone()));
        }
        let read = UnsubscribeToken::in_subject(&format!("Unsubscribe {token}")).unwrap();
        assert_eq!(read, token);
        assert_eq!(read.address(), "ada@example.org");
        assert!(signer().verify_unsubscribe(&read));
        let safe = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        assert!(token.to_string().bytes().all(safe), "{token}");
    }

    #[test]
    fn a_token_for_somebody_or_something_else_is_not_ours() {
        let token = signer().unsubscribe_token("a", "ada@example.org");
        for (notification, address) in [("b", "ada@example.org"), ("a", "eve@example.org")] {
            let forged = UnsubscribeToken {
                notification: notification.into(),
                address: address.into(),
                tag: token.tag.clone(),
            };
            assert!(!signer().verify_unsubscribe(&forged));
            let store = SqliteStore::open_in_memory().unwrap();
            assert!(matches!(
                unsubscribe(&store, &signer(), &forged),
                Err(UnsubscribeError::NotOurs)
            ));
        }
    }

    #[test]
    fn other_subjects_hold_no_token() {
        let token = signer().unsubscribe_token("a", "ada@example.org");
        for subject in [
            String::new(),
            "unsubscribe".into(),
            "unsubscribe me please".into(),
            format!("Re: unsubscribe {token}"),
            format!("unsubscribe {token} and more"),
        ] {
            assert_eq!(UnsubscribeToken::in_subject(&subject), None, "{subject}");
        }
    }

    #[test]
    fn the_ways_out_are_written_as_rfc2369_and_rfc8058_say() {
        let token = signer().unsubscribe_token("a", "ada@example.org");
        let ways = Ways::new(
            &token,
            "https://desk.example.org/u",
            Some("s+x@example.org"),
        );
        let header = format!(
            "<https://desk.example.org/u?{token}>, <mailto:s%2Bx@example.org?subject=unsubscribe%20{token}>"
        );
        assert_eq!(ways.header().as_deref(), Some(header.as_str()));
        assert!(ways.has_one_click());
        let mail_only = Ways::new(&token, "", Some("s@example.org"));
        assert!(!mail_only.has_one_click());
        assert_eq!(Ways::new(&token, "", None).header(), None);
        assert!(!Ways::new(&token, "http://localhost/u", None).has_one_click());
    }

    #[test]
    fn a_good_token_switches_the_preference_off_and_twice_changes_nothing() {
        let store = SqliteStore::open_in_memory().unwrap();
        let token = signer().unsubscribe_token("told", "eve@example.net");
        for events in [1, 0] {
            let change = unsubscribe(&store, &signer(), &token).unwrap();
            let work = Work {
                changes: vec![change],
                ..Work::default()
            };
            assert_eq!(store.commit(&work).unwrap().events.len(), events);
        }
        let rows = store.records(preference::TABLE).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].key.id, "eve@example.net.told");
        assert_eq!(rows[0].fields["active"], Value::from(false));
    }
}
