use crate::fault::Script;
use crate::store::Store;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Something that a server can offer, and that can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Extension {
    /// EHLO itself: without it the server knows HELO only (RFC 5321 §2.2.1).
    Ehlo,
    /// STARTTLS (RFC 3207) and STLS (RFC 2595).
    StartTls,
    /// AUTH (RFC 4954, RFC 5034), with all its mechanisms.
    Auth,
    /// The mechanism PLAIN (RFC 4616).
    AuthPlain,
    /// The mechanism LOGIN.
    AuthLogin,
    /// PIPELINING of SMTP (RFC 2920) and of POP3 (RFC 2449 §6.6).
    Pipelining,
    /// 8BITMIME (RFC 6152).
    EightBitMime,
    /// SIZE (RFC 1870).
    Size,
    /// SMTPUTF8 (RFC 6531).
    SmtpUtf8,
    /// CHUNKING (RFC 3030).
    Chunking,
    /// DSN (RFC 3461).
    Dsn,
    /// ENHANCEDSTATUSCODES (RFC 2034).
    EnhancedStatusCodes,
    /// CAPA (RFC 2449).
    Capa,
    /// USER and PASS (RFC 1939 §7).
    User,
    /// UIDL (RFC 1939 §7).
    Uidl,
    /// TOP (RFC 1939 §7).
    Top,
    /// RESP-CODES (RFC 2449 §6.4) and AUTH-RESP-CODE (RFC 3206).
    RespCodes,
}

/// How much the servers accept. Everything is in octets unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// A command line of SMTP with its CRLF: 2,048 (RFC 5321 wants 512 and more for each extension).
    pub smtp_line: usize,
    /// A command line of POP3 with its CRLF: 255 (RFC 2449 §4).
    pub pop3_line: usize,
    /// A line of an AUTH dialogue, and the AUTH command: 12,288 (RFC 4954 §4).
    pub auth_line: usize,
    /// The content of a mail, as it is announced by SIZE: 32 MiB.
    pub message: usize,
    /// Recipients of one mail transaction: 1,000.
    pub recipients: usize,
    /// Refused commands before the server hangs up: 20.
    pub errors: usize,
    /// The content of all mails together: 1 GiB.
    pub store: usize,
    /// Lines of the transcript that are kept; the oldest go first: 20,000.
    pub transcript: usize,
    /// How long a connection may be idle: 10 minutes (RFC 1939 §3).
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            smtp_line: 2048,
            pop3_line: 255,
            auth_line: 12_288,
            message: 32 << 20,
            recipients: 1000,
            errors: 20,
            store: 1 << 30,
            transcript: 20_000,
            idle: Duration::from_secs(600),
        }
    }
}

/// What both servers are made of: settings, maildrops, and the fault script. Cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) script: Script,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) hostname: String,
    pub(crate) switched_off: Vec<Extension>,
    pub(crate) require_auth: bool,
    pub(crate) clear_text_auth: bool,
    pub(crate) received_field: bool,
    pub(crate) address_faults: bool,
    pub(crate) limits: Limits,
}

impl Settings {
    pub(crate) fn offers(&self, extension: Extension) -> bool {
        !self.switched_off.contains(&extension)
    }

    /// The SASL mechanisms on offer, by name; none on a channel where a password would be seen.
    pub(crate) fn mechanisms(&self, tls: bool) -> Vec<&'static str> {
        let all = [
            (Extension::AuthPlain, "PLAIN"),
            (Extension::AuthLogin, "LOGIN"),
        ];
        let offered = |(extension, name)| self.offers(extension).then_some(name);
        if self.offers(Extension::Auth) && self.may_authenticate(tls) {
            all.into_iter().filter_map(offered).collect()
        } else {
            Vec::new()
        }
    }

    pub(crate) fn may_authenticate(&self, tls: bool) -> bool {
        tls || self.clear_text_auth
    }
}

impl Service {
    pub(crate) fn new(settings: Settings, store: Store, script: Script) -> Self {
        Self(Arc::new(Parts {
            settings,
            store,
            script,
        }))
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn script(&self) -> &Script {
        &self.0.script
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Service").field(&self.0.settings).finish()
    }
}
