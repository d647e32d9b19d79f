use super::Action;
use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::character::complete::{char, digit1, u64};
use nom::combinator::{all_consuming, map, map_opt, opt, rest, value};
use nom::sequence::preceded;
use nom::{IResult, Parser};
use std::time::Duration;

/// The longest delay that an address can ask for.
const MAX_DELAY: Duration = Duration::from_secs(3600);

/// What a recipient's own name asks for.
///
/// ```text
/// local-part = order [ "+" rest ]
/// order      = "fail-" code / "defer-" code / "reject-" code / "slow-" 1*DIGIT ( "ms" / "s" ) / "drop-data" / "drop"
/// code       = ( "4" / "5" ) 2DIGIT
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AddressFault {
    /// RCPT is refused with this code.
    Refuse(u16),
    /// The mail is refused with this code after its content.
    RefuseContent(u16),
    /// RCPT is answered so much later.
    Slow(Duration),
    /// The connection is closed instead of answering RCPT.
    Drop,
    /// The mail is stored, and the connection closed instead of saying so.
    DropAfterContent,
}

impl AddressFault {
    /// The order in an address, and the address that the mail is then for.
    pub(crate) fn parse(address: &str) -> Option<(Self, String)> {
        let (local, domain) = address.rsplit_once('@')?;
        let (_, (fault, tag)) = all_consuming((order, opt(preceded(char('+'), rest))))
            .parse(local)
            .ok()?;
        let address = match tag {
            Some(local) if !local.is_empty() => format!("{local}@{domain}"),
            _ => address.to_owned(),
        };
        Some((fault, address))
    }

    /// What happens at RCPT.
    pub(crate) fn at_rcpt(&self) -> Option<Action> {
        match self {
            Self::Refuse(code) => Some(refusal(*code)),
            Self::Slow(delay) => Some(Action::Delay(*delay)),
            Self::Drop => Some(Action::DropBefore),
            Self::RefuseContent(_) | Self::DropAfterContent => None,
        }
    }

    /// What happens at the end of the content.
    pub(crate) fn at_end_of_data(&self) -> Option<Action> {
        match self {
            Self::RefuseContent(code) => Some(refusal(*code)),
            Self::DropAfterContent => Some(Action::DropUnanswered),
            _ => None,
        }
    }
}

fn refusal(code: u16) -> Action {
    let enhanced = match code {
        550 => "5.1.1".to_owned(),
        450 => "4.2.1".to_owned(),
        _ => format!("{}.0.0", code / 100),
    };
    Action::Reply(
        format!("{code} {enhanced} refused, as the recipient's address asks\r\n").into_bytes(),
    )
}

fn order(input: &str) -> IResult<&str, AddressFault> {
    alt((
        map(
            preceded(alt((tag("fail-"), tag("defer-"))), code),
            AddressFault::Refuse,
        ),
        map(preceded(tag("reject-"), code), AddressFault::RefuseContent),
        map(preceded(tag("slow-"), delay), AddressFault::Slow),
        value(AddressFault::DropAfterContent, tag("drop-data")),
        value(AddressFault::Drop, tag("drop")),
    ))
    .parse(input)
}

fn code(input: &str) -> IResult<&str, u16> {
    let refusing = |digits: &str| {
        digits
            .parse()
            .ok()
            .filter(|code| (400..600).contains(code) && digits.len() == 3)
    };
    map_opt(digit1, refusing).parse(input)
}

fn delay(input: &str) -> IResult<&str, Duration> {
    alt((
        map((u64, tag("ms")), |(n, _)| Duration::from_millis(n)),
        map((u64, char('s')), |(n, _)| Duration::from_secs(n)),
    ))
    .map(|delay| delay.min(MAX_DELAY))
    .parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(address: &str) -> Option<(AddressFault, String)> {
        AddressFault::parse(address)
    }

    #[test]
    fn orders_are_read_from_the_local_part() {
        let own = |fault, address: &str| Some((fault, address.to_owned()));
        for (address, fault) in [
            ("fail-550@x", AddressFault::Refuse(550)),
            ("defer-450@x", AddressFault::Refuse(450)),
            ("reject-554@x", AddressFault::RefuseContent(554)),
            ("slow-3s@x", AddressFault::Slow(Duration::from_secs(3))),
            (
                "slow-250ms@x",
                AddressFault::Slow(Duration::from_millis(250)),
            ),
            ("drop@x", AddressFault::Drop),
            ("drop-data@x", AddressFault::DropAfterContent),
        ] {
            assert_eq!(parsed(address), own(fault, address), "{address}");
        }
    }

    #[test]
    fn a_tag_names_the_mailbox_that_is_meant() {
        let (fault, to) = parsed("slow-1s+ada+x@example.org").unwrap();
        assert_eq!(fault, AddressFault::Slow(Duration::from_secs(1)));
        assert_eq!(to, "ada+x@example.org");
    }

    #[test]
    fn other_addresses_ask_for_nothing() {
        for address in [
            "ada@x",
            "fail-250@x",
            "fail-5500@x",
            "fail-@x",
            "slow-3@x",
            "slow-99999999999999999999s@x",
            "dropper@x",
            "a+fail-550@x",
            "fail-550",
        ] {
            assert_eq!(parsed(address), None, "{address}");
        }
        let (fault, _) = parsed("slow-9999999999s@x").unwrap();
        assert_eq!(fault, AddressFault::Slow(MAX_DELAY));
    }
}
