//! Messages that have been trouble to somebody, and how they arrive.

use crate::properties::naive;

/// Messages with everything that has ever ended one early, or made a second one of it. One is empty, one has 8-bit text.
pub const TRICKY: [&[u8]; 7] = [
    b"Subject: plain\r\n\r\ntext\r\n",
    b".\r\nMAIL FROM:<first@line>\r\n\nA\n.\nB\r.\rC\n.\r\nD\r\n.E\r\nF\r.\r\nend",
    b"",
    b"Subject: eight\r\n\r\n\xe4\xf6\xfc\r\n.\r\nRCPT TO:<more@x.test>\r\n",
    b"Subject: dots\r\n\r\n.\r\n..\r\n...\r\n\r\n.\r\n.",
    b"Subject: POP3\r\n\r\n+OK\r\n-ERR\r\n.\n+OK smuggled reply\r\n",
    b"From here on\r\n\r\n\r\n\r\n",
];

/// A message as it arrives: with every CR, LF and CRLF turned into CRLF, and one at its end unless it is empty.
pub fn arrived(message: &[u8]) -> Vec<u8> {
    naive::normalised(message)
}
