//! Parameters of MAIL and RCPT (RFC 5321 §4.1.2), and what each one may say.

use super::xtext::is_xtext;
use crate::service::{Extension, Settings};
use nom::bytes::complete::take_while1;
use nom::character::complete::{char, satisfy};
use nom::combinator::{opt, recognize};
use nom::multi::many0;
use nom::sequence::{pair, preceded};
use nom::{IResult, Parser};

/// One parameter as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parameter<'a> {
    pub(super) keyword: &'a str,
    pub(super) value: Option<&'a str>,
}

/// Everything after the path.
///
/// ```text
/// Mail-parameters  = esmtp-param *(SP esmtp-param)
/// esmtp-param      = esmtp-keyword ["=" esmtp-value]
/// esmtp-keyword    = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
/// esmtp-value      = 1*(%d33-60 / %d62-126)          ; or UTF-8 (RFC 6531)
/// ```
pub(super) fn parameters(input: &str) -> IResult<&str, Vec<Parameter<'_>>> {
    many0(preceded(char(' '), parameter)).parse(input)
}

fn parameter(input: &str) -> IResult<&str, Parameter<'_>> {
    let in_keyword = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let first = satisfy(|c| c.is_ascii_alphanumeric());
    let keyword = recognize((first, nom::bytes::complete::take_while(in_keyword)));
    let in_value =
        |c: char| (matches!(c, '!'..='~') && c != '=') || (!c.is_ascii() && !c.is_control());
    // ENVID and ORCPT never hold "=", but AUTH=<mailbox> and others do in the wild; the check of each one decides.
    let value = take_while1(move |c| in_value(c) || c == '=');
    pair(keyword, opt(preceded(char('='), value)))
        .map(|(keyword, value)| Parameter { keyword, value })
        .parse(input)
}

/// Why a parameter is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// 555: nobody here knows it, or it was not offered.
    Unsupported,
    /// 501: known, but not with this value, or twice.
    Malformed,
    /// 552: the mail is announced as larger than the limit.
    TooLarge,
}

/// What the parameters of MAIL mean for the transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MailParameters {
    pub(super) eight_bit: bool,
    pub(super) utf8: bool,
}

