//! What both streams say of their TLS session.

use crate::Secret;
use crate::sasl::ChannelBinding;
use rustls::{ClientConnection, ProtocolVersion};

/// Protocol version and cipher suite.
pub(crate) fn description(session: &ClientConnection) -> Option<String> {
    let version = session.protocol_version()?.as_str()?.to_owned();
    let suite = session.negotiated_cipher_suite()?.suite();
    Some(format!(
        "{version}, {}",
        suite.as_str().unwrap_or("unknown cipher suite")
    ))
}

/// `tls-exporter` (RFC 9266 §2). Before TLS 1.3 it is sound only with the extended master secret, and rustls does not say
/// whether that was agreed on.
pub(crate) fn channel_binding(session: &ClientConnection) -> Option<ChannelBinding> {
    if session.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return None;
    }
    let label = b"EXPORTER-Channel-Binding";
    let exported = session.export_keying_material([0; 32], label, Some(b""));
    exported
        .ok()
        .map(|data| ChannelBinding::tls_exporter(Secret::new(data)))
}
