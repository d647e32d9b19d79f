use crate::{CustomCommand, LanguageTag, MessageNumber, Password, UserName};
use bytes::BytesMut;
use postrider_wire::sasl::{Credentials, Mechanism};
use std::fmt;

/// A command, complete with its arguments (RFC 1939 §5–7, RFC 2449, 2595, 5034, 6856).
///
/// Every value that exists can be written safely. `Display` shows the line as a transcript may hold it: what PASS, AUTH
/// and APOP carry is left out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Command {
    /// CAPA: what can the server do? (RFC 2449 §5)
    Capa,
    /// STLS: begin TLS (RFC 2595 §4).
    Stls,
    /// USER: the mailbox to open (RFC 1939 §7).
    User(UserName),
    /// PASS: the password, after USER (RFC 1939 §7).
    Pass(Password),
    /// APOP: a digest of the password and the greeting's timestamp (RFC 1939 §7).
    #[cfg(feature = "apop")]
    Apop(UserName, Password),
    /// AUTH: a SASL dialogue (RFC 5034 §4).
    Auth(Mechanism, Credentials),
    /// STAT: how many messages, how large? (RFC 1939 §5)
    Stat,
    /// LIST: the sizes of all messages, or of one (RFC 1939 §5).
    List(Option<MessageNumber>),
    /// UIDL: the unique-ids of all messages, or of one (RFC 1939 §7).
    Uidl(Option<MessageNumber>),
    /// RETR: a message (RFC 1939 §5).
    Retr(MessageNumber),
    /// TOP: the header of a message and some lines of its body (RFC 1939 §7).
    Top(MessageNumber, u32),
    /// DELE: mark a message as deleted; QUIT makes it so (RFC 1939 §5).
    Dele(MessageNumber),
    /// NOOP: nothing, but resets the server's timer (RFC 1939 §5).
    Noop,
    /// RSET: unmark what was marked as deleted (RFC 1939 §5).
    Rset,
    /// QUIT: from the Transaction state, remove what is marked (RFC 1939 §6).
    Quit,
    /// UTF8: messages and names in UTF-8 from here on (RFC 6856 §2).
    Utf8,
    /// LANG: list the languages of the server's words, or choose one (RFC 6856 §3).
    Lang(Option<LanguageTag>),
    /// A command that this crate has no type for.
    Custom(CustomCommand),
}

/// What was asked, without the arguments that might be secret: a command as the machine remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Request {
    /// CAPA.
    Capa,
    /// STLS.
    Stls,
    /// USER.
    User,
    /// PASS.
    Pass,
    /// APOP.
    #[cfg(feature = "apop")]
    Apop,
    /// AUTH.
    Auth,
    /// STAT.
    Stat,
    /// LIST, of one message or of all.
    List(Option<MessageNumber>),
    /// UIDL, of one message or of all.
    Uidl(Option<MessageNumber>),
    /// RETR.
    Retr(MessageNumber),
    /// TOP.
    Top(MessageNumber),
    /// DELE.
    Dele(MessageNumber),
    /// NOOP.
    Noop,
    /// RSET.
    Rset,
    /// QUIT.
    Quit,
    /// UTF8.
    Utf8,
    /// LANG, listing the languages.
    LangList,
    /// LANG, choosing one.
    Lang,
    /// A custom command that is answered with a status line.
    Custom,
    /// A custom command that is answered with lines.
    CustomMultiLine,
}

impl Command {
    /// The command without its arguments.
    pub fn request(&self) -> Request {
        match self {
            Self::Capa => Request::Capa,
            Self::Stls => Request::Stls,
            Self::User(_) => Request::User,
            Self::Pass(_) => Request::Pass,
            #[cfg(feature = "apop")]
            Self::Apop(..) => Request::Apop,
            Self::Auth(..) => Request::Auth,
            Self::Stat => Request::Stat,
            Self::List(number) => Request::List(*number),
            Self::Uidl(number) => Request::Uidl(*number),
            Self::Retr(number) => Request::Retr(*number),
            Self::Top(number, _) => Request::Top(*number),
            Self::Dele(number) => Request::Dele(*number),
            Self::Noop => Request::Noop,
            Self::Rset => Request::Rset,
            Self::Quit => Request::Quit,
            Self::Utf8 => Request::Utf8,
            Self::Lang(None) => Request::LangList,
            Self::Lang(Some(_)) => Request::Lang,
            Self::Custom(custom) if custom.is_multi_line() => Request::CustomMultiLine,
            Self::Custom(_) => Request::Custom,
        }
    }

