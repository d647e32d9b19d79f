use crate::parameters::{MailParameters, RcptParameters};
use crate::text::{Argument, Attribute};
use crate::{Domain, ForwardPath, ReversePath, Stage};
use bytes::BytesMut;
use postrider_wire::Secret;
use postrider_wire::sasl::Mechanism;
use std::fmt::{self, Write};

/// A command (RFC 5321 §4.1.1), made of parts that exist only if they can be written safely.
///
/// `Display` and `Debug` leave secrets out.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Command<'a> {
    /// Who we are, and the wish to use extensions (§4.1.1.1).
    Ehlo(&'a Domain),
    /// Who we are, to a server that knows no EHLO (§4.1.1.1).
    Helo(&'a Domain),
    /// EHLO in LMTP (RFC 2033 §4.1).
    Lhlo(&'a Domain),
    /// TLS from here on (RFC 3207).
    StartTls,
    /// Authentication begins, perhaps with an initial response, in base64 (RFC 4954).
    Auth(Mechanism, Option<&'a Secret>),
    /// The answer to a challenge, in base64.
    AuthResponse(&'a Secret),
    /// `*`: the authentication is given up.
    AuthCancel,
    /// A mail transaction begins (§4.1.1.2).
    Mail(&'a ReversePath, &'a MailParameters),
    /// One more recipient (§4.1.1.3).
    Rcpt(&'a ForwardPath, &'a RcptParameters),
    /// The message is about to come, as lines with a final dot (§4.1.1.4).
    Data,
    /// That many octets of the message follow; perhaps the last ones (RFC 3030 §2).
    Bdat {
        /// How many octets follow the command.
        octets: u64,
        /// Whether the message ends with them.
        last: bool,
    },
    /// The transaction is given up (§4.1.1.5).
    Rset,
    /// Does this address exist? (§4.1.1.6)
    Vrfy(&'a Argument),
    /// Who is on this list? (§4.1.1.7)
    Expn(&'a Argument),
    /// Help, perhaps about something (§4.1.1.8).
    Help(Option<&'a Argument>),
    /// Nothing (§4.1.1.9).
    Noop,
    /// The end (§4.1.1.10).
    Quit,
    /// Start the queue for this node (RFC 1985).
    Etrn(&'a Argument),
    /// Overrides what the server knows of us (Postfix).
    XClient(&'a [Attribute]),
    /// Tells the server of the client that we forward for (Postfix).
    XForward(&'a [Attribute]),
}

impl Command<'_> {
    /// Appends the wire form, CRLF included.
    pub(crate) fn write(&self, out: &mut BytesMut) {
        match self {
            Self::Auth(mechanism, Some(initial)) => {
                out.extend_from_slice(b"AUTH ");
                out.extend_from_slice(mechanism.name().as_bytes());
                out.extend_from_slice(b" ");
                // Nothing at all is written as "=" (RFC 4954 §4).
                out.extend_from_slice(if initial.is_empty() {
                    b"="
                } else {
                    initial.expose_secret()
                });
            }
            Self::AuthResponse(response) => out.extend_from_slice(response.expose_secret()),
            // The three of every mail, without the detour of formatting.
            Self::Mail(from, parameters) => {
                write_path(out, b"MAIL FROM:<", from.as_str());
                parameters.write(out);
            }
            Self::Rcpt(to, parameters) => {
                write_path(out, b"RCPT TO:<", to.as_str());
                if **parameters != RcptParameters::default() {
                    let _ = write!(out, "{parameters}");
                }
            }
            Self::Data => out.extend_from_slice(b"DATA"),
            public => {
                // Writing to a buffer that grows cannot fail.
                let _ = write!(out, "{public}");
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    /// What the server's answer will be an answer to.
    pub(crate) fn awaited(&self) -> Awaited {
        match self {
            Self::Ehlo(_) | Self::Lhlo(_) => Awaited::Ehlo,
            Self::Helo(_) => Awaited::Helo,
            Self::StartTls => Awaited::StartTls,
            Self::Auth(..) | Self::AuthResponse(_) | Self::AuthCancel => Awaited::Auth,
            Self::Mail(..) => Awaited::Mail,
            Self::Rcpt(..) => Awaited::Rcpt,
            Self::Data => Awaited::Data,
            Self::Bdat { last: true, .. } => Awaited::LastChunk,
            Self::Bdat { last: false, .. } => Awaited::Chunk,
            Self::Rset => Awaited::Reset,
            Self::Quit => Awaited::Quit,
            Self::XClient(_) => Awaited::XClient,
            Self::Vrfy(_)
            | Self::Expn(_)
            | Self::Help(_)
            | Self::Noop
            | Self::Etrn(_)
            | Self::XForward(_) => Awaited::Other,
        }
    }
}

impl fmt::Display for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ehlo(domain) => write!(f, "EHLO {domain}"),
            Self::Helo(domain) => write!(f, "HELO {domain}"),
            Self::Lhlo(domain) => write!(f, "LHLO {domain}"),
            Self::StartTls => f.write_str("STARTTLS"),
            Self::Auth(mechanism, None) => write!(f, "AUTH {mechanism}"),
            Self::Auth(mechanism, Some(_)) => write!(f, "AUTH {mechanism} (secret)"),
            Self::AuthResponse(_) => f.write_str("(secret)"),
            Self::AuthCancel => f.write_str("*"),
            Self::Mail(from, parameters) => write!(f, "MAIL FROM:<{from}>{parameters}"),
            Self::Rcpt(to, parameters) => write!(f, "RCPT TO:<{to}>{parameters}"),
            Self::Data => f.write_str("DATA"),
            Self::Bdat {
                octets,
                last: false,
            } => write!(f, "BDAT {octets}"),
            Self::Bdat { octets, last: true } => write!(f, "BDAT {octets} LAST"),
            Self::Rset => f.write_str("RSET"),
            Self::Vrfy(argument) => write!(f, "VRFY {argument}"),
            Self::Expn(argument) => write!(f, "EXPN {argument}"),
            Self::Help(None) => f.write_str("HELP"),
            Self::Help(Some(argument)) => write!(f, "HELP {argument}"),
            Self::Noop => f.write_str("NOOP"),
            Self::Quit => f.write_str("QUIT"),
            Self::Etrn(argument) => write!(f, "ETRN {argument}"),
            Self::XClient(attributes) => write_attributes(f, "XCLIENT", attributes),
            Self::XForward(attributes) => write_attributes(f, "XFORWARD", attributes),
        }
    }
}

fn write_path(out: &mut BytesMut, verb: &[u8], path: &str) {
    out.extend_from_slice(verb);
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(b">");
}

fn write_attributes(f: &mut fmt::Formatter<'_>, verb: &str, list: &[Attribute]) -> fmt::Result {
    f.write_str(verb)?;
    list.iter()
        .try_for_each(|attribute| write!(f, " {attribute}"))
}

/// What a reply is awaited to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Awaited {
    /// The connection itself: the greeting.
    Greeting,
    /// EHLO or LHLO.
    Ehlo,
    /// HELO.
    Helo,
    /// STARTTLS.
    StartTls,
    /// AUTH, or a response within it.
    Auth,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// The final dot; in LMTP once for each recipient that was accepted.
    EndOfData,
    /// A BDAT that is not the last.
    Chunk,
    /// The last BDAT; in LMTP once for each recipient that was accepted.
    LastChunk,
    /// RSET.
    Reset,
    /// QUIT.
    Quit,
    /// XCLIENT, which the server answers with a new greeting.
    XClient,
    /// VRFY, EXPN, HELP, NOOP, ETRN or XFORWARD.
    Other,
}

impl Awaited {
    /// Everything that a reply can be awaited to.
    pub const ALL: [Self; 15] = [
        Self::Greeting,
        Self::Ehlo,
        Self::Helo,
        Self::StartTls,
        Self::Auth,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::EndOfData,
        Self::Chunk,
        Self::LastChunk,
        Self::Reset,
        Self::Quit,
        Self::XClient,
        Self::Other,
    ];

    /// Whether nothing may be sent before the reply is there, even where PIPELINING is offered (RFC 2920 §3.1).
    pub fn ends_group(self) -> bool {
        !matches!(
            self,
            Self::Mail | Self::Rcpt | Self::Reset | Self::EndOfData | Self::Chunk | Self::LastChunk
        )
    }

    /// The stage that the wait belongs to; it names the timeout.
    pub fn stage(self) -> Stage {
        match self {
            Self::Greeting => Stage::Greeting,
            Self::Ehlo | Self::Helo => Stage::Ehlo,
            Self::StartTls => Stage::StartTls,
            Self::Auth => Stage::Auth,
            Self::Mail => Stage::Mail,
            Self::Rcpt => Stage::Rcpt,
            Self::Data => Stage::Data,
            Self::EndOfData | Self::Chunk | Self::LastChunk => Stage::EndOfData,
            Self::Reset => Stage::Reset,
            Self::Quit => Stage::Quit,
            Self::XClient | Self::Other => Stage::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(command: &Command<'_>) -> String {
        let mut out = BytesMut::new();
        command.write(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn what_is_written_is_what_is_displayed() {
        let from = "ada@example.org".parse().unwrap();
        let to = "bob@example.net".parse().unwrap();
        let mut sized = MailParameters::default();
        for size in [0, 1, 9, 10, 5_120, u64::MAX] {
            sized.size = Some(size);
            for body in [None, Some(crate::Body::EightBitMime)] {
                sized.body = body;
                let mail = Command::Mail(&from, &sized);
                assert_eq!(wire(&mail), format!("{mail}\r\n"));
            }
        }
        let never = RcptParameters {
            notify: Some(crate::Notify::Never),
            ..RcptParameters::default()
        };
        let rcpt = Command::Rcpt(&to, &never);
        assert_eq!(wire(&rcpt), format!("{rcpt}\r\n"));
        assert_eq!(wire(&Command::Data), format!("{}\r\n", Command::Data));
    }

    #[test]
    fn rfc5321_4_1_1_commands() {
        let from = "ada@example.org".parse().unwrap();
        let to = "bob@example.net".parse().unwrap();
        let (mail, rcpt) = Default::default();
        assert_eq!(
            wire(&Command::Mail(&from, &mail)),
            "MAIL FROM:<ada@example.org>\r\n"
        );
        assert_eq!(
            wire(&Command::Mail(&ReversePath::Null, &mail)),
            "MAIL FROM:<>\r\n"
        );
        assert_eq!(
            wire(&Command::Rcpt(&to, &rcpt)),
            "RCPT TO:<bob@example.net>\r\n"
        );
        let last = true;
        assert_eq!(wire(&Command::Bdat { octets: 9, last }), "BDAT 9 LAST\r\n");
        let attributes = [Attribute::new("ADDR", "192.0.2.1").unwrap()];
        assert_eq!(
            wire(&Command::XClient(&attributes)),
            "XCLIENT ADDR=192.0.2.1\r\n"
        );
    }

    #[test]
    fn rfc4954_auth_is_written_in_full_and_shown_without_its_secret() {
        let secret = Secret::from("c2VjcmV0");
        let auth = Command::Auth(Mechanism::Plain, Some(&secret));
        assert_eq!(wire(&auth), "AUTH PLAIN c2VjcmV0\r\n");
        assert_eq!(wire(&Command::AuthResponse(&secret)), "c2VjcmV0\r\n");
        let nothing = Secret::new([]);
        let empty = Command::Auth(Mechanism::Plain, Some(&nothing));
        assert_eq!(wire(&empty), "AUTH PLAIN =\r\n");
        let shown = format!("{auth} {auth:?} {}", Command::AuthResponse(&secret));
        assert!(!shown.contains("c2VjcmV0"), "{shown}");
    }
}
