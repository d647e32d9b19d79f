//! Trace fields: Received (RFC 5321 §4.4).
//!
//! ```text
//! Stamp = From-domain By-domain Opt-info [CFWS] ";" FWS date-time
//! From-domain = "FROM" FWS Extended-Domain
//! By-domain   = CFWS "BY" FWS Extended-Domain
//! Opt-info    = [Via] [With] [ID] [For] [Additional-Registered-Clauses]
//! Additional-Registered-Clauses = 1*(CFWS Atom FWS String)        ; as erratum 1683 has it: any number of them
//! ```
//!
//! We also accept the clauses in any order and more words after a keyword, which are skipped.

use std::borrow::Cow;

use crate::charset;
use crate::date_time::DateTime;
use crate::field::HeaderField;
use crate::field_name::FieldId;
use crate::grammar::address_word::comment_text;
use crate::grammar::cfws::{is_wsp, skip_cfws_keeping};
use crate::grammar::date::date_time;
use crate::grammar::text::without_breaks;
use crate::message::Message;

/// One hop of a message (RFC 5321 §4.4). What is missing is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received<'m> {
    /// The name that the client gave.
    pub from: Option<Cow<'m, str>>,
    /// What the server found out about the client: the comment after the name.
    pub from_info: Option<Cow<'m, str>>,
    /// The server.
    pub by: Option<Cow<'m, str>>,
    /// The link.
    pub via: Option<Cow<'m, str>>,
    /// The protocol: `ESMTPS`, ….
    pub with: Option<Cow<'m, str>>,
    /// The identifier that the server gave.
    pub id: Option<Cow<'m, str>>,
    /// The recipient, without angle brackets.
    pub recipient: Option<Cow<'m, str>>,
    /// When.
    pub date: Option<DateTime>,
}

impl Message<'_> {
    /// The hops of the message, the latest first.
    ///
    /// ```
    /// use postrider_mime::Message;
    ///
    /// let message = Message::parse(b"Received: from a.example (a.example [192.0.2.1]) by b.example with ESMTPS\r\n\
    ///     \tid 42 for <jo@b.example>; Fri, 21 Nov 1997 09:55:06 -0600\r\n\r\n");
    /// let hop = message.received().next().ok_or("no hop")?;
    /// assert_eq!((hop.from.as_deref(), hop.with.as_deref()), (Some("a.example"), Some("ESMTPS")));
    /// assert_eq!(hop.from_info.as_deref(), Some("a.example [192.0.2.1]"));
    /// # Ok::<(), &str>(())
    /// ```
    pub fn received(&self) -> impl Iterator<Item = Received<'_>> {
        self.root().fields(FieldId::Received).map(Received::read)
    }
}

impl<'m> Received<'m> {
    fn read(field: HeaderField<'m>) -> Self {
        let mut received = Self::default();
        let mut rest = field.raw();
        let mut keyword: &[u8] = b"";
        loop {
            let mut comment = None;
            rest = skip_cfws_keeping(rest, |text| comment = comment.or(Some(text))).0;
            if keyword.eq_ignore_ascii_case(b"from-read") {
                received.from_info = received.from_info.or(comment.map(comment_text));
            }
            if let Some(date) = rest.strip_prefix(b";") {
                received.date = date_time(date);
                return received;
            }
            let length = rest
                .iter()
                .take_while(|b| !is_wsp(**b) && !matches!(b, b';' | b'('))
                .count();
            if length == 0 {
                return received;
            }
            let (word, after) = rest.split_at(length);
            rest = after;
            keyword = received.word(keyword, word);
        }
    }

    /// Takes a word after `keyword`; gives the keyword for the next one.
    fn word(&mut self, keyword: &'m [u8], word: &'m [u8]) -> &'m [u8] {
        let slot = match keyword.to_ascii_lowercase().as_slice() {
            b"from" => &mut self.from,
            b"by" => &mut self.by,
            b"via" => &mut self.via,
            b"with" => &mut self.with,
            b"id" => &mut self.id,
            b"for" => &mut self.recipient,
            _ => return word,
        };
        if slot.is_none() {
            *slot = Some(text(
                word.strip_prefix(b"<")
                    .and_then(|w| w.strip_suffix(b">"))
                    .unwrap_or(word),
            ));
        }
        // What follows the name of the client may be what the server knows of it.
        if keyword.eq_ignore_ascii_case(b"from") {
            b"from-read"
        } else {
            b""
        }
    }
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    without_breaks(charset::guess(bytes).text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Received<'static> {
        let message = Message::parse(format!("Received: {value}\r\n\r\n").as_bytes()).into_owned();
        let owned = |text: &Option<Cow<'_, str>>| text.as_ref().map(|t| Cow::Owned(t.to_string()));
        let hop = message.received().next().unwrap();
        Received {
            from: owned(&hop.from),
            from_info: owned(&hop.from_info),
            by: owned(&hop.by),
            via: owned(&hop.via),
            with: owned(&hop.with),
            id: owned(&hop.id),
            recipient: owned(&hop.recipient),
            date: hop.date,
        }
    }

    #[test]
    fn rfc5322_a_4_example() {
        let hop = read("from node.example by x.y.test; 21 Nov 1997 10:01:22 -0600");
        assert_eq!(
            (hop.from.as_deref(), hop.by.as_deref()),
            (Some("node.example"), Some("x.y.test"))
        );
        assert_eq!(hop.date.unwrap().to_rfc3339(), "1997-11-21T16:01:22Z");
    }

    #[test]
    fn what_the_server_found_out_is_the_text_of_a_comment() {
        for (comment, info) in [
            ("b.example [192.0.2.1]", "b.example [192.0.2.1]"),
            ("b\r\n\t[192.0.2.1]", "b\t[192.0.2.1]"),
            ("b (may be \\(forged\\))", "b (may be (forged))"),
        ] {
            let hop = read(&format!("from a ({comment}) (c) by d"));
            assert_eq!(hop.from_info.as_deref(), Some(info), "{comment}");
        }
    }

    #[test]
    fn clauses_may_come_in_any_order_and_may_be_missing() {
        let hop =
            read("by b (Postfix, from userid 0)\r\n id 42; Fri, 21 Nov 1997 09:55:06 -0600 (CST)");
        assert_eq!(
            (hop.by.as_deref(), hop.id.as_deref(), hop.from),
            (Some("b"), Some("42"), None)
        );
        let hop = read("(qmail 1 invoked by uid 2); 21 Nov 1997 09:55:06 -0000");
        assert!(hop.date.is_some() && hop.by.is_none());
        assert_eq!(read("from").from, None);
        let hop = read("from a (b) by c with SMTP id d for <e@f>");
        assert_eq!((hop.recipient.as_deref(), hop.date), (Some("e@f"), None));
    }

    #[test]
    fn rfc5321_4_4_each_clause_has_its_keyword() {
        let hop = read("from a by b via c with ESMTP id d for <e@f>; 21 Nov 1997 10:01:22 -0600");
        assert!(hop.date.is_some() && hop.from_info.is_none());
        let clauses = [hop.from, hop.by, hop.via, hop.with, hop.id, hop.recipient];
        let clauses = clauses.map(|clause| clause.unwrap_or_default());
        assert_eq!(clauses, ["a", "b", "c", "ESMTP", "d", "e@f"]);
    }
}
