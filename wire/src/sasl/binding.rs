use crate::Secret;

/// What ties a login to one TLS connection (RFC 5056): whoever sits in the middle has another on each side.
///
/// The streams of this crate have it where the connection is TLS 1.3. Which type it is decides the `cb-name` on the wire:
/// `tls-exporter` (RFC 9266), the only one that TLS 1.3 has.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "scram"), allow(dead_code))] // Only SCRAM looks into it.
pub struct ChannelBinding(Secret);

impl ChannelBinding {
    /// The 32 octets that TLS exports for the label `EXPORTER-Channel-Binding` (RFC 9266 §2).
    pub fn tls_exporter(data: impl Into<Secret>) -> Self {
        Self(data.into())
    }

    /// The name on the wire.
    #[cfg(feature = "scram")]
    pub(super) fn name(&self) -> &'static str {
        "tls-exporter"
    }

    #[cfg(feature = "scram")]
    pub(super) fn data(&self) -> &[u8] {
        self.0.expose_secret()
    }
}
