//! The header field DKIM-Signature (RFC 6376 §3.5).

use std::fmt::Write;

use memchr::{memchr, memmem};

use super::Signer;
use super::error::DkimError;
use crate::coding::base64;

/// Lines are folded at this (RFC 5322 §2.1.1).
const LINE: usize = 78;

/// Makes the field, with its last line end, of a header and the hash of the body.
///
/// ```text
/// tag-list  = tag-spec *( ";" tag-spec ) [ ";" ]
/// tag-spec  = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS]
/// sig-h-tag = %x68 [FWS] "=" [FWS] hdr-name *( [FWS] ":" [FWS] hdr-name )
/// ```
pub(super) fn field(
    signer: &Signer,
    header: &[u8],
    body_hash: &[u8],
    time: u64,
    expires: Option<u64>,
) -> Result<String, DkimError> {
    let (names, chosen) = choose(signer, header)?;
    let mut field = unsigned(signer, &names, body_hash, time, expires);
    let mut canonical = Vec::new();
    for chosen in chosen {
        signer.header.field(chosen, &mut canonical);
        canonical.extend_from_slice(b"\r\n");
    }
    // The field itself comes last, with nothing behind `b=` and without a line end (RFC 6376 §3.7).
    signer.header.field(field.as_bytes(), &mut canonical);
    append_signature(&mut field, &signer.key.sign(&canonical)?);
    Ok(field)
}

/// The names for `h=`, and the fields that they mean: of several with one name the last one first (RFC 6376 §5.4.2).
///
/// A name that stands in `h=` once more than in the header says that there is no further one (RFC 6376 §5.4).
fn choose<'s, 'h>(
    signer: &'s Signer,
    header: &'h [u8],
) -> Result<(Vec<&'s str>, Vec<&'h [u8]>), DkimError> {
    let fields: Vec<(&[u8], &[u8])> = Fields(header).collect();
    let (mut names, mut chosen) = (Vec::new(), Vec::new());
    for name in &signer.signed {
        let before = chosen.len();
        let with_name = fields.iter().rev();
        let with_name = with_name.filter(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()));
        chosen.extend(with_name.map(|(_, field)| *field));
        let count = chosen.len() - before;
        match (name.as_str(), count) {
            ("from", 0) => return Err(DkimError::NoFrom),
            ("from", 2..) => return Err(DkimError::RepeatedFrom),
            _ => names.extend(std::iter::repeat_n(name.as_str(), count)),
        }
    }
    names.extend(signer.oversigned.iter().map(String::as_str));
    Ok((names, chosen))
}

/// The fields of a header: name and whole field without its last line end. Lines that are no field are passed over.
struct Fields<'h>(&'h [u8]);

impl<'h> Iterator for Fields<'h> {
    type Item = (&'h [u8], &'h [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.0.is_empty() {
            let end = memmem::find_iter(self.0, b"\r\n")
                .find(|end| !matches!(self.0.get(end + 2), Some(b' ' | b'\t')))
                .unwrap_or(self.0.len());
            let (field, rest) = self.0.split_at_checked(end)?;
            self.0 = rest.get(2..).unwrap_or_default();
            if let Some(colon) = memchr(b':', field) {
                let name = field.get(..colon).unwrap_or_default();
                return Some((name.trim_ascii_end(), field));
            }
        }
        None
    }
}

/// The field up to and with `b=`. Where there is a space it may be folded, which relaxed canonicalisation does not see.
fn unsigned(
    signer: &Signer,
    names: &[&str],
    body_hash: &[u8],
    time: u64,
    expires: Option<u64>,
) -> String {
    let mut tags = format!(
        "v=1; a={}; c={}/{}; d={};",
        signer.key.algorithm(),
        signer.header.name(),
        signer.body.name(),
        signer.domain
    );
    // Writing into a String does not fail.
    if let Some(identity) = &signer.identity {
        let _ = write!(tags, " i={identity};");
    }
    let _ = write!(tags, " q=dns/txt; s={}; t={time};", signer.selector);
    if let Some(expires) = expires {
        let _ = write!(tags, " x={expires};");
    }
    let (names, hash) = (names.join(" : "), base64::encode_word(body_hash));
    let _ = write!(tags, " h={names}; bh={hash};");
    let mut field = fold("DKIM-Signature:", &tags);
    field.push_str("\r\n b=");
    field
}

fn fold(name: &str, tags: &str) -> String {
    let mut field = String::with_capacity(name.len() + tags.len() + tags.len() / 16);
    field.push_str(name);
    let mut column = name.len();
    for word in tags.split(' ') {
        if column + 1 + word.len() > LINE {
            field.push_str("\r\n");
            column = 0;
        }
        field.push(' ');
        field.push_str(word);
        column += 1 + word.len();
    }
    field
}

fn append_signature(field: &mut String, signature: &[u8]) {
    let mut room = LINE - " b=".len();
    for digit in base64::encode_word(signature).chars() {
        if room == 0 {
            field.push_str("\r\n ");
            room = LINE - " ".len();
        }
        field.push(digit);
        room -= 1;
    }
    field.push_str("\r\n");
}
