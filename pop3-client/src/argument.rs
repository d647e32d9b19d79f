//! Arguments of commands: values that exist only if they can be written safely.

use postrider_wire::Secret;
use std::fmt;

/// The longest command line, CR LF included (RFC 2449 §4).
pub(crate) const COMMAND_LINE: usize = 255;

/// The mailbox name that USER carries (RFC 1939 §7).
///
/// We also accept blanks and UTF-8, because servers have such names; never a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserName(String);

impl UserName {
    /// A name for USER.
    ///
    /// # Errors
    /// [`InvalidArgument`] if it is empty, holds a control character, or makes the line longer than 255 octets.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidArgument> {
        let name = name.into();
        check("the user name", name.as_bytes(), "USER ".len())?;
        Ok(Self(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The password that PASS carries (RFC 1939 §7). It is shown nowhere.
#[derive(Clone, Debug)]
pub struct Password(Secret);

impl Password {
    /// A password for PASS.
    ///
    /// # Errors
    /// As [`UserName::new`].
    pub fn new(password: impl Into<Secret>) -> Result<Self, InvalidArgument> {
        let password = password.into();
        check("the password", password.expose_secret(), "PASS ".len())?;
        Ok(Self(password))
    }

    pub(crate) fn expose_secret(&self) -> &[u8] {
        self.0.expose_secret()
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.0
    }
}

/// A language for LANG (RFC 6856 §3, RFC 5646), such as `de` or `zh-Hant`, or `*` for the server's default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanguageTag(String);

impl LanguageTag {
    /// A language tag.
    ///
    /// # Errors
    /// [`InvalidArgument`] if it has anything but letters, digits and hyphens, or more than 64 octets.
    pub fn new(tag: impl Into<String>) -> Result<Self, InvalidArgument> {
        let tag = tag.into();
        let plain = tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if tag != "*" && (tag.is_empty() || tag.len() > 64 || !plain) {
            return Err(InvalidArgument {
                what: "the language tag",
                why: "is not one",
            });
        }
        Ok(Self(tag))
    }

    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A command that this crate has no type for, such as `LAST` or `XTND XLST Subject`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomCommand {
    line: String,
    multi_line: bool,
}

/// Keywords that the machine must understand to keep its state right.
const OURS: [&str; 16] = [
    "USER", "PASS", "APOP", "AUTH", "STLS", "CAPA", "STAT", "LIST", "UIDL", "RETR", "TOP", "DELE",
    "RSET", "QUIT", "UTF8", "LANG",
];

impl CustomCommand {
    /// A command that is answered with a status line alone.
    ///
    /// # Errors
    /// [`InvalidArgument`] if the line is empty, holds anything but printable ASCII, is longer than 253 octets, or is one
    /// of the commands that have a type of their own.
    pub fn single_line(line: impl Into<String>) -> Result<Self, InvalidArgument> {
        Self::checked(line.into(), false)
    }

    /// A command whose `+OK` is followed by lines and a dot.
    ///
    /// # Errors
    /// As [`CustomCommand::single_line`].
    pub fn multi_line(line: impl Into<String>) -> Result<Self, InvalidArgument> {
        Self::checked(line.into(), true)
    }

    /// The command line without its ending.
    pub fn line(&self) -> &str {
        &self.line
    }

    pub(crate) fn is_multi_line(&self) -> bool {
        self.multi_line
    }

    fn checked(line: String, multi_line: bool) -> Result<Self, InvalidArgument> {
        let what = "the command";
        check(what, line.as_bytes(), 0)?;
        let keyword = line.split(' ').next().unwrap_or_default();
        if keyword.is_empty() || !line.is_ascii() {
            return Err(InvalidArgument {
                what,
                why: "has no keyword, or 8-bit characters",
            });
        }
        if OURS.iter().any(|ours| ours.eq_ignore_ascii_case(keyword)) {
            return Err(InvalidArgument {
                what,
                why: "has a type of its own in Command",
            });
        }
        Ok(Self { line, multi_line })
    }
}

fn check(what: &'static str, argument: &[u8], keyword: usize) -> Result<(), InvalidArgument> {
    let why = if argument.is_empty() {
        "is empty"
    } else if argument.iter().any(u8::is_ascii_control) {
        "holds a control character (a line ending at its end?)"
    } else if keyword + argument.len() + 2 > COMMAND_LINE {
        "is longer than a command line may be (255 octets, RFC 2449 §4)"
    } else {
        return Ok(());
    };
    Err(InvalidArgument { what, why })
}

/// An argument that no command line can carry. Nothing of it is shown, for it may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidArgument {
    what: &'static str,
    why: &'static str,
}

impl fmt::Display for InvalidArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what, self.why)
    }
}

