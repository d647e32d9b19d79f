use super::*;
use proptest::prelude::*;

/// Feeds the pieces, and returns the content and what stays behind it, if the end was found.
fn taken(pieces: &[&[u8]]) -> (Content, Option<BytesMut>) {
    let (mut content, mut input) = (Content::new(1 << 20), BytesMut::new());
    let mut pieces = pieces.iter();
    for piece in pieces.by_ref() {
        input.extend_from_slice(piece);
        let progress = content.take_lines(&mut input);
        assert!(progress == Progress::Complete || input.len() <= 2);
        if progress == Progress::Complete {
            pieces.for_each(|piece| input.extend_from_slice(piece));
            return (content, Some(input));
        }
    }
    (content, None)
}

fn complete(wire: &[u8]) -> Option<Vec<u8>> {
    let (content, rest) = taken(&[wire]);
    rest.map(|_| content.into_bytes().to_vec())
}

/// The naive twin: split at CRLF, look for the dot, take one dot away.
fn naive(wire: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    let mut rest = wire;
    loop {
        let at = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let (line, tail) = rest.split_at(at + 2);
        rest = tail;
        if line == b".\r\n" {
            return Some(content);
        }
        content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
}

/// RFC 5321 §4.5.2, for content that ends with CRLF.
fn stuffed(content: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            wire.push(b'.');
        }
        wire.extend_from_slice(line);
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

#[test]
fn rfc5321_4_5_2_transparency() {
    assert_eq!(complete(b".\r\n").unwrap(), b"");
    assert_eq!(complete(b"x\r\n.\r\n").unwrap(), b"x\r\n");
    assert_eq!(
        complete(b"..\r\n...a\r\n.b\r\n.\r\n").unwrap(),
        b".\r\n..a\r\nb\r\n"
    );
}

#[test]
fn only_crlf_dot_crlf_ends_the_content() {
    for wire in [
        &b"a\n.\nb"[..],
        b"a\n.\r\nb",
        b"a\r.\r\n",
        b"a\r\n.\n",
        b"a\r\n.\rb",
        b"a\r\n.\r\r\n",
        b"a\r\n..\r\n",
    ] {
        assert_eq!(complete(wire), None, "{wire:?}");
    }
}

#[test]
fn bare_line_ends_and_eight_bit_octets_are_noticed() {
    for (wire, bare, eight_bit) in [
        (&b"a\r\n.\r\n"[..], false, false),
        (b"a\nb\r\n.\r\n", true, false),
        (b"a\rb\r\n.\r\n", true, false),
        (b"a\r\r\n.\r\n", true, false),
        (b"\xc3\xa4\r\n.\r\n", false, true),
    ] {
        let (content, rest) = taken(&[wire]);
        assert!(rest.is_some());
        assert_eq!(
            (content.has_bare_line_end(), content.is_eight_bit()),
            (bare, eight_bit),
            "{wire:?}"
        );
    }
}

#[test]
fn what_is_over_the_limit_is_counted_and_not_kept() {
    let mut content = Content::new(3);
    let mut input = BytesMut::from(&b"a\r\n.\r\n"[..]);
    assert_eq!(content.take_lines(&mut input), Progress::Complete);
    assert!(!content.is_too_large());
    let mut content = Content::new(3);
    let mut input = BytesMut::from(&b"ab\r\nc\r\n.\r\n"[..]);
    assert_eq!(content.take_lines(&mut input), Progress::Complete);
    assert!(content.is_too_large());
    assert_eq!(content.octets(), 7);
    assert!(content.into_bytes().is_empty());
}

#[test]
fn rfc3030_chunks_are_taken_as_they_are_and_line_ends_looked_at_across_them() {
    let bare = |chunks: &[&[u8]]| {
        let mut content = Content::new(100);
        for chunk in chunks {
            assert_eq!(content.take_chunk(chunk), Progress::More);
        }
        content.has_bare_line_end()
    };
    assert!(!bare(&[b"a\r\n.\r\nb\r", b"\nc"]));
    assert!(bare(&[b"a\r", b"b"]));
    assert!(bare(&[b"a", b"\nb"]));
    assert!(bare(&[b"a\r"]));
    assert!(bare(&[b"\r\r\n"]));
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![
        3 => Just(b'.'), 3 => Just(b'\r'), 3 => Just(b'\n'), 2 => Just(b'a'), 1 => any::<u8>()
    ];
    proptest::collection::vec(octet, 0..60)
}

proptest! {
    #[test]
    fn any_octets_mean_what_the_naive_twin_says(wire in octets()) {
        prop_assert_eq!(complete(&wire), naive(&wire));
    }

    #[test]
    fn chunking_never_matters(wire in octets(), cuts in proptest::collection::vec(0usize..60, 0..4)) {
        let mut pieces = Vec::new();
        let mut rest = wire.as_slice();
        for cut in cuts {
            let (piece, tail) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = tail;
        }
        pieces.push(rest);
        let (whole, whole_rest) = taken(&[&wire]);
        let (split, split_rest) = taken(&pieces);
        prop_assert_eq!(whole_rest, split_rest);
        prop_assert_eq!(whole.has_bare_line_end(), split.has_bare_line_end());
        prop_assert_eq!(whole.octets(), split.octets());
        prop_assert_eq!(whole.into_bytes(), split.into_bytes());
    }

    #[test]
    fn stuffed_content_comes_out_as_it_was(lines in proptest::collection::vec("[.a\u{e4}]{0,5}", 0..8)) {
        let content = lines.iter().map(|line| format!("{line}\r\n")).collect::<String>().into_bytes();
        prop_assert_eq!(complete(&stuffed(&content)), Some(content));
    }
}
