use crate::Stage;
use std::time::Duration;

/// How much a server may say, and how much we say before it answers. Enforced before anything is buffered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets in one reply line, line ending included. RFC 5321 §4.5.3.1.5 asks for at least 512; we allow 8,192.
    /// A `334` line may have 12,288 octets whatever is set here (RFC 4954 §4).
    pub line: usize,
    /// Octets in one reply: 65,536.
    pub reply: usize,
    /// Lines in one reply: 128.
    pub lines: usize,
    /// Octets of commands that may be unanswered at any time: 16,384. A server that stops reading until its replies
    /// are read can therefore never be driven into a dead-lock.
    pub window: usize,
    /// Octets of messages that may be unanswered at [`Pipelining::Chunked`](crate::Pipelining::Chunked): 1 MiB.
    pub chunks: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line: 8_192,
            reply: 65_536,
            lines: 128,
            window: 16_384,
            chunks: 1 << 20,
        }
    }
}

/// How long to wait, by stage. The defaults are the minima of RFC 5321 §4.5.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// Resolving and opening the TCP connection: 30 seconds.
    pub connect: Duration,
    /// The TLS handshake: 30 seconds.
    pub tls: Duration,
    /// The greeting: 5 minutes.
    pub greeting: Duration,
    /// EHLO or HELO: 5 minutes.
    pub ehlo: Duration,
    /// STARTTLS: 5 minutes.
    pub start_tls: Duration,
    /// Each step of AUTH: 5 minutes.
    pub auth: Duration,
    /// MAIL: 5 minutes.
    pub mail: Duration,
    /// RCPT: 5 minutes.
    pub rcpt: Duration,
    /// DATA: 2 minutes.
    pub data: Duration,
    /// Between two blocks of the message, when the server takes no more: 3 minutes.
    pub block: Duration,
    /// The reply to the final dot: 10 minutes. Too short a time here makes duplicates (RFC 1047).
    pub end_of_data: Duration,
    /// Any other command: 5 minutes.
    pub other: Duration,
    /// The reply to QUIT, which nobody needs: 2 seconds.
    pub quit: Duration,
    /// Octets of commands and messages that the server must take within the time of a stage, unless there are fewer: 1,024.
    /// One that takes them drop by drop is as bad as one that takes none.
    pub block_octets: usize,
    /// The whole of opening a session, once the connection is there, to the end of AUTH: 15 minutes.
    pub opening: Duration,
    /// The whole of a mail, from the verdict on the one before to its own: 2 hours.
    pub message: Duration,
}

/// The longest time that is waited.
pub(crate) const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

impl Timeouts {
    /// The same time for each thing that is waited for; for the reply to QUIT no longer than by default, for nobody needs it.
    /// The totals, [`opening`](Self::opening) and [`message`](Self::message), are as they are by default.
    pub fn all(time: Duration) -> Self {
        Self {
            connect: time,
            tls: time,
            greeting: time,
            ehlo: time,
            start_tls: time,
            auth: time,
            mail: time,
            rcpt: time,
            data: time,
            block: time,
            end_of_data: time,
            other: time,
            quit: time.min(Duration::from_secs(2)),
            block_octets: 1_024,
            opening: Duration::from_secs(15 * 60),
            message: Duration::from_secs(2 * 60 * 60),
        }
    }

    /// The time for one stage; no more than ten years, for clocks do not count on for ever.
    pub fn of(&self, stage: Stage) -> Duration {
        Self::capped(self.wanted(stage))
    }

    pub(crate) fn capped(time: Duration) -> Duration {
        time.min(LONGEST)
    }

    fn wanted(&self, stage: Stage) -> Duration {
        match stage {
            Stage::Connect => self.connect,
            Stage::Tls => self.tls,
            Stage::Greeting => self.greeting,
            Stage::Ehlo => self.ehlo,
            Stage::StartTls => self.start_tls,
            Stage::Auth => self.auth,
            Stage::Mail => self.mail,
            Stage::Rcpt => self.rcpt,
            Stage::Data => self.data,
            Stage::Content => self.block,
            Stage::EndOfData => self.end_of_data,
            Stage::Quit => self.quit,
            Stage::Local | Stage::Queue | Stage::Reset | Stage::Other => self.other,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Self {
            connect: Duration::from_secs(30),
            tls: Duration::from_secs(30),
            data: minutes(2),
            block: minutes(3),
            end_of_data: minutes(10),
            ..Self::all(minutes(5))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5321_4_5_3_2_minimum_times() {
        let times = Timeouts::default();
        let minutes = |stage| times.of(stage).as_secs() / 60;
        assert_eq!(minutes(Stage::Greeting), 5);
        assert_eq!(minutes(Stage::Mail), 5);
        assert_eq!(minutes(Stage::Rcpt), 5);
        assert_eq!(minutes(Stage::Data), 2);
        assert_eq!(minutes(Stage::Content), 3);
        // Nor is anybody's patience tried by a reply that does not matter.
        let quit = |time| Timeouts::all(Duration::from_millis(time)).quit.as_millis();
        assert_eq!((quit(20_000), quit(500)), (2_000, 500));
        assert_eq!(times.quit.as_secs(), 2);
        assert_eq!(minutes(Stage::EndOfData), 10);
    }
}
