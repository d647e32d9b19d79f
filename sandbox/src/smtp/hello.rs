//! EHLO, HELO (RFC 5321 §4.1.1.1) and STARTTLS (RFC 3207).

use super::server::{Session, SmtpServer, State, write_line};
use crate::fault::Stage;
use crate::service::Extension;
use crate::step::{Next, Step};
use bytes::BytesMut;

impl SmtpServer {
    pub(super) fn helo(&mut self, client: &str, out: &mut BytesMut) {
        self.greeted_by(client, false);
        let host = self.service.settings().hostname.clone();
        self.say(out, 250, "", host);
    }

    pub(super) fn ehlo(&mut self, client: &str, out: &mut BytesMut) {
        if !self.offers(Extension::Ehlo) {
            return self.say(out, 502, "5.5.1", "EHLO is not implemented");
        }
        self.greeted_by(client, true);
        let mut lines = vec![self.service.settings().hostname.clone()];
        lines.extend(self.keywords());
        let last = lines.len() - 1;
        for (index, line) in lines.iter().enumerate() {
            let mark = if index == last { ' ' } else { '-' };
            write_line(out, format_args!("250{mark}{line}"));
        }
    }

    /// The EHLO keywords, with their parameters.
    fn keywords(&self) -> Vec<String> {
        let settings = self.service.settings();
        let mechanisms = settings.mechanisms(self.session.tls);
        let size = format!("SIZE {}", settings.limits.message);
        let auth = format!("AUTH {}", mechanisms.join(" "));
        [
            (Extension::Pipelining, "PIPELINING"),
            (Extension::Size, &size),
            (Extension::StartTls, "STARTTLS"),
            (Extension::Auth, &auth),
            (Extension::EnhancedStatusCodes, "ENHANCEDSTATUSCODES"),
            (Extension::EightBitMime, "8BITMIME"),
            (Extension::Dsn, "DSN"),
            (Extension::SmtpUtf8, "SMTPUTF8"),
            (Extension::Chunking, "CHUNKING"),
        ]
        .into_iter()
        .filter(|(extension, _)| match extension {
            Extension::StartTls if self.session.tls => false,
            Extension::Auth if mechanisms.is_empty() => false,
            extension => settings.offers(*extension),
        })
        .map(|(_, keyword)| keyword.to_owned())
        .collect()
    }

    /// EHLO also does what RSET does (RFC 5321 §4.1.4); who has logged in stays logged in.
    fn greeted_by(&mut self, client: &str, extended: bool) {
        self.session.client = Some(client.to_owned());
        self.session.extended = extended;
        self.session.transaction = None;
    }

    pub(super) fn start_tls(
        &mut self,
        said: String,
        input: &mut BytesMut,
        out: &mut BytesMut,
    ) -> Step {
        let mut agreed = false;
        let injected = !input.is_empty();
        let mut step = self.step(Stage::StartTls, said, out, |server, out| {
            let Session { tls, extended, .. } = server.session;
            match server.offers(Extension::StartTls) {
                false => server.say(out, 502, "5.5.1", "STARTTLS is not implemented"),
                true if tls => server.say(out, 503, "5.5.1", "TLS is in place already"),
                true if !extended => server.say(out, 503, "5.5.1", "EHLO first"),
                true if injected => {
                    server.say(
                        out,
                        501,
                        "5.5.1",
                        "nothing may follow STARTTLS in its flight",
                    );
                }
                true => {
                    server.say(out, 220, "2.0.0", "ready to start TLS");
                    agreed = true;
                }
            }
        });
        if injected {
            // Whoever put these octets there must not have them taken for the client's, neither before TLS nor after.
            input.clear();
            self.state = State::Closed;
            step.next = step.next.or_close();
        } else if agreed && step.next == Next::Continue {
            step.next = Next::StartTls;
        }
        step
    }
}