/// Checks the parameters of MAIL: SIZE, BODY, SMTPUTF8, RET, ENVID, AUTH.
pub(super) fn check_mail(
    parameters: &[Parameter<'_>],
    settings: &Settings,
) -> Result<MailParameters, Refused> {
    no_duplicates(parameters)?;
    let mut meaning = MailParameters::default();
    for parameter in parameters {
        let value = parameter.value;
        match parameter.offered(settings)? {
            Known::Size => size(value, settings.limits.message)?,
            Known::Body => meaning.eight_bit = body(value)?,
            Known::SmtpUtf8 if value.is_none() => meaning.utf8 = true,
            Known::Ret => one_of(value, &["FULL", "HDRS"])?,
            Known::EnvId => well_formed(value.is_some_and(|v| v.len() <= 100 && is_xtext(v)))?,
            Known::Auth => well_formed(value.is_some_and(|v| v == "<>" || is_xtext(v)))?,
            Known::Notify | Known::Orcpt => return Err(Refused::Unsupported),
            Known::SmtpUtf8 => return Err(Refused::Malformed),
        }
    }
    Ok(meaning)
}

/// Checks the parameters of RCPT: NOTIFY and ORCPT (RFC 3461 §4).
pub(super) fn check_rcpt(parameters: &[Parameter<'_>], settings: &Settings) -> Result<(), Refused> {
    no_duplicates(parameters)?;
    for parameter in parameters {
        match parameter.offered(settings)? {
            Known::Notify => well_formed(parameter.value.is_some_and(is_notify))?,
            Known::Orcpt => well_formed(parameter.value.is_some_and(is_orcpt))?,
            _ => return Err(Refused::Unsupported),
        }
    }
    Ok(())
}

enum Known {
    Size,
    Body,
    SmtpUtf8,
    Ret,
    EnvId,
    Auth,
    Notify,
    Orcpt,
}

impl Parameter<'_> {
    /// Which parameter this is, if the extension that it belongs to is on offer.
    fn offered(&self, settings: &Settings) -> Result<Known, Refused> {
        let (known, extension) = match self.keyword.to_ascii_uppercase().as_str() {
            "SIZE" => (Known::Size, Extension::Size),
            "BODY" => (Known::Body, Extension::EightBitMime),
            "SMTPUTF8" => (Known::SmtpUtf8, Extension::SmtpUtf8),
            "RET" => (Known::Ret, Extension::Dsn),
            "ENVID" => (Known::EnvId, Extension::Dsn),
            "AUTH" => (Known::Auth, Extension::Auth),
            "NOTIFY" => (Known::Notify, Extension::Dsn),
            "ORCPT" => (Known::Orcpt, Extension::Dsn),
            _ => return Err(Refused::Unsupported),
        };
        if settings.offers(extension) {
            Ok(known)
        } else {
            Err(Refused::Unsupported)
        }
    }
}

fn well_formed(is: bool) -> Result<(), Refused> {
    if is { Ok(()) } else { Err(Refused::Malformed) }
}

fn no_duplicates(parameters: &[Parameter<'_>]) -> Result<(), Refused> {
    let mut rest = parameters;
    while let [first, tail @ ..] = rest {
        let same = |other: &Parameter<'_>| other.keyword.eq_ignore_ascii_case(first.keyword);
        well_formed(!tail.iter().any(same))?;
        rest = tail;
    }
    Ok(())
}

/// `size-value ::= 1*20DIGIT` (RFC 1870 §3).
fn size(value: Option<&str>, limit: usize) -> Result<(), Refused> {
    let digits = value.unwrap_or_default();
    let is_number = (1..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    well_formed(is_number)?;
    match digits.parse::<usize>() {
        Ok(octets) if octets <= limit => Ok(()),
        _ => Err(Refused::TooLarge),
    }
}

/// `body-value ::= "7BIT" / "8BITMIME"` (RFC 6152 §3). BINARYMIME is not offered.
fn body(value: Option<&str>) -> Result<bool, Refused> {
    one_of(value, &["7BIT", "8BITMIME"])?;
    Ok(value.is_some_and(|v| v.eq_ignore_ascii_case("8BITMIME")))
}

fn one_of(value: Option<&str>, values: &[&str]) -> Result<(), Refused> {
    let known = |given: &str| values.iter().any(|v| v.eq_ignore_ascii_case(given));
    well_formed(value.is_some_and(known))
}

/// `notify-esmtp-value = "NEVER" / 1#notify-list-element` (RFC 3461 §4.1).
fn is_notify(value: &str) -> bool {
    let element = |e: &str| one_of(Some(e), &["SUCCESS", "FAILURE", "DELAY"]).is_ok();
    value.eq_ignore_ascii_case("NEVER") || value.split(',').all(element)
}

/// `original-recipient-address = addr-type ";" xtext` (RFC 3461 §4.2).
fn is_orcpt(value: &str) -> bool {
    value.len() <= 500
        && value.split_once(';').is_some_and(|(kind, address)| {
            let atom = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
            // RFC 6533 §3 gives `utf-8` addresses an encoding with braces that is visible ASCII as well.
            !kind.is_empty()
                && kind.bytes().all(atom)
                && !address.is_empty()
                && (is_xtext(address) || kind.eq_ignore_ascii_case("utf-8"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sandbox;
    use nom::combinator::all_consuming;

    fn mail(text: &str) -> Option<Result<MailParameters, Refused>> {
        check(text, Sandbox::builder(), check_mail)
    }

    fn rcpt(text: &str) -> Option<Result<(), Refused>> {
        check(text, Sandbox::builder(), check_rcpt)
    }

    fn check<T>(
        text: &str,
        builder: crate::Builder,
        with: impl Fn(&[Parameter<'_>], &Settings) -> T,
    ) -> Option<T> {
        let service = builder.service().unwrap();
        let (_, list) = all_consuming(parameters).parse(text).ok()?;
        Some(with(&list, service.settings()))
    }

    #[test]
    fn mail_parameters_are_understood() {
        let all = " SIZE=1000 body=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+3D1 AUTH=<>";
        let meaning = MailParameters {
            eight_bit: true,
            utf8: true,
        };
        assert_eq!(mail(all), Some(Ok(meaning)));
        assert_eq!(mail(""), Some(Ok(MailParameters::default())));
    }

    #[test]
    fn bad_values_unknown_keywords_and_duplicates_are_refused() {
        for bad in [
            " SIZE",
            " SIZE=x",
            " SIZE=-1",
            " BODY=BINARYMIME",
            " SMTPUTF8=1",
            " RET=ALL",
            " ENVID=a+b",
            " AUTH=a+b",
            " SIZE=1 size=2",
        ] {
            assert_eq!(mail(bad), Some(Err(Refused::Malformed)), "{bad}");
        }
        assert_eq!(mail(" X=1"), Some(Err(Refused::Unsupported)));
        assert_eq!(mail(" NOTIFY=NEVER"), Some(Err(Refused::Unsupported)));
        for huge in [" SIZE=33554433", " SIZE=99999999999999999999"] {
            assert_eq!(mail(huge), Some(Err(Refused::TooLarge)), "{huge}");
        }
        for syntax in [
            "SIZE=1", "  SIZE=1", " SIZE=", " -X", " SIZE=1 ", " X=\u{1}",
        ] {
            assert_eq!(mail(syntax), None, "{syntax}");
        }
    }

    #[test]
    fn rfc3461_recipient_parameters() {
        assert_eq!(
            rcpt(" NOTIFY=SUCCESS,failure ORCPT=rfc822;a+2Bb@example.org"),
            Some(Ok(()))
        );
        assert_eq!(rcpt(" NOTIFY=NEVER"), Some(Ok(())));
        for bad in [
            " NOTIFY=NEVER,DELAY",
            " NOTIFY=",
            " ORCPT=rfc822",
            " ORCPT=rfc822;a+b",
        ] {
            assert_ne!(rcpt(bad), Some(Ok(())), "{bad}");
        }
    }

    #[test]
    fn a_parameter_of_an_extension_that_is_switched_off_is_unsupported() {
        let off = Sandbox::builder().without(Extension::Size);
        assert_eq!(
            check(" SIZE=1", off, check_mail),
            Some(Err(Refused::Unsupported))
        );
    }
}
