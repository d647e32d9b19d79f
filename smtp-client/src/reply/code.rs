use nom::bytes::complete::take_while_m_n;
use nom::character::complete::{char, one_of};
use nom::combinator::{eof, map_res, peek};
use nom::{IResult, Parser, branch::alt};
use std::fmt;

/// The three digits of a reply (RFC 5321 §4.2.1): 200 to 599.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplyCode(u16);

impl ReplyCode {
    /// The code, if it is one that SMTP has. The 1yz class was never used, so it is not one.
    pub fn new(value: u16) -> Option<Self> {
        (200..=599).contains(&value).then_some(Self(value))
    }

    /// The number.
    pub fn value(self) -> u16 {
        self.0
    }

    /// 2yz: done.
    pub fn is_positive(self) -> bool {
        self.0 < 300
    }

    /// 3yz: go on.
    pub fn is_intermediate(self) -> bool {
        (300..400).contains(&self.0)
    }

    /// 4yz: not now.
    pub fn is_transient(self) -> bool {
        (400..500).contains(&self.0)
    }

    /// 5yz: no.
    pub fn is_permanent(self) -> bool {
        self.0 >= 500
    }
}

impl fmt::Display for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

/// An enhanced status code such as `5.1.1` (RFC 3463 §2; registry in RFC 5248).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EnhancedStatusCode {
    class: u8,
    subject: u16,
    detail: u16,
}

impl EnhancedStatusCode {
    /// 2 success, 4 transient failure, 5 permanent failure.
    pub fn class(self) -> u8 {
        self.class
    }

    /// 1 address, 2 mailbox, 3 mail system, 4 network, 5 protocol, 6 content, 7 policy, 0 other.
    pub fn subject(self) -> u16 {
        self.subject
    }

    /// The detail within the subject.
    pub fn detail(self) -> u16 {
        self.detail
    }
}

impl fmt::Display for EnhancedStatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// ```abnf
/// status-code = class "." subject "." detail SP
/// class       = "2" / "4" / "5"
/// subject     = 1*3DIGIT
/// detail      = 1*3DIGIT
/// ```
/// We also accept the end of the line in place of the SP, because some servers send no text.
pub(super) fn status_code(input: &[u8]) -> IResult<&[u8], EnhancedStatusCode> {
    let end = alt((peek(char(' ')).map(|_| ()), eof.map(|_| ())));
    let fields = (
        one_of("245"),
        char('.'),
        number_1_3,
        char('.'),
        number_1_3,
        end,
    );
    fields
        .map(|(class, _, subject, _, detail, ())| EnhancedStatusCode {
            class: class.to_digit(10).map_or(0, |digit| digit as u8),
            subject,
            detail,
        })
        .parse(input)
}

fn number_1_3(input: &[u8]) -> IResult<&[u8], u16> {
    let digits = take_while_m_n(1, 3, |b: u8| b.is_ascii_digit());
    map_res(digits, |digits: &[u8]| {
        std::str::from_utf8(digits).unwrap_or_default().parse()
    })
    .parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5321_4_2_1_the_first_digit_is_the_class() {
        let class = |value| {
            ReplyCode::new(value).map(|code| {
                assert_eq!((code.value(), code.to_string()), (value, value.to_string()));
                [
                    code.is_positive(),
                    code.is_intermediate(),
                    code.is_transient(),
                    code.is_permanent(),
                ]
            })
        };
        for (first, last, place) in [(200, 299, 0), (300, 399, 1), (400, 499, 2), (500, 599, 3)] {
            let expected: [bool; 4] = std::array::from_fn(|at| at == place);
            assert_eq!([class(first), class(last)], [Some(expected); 2], "{first}");
        }
        assert_eq!([0, 199, 600].map(class), [None; 3]);
    }

    #[test]
    fn rfc3463_2_a_status_code_has_a_class_a_subject_and_a_detail() {
        let read = |text: &'static str| status_code(text.as_bytes()).ok();
        let (rest, code) = read("5.7.26 no").unwrap();
        assert_eq!((code.class(), code.subject(), code.detail()), (5, 7, 26));
        assert_eq!((rest, code.to_string()), (&b" no"[..], "5.7.26".to_owned()));
        assert_eq!(read("2.0.0").map(|(rest, _)| rest), Some(&b""[..]));
        for text in [
            "3.0.0 x",
            "5.7",
            "5.7.1x",
            "5..1 x",
            "5.1234.1 x",
            "5.7.1234 x",
            "5.7.1.",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