impl std::error::Error for InvalidArgument {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s17_no_argument_can_carry_a_second_command() {
        for text in [
            "a\r\nDELE 1",
            "a\nb",
            "a\rb",
            "u\0v",
            "a\x1bb",
            "a\x7fb",
            "",
            &"x".repeat(249),
        ] {
            assert!(UserName::new(text).is_err(), "{text:?}");
            assert!(Password::new(text).is_err(), "{text:?}");
            assert!(LanguageTag::new(text).is_err(), "{text:?}");
        }
        for text in ["LAST\r\nQUIT", "", " LAST", "quit", "Retr 1", "L\u{e4}ST"] {
            assert!(CustomCommand::single_line(text).is_err(), "{text:?}");
        }
        assert!(UserName::new("x".repeat(248)).is_ok());
        assert!(Password::new("tan staaf").is_ok());
        assert!(CustomCommand::multi_line("XTND XLST Subject").is_ok());
    }

    #[test]
    fn rfc5646_2_1_a_language_tag_is_letters_digits_and_hyphens() {
        let longest = "x".repeat(64);
        for tag in ["de", "zh-Hant", "es-419", "*", &longest] {
            assert_eq!(LanguageTag::new(tag).unwrap().as_str(), tag);
        }
        let too_long = "x".repeat(65);
        for text in ["", "de_AT", "de AT", "*-AT", "d\u{e4}", &too_long] {
            assert!(LanguageTag::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn rfc2449_4_a_command_line_has_at_most_255_octets() {
        for (length, fits) in [(253, true), (254, false)] {
            let line = "X".repeat(length);
            assert_eq!(CustomCommand::single_line(&*line).is_ok(), fits);
            assert_eq!(CustomCommand::multi_line(line).is_ok(), fits);
        }
        for (length, fits) in [(248, true), (249, false)] {
            assert_eq!(UserName::new("x".repeat(length)).is_ok(), fits);
            assert_eq!(Password::new("x".repeat(length)).is_ok(), fits);
        }
    }

    #[test]
    fn what_cannot_be_sent_is_named_with_the_reason() {
        let custom = |line: &str| CustomCommand::single_line(line).unwrap_err().to_string();
        for (said, expected) in [
            (
                UserName::new("").unwrap_err().to_string(),
                "the user name is empty",
            ),
            (
                Password::new("x\n").unwrap_err().to_string(),
                "the password holds a control character",
            ),
            (
                LanguageTag::new("").unwrap_err().to_string(),
                "the language tag is not one",
            ),
            (custom(" LAST"), "the command has no keyword"),
            (custom("retr 1"), "the command has a type of its own"),
        ] {
            assert!(said.starts_with(expected), "{said}");
        }
    }

    #[test]
    fn nothing_of_a_password_is_shown() {
        assert!(
            !Password::new("a\nhunter2")
                .unwrap_err()
                .to_string()
                .contains("hunter2")
        );
        assert!(!format!("{:?}", Password::new("hunter2").unwrap()).contains("hunter2"));
    }
}
