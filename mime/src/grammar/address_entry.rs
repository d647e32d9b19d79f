//! The entries of a list of addresses (RFC 5322 §3.4), one after the other.
//!
//! Every byte is looked at a bounded number of times; an entry that is broken ends at its comma.

use std::borrow::Cow;

use super::address_word::{
    Kind, Word, address_text, comment_text, domain_end, local_part_start, phrase, word,
};
use super::cfws::{comment_behind, skip_fws};
use super::common_mailbox::common_mailbox;
use crate::address::LooseMailbox;

/// What a list of addresses consists of.
pub(super) enum Entry<'a> {
    Mailbox(LooseMailbox<'a>),
    GroupStart(Cow<'a, str>),
    /// The `;` of a group, with the mailbox before it.
    GroupEnd(Option<LooseMailbox<'a>>),
}

/// Pulls one entry after the other.
pub(super) struct Reader<'a> {
    value: &'a [u8],
    /// The value once more, if it is ASCII.
    ascii: Option<&'a str>,
    pub(super) rest: &'a [u8],
    words: Vec<Word<'a>>,
    /// Whether an `@` is among them, if there are any: many colons may ask.
    has_at: bool,
    /// The words before an angle bracket.
    name: Vec<Word<'a>>,
    comment: Option<&'a [u8]>,
    /// Whether a special that has no meaning here was skipped.
    stray: bool,
    /// A quote or a bracket that is never closed was met: to look for the end of another one would be in vain, and
    /// many of them would take quadratic time.
    unclosed: bool,
    /// The same with a comment. Further ones may be closed, but have to be before the next end of an entry.
    unclosed_comment: bool,
    /// Whether no comma stands before the next entry.
    joined: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(value: &'a [u8]) -> Self {
        Self {
            value,
            ascii: std::str::from_utf8(value).ok().filter(|v| v.is_ascii()),
            rest: value,
            words: Vec::new(),
            has_at: false,
            name: Vec::new(),
            comment: None,
            stray: false,
            unclosed: false,
            unclosed_comment: false,
            joined: false,
        }
    }

    /// Takes the next word, or skips a byte that begins none. False for the latter.
    fn take_word(&mut self, spaced: bool, keep: bool) -> bool {
        let at = self.value.len() - self.rest.len();
        let enclosed = matches!(self.rest.first(), Some(b'"' | b'['));
        let found = if enclosed && self.unclosed {
            None
        } else {
            word(self.rest).ok()
        };
        match found {
            Some((after, (kind, text))) => {
                self.rest = after;
                if keep {
                    self.has_at = kind == Kind::At || (self.has_at && !self.words.is_empty());
                    self.words.push(Word {
                        kind,
                        text,
                        at,
                        spaced,
                    });
                }
                true
            }
            None => {
                self.unclosed |= enclosed;
                self.rest = self.rest.get(1..).unwrap_or_default();
                false
            }
        }
    }

    /// Reads up to the end of the next entry; `None` at the end of the value.
    pub(super) fn next_entry(&mut self, in_group: bool) -> Option<Entry<'a>> {
        self.words.clear();
        self.comment = None;
        self.stray = std::mem::take(&mut self.joined);
        if !self.stray {
            let rest = skip_fws(self.rest).0;
            let ascii = self
                .ascii
                .and_then(|text| text.get(text.len() - rest.len()..));
            if let Some((after, mailbox)) = common_mailbox(rest, ascii) {
                self.rest = after;
                return Some(Entry::Mailbox(mailbox));
            }
        }
        loop {
            let spaced = self.skip_cfws();
            let Some((first, after)) = self.rest.split_first() else {
                return self.mailbox().map(Entry::Mailbox);
            };
            match first {
                b',' => {
                    self.rest = after;
                    if let Some(mailbox) = self.mailbox() {
                        return Some(Entry::Mailbox(mailbox));
                    }
                    self.forget_entry();
                }
                b';' => {
                    self.rest = after;
                    let mailbox = self.mailbox();
                    match (in_group, mailbox) {
                        (true, mailbox) => return Some(Entry::GroupEnd(mailbox)),
                        (false, Some(mailbox)) => return Some(Entry::Mailbox(mailbox)),
                        (false, None) => self.forget_entry(),
                    }
                }
                b':' if !self.words.is_empty() && !self.has_at => {
                    self.rest = after;
                    return Some(Entry::GroupStart(phrase(self.value, &self.words)));
                }
                b'<' => {
                    self.rest = after;
                    std::mem::swap(&mut self.words, &mut self.name);
                    self.words.clear();
                    return Some(Entry::Mailbox(self.angle()));
                }
                // What begins no word: a closing bracket, an open quote.
                _ => self.stray |= !self.take_word(spaced, true),
            }
        }
    }

    /// An entry was empty: what stood around nothing belongs to nothing.
    fn forget_entry(&mut self) {
        self.comment = None;
        self.stray = false;
    }

    /// Skips white space and comments, keeping the last comment. Whether there was anything.
    fn skip_cfws(&mut self) -> bool {
        let before = self.rest.len();
        self.rest = skip_fws(self.rest).0;
        while let Some((b'(', inside)) = self.rest.split_first() {
            let (after, text) = self.comment(inside);
            self.comment = Some(text);
            self.rest = skip_fws(after).0;
        }
        self.rest.len() != before
    }

    /// A comment behind its `(`: what follows it, and what stands in it.
    fn comment(&mut self, inside: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let up_to_end = || comment_behind(inside, |b| matches!(b, b',' | b';' | b'<'));
        let read = if self.unclosed_comment {
            up_to_end()
        } else {
            comment_behind(inside, |_| false).or_else(|_| up_to_end())
        };
        read.unwrap_or_else(|open| {
            self.unclosed_comment = true;
            self.stray = true;
            open
        })
    }

    /// `angle-addr` after its `<`, up to the end of its entry.
    fn angle(&mut self) -> LooseMailbox<'a> {
        let mut regular = true;
        self.comment = None;
        // Where the last `>` was.
        let mut closed = None;
        loop {
            let spaced = self.skip_cfws();
            let Some((first, after)) = self.rest.split_first() else {
                break;
            };
            match first {
                b'>' => {
                    self.rest = after;
                    regular &= closed.replace(after).is_none();
                }
                // A route (§4.4): what stands before the colon does not count.
                b':' if closed.is_none() => {
                    self.rest = after;
                    self.words.clear();
                }
                b',' if closed.is_none()
                    && self.words.first().is_some_and(|w| w.kind == Kind::At) =>
                {
                    self.rest = after
                }
                b',' => {
                    self.rest = after;
                    break;
                }
                b';' => break,
                b'<' => {
                    regular = false;
                    if let Some(behind) = closed {
                        // Another mailbox, and what stands before it is its name.
                        self.rest = behind;
                        self.joined = true;
                        break;
                    }
                    self.rest = after;
                }
                _ => {
                    let open = closed.is_none();
                    regular &= self.take_word(spaced, open) && open;
                }
            }
        }
        let (address, plain) = address_text(self.value, &self.words);
        let (name, from_comment) = if self.name.is_empty() {
            (self.comment.map(comment_text), self.comment.is_some())
        } else {
            // An address where the name should be is a way to mislead.
            regular &= !self.name.iter().any(|w| w.kind == Kind::At);
            (Some(phrase(self.value, &self.name)), false)
        };
        LooseMailbox {
            name: name.filter(|n| !n.is_empty()),
            address: (!self.words.is_empty()).then_some(address),
            name_from_comment: from_comment,
            regular: regular && !self.stray && closed.is_some() && plain,
        }
    }

    /// The mailbox that the words so far make without brackets: `[name] addr-spec`.
    fn mailbox(&mut self) -> Option<LooseMailbox<'a>> {
        let words = &self.words[..];
        if words.is_empty() {
            return None;
        }
        let comment = self.comment.map(comment_text).filter(|c| !c.is_empty());
        let from_comment = comment.is_some();
        let Some(at) = words.iter().rposition(|w| w.kind == Kind::At) else {
            // One word may be a local address; several are a name, and so is one in quotes.
            let bare = !words.iter().skip(1).any(|w| w.spaced)
                && words.iter().all(|w| w.kind != Kind::Encoded)
                && words.iter().any(|w| w.kind != Kind::Quoted);
            let text = phrase(self.value, words);
            let (name, address) = if bare {
                (comment, Some(address_text(self.value, words).0))
            } else {
                (Some(text).filter(|text| !text.is_empty()), None)
            };
            let mailbox = LooseMailbox {
                name,
                address,
                name_from_comment: from_comment && bare,
                regular: false,
            };
            self.words.clear();
            self.comment = None;
            return Some(mailbox);
        };
        let start = local_part_start(words, at);
        let end = domain_end(words, at);
        let (name, local_and_domain) = words.get(..end).unwrap_or_default().split_at(start);
        let (address, plain) = address_text(self.value, local_and_domain);
        let regular = plain && !self.stray && name.is_empty() && end == words.len();
        let mailbox = LooseMailbox {
            name: if name.is_empty() {
                comment
            } else {
                Some(phrase(self.value, name))
            },
            address: Some(address),
            name_from_comment: from_comment && name.is_empty(),
            regular,
        };
        self.words.clear();
        self.comment = None;
        Some(mailbox)
    }
}
