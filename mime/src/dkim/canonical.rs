//! Canonicalisation (RFC 6376 §3.4): what may change on the way without breaking a signature.

use memchr::{memchr, memchr3_iter};

/// How much a message may change on the way (RFC 6376 §3.4).
///
/// ```text
/// sig-c-tag-alg = "simple" / "relaxed" / x-sig-c-tag-alg
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Canonicalization {
    /// Nothing, but for empty lines at the end of the body.
    Simple,
    /// White space, the folding of header fields and the case of their names.
    Relaxed,
}

impl Canonicalization {
    /// The name in the tag `c=`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Relaxed => "relaxed",
        }
    }

    /// Appends a header field that is given without its last line end, and no line end (RFC 6376 §3.4.1, §3.4.2).
    pub(super) fn field(self, field: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Simple => out.extend_from_slice(field),
            Self::Relaxed => relaxed_field(field, out),
        }
    }
}

fn relaxed_field(field: &[u8], out: &mut Vec<u8>) {
    let colon = memchr(b':', field).unwrap_or(field.len());
    let (name, value) = field.split_at(colon);
    out.extend(name.trim_ascii_end().iter().map(u8::to_ascii_lowercase));
    out.push(b':');
    let value = value.get(1..).unwrap_or_default();
    let mut words = value
        .split(|byte| b" \t\r\n".contains(byte))
        .filter(|word| !word.is_empty());
    if let Some(first) = words.next() {
        out.extend_from_slice(first);
    }
    for word in words {
        out.push(b' ');
        out.extend_from_slice(word);
    }
}

/// A body that is made canonical while it comes in pieces (RFC 6376 §3.4.3, §3.4.4). It keeps no byte of it.
///
/// The output of both algorithms is a sequence of lines, of which the last is not empty. So line ends are held back until
/// something follows them, and with relaxed white space is as well.
#[derive(Debug)]
pub(super) struct Body {
    form: Canonicalization,
    /// Line ends that were not written yet.
    line_ends: u64,
    /// White space that was not written yet.
    space: bool,
    /// A CR that may be half of a line end.
    cr: bool,
    /// Whether anything was written.
    written: bool,
}

impl Body {
    pub(super) fn new(form: Canonicalization) -> Self {
        Self {
            form,
            line_ends: 0,
            space: false,
            cr: false,
            written: false,
        }
    }

    /// Takes a piece and gives what is canonical by now.
    pub(super) fn push(&mut self, piece: &[u8], mut out: impl FnMut(&[u8])) {
        let mut done = 0;
        for at in interesting(self.form, piece) {
            if at < done {
                continue;
            }
            self.text(piece.get(done..at).unwrap_or_default(), &mut out);
            done = at + 1;
            match piece.get(at) {
                Some(b'\r') => {
                    self.lone_cr(&mut out);
                    self.cr = true;
                    if piece.get(done) == Some(&b'\n') {
                        self.line_end();
                        done += 1;
                    }
                }
                _ => {
                    self.lone_cr(&mut out);
                    self.space = true;
                }
            }
        }
        self.text(piece.get(done..).unwrap_or_default(), &mut out);
    }

    /// Text without CR, and with relaxed without white space that would change.
    fn text(&mut self, mut text: &[u8], out: &mut impl FnMut(&[u8])) {
        if self.cr && text.first() == Some(&b'\n') {
            self.line_end();
            text = text.get(1..).unwrap_or_default();
        }
        if text.is_empty() {
            return;
        }
        self.lone_cr(out);
        self.held(out);
        out(text);
    }

    fn line_end(&mut self) {
        (self.cr, self.space) = (false, false);
        self.line_ends += 1;
    }

    /// A CR without LF is text.
    fn lone_cr(&mut self, out: &mut impl FnMut(&[u8])) {
        if std::mem::take(&mut self.cr) {
            self.held(out);
            out(b"\r");
        }
    }

    fn held(&mut self, out: &mut impl FnMut(&[u8])) {
        for _ in 0..std::mem::take(&mut self.line_ends) {
            out(b"\r\n");
        }
        if std::mem::take(&mut self.space) {
            out(b" ");
        }
        self.written = true;
    }

    /// Ends the body.
    pub(super) fn finish(mut self, mut out: impl FnMut(&[u8])) {
        self.lone_cr(&mut out);
        // An empty body is a line end with simple, and nothing with relaxed.
        if self.written || self.form == Canonicalization::Simple {
            out(b"\r\n");
        }
    }
}

