use crate::dsn::{EnvelopeId, Notify, OriginalRecipient, Return};
use crate::text::Xtext;
use crate::{Extension, InvalidAddress, Mailbox};
use bytes::BytesMut;
use std::fmt::{self, Write as _};

/// The parameters of MAIL (RFC 5321 §4.1.1.11). Every value that can be set can be written.
///
/// `Display` gives them in wire form, each with a blank before it. Sending a mail fills in `size`, `body` and
/// `smtp_utf8` by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailParameters {
    /// The size of the message in octets (RFC 1870).
    pub size: Option<u64>,
    /// What the message is made of, where it is not 7-bit lines (RFC 6152, RFC 3030).
    pub body: Option<Body>,
    /// Addresses or header fields hold UTF-8 (RFC 6531).
    pub smtp_utf8: bool,
    /// How much of the message a failure notification gives back (RFC 3461).
    pub ret: Option<Return>,
    /// A name for the mail that notifications carry back (RFC 3461).
    pub envelope_id: Option<EnvelopeId>,
    /// Every hop must use TLS, or the mail must bounce (RFC 8689).
    pub require_tls: bool,
    /// The priority (RFC 6710).
    pub priority: Option<Priority>,
    /// Release later (RFC 4865).
    pub hold: Option<Hold>,
    /// Delivery within a time (RFC 2852).
    pub deliver_by: Option<DeliverBy>,
    /// Who submitted the mail first (RFC 4954 §5).
    pub submitter: Option<Submitter>,
}

impl MailParameters {
    /// The extensions that the server must offer before these parameters may be used.
    pub fn required(&self) -> impl Iterator<Item = Extension> {
        let binary = self.body == Some(Body::BinaryMime);
        [
            (self.size.is_some(), Extension::Size),
            (
                self.body == Some(Body::EightBitMime),
                Extension::EightBitMime,
            ),
            (binary, Extension::BinaryMime),
            (binary, Extension::Chunking),
            (self.smtp_utf8, Extension::SmtpUtf8),
            (
                self.ret.is_some() || self.envelope_id.is_some(),
                Extension::Dsn,
            ),
            (self.require_tls, Extension::RequireTls),
            (self.priority.is_some(), Extension::MtPriority),
            (self.hold.is_some(), Extension::FutureRelease),
            (self.deliver_by.is_some(), Extension::DeliverBy),
            (self.submitter.is_some(), Extension::Auth),
        ]
        .into_iter()
        .filter_map(|(used, extension)| used.then_some(extension))
    }
}

impl MailParameters {
    /// Appends the wire form.
    pub(crate) fn write(&self, out: &mut BytesMut) {
        let only_size = Self {
            size: self.size,
            ..Self::default()
        };
        match self.size {
            // As most mails have it.
            Some(size) if *self == only_size => {
                out.extend_from_slice(b" SIZE=");
                write_number(out, size);
            }
            None if *self == only_size => {}
            _ => {
                // Writing to a buffer that grows cannot fail.
                let _ = write!(out, "{self}");
            }
        }
    }
}

/// A number in decimal digits.
fn write_number(out: &mut BytesMut, mut number: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        first = place;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(first..).unwrap_or_default());
}

impl fmt::Display for MailParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        option(f, "SIZE", self.size.as_ref())?;
        option(f, "BODY", self.body.as_ref())?;
        if self.smtp_utf8 {
            f.write_str(" SMTPUTF8")?;
        }
        option(f, "RET", self.ret.as_ref())?;
        option(f, "ENVID", self.envelope_id.as_ref())?;
        if self.require_tls {
            f.write_str(" REQUIRETLS")?;
        }
        option(f, "MT-PRIORITY", self.priority.as_ref())?;
        match &self.hold {
            Some(Hold::For { seconds }) => option(f, "HOLDFOR", Some(seconds))?,
            Some(Hold::Until(time)) => option(f, "HOLDUNTIL", Some(time))?,
            None => {}
        }
        option(f, "BY", self.deliver_by.as_ref())?;
        option(f, "AUTH", self.submitter.as_ref())
    }
}

/// The parameters of RCPT (RFC 5321 §4.1.1.11), per recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RcptParameters {
    /// When a notification about this recipient is wanted (RFC 3461).
    pub notify: Option<Notify>,
    /// The address that the mail was first sent to (RFC 3461).
    pub original: Option<OriginalRecipient>,
}

