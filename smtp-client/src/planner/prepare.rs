//! What a mail needs of the server, found out before anything is written.

use super::Policy;
use super::flow::Outline;
use crate::transparency::{Survey, bare_line_end, size};
use crate::{
    Body, Capabilities, Envelope, Error, ErrorKind, Extension, LineEnds, Mail, MailParameters,
    Pipelining,
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
    /// All line ends of the message are known to be CRLF.
    pub(super) regular: bool,
}

/// Larger messages do not travel in chunks: a transaction whose recipients are all refused would carry them in vain.
const MAX_CHUNK: usize = 64 * 1024;

/// Checks a mail against what the server offers, and completes its parameters.
pub(super) fn prepare(
    mail: &Mail<'_>,
    offered: &Capabilities,
    policy: &Policy,
    encrypted: bool,
) -> Result<Prepared, Error> {
    let mut parameters = mail.envelope.parameters().clone();
    let binary = parameters.body == Some(Body::BinaryMime);
    let survey = Survey::of(mail.message);
    if !(survey.regular || binary) && policy.line_ends == LineEnds::Reject {
        if let Some(offset) = bare_line_end(mail.message) {
            return Err(Error::local(ErrorKind::BareLineEnd { offset }));
        }
    }
    if !survey.ascii {
        parameters.body.get_or_insert(Body::EightBitMime);
        parameters.smtp_utf8 |= has_utf8_header(mail.message);
    }
    complete_addresses(&mut parameters, mail.envelope, offered);
    if offered.offers(Extension::Size) {
        let octets = match binary {
            true => mail.message.len() as u64,
            false => size(mail.message, survey),
        };
        complete_size(&mut parameters, octets, offered)?;
    }
    check_required(&parameters, offered, encrypted)?;
    let in_chunks = policy.pipelining == Pipelining::Chunked
        && offered.offers(Extension::Chunking)
        && mail.message.len() <= MAX_CHUNK
        && mail.message.ends_with(b"\r\n")
        && survey.regular;
    let carriage = match binary || in_chunks {
        true => Carriage::Chunk,
        false => Carriage::Lines,
    };
    Ok(Prepared {
        parameters,
        carriage,
        regular: survey.regular,
    })
}

/// The same for a message that comes in chunks: what is not known of it is checked when it comes.
pub(super) fn prepare_stream(
    envelope: &Envelope,
    outline: &Outline,
    offered: &Capabilities,
    policy: &Policy,
    encrypted: bool,
) -> Result<Prepared, Error> {
    let mut parameters = envelope.parameters().clone();
    if parameters.body.is_none() && offered.offers(Extension::EightBitMime) {
        parameters.body = Some(Body::EightBitMime);
    }
    parameters.smtp_utf8 |= outline.utf8_header;
    complete_addresses(&mut parameters, envelope, offered);
    if let Some(octets) = outline.length.filter(|_| offered.offers(Extension::Size)) {
        complete_size(&mut parameters, octets, offered)?;
    }
    check_required(&parameters, offered, encrypted)?;
    let binary = parameters.body == Some(Body::BinaryMime);
    let in_chunks = policy.pipelining == Pipelining::Chunked && offered.offers(Extension::Chunking);
    let carriage = match binary || in_chunks {
        true => Carriage::Chunk,
        false => Carriage::Lines,
    };
    Ok(Prepared {
        parameters,
        carriage,
        regular: false,
    })
}

/// SMTPUTF8, where an address needs it.
fn complete_addresses(
    parameters: &mut MailParameters,
    envelope: &Envelope,
    offered: &Capabilities,
) {
    // A recipient whose address the server cannot take is refused by itself.
    let utf8_recipient = || envelope.recipients().iter().any(|to| to.needs_smtp_utf8());
    parameters.smtp_utf8 |= envelope.reverse_path().needs_smtp_utf8()
        || (offered.offers(Extension::SmtpUtf8) && utf8_recipient());
}

fn complete_size(
    parameters: &mut MailParameters,
    size: u64,
    offered: &Capabilities,
) -> Result<(), Error> {
    match offered.size() {
        Some(limit) if size > limit => Err(Error::local(ErrorKind::TooLarge { size, limit })),
        _ => {
            parameters.size = Some(size);
            Ok(())
        }
    }
}

fn check_required(
    parameters: &MailParameters,
    offered: &Capabilities,
    encrypted: bool,
) -> Result<(), Error> {
    if parameters.require_tls && !encrypted {
        return Err(Error::local(ErrorKind::ClearText));
    }
    let missing = parameters.required().find(|&e| !offered.offers(e));
    missing.map_or(Ok(()), |e| Err(Error::local(ErrorKind::Missing(e))))?;
    offered.check_bounds(parameters)
}

/// Whether the header holds UTF-8.
pub(super) fn has_utf8_header(message: &[u8]) -> bool {
    let header = header(message);
    !header.is_ascii() && std::str::from_utf8(header).is_ok()
}

/// The header section: everything up to the first empty line, which may be the first line of all.
fn header(message: &[u8]) -> &[u8] {
    let after_line_ends = memchr::memchr_iter(b'\n', message).map(|at| at + 1);
    let mut starts = std::iter::once(0).chain(after_line_ends);
    let is_empty = |&at: &usize| {
        let line = message.get(at..).unwrap_or_default();
        line.starts_with(b"\n") || line.starts_with(b"\r\n")
    };
    let end = starts.find(is_empty).unwrap_or(message.len());
    message.get(..end).unwrap_or_default()
}
