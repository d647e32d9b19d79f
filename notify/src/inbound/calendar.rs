//! Answers to invitations: a calendar object with the method REPLY (RFC 5546 §3.2.3) in a mail (RFC 6047).

use super::beginning::beginning;
use postrider_mime::{Message, Part};

/// Octets of a calendar object that are looked at.
const LOOK_AT: usize = 64 * 1024;

/// What somebody answers to an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CalendarAnswer {
    /// They come.
    Accepted,
    /// They may come.
    Tentative,
    /// They do not.
    Declined,
    /// They send somebody else, or say something that is none of the others.
    Other,
}

impl CalendarAnswer {
    /// The word in templates and conditions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Tentative => "tentative",
            Self::Declined => "declined",
            Self::Other => "other",
        }
    }

    /// The answer in a mail, if it is one.
    pub(super) fn read(message: &Message<'_>) -> Option<Self> {
        let mut answers = message.calendars().filter(|part| is_of_the_mail(*part));
        answers.find_map(|part| {
            let text = part.text().text;
            of_object(beginning(&text, LOOK_AT))
        })
    }
}

/// False for what the mail only brings along: in a mail within it, or as a file whose type does not say that it is an answer
/// (RFC 6047 §2.4).
fn is_of_the_mail(part: Part<'_>) -> bool {
    let mut around = std::iter::successors(part.parent(), |part| part.parent());
    let disposition = part.content_disposition();
    let is_file = disposition.is_some_and(|disposition| disposition.is_attachment());
    let method = part.content_type().parameter("method");
    let says_so = method.is_some_and(|method| method.eq_ignore_ascii_case("REPLY"));
    !around.any(Part::is_message) && (says_so || !is_file)
}

/// The answer of the first attendee, if the object's method is REPLY.
fn of_object(object: &str) -> Option<CalendarAnswer> {
    let lines = unfolded(object);
    let is = |line: &str, name: &str| {
        let head = line.get(..name.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(name))
    };
    let method = lines.iter().find(|line| is(line, "METHOD:"))?;
    if !method
        .get("METHOD:".len()..)?
        .trim()
        .eq_ignore_ascii_case("REPLY")
    {
        return None;
    }
    let attendee = lines
        .iter()
        .find(|line| is(line, "ATTENDEE"))?
        .to_ascii_uppercase();
    let status = attendee
        .split(';')
        .find_map(|parameter| parameter.strip_prefix("PARTSTAT="));
    let status = status?
        .split(':')
        .next()
        .unwrap_or_default()
        .trim_matches('"');
    Some(match status {
        "ACCEPTED" => CalendarAnswer::Accepted,
        "TENTATIVE" => CalendarAnswer::Tentative,
        "DECLINED" => CalendarAnswer::Declined,
        _ => CalendarAnswer::Other,
    })
}

/// The content lines (RFC 5545 §3.1).
fn unfolded(object: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in object.lines() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(last)) => last.push_str(rest),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(method: &str, status: &str) -> Option<CalendarAnswer> {
        let raw = format!(
            "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nYes.\r\n--b\r\n\
             Content-Type: text/calendar; charset=utf-8; method={method}\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:{method}\r\nBEGIN:VEVENT\r\n\
             UID:1\r\nATTENDEE;CN=\"Ada, Countess\";PART\r\n STAT={status};ROLE=X:mailto:ada@example.org\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n--b--\r\n"
        );
        CalendarAnswer::read(&Message::parse(raw.as_bytes()))
    }

    #[test]
    fn rfc5546_the_status_of_the_attendee_is_the_answer() {
        assert_eq!(mail("REPLY", "ACCEPTED"), Some(CalendarAnswer::Accepted));
        assert_eq!(mail("REPLY", "tentative"), Some(CalendarAnswer::Tentative));
        assert_eq!(mail("REPLY", "DECLINED"), Some(CalendarAnswer::Declined));
        assert_eq!(mail("REPLY", "DELEGATED"), Some(CalendarAnswer::Other));
        assert_eq!(
            mail("REQUEST", "NEEDS-ACTION"),
            None,
            "an invitation is no answer"
        );
    }

    #[test]
    fn rfc6047_an_answer_that_is_attached_makes_the_mail_no_answer() {
        let with = |part: &str| {
            let raw = format!(
                "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nIt breaks on this.\r\n--b\r\n{part}\r\n\r\n\
                 BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:ada@example.org\r\nEND:VCALENDAR\r\n--b--\r\n"
            );
            CalendarAnswer::read(&Message::parse(raw.as_bytes()))
        };
        let file = "Content-Disposition: attachment; filename=reply.ics";
        let answer = "Content-Type: text/calendar; method=reply";
        let attached = format!("Content-Type: text/calendar\r\n{file}");
        assert_eq!(with(&attached), None);
        let within = format!("Content-Type: message/rfc822\r\n\r\nSubject: Accepted\r\n{answer}");
        assert_eq!(with(&within), None);
        // Programs write the answer itself like this as well.
        let accepted = Some(CalendarAnswer::Accepted);
        assert_eq!(with(&format!("{answer}\r\n{file}")), accepted);
        assert_eq!(with("Content-Type: text/calendar"), accepted);
    }
}
