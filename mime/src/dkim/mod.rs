//! DKIM signatures (RFC 6376), with RSA-SHA256 and Ed25519-SHA256 (RFC 8463). Feature `dkim`.
//!
//! A [`Signer`] is a domain, a selector and a [`Key`]; it makes the header field that is to stand before a message.
//!
//! ```
//! use postrider_mime::MessageBuilder;
//! use postrider_mime::dkim::{Key, Signer};
//!
//! # let pem = include_str!("../../tests/dkim/ed25519.pem");
//! let signer = Signer::new("example.org", "mail2026", Key::from_pem(pem)?)?;
//! // To be published as a TXT record.
//! assert_eq!(signer.record_name(), "mail2026._domainkey.example.org");
//! assert!(signer.key().record().starts_with("v=DKIM1; k=ed25519; p="));
//!
//! let message = MessageBuilder::new().from("jo@example.org").text("Hello!\n").build()?;
//! let signed = signer.signed(&message)?;
//! assert!(signed.starts_with(b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A message that does not fit into memory is signed while it is written: [`Signer::start`].
//!
//! Not supported: verifying; `l=`, because whoever can append to a message can change what a reader sees of it (RFC 6376
//! §8.2); `z=`, `a=rsa-sha1` (RFC 8301), RSA keys of less than 2048 bits, domains and identities beyond ASCII (RFC 8616);
//! ARC (RFC 8617).

mod canonical;
mod error;
mod key;
mod signature;
mod signing;
mod tags;

use std::time::{Duration, SystemTime};

pub use canonical::Canonicalization;
pub use error::DkimError;
pub use key::Key;
pub use signing::{HEADER_LIMIT, Signing};
use tags::Identity;

use crate::field_name::is_ftext;

/// What is signed if nothing else is said (RFC 6376 §5.4.1): each field as often as it occurs.
const SIGNED: [&str; 27] = [
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "auto-submitted",
    "resent-date",
    "resent-from",
    "resent-sender",
    "resent-to",
    "resent-cc",
    "resent-message-id",
    "list-id",
    "list-help",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "list-subscribe",
    "list-post",
    "list-owner",
];

/// What nobody may add if nothing else is said (RFC 6376 §8.15): a reader, or a client, may look at what was added.
const OVERSIGNED: [&str; 10] = [
    "from",
    "reply-to",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
];

/// Signs messages for a domain (RFC 6376 §5).
///
/// By default: relaxed canonicalisation of header and body; the fields of RFC 6376 §5.4.1; nobody may add a further From,
/// Reply-To, To, Cc, Subject, Date, Message-ID or field of MIME; the signature does not expire.
#[derive(Debug)]
pub struct Signer {
    key: Key,
    domain: String,
    selector: String,
    identity: Option<Identity>,
    header: Canonicalization,
    body: Canonicalization,
    lifetime: Option<Duration>,
    /// In lower case, each once, with From.
    signed: Vec<String>,
    /// In lower case, each once, each in `signed` too.
    oversigned: Vec<String>,
}

impl Signer {
    /// A signer for a domain (`d=`) whose public key stands in the DNS at a selector (`s=`).
    pub fn new(domain: &str, selector: &str, key: Key) -> Result<Self, DkimError> {
        if !tags::is_domain(domain) {
            return Err(DkimError::Domain(domain.to_owned()));
        }
        if !tags::is_selector(selector, domain) {
            return Err(DkimError::Selector(selector.to_owned()));
        }
        Ok(Self {
            key,
            domain: domain.to_owned(),
            selector: selector.to_owned(),
            identity: None,
            header: Canonicalization::Relaxed,
            body: Canonicalization::Relaxed,
            lifetime: None,
            signed: SIGNED.map(str::to_owned).to_vec(),
            oversigned: OVERSIGNED.map(str::to_owned).to_vec(),
        })
    }

    /// Sets how much may change on the way (`c=`), in the header and in the body.
    #[must_use]
    pub fn canonicalization(mut self, header: Canonicalization, body: Canonicalization) -> Self {
        (self.header, self.body) = (header, body);
        self
    }

    /// Sets for whom is signed (`i=`): an address, or `@` and a domain; in the domain of the signer or below it.
    pub fn identity(mut self, identity: &str) -> Result<Self, DkimError> {
        self.identity = Some(Identity::parse(identity, &self.domain)?);
        Ok(self)
    }

    /// Lets the signature expire (`x=`), in whole seconds from the time of signing.
    pub fn lifetime(mut self, lifetime: Duration) -> Result<Self, DkimError> {
        if lifetime.as_secs() == 0 {
            return Err(DkimError::Lifetime);
        }
        self.lifetime = Some(lifetime);
        Ok(self)
    }

    /// Sets which fields are signed, where a message has them, and of which none may be added (oversigning).
    ///
    /// The latter are signed as well. From has to be among them.
    pub fn fields<N: AsRef<str>>(
        mut self,
        signed: impl IntoIterator<Item = N>,
        oversigned: impl IntoIterator<Item = N>,
    ) -> Result<Self, DkimError> {
        let mut names: [Vec<String>; 2] = Default::default();
        let [all, over] = &mut names;
        for name in signed {
            add(all, field_name(name.as_ref())?);
        }
        for name in oversigned {
            let name = field_name(name.as_ref())?;
            add(all, name.clone());
            add(over, name);
        }
        if !all.iter().any(|name| name == "from") {
            return Err(DkimError::FromNotSigned);
        }
        [self.signed, self.oversigned] = names;
        Ok(self)
    }

    /// The key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Where in the DNS the record of the key has to stand (RFC 6376 §3.6.2.1).
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// The header field DKIM-Signature for a message, with its last line end, to be put before it. The time (`t=`) is now.
    pub fn sign(&self, message: &[u8]) -> Result<String, DkimError> {
        let mut signing = self.start()?;
        signing.push(message);
        signing.finish()
    }

    /// The same at a given time, in seconds since 1970. With Ed25519 and with RSA, the same input makes the same field.
    pub fn sign_at(&self, message: &[u8], time: u64) -> Result<String, DkimError> {
        let mut signing = self.start_at(time)?;
        signing.push(message);
        signing.finish()
    }

    /// A message with its signature before it.
    pub fn signed(&self, message: &[u8]) -> Result<Vec<u8>, DkimError> {
        let mut signed = self.sign(message)?.into_bytes();
        signed.extend_from_slice(message);
        Ok(signed)
    }

    /// Begins to sign a message that comes in pieces, now.
    pub fn start(&self) -> Result<Signing<'_>, DkimError> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        self.start_at(since.unwrap_or_default().as_secs())
    }

    /// Begins to sign a message that comes in pieces, at a time in seconds since 1970.
    pub fn start_at(&self, time: u64) -> Result<Signing<'_>, DkimError> {
        let expires = self.lifetime.map(|l| time.saturating_add(l.as_secs()));
        if expires.unwrap_or(time) > tags::LATEST {
            return Err(DkimError::Time);
        }
        Ok(Signing::new(self, time, expires))
    }
}

fn add(names: &mut Vec<String>, name: String) {
    if !names.contains(&name) {
        names.push(name);
    }
}

/// The name in lower case, if it may stand in `h=`: the tag ends at a semicolon, and the signature covers itself anyway.
fn field_name(name: &str) -> Result<String, DkimError> {
    let lower = name.to_ascii_lowercase();
    let valid = (1..=70).contains(&name.len()) && name.bytes().all(|b| is_ftext(b) && b != b';');
    if valid && lower != "dkim-signature" {
        return Ok(lower);
    }
    Err(DkimError::FieldName(name.to_owned()))
}
