/// How much a server may send before the connection is given up. Every limit holds before anything is buffered.
///
/// ```
/// use postrider_pop3::Limits;
/// let limits = Limits { max_message: 25 << 20, ..Limits::default() };
/// assert_eq!(limits.message(Some(60)), 2 * 60 + 65_536);
/// assert_eq!(limits.message(None), 25 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a status line or of a line in a listing, line ending included. RFC 2449 §4 allows 512; default 4,096.
    pub status_line: usize,
    /// Octets of a message, dots removed. Default 256 MiB.
    pub max_message: u64,
    /// A message may be this many times as large as LIST said, plus [`size_slack`](Self::size_slack). Servers' sizes are
    /// often wrong, but seldom so wrong. Default 2.
    pub size_factor: u64,
    /// Octets that a message may exceed the product by. Default 64 KiB.
    pub size_slack: u64,
    /// Messages in a maildrop, and so lines of LIST and UIDL; never more than STAT counted either. Default 1,000,000.
    pub max_entries: u32,
    /// Lines of CAPA, LANG, or another command's multi-line response. Default 256.
    pub capa_lines: usize,
}

impl Limits {
    /// The octets that a message may have, if LIST said that it has `listed`.
    pub fn message(&self, listed: Option<u64>) -> u64 {
        let expected = listed.map(|octets| {
            octets
                .saturating_mul(self.size_factor)
                .saturating_add(self.size_slack)
        });
        expected.unwrap_or(u64::MAX).min(self.max_message)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            status_line: 4_096,
            max_message: 256 << 20,
            size_factor: 2,
            size_slack: 64 << 10,
            max_entries: 1_000_000,
            capa_lines: 256,
        }
    }
}
