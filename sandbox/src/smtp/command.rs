//! Commands (RFC 5321 §4.1.1, and those of the extensions on offer).

use super::parameter::{Parameter, parameters};
use super::path::{address_literal, domain, forward_path, reverse_path};
use crate::fault::Stage;
use nom::branch::alt;
use nom::bytes::complete::{tag_no_case, take_while1};
use nom::character::complete::{char, digit1};
use nom::combinator::{all_consuming, eof, map_res, not, opt, rest};
use nom::sequence::preceded;
use nom::{IResult, Parser};

/// A command as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Ehlo(&'a str),
    Helo(&'a str),
    StartTls,
    Auth {
        mechanism: &'a str,
        initial: Option<&'a str>,
    },
    Mail {
        path: &'a str,
        parameters: Vec<Parameter<'a>>,
    },
    Rcpt {
        path: &'a str,
        parameters: Vec<Parameter<'a>>,
    },
    Data,
    Bdat {
        octets: usize,
        last: bool,
    },
    Rset,
    Vrfy,
    Expn,
    Help,
    Noop,
    Quit,
}

/// A line that is no command, or a known one with something wrong behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotUnderstood {
    /// 500: the verb is unknown.
    Verb,
    /// 501: the verb is known; this is how it is to be used.
    Arguments(&'static str),
}

/// The part of the dialogue that a line belongs to, by its verb alone.
pub(super) fn stage(line: &str) -> Stage {
    let verb = line.split(' ').next().unwrap_or_default();
    match verb.to_ascii_uppercase().as_str() {
        "EHLO" | "HELO" => Stage::Ehlo,
        "STARTTLS" => Stage::StartTls,
        "AUTH" => Stage::Auth,
        "MAIL" => Stage::Mail,
        "RCPT" => Stage::Rcpt,
        "DATA" => Stage::Data,
        "BDAT" => Stage::Bdat,
        "RSET" => Stage::Rset,
        "NOOP" => Stage::Noop,
        "VRFY" | "EXPN" => Stage::Vrfy,
        "QUIT" => Stage::Quit,
        _ => Stage::Other,
    }
}

/// Reads a line without its CRLF. Keywords are compared without case; exactly one space stands where the grammar
/// has one.
///
/// ```text
/// ehlo     = "EHLO" SP ( Domain / address-literal ) CRLF
/// mail     = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF
/// rcpt     = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) [SP Rcpt-parameters] CRLF
/// bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ] CR LF
/// auth     = "AUTH" SP sasl-mech [SP initial-response] CRLF
/// ```
pub(super) fn parse(line: &str) -> Result<Command<'_>, NotUnderstood> {
    let at = line.find(' ').unwrap_or(line.len());
    let (verb, arguments) = line.split_at_checked(at).unwrap_or((line, ""));
    match verb.to_ascii_uppercase().as_str() {
        "EHLO" => read(arguments, "EHLO domain", host.map(Command::Ehlo)),
        "HELO" => read(arguments, "HELO domain", host.map(Command::Helo)),
        "MAIL" => read(arguments, "MAIL FROM:<address> [parameters]", mail),
        "RCPT" => read(arguments, "RCPT TO:<address> [parameters]", rcpt),
        "BDAT" => read(arguments, "BDAT octets [LAST]", bdat),
        "AUTH" => read(arguments, "AUTH mechanism [initial-response]", auth),
        "DATA" => alone(arguments, "DATA", Command::Data),
        "RSET" => alone(arguments, "RSET", Command::Rset),
        "QUIT" => alone(arguments, "QUIT", Command::Quit),
        "STARTTLS" => alone(arguments, "STARTTLS", Command::StartTls),
        "VRFY" => read(arguments, "VRFY name", text.map(|_| Command::Vrfy)),
        "EXPN" => read(arguments, "EXPN name", text.map(|_| Command::Expn)),
        "NOOP" => read(arguments, "NOOP [text]", opt(text).map(|_| Command::Noop)),
        "HELP" => read(arguments, "HELP [text]", opt(text).map(|_| Command::Help)),
        _ => Err(NotUnderstood::Verb),
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
    if arguments.is_empty() {
        Ok(command)
    } else {
        Err(NotUnderstood::Arguments(usage))
    }
}

fn host(input: &str) -> IResult<&str, &str> {
    preceded(char(' '), alt((address_literal, domain))).parse(input)
}

fn text(input: &str) -> IResult<&str, &str> {
    preceded((char(' '), not(eof)), rest).parse(input)
}

