/// How far the client runs ahead of the replies. Never further than the server's extensions permit.
///
/// Replies carry no number: which command one belongs to is known by counting (RFC 2920 §3.1). Where commands run ahead,
/// a server that leaves a reply out, or adds one, shifts all that follow until a code does not fit its command, and the
/// connection is closed. Until then a verdict may be another command's: at [`LookAhead`](Self::LookAhead) a `250` for
/// MAIL may stand for the final dot before it. At [`Chunked`](Self::Chunked), where the replies to RCPT and BDAT are alike, RSET
/// follows each BDAT, and nobody counts as accepted before it is answered with 2yz: behind one reply too many, that is BDAT's.
/// Below it a message that only BDAT can carry (BINARYMIME) waits for the replies to MAIL and every RCPT.
/// [`Off`](Self::Off) does not trust the count: a reply too many is seen before the next command is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pipelining {
    /// Level 0: each command waits for the reply to the one before. Four round trips a mail and more.
    Off,
    /// Level 1: MAIL, every RCPT and DATA in one flight, the message in the next (RFC 2920). Two round trips a mail.
    Flight,
    /// Level 2: the message, and MAIL, RCPT and DATA of the next mail in one flight (RFC 2920 §3.1). One round trip a mail.
    #[default]
    LookAhead,
    /// Level 3: whole transactions with BDAT one after the other (RFC 3030). RFC 3030 §2 wants the replies to MAIL and
    /// RCPT collected before BDAT, so this goes beyond its letter: switch it on for a server that is known to take it.
    /// A connection lost leaves several mails [`Unknown`](crate::Outcome::Unknown).
    Chunked,
}

/// What becomes of a CR without LF, or an LF without CR, in a message.
///
/// Servers disagree on whether they end a line, which has been used to smuggle mails; so they are never sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LineEnds {
    /// It becomes CRLF.
    #[default]
    Normalise,
    /// The mail is refused before anything is written.
    Reject,
}