/// Where something may change: at CR, and with relaxed at white space, unless it is a space between two words.
fn interesting(form: Canonicalization, piece: &[u8]) -> impl Iterator<Item = usize> {
    let (space, tab) = match form {
        Canonicalization::Simple => (b'\r', b'\r'),
        Canonicalization::Relaxed => (b' ', b'\t'),
    };
    memchr3_iter(b'\r', space, tab, piece).filter(move |&at| {
        let before = at.checked_sub(1).and_then(|at| piece.get(at));
        let around = before.zip(piece.get(at + 1));
        piece.get(at) != Some(&b' ')
            || around.is_none_or(|(a, b)| b" \t\r\n".contains(a) || b" \t\r".contains(b))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Canonicalization::{Relaxed, Simple};
    use super::*;

    fn body(form: Canonicalization, pieces: &[&[u8]]) -> Vec<u8> {
        let (mut out, mut body) = (Vec::new(), Body::new(form));
        for piece in pieces {
            body.push(piece, |bytes| out.extend_from_slice(bytes));
        }
        body.finish(|bytes| out.extend_from_slice(bytes));
        out
    }

    fn field(form: Canonicalization, field: &str) -> String {
        let mut out = Vec::new();
        form.field(field.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    /// As the words of the RFC are, in as many passes as there are sentences.
    fn naive(form: Canonicalization, body: &str) -> String {
        let mut lines: Vec<String> = body.split("\r\n").map(str::to_owned).collect();
        if form == Relaxed {
            for line in &mut lines {
                *line = line.replace('\t', " ");
                while line.contains("  ") {
                    *line = line.replace("  ", " ");
                }
                *line = line.trim_end_matches(' ').to_owned();
            }
        }
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        match (lines.is_empty(), form) {
            (true, Relaxed) => String::new(),
            _ => lines.join("\r\n") + "\r\n",
        }
    }

    fn naive_relaxed_field(field: &str) -> String {
        let (name, value) = field.split_once(':').unwrap();
        let mut value = value.replace("\r\n", "").replace('\t', " ");
        while value.contains("  ") {
            value = value.replace("  ", " ");
        }
        format!(
            "{}:{}",
            name.trim_end().to_ascii_lowercase(),
            value.trim_matches(' ')
        )
    }

    const EXAMPLE: &[u8] = b" C \r\nD \t E\r\n\r\n\r\n";

    #[test]
    fn rfc6376_3_4_5_examples() {
        let (a, b) = ("A: X", "B : Y\t\r\n\tZ  ");
        assert_eq!(
            (field(Relaxed, a), field(Relaxed, b)),
            ("a:X".into(), "b:Y Z".into())
        );
        assert_eq!((field(Simple, a), field(Simple, b)), (a.into(), b.into()));
        assert_eq!(body(Relaxed, &[EXAMPLE]), b" C\r\nD E\r\n");
        assert_eq!(body(Simple, &[EXAMPLE]), b" C \r\nD \t E\r\n");
    }

    #[test]
    fn rfc6376_3_4_3_and_3_4_4_empty_bodies_and_missing_line_ends() {
        for empty in [&b""[..], b"\r\n", b"\r\n\r\n"] {
            assert_eq!(body(Simple, &[empty]), b"\r\n");
            assert_eq!(body(Relaxed, &[empty]), b"");
        }
        assert_eq!(body(Simple, &[b" \r\n"]), b" \r\n");
        assert_eq!(body(Relaxed, &[b" \r\n\t"]), b"");
        assert_eq!(body(Simple, &[b"a"]), b"a\r\n");
        assert_eq!(body(Relaxed, &[b"a \t"]), b"a\r\n");
    }

    proptest! {
        #[test]
        fn the_same_as_the_naive_twin_however_it_is_cut(
            text in "([ab] |[ \t\r\n]|\r\n|\r\n){0,24}",
            at in 0..24_usize,
            step in 1..5_usize,
        ) {
            let bytes = text.as_bytes();
            for form in [Simple, Relaxed] {
                let expected = naive(form, &text).into_bytes();
                prop_assert_eq!(&body(form, &[bytes]), &expected);
                prop_assert_eq!(&body(form, &bytes.chunks(step).collect::<Vec<_>>()), &expected);
                let (left, right) = bytes.split_at(at.min(bytes.len()));
                prop_assert_eq!(&body(form, &[left, b"", right]), &expected);
            }
        }

        #[test]
        fn canonical_bodies_stay_as_they_are(text in "([ab] |[ \t\r\n]|\r\n){0,24}") {
            for form in [Simple, Relaxed] {
                let once = body(form, &[text.as_bytes()]);
                prop_assert_eq!(&body(form, &[&once]), &once);
            }
        }

        #[test]
        fn a_relaxed_field_is_the_same_as_the_naive_twin(
            text in "[A-Za-z-]{1,8}[ \t]{0,2}:([ab:é]|[ \t]|\r\n[ \t]){0,16}"
        ) {
            prop_assert_eq!(field(Relaxed, &text), naive_relaxed_field(&text));
            prop_assert_eq!(field(Simple, &text), text);
        }
    }
}