    /// Appends the command line. What AUTH and APOP say is the machine's business.
    pub(crate) fn write(&self, out: &mut BytesMut) {
        match self {
            Self::Pass(password) => {
                out.extend_from_slice(b"PASS ");
                out.extend_from_slice(password.expose_secret());
            }
            Self::Auth(mechanism, _) => {
                out.extend_from_slice(b"AUTH ");
                out.extend_from_slice(mechanism.name().as_bytes());
            }
            open => write_display(open, out),
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn write_display(value: &dyn fmt::Display, out: &mut BytesMut) {
    use fmt::Write;
    // A BytesMut grows as it needs to; writing to it cannot fail.
    let _ = write!(out, "{value}");
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keyword = self.request();
        match self {
            Self::User(name) => write!(f, "{keyword} {}", name.as_str()),
            Self::Pass(_) => write!(f, "{keyword} (secret)"),
            #[cfg(feature = "apop")]
            Self::Apop(name, _) => write!(f, "{keyword} {} (secret)", name.as_str()),
            Self::Auth(mechanism, _) => write!(f, "{keyword} {mechanism} (secret)"),
            Self::Top(_, lines) => write!(f, "{keyword} {lines}"),
            Self::Lang(Some(tag)) => write!(f, "{keyword} {}", tag.as_str()),
            Self::Custom(custom) => f.write_str(custom.line()),
            _ => keyword.fmt(f),
        }
    }
}

impl Request {
    /// True if nothing may be sent before its answer is there: what follows depends on it (RFC 2449 §6.6).
    pub(crate) fn is_barrier(self) -> bool {
        match self {
            #[cfg(feature = "apop")]
            Self::Apop => true,
            Self::Stls | Self::User | Self::Pass | Self::Auth | Self::Quit | Self::Utf8 => true,
            Self::Custom | Self::CustomMultiLine => true,
            _ => false,
        }
    }

    /// True if `+OK` is followed by lines and a dot (RFC 1939 §3).
    #[cfg(any(feature = "tokio", feature = "blocking"))]
    pub(crate) fn is_multi_line(self) -> bool {
        matches!(
            self,
            Self::Capa
                | Self::List(None)
                | Self::Uidl(None)
                | Self::Retr(_)
                | Self::Top(_)
                | Self::LangList
                | Self::CustomMultiLine
        )
    }

    pub(crate) fn keyword(self) -> &'static str {
        match self {
            Self::Capa => "CAPA",
            Self::Stls => "STLS",
            Self::User => "USER",
            Self::Pass => "PASS",
            #[cfg(feature = "apop")]
            Self::Apop => "APOP",
            Self::Auth => "AUTH",
            Self::Stat => "STAT",
            Self::List(_) => "LIST",
            Self::Uidl(_) => "UIDL",
            Self::Retr(_) => "RETR",
            Self::Top(_) => "TOP",
            Self::Dele(_) => "DELE",
            Self::Noop => "NOOP",
            Self::Rset => "RSET",
            Self::Quit => "QUIT",
            Self::Utf8 => "UTF8",
            Self::LangList | Self::Lang => "LANG",
            Self::Custom | Self::CustomMultiLine => "the custom command",
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.keyword())?;
        match self {
            Self::List(Some(n))
            | Self::Uidl(Some(n))
            | Self::Retr(n)
            | Self::Top(n)
            | Self::Dele(n) => write!(f, " {n}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(command: &Command) -> Vec<u8> {
        let mut out = BytesMut::new();
        command.write(&mut out);
        out.to_vec()
    }

    #[test]
    fn rfc1939_command_lines() {
        let n = MessageNumber::new(3).unwrap();
        assert_eq!(written(&Command::List(Some(n))), b"LIST 3\r\n");
        assert_eq!(written(&Command::Uidl(None)), b"UIDL\r\n");
        assert_eq!(written(&Command::Top(n, 10)), b"TOP 3 10\r\n");
        assert_eq!(
            written(&Command::User(UserName::new("mrose").unwrap())),
            b"USER mrose\r\n"
        );
        let custom = CustomCommand::single_line("LAST").unwrap();
        assert_eq!(written(&Command::Custom(custom)), b"LAST\r\n");
    }

    #[test]
    fn rfc6856_3_lang_names_a_language_or_asks_for_all() {
        let tag = LanguageTag::new("de").unwrap();
        assert_eq!(written(&Command::Lang(Some(tag))), b"LANG de\r\n");
        assert_eq!(written(&Command::Lang(None)), b"LANG\r\n");
    }

    #[test]
    fn a_custom_command_is_answered_as_its_maker_says() {
        let single = CustomCommand::single_line("LAST").unwrap();
        assert_eq!(Command::Custom(single).request(), Request::Custom);
        let multi = CustomCommand::multi_line("XTND XLST Subject").unwrap();
        assert_eq!(Command::Custom(multi).request(), Request::CustomMultiLine);
    }

    #[test]
    fn rfc2449_6_6_nothing_travels_with_a_command_on_whose_answer_the_rest_depends() {
        let one = MessageNumber::new(1).unwrap();
        for request in [
            Request::Stls,
            Request::User,
            Request::Pass,
            #[cfg(feature = "apop")]
            Request::Apop,
            Request::Auth,
            Request::Quit,
            Request::Utf8,
            // Nobody knows what they do.
            Request::Custom,
            Request::CustomMultiLine,
        ] {
            assert!(request.is_barrier(), "{request}");
        }
        for request in [
            Request::Capa,
            Request::Stat,
            Request::List(None),
            Request::Uidl(Some(one)),
            Request::Retr(one),
            Request::Top(one),
            Request::Dele(one),
            Request::Noop,
        ] {
            assert!(!request.is_barrier(), "{request}");
        }
    }

    #[cfg(any(feature = "tokio", feature = "blocking"))]
    #[test]
    fn rfc1939_5_a_listing_of_all_has_lines_and_that_of_one_message_has_none() {
        let one = MessageNumber::new(1).unwrap();
        for (all, of_one) in [
            (Request::List(None), Request::List(Some(one))),
            (Request::Uidl(None), Request::Uidl(Some(one))),
            (Request::LangList, Request::Lang),
            (Request::CustomMultiLine, Request::Custom),
            (Request::Retr(one), Request::Dele(one)),
            (Request::Top(one), Request::Noop),
            (Request::Capa, Request::Stat),
        ] {
            assert!(all.is_multi_line() && !of_one.is_multi_line(), "{all}");
        }
    }

    #[test]
    fn secrets_are_written_but_not_shown() {
        let pass = Command::Pass(Password::new("tanstaaf").unwrap());
        assert_eq!(written(&pass), b"PASS tanstaaf\r\n");
        assert_eq!(pass.to_string(), "PASS (secret)");
        let auth = Command::Auth(
            Mechanism::Plain,
            Credentials::password("tim", "tanstaaf").unwrap(),
        );
        assert_eq!(auth.to_string(), "AUTH PLAIN (secret)");
        #[cfg(feature = "apop")]
        {
            let (name, password) = (UserName::new("mrose"), Password::new("tanstaaf"));
            let apop = Command::Apop(name.unwrap(), password.unwrap());
            assert_eq!(apop.to_string(), "APOP mrose (secret)");
        }
        for shown in [format!("{pass:?}"), format!("{auth:?}")] {
            assert!(!shown.contains("tanstaaf"), "{shown}");
        }
    }
}
