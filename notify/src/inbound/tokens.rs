//! Signed tokens in a mail: in the addresses that it came to, in the Message-IDs that it answers, anywhere in its text.
//!
//! Wherever it stands, a token counts only for the sender that it was made for. One in the text is what forwarding hands
//! around, so there it has to be a token of ours to be worth a word; anything else in its shape is text.

use super::Class;
use super::author::Author;
use super::beginning::beginning;
use super::classify::{Classification, Classifier, Found};
use super::mail::Mail;
use super::text::line::lines;
use crate::store::{LogFilter, StoreError};
use crate::token::ReplyToken;

/// Octets of a text in which tokens are looked for.
const LOOK_AT: usize = 256 * 1024;

/// Things in the shape of a token that are looked at.
const MOST: usize = 20;

impl Classifier<'_> {
    /// A signed token in one of the addresses.
    pub(super) fn token(&self, mail: &Mail, author: &Author) -> Result<Found, StoreError> {
        let mut doubt = Found::Nothing;
        let tokens = mail.destinations().filter_map(|address| {
            let (mailbox, token) = ReplyToken::with_mailbox(address)?;
            Some((address, mailbox, token))
        });
        for (address, mailbox, token) in tokens.take(MOST) {
            let Some(token) = self.verified(&token, &author.address) else {
                let found = self.token_doubt(&token, author)?;
                // Other desks make such tokens for their own mailboxes.
                if self.is_own(&mailbox) || matches!(found, Found::Doubt(_, Some(_))) {
                    doubt = found;
                }
                continue;
            };
            let by = format!("token: {address}");
            return self.proven(&token, by);
        }
        Ok(doubt)
    }

    /// A token in front of the `@` of a Message-ID that the mail answers.
    pub(super) fn named_token(&self, mail: &Mail, author: &Author) -> Result<Found, StoreError> {
        let named = mail.answers().filter_map(|id| {
            let (left, _) = id.rsplit_once('@')?;
            ReplyToken::parse(left)
        });
        self.first_good(named.collect(), "in a Message-ID", author)
    }

    /// A token anywhere in the text: in a quoted address, or where a template has written it.
    pub(super) fn quoted_token(&self, mail: &Mail, author: &Author) -> Result<Found, StoreError> {
        let html = mail.html.as_deref().unwrap_or_default();
        let mut found = in_text(&mail.text);
        found.extend(in_text(html));
        self.first_good(found, "in the text", author)
    }

    /// The record of those tokens that are the sender's, if it is one; a doubt if they are somebody else's.
    fn first_good(
        &self,
        tokens: Vec<ReplyToken>,
        place: &str,
        author: &Author,
    ) -> Result<Found, StoreError> {
        let mut good: Vec<ReplyToken> = Vec::new();
        for token in tokens.iter().take(MOST) {
            let verified = self.verified(token, &author.address);
            good.extend(verified.filter(|token| !good.contains(token)));
        }
        match good.as_slice() {
            [] => self.others_doubt(&tokens, author),
            [token] => self.proven(token, format!("token: {place}, {token}")),
            [first, second, ..] => {
                let (first, second) = (first.record(), second.record());
                let why = format!("there are reply tokens for {first} and {second} {place}");
                Ok(Found::Doubt(why, None))
            }
        }
    }

    /// A token that was made here for somebody else is a doubt, and what was not made here is nothing.
    fn others_doubt(&self, tokens: &[ReplyToken], author: &Author) -> Result<Found, StoreError> {
        for token in tokens.iter().take(MOST) {
            let doubt = self.token_doubt(token, author)?;
            if matches!(doubt, Found::Doubt(_, Some(_))) {
                return Ok(doubt);
            }
        }
        Ok(Found::Nothing)
    }

    /// A token that is good, if its record is still there.
    fn proven(&self, token: &ReplyToken, by: String) -> Result<Found, StoreError> {
        Ok(match self.store.record(token.record())? {
            Some(record) => Found::Record(Classification::act(Class::Reply, by, Some(record.key))),
            None => {
                let gone = token.record();
                let why = format!("the reply token is good, but {gone} does not exist any more");
                Found::Doubt(why, None)
            }
        })
    }

    /// The token if it was made for this sender. Servers lower-case local parts, so the number is tried in capitals too.
    fn verified(&self, token: &ReplyToken, sender: &str) -> Option<ReplyToken> {
        let capitals = in_capitals(token);
        [Some(token.clone()), capitals]
            .into_iter()
            .flatten()
            .find(|token| self.signer.verify(token, sender))
    }

    /// Says whether a token that is not the sender's is somebody else's.
    fn token_doubt(&self, token: &ReplyToken, author: &Author) -> Result<Found, StoreError> {
        let record = in_capitals(token).map_or(token.record().clone(), |t| t.record().clone());
        for record in [token.record().clone(), record] {
            let sent = self.store.log(&LogFilter {
                record: Some(record),
                limit: 1000,
                ..LogFilter::default()
            })?;
            let owner = sent
                .iter()
                .find(|row| self.verified(token, &row.mail.recipient).is_some());
            if let Some(row) = owner {
                let why = format!(
                    "the reply token for {} was made for {}, but the mail is from {}",
                    token.record(),
                    row.mail.recipient,
                    author.address
                );
                return Ok(Found::Doubt(why, row.mail.record.clone()));
            }
        }
        let why = format!(
            "the reply token for {} was not made here for {}",
            token.record(),
            author.address
        );
        Ok(Found::Doubt(why, None))
    }
}

