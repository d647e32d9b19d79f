use super::naive;
use postrider_mime::store::{Mbox, MboxDialect};

/// The input is an mbox; then, cut at its NULs, messages that somebody put into one.
///
/// * Entries lie inside the file, one behind the other, and no more than begin with `From `.
/// * A separator begins a line, also where a Content-Length leads to it.
/// * Messages written by the rule called *mboxrd* come back, all and in order.
pub fn mbox(input: &[u8]) {
    let entries: Vec<_> = Mbox::new(input).collect();
    let separators = naive::occurrences(input, b"From ");
    assert!(entries.len() <= separators + 1);
    let mut after = 0;
    for entry in &entries {
        let inside = entry.raw.as_ptr() as usize - input.as_ptr() as usize;
        assert!(inside >= after && inside + entry.raw.len() <= input.len());
        after = inside + entry.raw.len();
        assert!(entry.unquoted().len() <= entry.raw.len());
        assert!(!entry.separator.contains(&b'\n'));
    }
    for dialect in [MboxDialect::Mboxrd, MboxDialect::Mboxcl] {
        for entry in Mbox::in_dialect(input, dialect).skip(1) {
            let separator = entry.separator.as_ptr() as usize - input.as_ptr() as usize;
            let before = input[..separator].strip_suffix(b"From ");
            assert!(before.is_some_and(|before| before.ends_with(b"\n")));
        }
    }
    let messages: Vec<Vec<u8>> = input
        .split(|octet| *octet == 0)
        .map(|text| [text, b"\n"].concat())
        .collect();
    let file: Vec<u8> = messages.iter().flat_map(|m| written(m)).collect();
    let read = Mbox::new(&file).map(|entry| entry.unquoted().into_owned());
    assert_eq!(read.collect::<Vec<_>>(), messages);
}

/// A separator, the message with one more `>` before each `From ` that could be taken for one, and an empty line.
fn written(message: &[u8]) -> Vec<u8> {
    let mut out = b"From ada@example.org Thu Jan  1 00:00:00 1970\n".to_vec();
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        let rest = line.trim_ascii_start();
        let marks = line.iter().take_while(|octet| **octet == b'>').count();
        if line[marks..].starts_with(b"From ") && rest.len() == line.len() {
            out.push(b'>');
        }
        out.extend_from_slice(line);
    }
    out.push(b'\n');
    out
}