impl RcptParameters {
    /// The extension that the server must offer before these parameters may be used.
    pub fn required(&self) -> Option<Extension> {
        (self.notify.is_some() || self.original.is_some()).then_some(Extension::Dsn)
    }
}

impl fmt::Display for RcptParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let says_nothing = Notify::On {
            success: false,
            failure: false,
            delay: false,
        };
        let notify = self
            .notify
            .as_ref()
            .filter(|&notify| *notify != says_nothing);
        option(f, "NOTIFY", notify)?;
        option(f, "ORCPT", self.original.as_ref())
    }
}

fn option(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    value: Option<&impl fmt::Display>,
) -> fmt::Result {
    match value {
        Some(value) => write!(f, " {name}={value}"),
        None => Ok(()),
    }
}

/// What a message is made of: `BODY` (RFC 6152, RFC 3030).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// Lines of octets above 127 as well.
    EightBitMime,
    /// Octets without any structure. Only BDAT can carry them.
    BinaryMime,
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EightBitMime => "8BITMIME",
            Self::BinaryMime => "BINARYMIME",
        })
    }
}

/// A priority from -9 to 9; 0 is usual, more is more urgent (RFC 6710 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Priority(i8);

impl Priority {
    /// The priority, if it is from -9 to 9.
    pub fn new(value: i8) -> Option<Self> {
        (-9..=9).contains(&value).then_some(Self(value))
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// When a message is to be released (RFC 4865 §4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hold {
    /// After this many seconds.
    For {
        /// Counted from the receipt of the message.
        seconds: u32,
    },
    /// At a time.
    Until(ReleaseTime),
}

/// A time in UTC as RFC 4865 writes it: `2027-01-31T08:00:00Z`. Later ones are greater.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReleaseTime(String);

impl std::str::FromStr for ReleaseTime {
    type Err = InvalidAddress;

    /// Checks the form, not the calendar.
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let form = "0000-00-00T00:00:00Z";
        let fits = |(form, c): (char, char)| match form {
            '0' => c.is_ascii_digit(),
            form => c == form,
        };
        if text.len() == form.len() && form.chars().zip(text.chars()).all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidAddress::new(text, "not a time in UTC"))
        }
    }
}

impl fmt::Display for ReleaseTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Delivery within a time, or else: `BY` (RFC 2852 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeliverBy {
    seconds: i32,
    late: Late,
    trace: bool,
}

impl DeliverBy {
    /// Within this many seconds; at most nine digits, and above zero if the mail is to be returned.
    pub fn within(seconds: i32, late: Late) -> Option<Self> {
        let fits = seconds.unsigned_abs() < 1_000_000_000;
        let trace = false;
        (fits && (late == Late::Notify || seconds > 0)).then_some(Self {
            seconds,
            late,
            trace,
        })
    }

    /// After how many seconds the mail is given back, if it is.
    pub(crate) fn returned_after(self) -> Option<i32> {
        (self.late == Late::Return).then_some(self.seconds)
    }

    /// Also asks every relay for a report.
    #[must_use]
    pub fn with_trace(self) -> Self {
        Self {
            trace: true,
            ..self
        }
    }
}

impl fmt::Display for DeliverBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.late {
            Late::Return => "R",
            Late::Notify => "N",
        };
        let trace = if self.trace { "T" } else { "" };
        write!(f, "{};{mode}{trace}", self.seconds)
    }
}

/// What happens when the time of [`DeliverBy`] is over (RFC 2852 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Late {
    /// The mail is given back.
    Return,
    /// It stays on its way, and the sender is told.
    Notify,
}

/// Who submitted the mail first: `AUTH` in MAIL (RFC 4954 §5).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Submitter {
    /// `AUTH=<>`: not known, or not trusted.
    Unknown,
    /// This mailbox.
    Mailbox(Mailbox),
}