fn in_capitals(token: &ReplyToken) -> Option<ReplyToken> {
    let text = token.to_string();
    let (record, tag) = text.rsplit_once('.')?;
    let (table, id) = record.split_once('.')?;
    ReplyToken::parse(&format!("{table}.{}.{tag}", id.to_ascii_uppercase()))
}

/// What has the shape of a token, in order, each once; also where a mail program has broken a line inside it.
fn in_text(text: &str) -> Vec<ReplyToken> {
    let text = beginning(text, LOOK_AT);
    let mut found = Vec::new();
    for word in dotted(text) {
        collect(word, &mut found);
    }
    if found.is_empty() {
        broken(text, |word| collect(word, &mut found));
    }
    found
}

fn collect(word: &str, found: &mut Vec<ReplyToken>) {
    let token = ReplyToken::parse(word.trim_matches('.'));
    if let Some(token) = token.filter(|token| found.len() < MOST && !found.contains(token)) {
        found.push(token);
    }
}

/// The words that go on from one line to the next, where quotes have marks in front of their lines.
fn broken(text: &str, mut seen: impl FnMut(&str)) {
    // The pieces of the word so far, none of them empty.
    let mut pieces: Vec<&str> = Vec::new();
    for line in lines(text) {
        let line = line.trim_start_matches(['>', ' ']).trim_end();
        let head = line.bytes().take_while(is_inside).count();
        let goes_on = !pieces.is_empty();
        pieces.extend(line.get(..head).filter(|head| !head.is_empty()));
        if head == line.len() {
            continue;
        }
        if goes_on && pieces.iter().any(|piece| piece.contains('.')) {
            seen(&pieces.concat());
        }
        let tail = line.bytes().rev().take_while(is_inside).count();
        pieces.clear();
        pieces.extend(
            line.get(line.len() - tail..)
                .filter(|tail| !tail.is_empty()),
        );
    }
    seen(&pieces.concat());
}

/// Octets that a token has.
fn is_inside(b: &u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')
}

/// The words that have dots in them, as tokens do and few words of a text. Only the dots are looked for.
fn dotted(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let dot = memchr::memchr(b'.', rest.as_bytes())?;
        let (before, from) = rest.as_bytes().split_at_checked(dot)?;
        let is_inside = |b: &&u8| is_inside(b);
        let head = before.iter().rev().take_while(is_inside).count();
        let tail = from.iter().take_while(is_inside).count();
        let word = rest.get(dot - head..dot + tail)?;
        rest = rest.get(dot + tail..)?;
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        in_text(text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_token_is_found_in_an_address_a_link_and_a_sentence() {
        let token = "incident.INC0010001.mzxw6ytbmzxw6ytb";
        for text in [
            format!("> From: Desk <desk+{token}@example.org>"),
            format!("mailto:desk%2B{token}?subject=x").replace("%2B", "+"),
            format!("Ref: {token}."),
            format!("({token})"),
        ] {
            assert_eq!(read(&text), [token], "{text}");
        }
        assert_eq!(
            read("See www.example.org or a.b.c. Or version 1.2.3."),
            [""; 0]
        );
    }

    #[test]
    fn a_line_broken_inside_a_token_does_not_hide_it() {
        let text = "> Ref: incident.INC0010001.mzxw6ytb\n> mzxw6ytb\n> end";
        // What follows joins it: only a tag of the right length is one.
        assert_eq!(
            read("> incident.INC0010001.mzxw6ytb\n> mzxw6ytb \n>\n> (x)"),
            ["incident.INC0010001.mzxw6ytbmzxw6ytb"]
        );
        assert!(read(text).is_empty());
    }

    #[test]
    fn a_text_of_tokens_costs_little() {
        let many = "incident.INC0010001.mzxw6ytbmzxw6ytb incident.INC0010002.mzxw6ytbmzxw6ytb "
            .repeat(50_000);
        assert_eq!(read(&many).len(), 2);
        let nothing = format!("{}.", "\n> ".repeat(80_000));
        assert_eq!(read(&nothing).len(), 0);
    }
}
