//! APOP (RFC 1939 §7).

use crate::argument::COMMAND_LINE;
use crate::{Local, Password, Reply, Timestamp, UserName};
use bytes::BytesMut;
use postrider_wire::Secret;

/// Writes the command line, and gives the digest, at which whoever sees it can guess.
///
/// ```abnf
/// apop   = "APOP" SP name SP digest
/// digest = 32(%x30-39 / %x61-66)     ; MD5 of timestamp and password
/// ```
pub(super) fn write(
    name: &UserName,
    password: &Password,
    greeting: &Reply,
    out: &mut BytesMut,
) -> Result<Secret, Local> {
    let timestamp = Timestamp::find(greeting.raw_text()).ok_or(Local::NoTimestamp)?;
    let digest = md5::compute([timestamp.as_str().as_bytes(), password.expose_secret()].concat());
    let digest = format!("{digest:x}");
    let line = format!("APOP {} {digest}\r\n", name.as_str());
    if line.len() > COMMAND_LINE {
        return Err(Local::LineTooLong);
    }
    out.extend_from_slice(line.as_bytes());
    Ok(Secret::from(digest))
}
