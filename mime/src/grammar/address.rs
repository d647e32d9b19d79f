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
//! We also accept empty entries, `;` for `,`, no comma at all behind a `>`, a `>` that is missing, a single word without
//! `@` as an address, a name that is not in brackets (`Jo jo@example.org`), and any character in a word. A comment after
//! an address without a name is its name, as it was before names had a place of their own; one that is never closed ends
//! where an entry may end or an address in brackets begins.

use super::address_entry::{Entry, Reader};
use crate::address::{Address, Group};
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

#[cfg(test)]
mod tests {
    use super::super::common_mailbox::common_mailbox;
    use super::*;
    use crate::address::LooseMailbox;

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
        for piece in [
            "(a) ", "(a(", "(\\,", "(,", "(<", "<a> b ", "<a> \"", "<a>(", "<a>>",
        ] {
            read(&format!("(({}", piece.repeat(100_000)));
            read(&piece.repeat(100_000));
        }
        assert_eq!(read("[a <b@c>, [d <e@f>, \"g\" <h@i>").len(), 3);
    }

    #[test]
    fn colons_behind_an_at_sign_take_linear_time() {
        for piece in [":", ": ", ":a ", ":\"", ":(", ":>"] {
            let value = format!("{}@{}", "a ".repeat(300_000), piece.repeat(300_000));
            assert_eq!(read(&value).len(), 1, "{piece}");
        }
    }

    #[test]
    fn a_colon_begins_a_group_whatever_stood_in_the_entry_before() {
        for (value, first) in [
            ("a@b (x), g: e@f;", "x <a@b>"),
            ("a@b <c@d>, g: e@f;", "a@b <c@d> !"),
            ("a@b: c, g: e@f;", "<a@b> !"),
            ("<@a: c@d>, g: e@f;", "<c@d>"),
        ] {
            assert_eq!(read(value), [first, "g:", "<e@f>", ";"], "{value}");
        }
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
        assert_eq!(read("a<b<c>>"), ["a <b<c> !"]);
        assert_eq!(read("\"open <a@b>, c@d"), ["open <a@b> !", "<c@d>"]);
        assert_eq!(read("a@b.c;d@e.f"), ["<a@b.c>", "<d@e.f>"]);
        assert_eq!(read(",,,"), Vec::<String>::new());
    }

    #[test]
    fn what_stands_between_the_words_of_a_broken_address_stays_there() {
        for (value, expected) in [
            ("Jo <a b@c.d>", "Jo <a b@c.d> !"),
            ("Jo <a \r\n\t b(x)c@d>", "Jo <a b c@d> !"),
            ("<a@b.x >c@d.y>", "<a@b.x> !"),
            ("a@b.x >c@d.y", "<a@b.x >c@d.y> !"),
            ("yyi[ojo@hotmail.com", "<yyi[ojo@hotmail.com> !"),
            ("Jo <a<b@c>", "Jo <a<b@c> !"),
            ("<@foo.com, a@b.com", "<@foo.com, a@b.com> !"),
            ("<a (x) @ (y) b . (z) c>", "z <a@b.c>"),
            ("<a > \"b\" >", "<a> !"),
            ("ab>cd", "<ab>cd> !"),
        ] {
            assert_eq!(read(value), [expected], "{value}");
        }
    }

    #[test]
    fn a_mailbox_in_brackets_hides_none_behind_it() {
        for (value, expected) in [
            ("<a@b> <c@d>", &["<a@b> !", "<c@d> !"][..]),
            ("<a@b><c@d>, <e@f>", &["<a@b> !", "<c@d> !", "<e@f>"]),
            ("Ann <a@b> Bob <c@d>", &["Ann <a@b> !", "Bob <c@d> !"]),
            ("<a@b> (A) \"B\" <c@d> (C)", &["A <a@b> !", "B <c@d> !"]),
            ("<a@b> x> Bob <c@d> y", &["<a@b> !", "Bob <c@d> !"]),
            ("<a@b> c@d", &["<a@b> !"]),
            ("g: <a@b> <c@d>;", &["g:", "<a@b> !", "<c@d> !", ";"]),
        ] {
            assert_eq!(read(value), expected, "{value}");
        }
    }

    #[test]
    fn a_comment_that_is_never_closed_hides_no_other_address() {
        for (value, expected) in [
            ("a@b (x, c@d", &["x <a@b> !", "<c@d>"][..]),
            ("two@weeks (It Will Take", &["It Will Take <two@weeks> !"]),
            ("Jo (x <a@b>, c@d (Dee)", &["Jo <a@b> !", "Dee <c@d>"]),
            ("<a@b (x> , c@d", &["x> <a@b> !", "<c@d>"]),
            (
                "a@b (x; (y, c@d (z) (, e@f",
                &["x <a@b> !", "<c@d> !", "<e@f>"],
            ),
            ("(A), a@b", &["<a@b>"]),
            ("(x, a@b", &["<a@b>"]),
            ("a@b (x \\), c@d", &["x ) <a@b> !", "<c@d>"]),
        ] {
            assert_eq!(read(value), expected, "{value}");
        }
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
            ("\"abel\"", "abel <> !"),
            ("\"Display Name\" (x)", "Display Name <> !"),
            ("\"a\".b", "<\"a\".b> !"),
            ("\"\"", "<> !"),
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
