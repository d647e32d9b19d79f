//! Addresses (RFC 5322 §3.4, §4.4).
//!
//! ```text
//! address-list = (address *("," address)) / obs-addr-list
//! address      = mailbox / group
//! mailbox      = name-addr / addr-spec
//! name-addr    = [display-name] angle-addr
//! angle-addr   = [CFWS] "<" [obs-route] addr-spec ">" [CFWS]
//! group        = display-name ":" [group-list] ";" [CFWS]
//! addr-spec    = local-part "@" domain
//! ```
//!
//! We also accept empty entries, `;` for `,`, a `>` that is missing, a single word without `@` as an address, a name
//! that is not in brackets (`Jo jo@example.org`), and any character in a word. A comment after an address without a
//! name is its name, as it was before names had a place of their own.
//!
//! The reader pulls one entry after the other and looks at every byte once; an entry that is broken ends at its comma.

use std::borrow::Cow;

use super::address_word::{
    Kind, Word, address_text, comment_text, domain_end, local_part_start, phrase, word,
};
use super::cfws::{skip_cfws_keeping, skip_fws};
use super::common_mailbox::common_mailbox;
use crate::address::{Address, Group, LooseMailbox};
use crate::index::push;

/// Reads the value of an address field.
pub(crate) fn address_list<'a>(value: &'a [u8], out: &mut Vec<Address<'a>>) {
    let mut reader = Reader::new(value);
    let mut group: Option<Group<'a>> = None;
    while let Some(entry) = reader.next_entry(group.is_some()) {
        match (entry, &mut group) {
            (Entry::Mailbox(mailbox), Some(group)) => group.mailboxes.push(mailbox),
            (Entry::Mailbox(mailbox), None) => {
                let read = value.len() - reader.rest.len();
                push(out, Address::Mailbox(mailbox), read, value.len());
            }
            (Entry::GroupStart(name), _) => {
                out.extend(group.take().map(Address::Group));
                group = Some(Group {
                    name,
                    mailboxes: Vec::new(),
                });
            }
            (Entry::GroupEnd(last), _) => {
                if let Some(mut group) = group.take() {
                    group.mailboxes.extend(last);
                    out.push(Address::Group(group));
                }
            }
        }
    }
    out.extend(group.map(Address::Group));
}

