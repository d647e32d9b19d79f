use crate::escape::Escaped;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Who said a line of a protocol dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// We did.
    Client,
    /// The server did.
    Server,
    /// Nobody: something happened that is worth knowing, such as a TLS handshake.
    Note,
}

/// One line of a dialogue. `Display` gives `C: …`, `S: …` or `*  …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Who said it.
    pub speaker: Speaker,
    /// What was said, without line ending, control characters escaped, secrets left out.
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.speaker {
            Speaker::Client => "C:",
            Speaker::Server => "S:",
            Speaker::Note => "* ",
        };
        write!(f, "{mark} {}", self.text)
    }
}

/// Where a driver writes down its dialogue. Off by default; cheap to clone.
///
/// Secrets are left out at the source: a driver hands over the redacted form of a command,
/// never its bytes. Message content is not recorded, only its size.
#[derive(Clone, Default)]
pub struct Transcript(Option<Arc<dyn Fn(Line) + Send + Sync>>);

impl Transcript {
    /// Nothing is written down.
    pub fn off() -> Self {
        Self(None)
    }

    /// Every line is handed to `sink` as it happens.
    pub fn to(sink: impl Fn(Line) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(sink)))
    }

    /// Lines are kept in memory; the second value reads them.
    pub fn in_memory() -> (Self, impl Fn() -> Vec<Line> + Send + Sync + Clone) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let transcript = Self::to(move |line| {
            kept.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line);
        });
        let read = move || lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (transcript, read)
    }

    /// True if somebody is listening; formatting can be skipped otherwise.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Records what we sent, in its redacted form.
    pub fn client(&self, redacted: &dyn fmt::Display) {
        self.record(Speaker::Client, redacted);
    }

    /// Records what the server sent: raw bytes without line ending.
    pub fn server(&self, line: &[u8]) {
        self.record(Speaker::Server, &Escaped(line));
    }

    /// Records an event that is not a line of the protocol.
    pub fn note(&self, text: &dyn fmt::Display) {
        self.record(Speaker::Note, text);
    }

    fn record(&self, speaker: Speaker, text: &dyn fmt::Display) {
        if let Some(sink) = &self.0 {
            let text = Escaped(text.to_string().as_bytes()).to_string();
            sink(Line { speaker, text });
        }
    }
}

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_on() {
            "Transcript(on)"
        } else {
            "Transcript(off)"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_marked_and_escaped() {
        let (transcript, read) = Transcript::in_memory();
        transcript.client(&"NOOP");
        transcript.server(b"250 \x1b[31mok");
        transcript.note(&"TLS 1.3");
        let shown: Vec<String> = read().iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["C: NOOP", r"S: 250 \x1b[31mok", "*  TLS 1.3"]);
    }
}