impl fmt::Display for Submitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("<>"),
            Self::Mailbox(mailbox) => Xtext(mailbox.as_str()).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mail_parameter_in_its_wire_form() {
        let parameters = MailParameters {
            size: Some(100),
            body: Some(Body::EightBitMime),
            smtp_utf8: true,
            ret: Some(Return::Headers),
            envelope_id: "a=b".parse().ok(),
            require_tls: true,
            priority: Priority::new(-3),
            hold: Some(Hold::For { seconds: 60 }),
            deliver_by: DeliverBy::within(120, Late::Return).map(DeliverBy::with_trace),
            submitter: Some(Submitter::Mailbox("a+b@c".parse().unwrap())),
        };
        assert_eq!(
            parameters.to_string(),
            " SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+3Db REQUIRETLS MT-PRIORITY=-3 HOLDFOR=60 BY=120;RT AUTH=a+2Bb@c"
        );
        assert_eq!(parameters.required().count(), 9);
        assert_eq!(MailParameters::default().to_string(), "");
        assert_eq!(MailParameters::default().required().count(), 0);
    }

    #[test]
    fn each_parameter_has_a_wire_form_and_needs_its_extension_whatever_the_others_are() {
        type Set = fn(&mut MailParameters);
        let rows: [(Set, &str, &[Extension]); 9] = [
            (|p| p.size = Some(7), " SIZE=7", &[Extension::Size]),
            (
                |p| p.body = Some(Body::EightBitMime),
                " BODY=8BITMIME",
                &[Extension::EightBitMime],
            ),
            (
                |p| p.body = Some(Body::BinaryMime),
                " BODY=BINARYMIME",
                &[Extension::BinaryMime, Extension::Chunking],
            ),
            (
                |p| p.ret = Some(Return::Full),
                " RET=FULL",
                &[Extension::Dsn],
            ),
            (
                |p| p.envelope_id = "x".parse().ok(),
                " ENVID=x",
                &[Extension::Dsn],
            ),
            (
                |p| p.priority = Priority::new(9),
                " MT-PRIORITY=9",
                &[Extension::MtPriority],
            ),
            (
                |p| p.hold = "2027-01-31T08:00:00Z".parse().map(Hold::Until).ok(),
                " HOLDUNTIL=2027-01-31T08:00:00Z",
                &[Extension::FutureRelease],
            ),
            (
                |p| p.deliver_by = DeliverBy::within(-5, Late::Notify),
                " BY=-5;N",
                &[Extension::DeliverBy],
            ),
            (
                |p| p.submitter = Some(Submitter::Unknown),
                " AUTH=<>",
                &[Extension::Auth],
            ),
        ];
        for (set, wire, extensions) in rows {
            let mut parameters = MailParameters::default();
            set(&mut parameters);
            assert_eq!(parameters.to_string(), wire);
            let mut out = BytesMut::new();
            parameters.write(&mut out);
            assert_eq!(out, wire.as_bytes());
            assert_eq!(parameters.required().collect::<Vec<_>>(), extensions);
        }
    }

    #[test]
    fn rfc3461_rcpt_parameters() {
        let path = "r@x.org".parse().unwrap();
        let parameters = RcptParameters {
            notify: Some(Notify::Never),
            original: OriginalRecipient::rfc822(&path).ok(),
        };
        assert_eq!(parameters.to_string(), " NOTIFY=NEVER ORCPT=rfc822;r@x.org");
        assert_eq!(parameters.required(), Some(Extension::Dsn));
        let original = RcptParameters {
            notify: None,
            ..parameters
        };
        assert_eq!(original.required(), Some(Extension::Dsn));
        assert_eq!(RcptParameters::default().required(), None);
        // NOTIFY without a case would be outside the grammar (RFC 3461 §4.1).
        let says_nothing = RcptParameters {
            notify: Some(Notify::On {
                success: false,
                failure: false,
                delay: false,
            }),
            original: None,
        };
        assert_eq!(says_nothing.to_string(), "");
    }

    #[test]
    fn values_outside_their_grammar_do_not_exist() {
        let priorities = [-10, -9, 9, 10].map(|value| Priority::new(value).is_some());
        assert_eq!(priorities, [false, true, true, false]);
        assert_eq!(DeliverBy::within(0, Late::Return), None);
        assert_eq!(DeliverBy::within(1_000_000_000, Late::Notify), None);
        assert_eq!(DeliverBy::within(-1_000_000_000, Late::Notify), None);
        assert!(DeliverBy::within(-999_999_999, Late::Notify).is_some());
        assert!("2027-01-31T08:00:00Z".parse::<ReleaseTime>().is_ok());
        assert!("2027-01-31T08:00:00\r".parse::<ReleaseTime>().is_err());
        assert!("2027-01-31".parse::<ReleaseTime>().is_err());
    }
}
