//! DER, as far as the fields of a certificate need it: values one after another, and never an octet beyond what is there.
//!
//! Not supported: tags of more than one octet, lengths of more than four; certificates have neither.

/// The tags of X.690 §8 that certificates use.
pub(super) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const UTF8_STRING: u8 = 0x0c;
    pub(crate) const PRINTABLE_STRING: u8 = 0x13;
    pub(crate) const TELETEX_STRING: u8 = 0x14;
    pub(crate) const IA5_STRING: u8 = 0x16;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const BMP_STRING: u8 = 0x1e;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;

    /// `[number]`, with a value of its own or with values inside.
    pub(crate) const fn context(number: u8, inside: bool) -> u8 {
        let class = if inside { 0xa0 } else { 0x80 };
        class | number
    }
}

/// Values that stand one after another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The content of the value in front, if it has that tag; else nothing is consumed.
    pub(super) fn value(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, content, rest) = split(self.0)?;
        (found == tag).then(|| {
            self.0 = rest;
            content
        })
    }

    /// The values inside the one in front.
    pub(super) fn enter(&mut self, tag: u8) -> Option<Der<'a>> {
        self.value(tag).map(Der)
    }
}

/// Tag and content of each value, up to the end or the first that is none.
impl<'a> Iterator for Der<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, content, rest) = split(self.0)?;
        self.0 = rest;
        Some((tag, content))
    }
}

/// Tag, content, and what follows (X.690 §8.1, §10.1).
fn split(octets: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = octets.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = octets.iter().fold(0, |sum, &o| sum << 8 | usize::from(o));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    (tag & 0x1f != 0x1f).then_some((tag, content, rest))
}

/// An object identifier with dots (X.690 §8.19).
pub(super) fn dotted(oid: &[u8]) -> String {
    let mut arcs: Vec<u64> = Vec::new();
    let mut arc: u64 = 0;
    for octet in oid {
        arc = arc << 7 | u64::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            if arcs.is_empty() {
                // The first two arcs share a number.
                let first = (arc / 40).min(2);
                arcs.push(first);
                arc -= 40 * first;
            }
            arcs.push(arc);
            arc = 0;
        }
    }
    let arcs: Vec<String> = arcs.iter().map(u64::to_string).collect();
    arcs.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x690_8_1_3_lengths_short_and_long() {
        let long = [&[0x04, 0x81, 0x80][..], &[7; 128], &[0x05, 0x00]].concat();
        let values: Vec<_> = Der::new(&long).collect();
        assert_eq!(values, [(0x04, &[7; 128][..]), (0x05, &[][..])]);
        for bad in [
            &[0x30][..],
            &[0x30, 0x01],
            &[0x30, 0x80, 0x00, 0x00],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x85, 0, 0, 0, 0, 0],
            &[0x1f, 0x01, 0x00],
        ] {
            assert_eq!(Der::new(bad).next(), None, "{bad:x?}");
        }
    }

    #[test]
    fn x690_8_19_object_identifiers() {
        assert_eq!(
            dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]),
            "1.2.840.113549"
        );
        assert_eq!(dotted(&[0x88, 0x37, 0x03]), "2.999.3");
        assert_eq!(dotted(&[0x55, 0x04, 0x03]), "2.5.4.3");
        assert_eq!(dotted(&[]), "");
    }
}