fn mail(input: &str) -> IResult<&str, Command<'_>> {
    preceded(tag_no_case(" FROM:"), (reverse_path, parameters))
        .map(|(path, parameters)| Command::Mail { path, parameters })
        .parse(input)
}

fn rcpt(input: &str) -> IResult<&str, Command<'_>> {
    preceded(tag_no_case(" TO:"), (forward_path, parameters))
        .map(|(path, parameters)| Command::Rcpt { path, parameters })
        .parse(input)
}

fn bdat(input: &str) -> IResult<&str, Command<'_>> {
    let octets = map_res(digit1, str::parse);
    (preceded(char(' '), octets), opt(tag_no_case(" LAST")))
        .map(|(octets, last)| Command::Bdat {
            octets,
            last: last.is_some(),
        })
        .parse(input)
}

/// ```text
/// sasl-mech        = 1*20mech-char            ; RFC 4422
/// initial-response = base64 / "="
/// ```
fn auth(input: &str) -> IResult<&str, Command<'_>> {
    let mechanism = take_while1(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let initial = take_while1(|c: char| c.is_ascii_graphic());
    (
        preceded(char(' '), mechanism),
        opt(preceded(char(' '), initial)),
    )
        .map(|(mechanism, initial)| Command::Auth { mechanism, initial })
        .parse(input)
}

/// What may be shown of a line: nothing of an AUTH command behind its mechanism, and nothing of a line that is no
/// command, because it may be an answer to a challenge that was never asked.
pub(super) fn shown(line: &str) -> String {
    match stage(line) {
        Stage::Auth => shown_auth(line),
        Stage::Other if parse(line).is_err() => {
            format!("({} octets that are no command)", line.len())
        }
        _ => line.to_owned(),
    }
}

fn shown_auth(line: &str) -> String {
    let mut words = line.split(' ').skip(1);
    let mechanism = words.next().unwrap_or_default().to_ascii_uppercase();
    let known = [
        "PLAIN",
        "LOGIN",
        "XOAUTH2",
        "OAUTHBEARER",
        "CRAM-MD5",
        "EXTERNAL",
    ];
    if !known.contains(&mechanism.as_str()) && !mechanism.starts_with("SCRAM-") {
        return "AUTH …".to_owned();
    }
    match words.next() {
        Some(_) => format!("AUTH {mechanism} …"),
        None => format!("AUTH {mechanism}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5321_commands_are_read() {
        assert_eq!(parse("ehlo [127.0.0.1]"), Ok(Command::Ehlo("[127.0.0.1]")));
        assert_eq!(parse("QUIT"), Ok(Command::Quit));
        assert_eq!(parse("NOOP whatever"), Ok(Command::Noop));
        let mail = parse("mail from:<> BODY=8BITMIME").unwrap();
        assert!(matches!(mail, Command::Mail { path: "", parameters } if parameters.len() == 1));
        let (octets, last) = (86, true);
        assert_eq!(parse("BDAT 86 LAST"), Ok(Command::Bdat { octets, last }));
    }

    #[test]
    fn what_deviates_from_the_grammar_is_refused() {
        for line in [
            "EHLO",
            "EHLO  a",
            "EHLO a b",
            "EHLO a_b",
            "MAIL FROM: <a@b>",
            "MAIL FROM:a@b",
            "MAIL FROM:<a@b>X",
            "RCPT TO:<>",
            "BDAT",
            "BDAT -1",
            "BDAT 99999999999999999999999 LAST",
            "DATA now",
            "QUIT ",
            "AUTH",
            "AUTH PLAIN a b",
            "VRFY",
        ] {
            assert!(
                matches!(parse(line), Err(NotUnderstood::Arguments(_))),
                "{line}"
            );
        }
        assert_eq!(parse(""), Err(NotUnderstood::Verb));
        assert_eq!(parse("GET / HTTP/1.1"), Err(NotUnderstood::Verb));
    }

    #[test]
    fn nothing_secret_is_shown() {
        assert_eq!(shown("AUTH PLAIN AHVzZXIAc2VjcmV0"), "AUTH PLAIN …");
        assert_eq!(shown("auth login"), "AUTH LOGIN");
        assert_eq!(shown("AUTH c2VjcmV0"), "AUTH …");
        assert_eq!(shown("c2VjcmV0"), "(8 octets that are no command)");
        assert_eq!(shown("HELP me"), "HELP me");
        assert_eq!(shown("MAIL FROM:<a@b>"), "MAIL FROM:<a@b>");
    }
}
