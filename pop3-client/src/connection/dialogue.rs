//! The SASL dialogue of AUTH (RFC 5034 §4).

use super::Connection;
use crate::argument::COMMAND_LINE;
use crate::{Local, Reply, Violation};
use bytes::BytesMut;
use postrider_wire::sasl::{self, Credentials, Exchange, Mechanism, SaslError};
use postrider_wire::{Redactor, Secret};

/// An AUTH command in progress.
#[derive(Debug)]
pub(super) struct Dialogue {
    exchange: Exchange,
    initial_sent: bool,
    due: Option<Due>,
}

/// What has to be said next.
#[derive(Debug)]
enum Due {
    Response(Secret),
    /// `*`: we give up, for this reason.
    Cancel(SaslError),
    /// `*` was sent; the server's `-ERR` comes next.
    Cancelled(SaslError),
}

impl Connection {
    /// Writes the AUTH line, with the initial response if it fits.
    ///
    /// ```abnf
    /// AUTH mechanism [initial-response]
    /// ```
    ///
    /// The initial response goes along only if the server listed SASL and the line keeps within 255 octets; tokens
    /// are nearly always longer. Otherwise it answers the server's first, empty challenge (RFC 5034 §4).
    pub(super) fn begin_dialogue(
        &mut self,
        mechanism: Mechanism,
        credentials: &Credentials,
        out: &mut BytesMut,
    ) -> Result<(), Local> {
        if !mechanism.accepts(credentials) {
            return Err(Local::Mechanism(mechanism));
        }
        let (offered, binding) = (self.capabilities.sasl(), self.binding.clone());
        let binding = binding.and_then(|binding| binding.for_mechanism(mechanism, offered));
        let exchange = Exchange::over(mechanism, credentials, binding);
        self.secrets = Redactor::of(credentials);
        out.extend_from_slice(b"AUTH ");
        out.extend_from_slice(mechanism.name().as_bytes());
        let initial = exchange
            .initial_response()
            .map(|initial| initial_argument(&initial));
        let room = COMMAND_LINE - "AUTH ".len() - mechanism.name().len() - " \r\n".len();
        let fitting =
            initial.filter(|i| self.capabilities.has("SASL") && i.expose_secret().len() <= room);
        if let Some(initial) = &fitting {
            self.secrets.add(initial);
            out.extend_from_slice(b" ");
            out.extend_from_slice(initial.expose_secret());
        }
        out.extend_from_slice(b"\r\n");
        self.dialogue = Some(Dialogue {
            exchange,
            initial_sent: fitting.is_some(),
            due: None,
        });
        Ok(())
    }

    /// Answers the server's challenge: the mechanism's response, or `*` if it has none (the error follows with the server's
    /// reply).
    ///
    /// # Errors
    /// [`Local::NoChallenge`] if nothing was asked; nothing is written then.
    pub fn respond(&mut self, out: &mut BytesMut) -> Result<(), Local> {
        let dialogue = self.dialogue.as_mut().ok_or(Local::NoChallenge)?;
        match dialogue.due.take() {
            Some(Due::Response(response)) => {
                self.secrets.add_proof(&response);
                let response = sasl::encode(&response);
                self.secrets.add(&response);
                out.extend_from_slice(response.expose_secret());
            }
            Some(Due::Cancel(error)) => {
                out.extend_from_slice(b"*");
                dialogue.due = Some(Due::Cancelled(error));
            }
            other => {
                dialogue.due = other;
                return Err(Local::NoChallenge);
            }
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// A line that begins with `+`.
    ///
    /// ```abnf
    /// continue-req = "+" SP [base64] CRLF
    /// ```
    ///
    /// We also accept `+` without the blank, because servers send it for an empty challenge.
    pub(super) fn challenge(&mut self, line: &[u8]) -> Result<(), Violation> {
        let shown = super::shown(&self.secrets.redact(line));
        let Some(dialogue) = &mut self.dialogue else {
            return Err(Violation::Closed);
        };
        if let Some(due) = dialogue.due.take() {
            // The server goes on after `*`, or did not wait for our response.
            return Err(match due {
                Due::Cancel(error) | Due::Cancelled(error) => Violation::Sasl(error),
                Due::Response(_) => Violation::Unsolicited(shown),
            });
        }
        let text = line.strip_prefix(b"+").unwrap_or(line);
        let response =
            sasl::decode(text).and_then(|c| dialogue.exchange.respond(&c, dialogue.initial_sent));
        dialogue.due = Some(response.map_or_else(Due::Cancel, Due::Response));
        Ok(())
    }

    /// The server's verdict. A `+OK` counts only if the mechanism agrees that it is time for it.
    pub(super) fn conclude_dialogue(&mut self, reply: &Reply) -> Result<(), Violation> {
        let Some(dialogue) = self.dialogue.take() else {
            return Err(Violation::Closed);
        };
        match dialogue.due {
            Some(Due::Cancel(error) | Due::Cancelled(error)) => Err(Violation::Sasl(error)),
            _ if reply.is_ok() => dialogue
                .exchange
                .succeed(dialogue.initial_sent)
                .map_err(Violation::Sasl),
            _ => Ok(()),
        }
    }
}

/// An empty initial response is written as `=` (RFC 5034 §4).
fn initial_argument(initial: &Secret) -> Secret {
    if initial.is_empty() {
        Secret::from("=")
    } else {
        sasl::encode(initial)
    }
}