enum Entry<'a> {
    Mailbox(LooseMailbox<'a>),
    GroupStart(Cow<'a, str>),
    /// The `;` of a group, with the mailbox before it.
    GroupEnd(Option<LooseMailbox<'a>>),
}

struct Reader<'a> {
    value: &'a [u8],
    /// The value once more, if it is ASCII.
    ascii: Option<&'a str>,
    rest: &'a [u8],
    words: Vec<Word<'a>>,
    /// The words before an angle bracket.
    name: Vec<Word<'a>>,
    comment: Option<&'a [u8]>,
    /// Whether a special that has no meaning here was skipped.
    stray: bool,
    /// A quote or a bracket that is never closed was met: to look for the end of another one would be in vain, and
    /// many of them would take quadratic time.
    unclosed: bool,
}

impl<'a> Reader<'a> {
    fn new(value: &'a [u8]) -> Self {
        Self {
            value,
            ascii: std::str::from_utf8(value).ok().filter(|v| v.is_ascii()),
            rest: value,
            words: Vec::new(),
            name: Vec::new(),
            comment: None,
            stray: false,
            unclosed: false,
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
    fn next_entry(&mut self, in_group: bool) -> Option<Entry<'a>> {
        self.words.clear();
        self.comment = None;
        self.stray = false;
        let rest = skip_fws(self.rest).0;
        let ascii = self
            .ascii
            .and_then(|text| text.get(text.len() - rest.len()..));
        if let Some((after, mailbox)) = common_mailbox(rest, ascii) {
            self.rest = after;
            return Some(Entry::Mailbox(mailbox));
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
                }
                b';' => {
                    self.rest = after;
                    let mailbox = self.mailbox();
                    match (in_group, mailbox) {
                        (true, mailbox) => return Some(Entry::GroupEnd(mailbox)),
                        (false, Some(mailbox)) => return Some(Entry::Mailbox(mailbox)),
                        (false, None) => {}
                    }
                }
                b':' if !self.words.is_empty()
                    && !self.words.iter().any(|w| w.kind == Kind::At) =>
                {
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

    /// Skips white space and comments, keeping the last comment. Whether there was anything.
    fn skip_cfws(&mut self) -> bool {
        let mut last = None;
        let (after, ()) = skip_cfws_keeping(self.rest, |text| last = Some(text));
        let skipped = after.len() != self.rest.len();
        self.rest = after;
        self.comment = last.or(self.comment);
        skipped
    }

    /// `angle-addr` after its `<`, up to the end of its entry.
    fn angle(&mut self) -> LooseMailbox<'a> {
        let mut closed = false;
        let mut regular = !self.stray;
        self.comment = None;
        loop {
            let spaced = self.skip_cfws();
            let Some((first, after)) = self.rest.split_first() else {
                break;
            };
            match first {
                b'>' => {
                    self.rest = after;
                    regular &= !closed;
                    closed = true;
                }
                // A route (§4.4): what stands before the colon does not count.
                b':' if !closed => {
                    self.rest = after;
                    self.words.clear();
                }
                b',' if !closed && self.words.first().is_some_and(|w| w.kind == Kind::At) => {
                    self.rest = after
                }
                b',' => {
                    self.rest = after;
                    break;
                }
                b';' => break,
                b'<' => {
                    self.rest = after;
                    regular = false;
                }
                _ => regular &= self.take_word(spaced, !closed) && !closed,
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
            regular: regular && closed && plain,
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
            // One word may be a local address; several are a name.
            let bare = !words.iter().skip(1).any(|w| w.spaced)
                && words.iter().all(|w| w.kind != Kind::Encoded);
            let text = phrase(self.value, words);
            let (name, address) = if bare {
                (comment, Some(address_text(self.value, words).0))
            } else {
                (Some(text), None)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Name and address of every mailbox, groups opened as `name:` … `;`.
    fn read(value: &str) -> Vec<String> {
        let mut list = Vec::new();
        address_list(value.as_bytes(), &mut list);
        let show = |m: &LooseMailbox<'_>| {
            let name = m
                .name
                .as_deref()
                .map(|n| format!("{n} "))
                .unwrap_or_default();
            let mark = if m.regular { "" } else { " !" };
            format!("{name}<{}>{mark}", m.address.as_deref().unwrap_or_default())
        };
        let mut out = Vec::new();
        for address in &list {
            match address {
                Address::Mailbox(mailbox) => out.push(show(mailbox)),
                Address::Group(group) => {
                    out.push(format!("{}:", group.name));
                    out.extend(group.mailboxes.iter().map(show));
                    out.push(";".into());
                }
            }
        }
        out
    }

    #[test]
    fn rfc5322_a_1_2_mailboxes() {
        assert_eq!(
            read(
                "\"Joe Q. Public\" <john.q.public@example.com>, Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>"
            ),
            [
                "Joe Q. Public <john.q.public@example.com>",
                "Mary Smith <mary@x.test>",
                "<jdoe@example.org>",
                "Who? <one@y.test>"
            ]
        );
        assert_eq!(
            read("<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>"),
            [
                "<boss@nil.test>",
                "Giant; \"Big\" Box <sysservices@example.net>"
            ]
        );
    }

    #[test]
    fn what_is_never_closed_takes_linear_time() {
        for piece in ["[", "\\\"", "<", "(", "[\\]", "\"\\"] {
            assert!(
                read(&format!("\"{}", piece.repeat(100_000))).len() <= 1,
                "{piece}"
            );
        }
        assert_eq!(read("[a <b@c>, [d <e@f>, \"g\" <h@i>").len(), 3);
    }

    #[test]
    fn rfc5322_a_1_3_groups() {
        assert_eq!(
            read("A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;"),
            [
                "A Group:",
                "Ed Jones <c@a.test>",
                "<joe@where.test>",
                "John <jdoe@one.test>",
                ";"
            ]
        );
        assert_eq!(
            read("Undisclosed recipients:;"),
            ["Undisclosed recipients:", ";"]
        );
    }

    #[test]
    fn rfc5322_a_5_and_a_6_comments_and_obsolete_forms() {
        assert_eq!(
            read("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>"),
            ["Pete <pete@silly.test>"]
        );
        assert_eq!(
            read("Joe Q. Public <john.q.public@example.com>"),
            ["Joe Q. Public <john.q.public@example.com>"]
        );
        assert_eq!(
            read("Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example"),
            ["Mary Smith <mary@example.net>", "<jdoe@test.example>"]
        );
        assert_eq!(
            read("jdoe@example.org (John Doe)"),
            ["John Doe <jdoe@example.org>"]
        );
        assert_eq!(read("a @ b . c"), ["<a@b.c>"]);
    }

    #[test]
    fn quoted_local_parts_and_literals_stay_as_written() {
        assert_eq!(read("\"a b\"@[192.0.2.1]"), ["<\"a b\"@[192.0.2.1]>"]);
        assert_eq!(
            read("\"x@y z\"@internal.domain"),
            ["<\"x@y z\"@internal.domain>"]
        );
    }

    #[test]
    fn encoded_words_are_decoded_in_names_only() {
        assert_eq!(read("=?utf-8?Q?J=C3=B6,_X?= <j@x.y>"), ["Jö, X <j@x.y>"]);
        assert_eq!(read("\"=?utf-8?Q?J=C3=B6?=\" <j@x.y>"), ["Jö <j@x.y>"]);
        assert_eq!(
            read("=?utf-8?q?=61=40evil.com=3e=20?=@example.com"),
            ["<=?utf-8?q?=61=40evil.com=3e=20?=@example.com> !"]
        );
    }

    #[test]
    fn broken_entries_are_read_and_marked_and_hide_no_other() {
        assert_eq!(read("abel, b@c"), ["<abel> !", "<b@c>"]);
        assert_eq!(read("<a@b.c"), ["<a@b.c> !"]);
        assert_eq!(read("Jo Doe jo@x.y, b@c"), ["Jo Doe <jo@x.y> !", "<b@c>"]);
        assert_eq!(
            read("alice@example.org<bob@example.com>"),
            ["alice@example.org <bob@example.com> !"]
        );
        assert_eq!(read("a<b<c>>"), ["a <bc> !"]);
        assert_eq!(read("\"open <a@b>, c@d"), ["open <a@b> !", "<c@d>"]);
        assert_eq!(read("a@b.c;d@e.f"), ["<a@b.c>", "<d@e.f>"]);
        assert_eq!(read(",,,"), Vec::<String>::new());
    }

    /// What the reader makes of it, which reads the common forms elsewhere, too.
    fn read_slowly(value: &str) -> Vec<String> {
        read(&format!("(){value}"))
    }

    #[test]
    fn rfc5322_3_4_1_an_address_is_words_with_a_dot_between_them_or_one_quoted_string() {
        for (value, regular) in [
            ("a@b", true),
            ("a.b@c.d.e", true),
            ("\"a b\"@c", true),
            ("a@[192.0.2.1]", true),
            ("a..b@c", false),
            (".a@b", false),
            ("a.@b", false),
            ("a@.b", false),
            ("a@b.", false),
            ("a@b..c", false),
            ("a@b@c", false),
            ("@b", false),
            ("a@", false),
            ("\"a\".b@c", false),
            ("a.\"b\"@c", false),
            ("\"a\"b@c", false),
            ("[192.0.2.1]@b", false),
            ("a@\"b\"", false),
            ("a@[192.0.2.1].b", false),
            ("a@b.[192.0.2.1]", false),
        ] {
            let mark = if regular { "" } else { " !" };
            assert_eq!(read_slowly(value), [format!("<{value}>{mark}")], "{value}");
            let in_brackets = read_slowly(&format!("<{value}>"));
            assert_eq!(in_brackets, [format!("<{value}>{mark}")], "<{value}>");
        }
    }

    #[test]
    fn rfc5322_4_4_white_space_around_a_dot_does_not_end_an_address() {
        for (value, expected) in [
            ("Jo a . b@c", "Jo <a.b@c> !"),
            ("Jo a. b@c", "Jo <a.b@c> !"),
            ("Jo a .b@c", "Jo <a.b@c> !"),
            ("a @b", "<a@b>"),
            ("a@ b", "<a@b>"),
            ("a@b . c", "<a@b.c>"),
            ("a@b. c", "<a@b.c>"),
            ("a@b .c", "<a@b.c>"),
            ("a@b c", "<a@b> !"),
            ("a@b . c d", "<a@b.c> !"),
            ("Jo Doe a@b c", "Jo Doe <a@b> !"),
        ] {
            assert_eq!(read(value), [expected], "{value}");
        }
    }

    #[test]
    fn what_stands_wrongly_beside_brackets_marks_the_mailbox() {
        for (value, expected) in [
            ("x <a@b> y", &["x <a@b> !"][..]),
            ("x <a@b>>", &["x <a@b> !"]),
            ("x <a@b", &["x <a@b> !"]),
            ("x <a@b, c@d", &["x <a@b> !", "<c@d>"]),
            ("x <a@b; c@d", &["x <a@b> !", "<c@d>"]),
            ("x <a@b>; c@d", &["x <a@b>", "<c@d>"]),
            ("x <>", &["x <> !"]),
            ("x <a@b> (y)", &["x <a@b>"]),
            ("<a@b> (y)", &["y <a@b>"]),
            ("x <@r,@s:a@b>, c@d", &["x <a@b>", "<c@d>"]),
            ("x <a@b>: c@d", &["x <a@b> !"]),
        ] {
            assert_eq!(read(value), expected, "{value}");
        }
    }

    #[test]
    fn a_name_has_its_words_with_one_space_between_them_and_no_quotes() {
        for (value, name) in [
            ("a  b <c@d>", "a b"),
            ("a\tb <c@d>", "a b"),
            ("\"a\\\"b\" <c@d>", "a\"b"),
            ("\"a\r\n b\" <c@d>", "a b"),
            ("\"a\" \"b\" <c@d>", "a b"),
            ("\"a\"b <c@d>", "ab"),
            ("a \"b c\" <c@d>", "a b c"),
        ] {
            assert_eq!(read(value), [format!("{name} <c@d>")], "{value}");
        }
    }

    #[test]
    fn without_an_at_sign_one_word_is_a_local_address_and_several_are_a_name() {
        for (value, expected) in [
            ("abel", "<abel> !"),
            ("a.b", "<a.b> !"),
            ("abel (Abe)", "Abe <abel> !"),
            ("abel ()", "<abel> !"),
            ("Jo Doe", "Jo Doe <> !"),
            ("Jo Doe (x)", "Jo Doe <> !"),
            ("=?utf-8?Q?J=C3=B6?=", "Jö <> !"),
        ] {
            assert_eq!(read(value), [expected], "{value}");
        }
    }

    #[test]
    fn a_name_that_stood_in_a_comment_says_so() {
        for (value, from_comment) in [
            ("a@b (Ann)", true),
            ("<a@b> (Ann)", true),
            ("abel (Ann)", true),
            ("a@b ()", false),
            ("a@b", false),
            ("Ann <a@b> (x)", false),
            ("Ann Lee a@b (x)", false),
            ("Ann Lee (x)", false),
        ] {
            let mut list = Vec::new();
            address_list(value.as_bytes(), &mut list);
            let [Address::Mailbox(mailbox)] = &list[..] else {
                panic!("{value}: {list:?}");
            };
            assert_eq!(mailbox.name_from_comment, from_comment, "{value}");
        }
    }

    #[test]
    fn rfc5322_3_4_entries_between_commas_and_groups_keep_their_order() {
        assert_eq!(
            read("a@b; g:c@d; , h: i@j (I), ; <k@l>, m:"),
            [
                "<a@b>", "g:", "<c@d>", ";", "h:", "I <i@j>", ";", "<k@l>", "m:", ";"
            ]
        );
        assert_eq!(
            read("g:a@b, h:c@d;"),
            ["g:", "<a@b>", ";", "h:", "<c@d>", ";"]
        );
    }

    proptest::proptest! {
        #[test]
        fn the_common_forms_are_read_as_the_reader_reads_them(
            name in "(\"[ -!#-\\[\\]-~]{0,9}\"|[a-z.=?]{0,4}( [a-z.]{1,3}){0,3})",
            address in "[a-z.]{1,4}@[a-z.]{1,4}",
            seen_whole: bool,
        ) {
            for text in [format!("{name} <{address}>"), address.clone(), format!("<{address}>")] {
                let ascii = Some(&*text).filter(|_| seen_whole);
                if let Some((_, common)) = common_mailbox(text.as_bytes(), ascii) {
                    // A comment in front is not of the common forms, and means nothing there.
                    let commented = format!("(){text}");
                    let mut list = Vec::new();
                    address_list(commented.as_bytes(), &mut list);
                    proptest::prop_assert_eq!(&list, &[Address::Mailbox(common)], "{}", text);
                }
            }
        }
    }
}
