//! Commands (RFC 1939 §9, RFC 2449 §9, RFC 2595 §4, RFC 5034 §4).

use crate::fault::Stage;
use nom::bytes::complete::take_while1;
use nom::character::complete::{char, u32, u64};
use nom::combinator::{all_consuming, opt};
use nom::sequence::preceded;
use nom::{IResult, Parser};

/// A command as it was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Capa,
    Stls,
    User(&'a str),
    Pass(&'a str),
    Auth {
        mechanism: &'a str,
        initial: Option<&'a str>,
    },
    Stat,
    List(Option<u32>),
    Uidl(Option<u32>),
    Retr(u32),
    Top {
        number: u32,
        lines: u64,
    },
    Dele(u32),
    Noop,
    Rset,
    Quit,
}

/// A line that is no command, or a known one with something wrong behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotUnderstood {
    /// The keyword is unknown.
    Keyword,
    /// The keyword is known; this is how it is to be used.
    Arguments(&'static str),
}

/// The part of the dialogue that a line belongs to, by its keyword alone.
pub(super) fn stage(line: &str) -> Stage {
    let keyword = line.split(' ').next().unwrap_or_default();
    match keyword.to_ascii_uppercase().as_str() {
        "CAPA" => Stage::Ehlo,
        "STLS" => Stage::StartTls,
        "USER" => Stage::User,
        "PASS" => Stage::Pass,
        "AUTH" => Stage::Auth,
        "STAT" => Stage::Stat,
        "LIST" => Stage::List,
        "UIDL" => Stage::Uidl,
        "RETR" => Stage::Retr,
        "TOP" => Stage::Top,
        "DELE" => Stage::Dele,
        "NOOP" => Stage::Noop,
        "RSET" => Stage::Rset,
        "QUIT" => Stage::Quit,
        _ => Stage::Other,
    }
}

/// Reads a line without its CRLF. Keywords are compared without case; arguments are separated by a single space
/// (RFC 1939 §3).
pub(super) fn parse(line: &str) -> Result<Command<'_>, NotUnderstood> {
    let at = line.find(' ').unwrap_or(line.len());
    let (keyword, arguments) = line.split_at_checked(at).unwrap_or((line, ""));
    match keyword.to_ascii_uppercase().as_str() {
        "CAPA" => alone(arguments, "CAPA", Command::Capa),
        "STLS" => alone(arguments, "STLS", Command::Stls),
        "STAT" => alone(arguments, "STAT", Command::Stat),
        "NOOP" => alone(arguments, "NOOP", Command::Noop),
        "RSET" => alone(arguments, "RSET", Command::Rset),
        "QUIT" => alone(arguments, "QUIT", Command::Quit),
        "USER" => text(arguments, "USER name").map(Command::User),
        "PASS" => text(arguments, "PASS string").map(Command::Pass),
        "AUTH" => read(arguments, "AUTH mechanism [initial-response]", auth),
        "LIST" => read(arguments, "LIST [number]", opt(number).map(Command::List)),
        "UIDL" => read(arguments, "UIDL [number]", opt(number).map(Command::Uidl)),
        "RETR" => read(arguments, "RETR number", number.map(Command::Retr)),
        "DELE" => read(arguments, "DELE number", number.map(Command::Dele)),
        "TOP" => read(arguments, "TOP number lines", top),
        _ => Err(NotUnderstood::Keyword),
    }
}

fn read<'a>(
    arguments: &'a str,
    usage: &'static str,
    parser: impl Parser<&'a str, Output = Command<'a>, Error = nom::error::Error<&'a str>>,
) -> Result<Command<'a>, NotUnderstood> {
    match all_consuming(parser).parse(arguments) {
        Ok((_, command)) => Ok(command),
        Err(_) => Err(NotUnderstood::Arguments(usage)),
    }
}

fn alone<'a>(
    arguments: &str,
    usage: &'static str,
    command: Command<'a>,
) -> Result<Command<'a>, NotUnderstood> {
    match arguments {
        "" => Ok(command),
        _ => Err(NotUnderstood::Arguments(usage)),
    }
}

