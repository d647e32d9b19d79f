//! What a mail needs of the server, found out before anything is written.

use crate::transparency::{bare_line_end, size};
use crate::{
    Body, Capabilities, Error, ErrorKind, Extension, LineEnds, Mail, MailParameters, Pipelining,
};

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carriage {
    /// DATA: as lines with a final dot.
    Lines,
    /// BDAT: as it is.
    Chunk,
}

/// A mail that may be sent: its parameters are complete, and its form is chosen.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) parameters: MailParameters,
    pub(super) carriage: Carriage,
}

/// Larger messages do not travel in chunks: a transaction whose recipients are all refused would carry them in vain.
const MAX_CHUNK: usize = 64 * 1024;

/// Checks a mail against what the server offers, and completes its parameters.
pub(super) fn prepare(
    mail: &Mail<'_>,
    offered: &Capabilities,
    line_ends: LineEnds,
    level: Pipelining,
) -> Result<Prepared, Error> {
    let mut parameters = mail.envelope.parameters().clone();
    let binary = parameters.body == Some(Body::BinaryMime);
    let bare = match (binary, line_ends) {
        (true, _) => None,
        (false, LineEnds::Reject) => bare_line_end(mail.message),
        (false, LineEnds::Normalise) => None,
    };
    if let Some(offset) = bare {
        return Err(Error::local(ErrorKind::BareLineEnd { offset }));
    }
    complete_body(&mut parameters, mail, offered);
    complete_size(&mut parameters, mail, offered, binary)?;
    if let Some(missing) = parameters.required().find(|&e| !offered.offers(e)) {
        return Err(Error::local(ErrorKind::Missing(missing)));
    }
    let in_chunks = level == Pipelining::Chunked
        && offered.offers(Extension::Chunking)
        && mail.message.len() <= MAX_CHUNK
        && mail.message.ends_with(b"\r\n")
        && bare_line_end(mail.message).is_none();
    let carriage = match binary || in_chunks {
        true => Carriage::Chunk,
        false => Carriage::Lines,
    };
    Ok(Prepared {
        parameters,
        carriage,
    })
}

/// BODY and SMTPUTF8, where the message or an address needs them, and only there.
fn complete_body(parameters: &mut MailParameters, mail: &Mail<'_>, offered: &Capabilities) {
    if !mail.message.is_ascii() {
        parameters.body.get_or_insert(Body::EightBitMime);
        let header = header(mail.message);
        parameters.smtp_utf8 |= !header.is_ascii() && std::str::from_utf8(header).is_ok();
    }
    // A recipient whose address the server cannot take is refused by itself.
    let utf8_recipient = || {
        mail.envelope
            .recipients()
            .iter()
            .any(|to| to.needs_smtp_utf8())
    };
    parameters.smtp_utf8 |= mail.envelope.reverse_path().needs_smtp_utf8()
        || (offered.offers(Extension::SmtpUtf8) && utf8_recipient());
}

fn complete_size(
    parameters: &mut MailParameters,
    mail: &Mail<'_>,
    offered: &Capabilities,
    binary: bool,
) -> Result<(), Error> {
    if !offered.offers(Extension::Size) {
        return Ok(());
    }
    let octets = match binary {
        true => mail.message.len() as u64,
        false => size(mail.message),
    };
    match offered.size() {
        Some(limit) if octets > limit => Err(Error::local(ErrorKind::TooLarge {
            size: octets,
            limit,
        })),
        _ => {
            parameters.size = Some(octets);
            Ok(())
        }
    }
}

/// The header section: everything up to the first empty line.
fn header(message: &[u8]) -> &[u8] {
    let ends = memchr::memchr_iter(b'\n', message).find(|&at| {
        let rest = message.get(at + 1..).unwrap_or_default();
        rest.starts_with(b"\n") || rest.starts_with(b"\r\n")
    });
    message
        .get(..ends.unwrap_or(message.len()))
        .unwrap_or(message)
}
