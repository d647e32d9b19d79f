/// Mails to send.
#[derive(Clone, Debug)]
pub struct Job {
    /// The server, on 127.0.0.1.
    pub port: u16,
    /// TLS from the first byte, under this certificate.
    pub tls: Option<Certificate>,
    /// The mail.
    pub message: Vec<u8>,
    /// For how many people each is.
    pub recipients: usize,
    /// How often it is sent.
    pub mails: usize,
    /// Over how many connections at once, each with its share of the mails.
    pub connections: usize,
}

/// A certificate that its server made for itself.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// As PEM.
    pub pem: String,
}

impl Job {
    /// Who it is from.
    pub const SENDER: &str = "bench@example.org";

    /// Whom it is for.
    pub fn addresses(&self) -> impl Iterator<Item = String> {
        (0..self.recipients).map(|i| format!("recipient{i}@example.org"))
    }

    /// The same, so many times.
    pub fn times(&self, mails: usize) -> Self {
        Self { mails, ..self.clone() }
    }

    /// The share of one connection.
    pub fn share(&self) -> Self {
        self.times(self.mails.div_ceil(self.connections))
    }
}

/// A mail of so many bytes: lines of 78, each 41st with a dot in front.
pub fn message(size: usize) -> Vec<u8> {
    let mut mail = b"From: <bench@example.org>\r\nSubject: bench\r\n\r\n".to_vec();
    let mut line = 1;
    while mail.len() < size {
        let first = if line % 41 == 0 { b'.' } else { b'x' };
        let length = 76.min(size.saturating_sub(mail.len() + 2)).max(1);
        mail.push(first);
        mail.resize(mail.len() + length - 1, b'a' + (line % 26) as u8);
        mail.extend(b"\r\n");
        line += 1;
    }
    mail
}