/// All that follows the space: names and passwords may hold spaces themselves (RFC 1939 §7).
fn text<'a>(arguments: &'a str, usage: &'static str) -> Result<&'a str, NotUnderstood> {
    match arguments.strip_prefix(' ') {
        Some("") | None => Err(NotUnderstood::Arguments(usage)),
        Some(text) => Ok(text),
    }
}

fn number(input: &str) -> IResult<&str, u32> {
    preceded(char(' '), u32).parse(input)
}

fn top(input: &str) -> IResult<&str, Command<'_>> {
    (number, preceded(char(' '), u64))
        .map(|(number, lines)| Command::Top { number, lines })
        .parse(input)
}

/// ```text
/// auth-command     = "AUTH" SP sasl-mech [SP initial-response] *(CRLF [base64]) [CRLF cancel-response] CRLF
/// initial-response = base64 / "="
/// ```
fn auth(input: &str) -> IResult<&str, Command<'_>> {
    let word = || preceded(char(' '), take_while1(|c: char| c.is_ascii_graphic()));
    (word(), opt(word()))
        .map(|(mechanism, initial)| Command::Auth { mechanism, initial })
        .parse(input)
}

/// What may be shown of a line: no password, and nothing of a line that is no command.
pub(super) fn shown(line: &str) -> String {
    match (stage(line), parse(line)) {
        (Stage::Pass, _) => "PASS …".to_owned(),
        (Stage::Auth, Ok(Command::Auth { mechanism, initial })) => {
            match (mechanism.to_ascii_uppercase().as_str(), initial) {
                (name @ ("PLAIN" | "LOGIN" | "XOAUTH2"), Some(_)) => format!("AUTH {name} …"),
                (name @ ("PLAIN" | "LOGIN" | "XOAUTH2"), None) => format!("AUTH {name}"),
                _ => "AUTH …".to_owned(),
            }
        }
        (Stage::Auth, Err(_)) => "AUTH …".to_owned(),
        (Stage::Other, _) => format!("({} octets that are no command)", line.len()),
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc1939_commands_are_read() {
        assert_eq!(parse("stat"), Ok(Command::Stat));
        assert_eq!(parse("LIST"), Ok(Command::List(None)));
        assert_eq!(parse("LIST 2"), Ok(Command::List(Some(2))));
        assert_eq!(parse("RETR 007"), Ok(Command::Retr(7)));
        assert_eq!(parse("PASS a b "), Ok(Command::Pass("a b ")));
        let (number, lines) = (1, 10);
        assert_eq!(parse("TOP 1 10"), Ok(Command::Top { number, lines }));
    }

    #[test]
    fn what_deviates_from_the_grammar_is_refused() {
        for line in [
            "STAT ",
            "QUIT now",
            "RETR",
            "RETR x",
            "RETR -1",
            "RETR 4294967296",
            "RETR  1",
            "RETR 1 2",
            "TOP 1",
            "TOP 1 -1",
            "USER",
            "USER ",
            "AUTH",
        ] {
            assert!(
                matches!(parse(line), Err(NotUnderstood::Arguments(_))),
                "{line}"
            );
        }
        assert_eq!(parse(""), Err(NotUnderstood::Keyword));
        assert_eq!(parse("APOP a b"), Err(NotUnderstood::Keyword));
    }

    #[test]
    fn nothing_secret_is_shown() {
        assert_eq!(shown("PASS secret"), "PASS …");
        assert_eq!(shown("pass"), "PASS …");
        assert_eq!(shown("AUTH PLAIN c2VjcmV0"), "AUTH PLAIN …");
        assert_eq!(shown("AUTH c2VjcmV0"), "AUTH …");
        assert_eq!(shown("AUTH PLAIN c2VjcmV0 x"), "AUTH …");
        assert_eq!(shown("c2VjcmV0"), "(8 octets that are no command)");
        assert_eq!(shown("USER ada"), "USER ada");
    }
}
