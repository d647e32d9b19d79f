use super::Mechanism;
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

    /// The binding as [`Exchange::over`](super::Exchange::over) may have it for a login by this mechanism, where the server
    /// offers these.
    ///
    /// A server that does offer PLUS, and gets a mechanism without, must not be told that we missed it: it would refuse
    /// (RFC 5802 §6). That goes for a PLUS that we have, and did not take because the caller wants another mechanism. One that
    /// we do not have silences nothing: whoever takes ours out of the offer could put it there.
    pub fn for_mechanism<'a>(
        self,
        mechanism: Mechanism,
        offered: impl IntoIterator<Item = &'a str>,
    ) -> Option<Self> {
        let binds = |name| Mechanism::from_name(name).is_some_and(Mechanism::binds_channel);
        let may_say = mechanism.binds_channel() || !offered.into_iter().any(binds);
        may_say.then_some(self)
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

#[cfg(all(test, feature = "scram"))]
mod tests {
    use super::*;

    /// Whether a server that offers these is told that the login could be bound.
    fn is_told(mechanism: Mechanism, offered: &[&str]) -> bool {
        let binding = ChannelBinding::tls_exporter("octets");
        let offered = offered.iter().copied();
        binding.for_mechanism(mechanism, offered).is_some()
    }

    #[test]
    fn rfc5802_6_whoever_offers_plus_is_not_told_that_we_missed_it() {
        let without = Mechanism::ScramSha256;
        assert!(is_told(without, &["SCRAM-SHA-256", "PLAIN"]));
        assert!(!is_told(without, &["SCRAM-SHA-256", "scram-sha-256-plus"]));
        assert!(!is_told(without, &["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256"]));
        let plus = Mechanism::ScramSha256Plus;
        assert!(is_told(plus, &["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"]));
    }

    #[test]
    fn rfc5802_6_a_plus_that_we_do_not_have_does_not_hide_that_ours_was_taken_away() {
        let offered = ["SCRAM-SHA-512-PLUS", "SCRAM-SHA-256"];
        assert!(is_told(Mechanism::ScramSha256, &offered));
    }
}
