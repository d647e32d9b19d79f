use crate::index::{Index, OpenBoundaries};

/// Memory of an index, to be used again for the next message.
///
/// ```
/// use postrider_mime::{Buffers, Limits, Message};
///
/// let mut buffers = Buffers::default();
/// for bytes in [&b"Subject: one\r\n\r\n"[..], b"Subject: two\r\n\r\n"] {
///     let message = Message::parse_with(bytes, &Limits::default(), buffers);
///     assert!(message.subject().is_some());
///     buffers = message.into_buffers();
/// }
/// ```
#[derive(Debug, Default)]
pub struct Buffers {
    pub(crate) index: Index,
    pub(crate) open: OpenBoundaries,
}
