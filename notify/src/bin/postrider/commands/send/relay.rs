//! `-bs`: SMTP on standard input and output, for programs that speak it (RFC 5321). Each command is checked and passed on
//! to the server, and its replies come back: every recipient has the server's own verdict, and nothing is queued here.
//!
//! Lines end with CRLF or with LF, as the first one does, and so does the dot that ends a message: in a dialogue of CRLF no LF
//! alone ends anything, or a mail could hold commands.
//!
//! Not supported: STARTTLS and AUTH on this side, which is a pipe; CHUNKING.

use super::parameters::{self, syntax};
use super::sendmail::LONGEST;
use crate::exit::{Code, Failure, Result};
use crate::output;
use postrider_smtp::{Client, Command, Config, Domain, Extension, ForwardPath, Reply, ReversePath};
use std::net::{IpAddr, Ipv4Addr};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, stdin,
    stdout,
};

/// Octets in a command line: 512, and room for extensions (RFC 5321 §4.5.3.1.4).
const LINE: u64 = 2_048;

pub(super) async fn run(config: &Config) -> Result {
    let (mut input, mut output) = (BufReader::new(stdin()), stdout());
    let client = match Client::connect(config).await {
        Ok(client) => client,
        Err(error) => {
            let busy = "421 4.3.0 The server behind this one cannot be used now";
            let _ = say(&mut output, busy).await;
            return Err(Failure::smtp("nothing was sent", &error));
        }
    };
    let mut relay = Relay {
        client,
        line_end: None,
    };
    let over = relay.converse(&mut input, &mut output).await;
    relay.client.quit().await;
    over.map_err(|error| Failure::new(Code::Io, format!("standard input or output: {error}")))
}

struct Relay {
    client: Client,
    /// As the first command had it.
    line_end: Option<&'static [u8]>,
}

/// What comes after a command.
enum Next {
    Say(String),
    Message,
    Quit,
}

impl Relay {
    async fn converse(
        &mut self,
        input: &mut (impl AsyncBufRead + Unpin),
        output: &mut (impl AsyncWrite + Unpin),
    ) -> std::io::Result<()> {
        say(output, "220 [127.0.0.1] ESMTP postrider").await?;
        loop {
            let mut line = Vec::new();
            let read = (&mut *input)
                .take(LINE)
                .read_until(b'\n', &mut line)
                .await?;
            if read == 0 {
                return Ok(());
            }
            let next = match line.strip_suffix(self.line_end(&line)) {
                Some(line) => self.obey(line.strip_suffix(b"\r").unwrap_or(line)).await,
                None => {
                    skip_line(input, &line).await?;
                    Err("500 5.5.2 Line too long, or not ended as the first one".to_owned())
                }
            };
            match next {
                Ok(Next::Say(reply)) | Err(reply) => {
                    say(output, &reply).await?;
                    if reply.starts_with("421") {
                        return Ok(());
                    }
                }
                Ok(Next::Message) => {
                    say(output, "354 End data with <CR><LF>.<CR><LF>").await?;
                    let line_end = self.line_end(b"");
                    let Some(message) = read_message(input, line_end).await? else {
                        return Ok(());
                    };
                    let reply = self.pass_on(message).await;
                    say(output, &reply).await?;
                }
                Ok(Next::Quit) => return say(output, "221 2.0.0 Bye").await,
            }
        }
    }

    /// What ends every line, if this is the first.
    fn line_end(&mut self, line: &[u8]) -> &'static [u8] {
        let line_end = || match line.ends_with(b"\r\n") {
            true => &b"\r\n"[..],
            false => &b"\n"[..],
        };
        self.line_end.get_or_insert_with(line_end)
    }

    /// Does what a command says. An error is a reply, too.
    async fn obey(&mut self, line: &[u8]) -> std::result::Result<Next, String> {
        let line = std::str::from_utf8(line).map_err(|_| syntax("not UTF-8"))?;
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" | "HELO" => self.greet(verb, rest).await,
            "MAIL" => {
                let (path, parameters) = argument(rest, "FROM:")?;
                let from: ReversePath = path.parse().map_err(syntax)?;
                let parameters = parameters::mail(parameters, self.client.capabilities())?;
                self.command(&Command::Mail(&from, &parameters)).await
            }
            "RCPT" => {
                let (path, parameters) = argument(rest, "TO:")?;
                let to: ForwardPath = path.parse().map_err(syntax)?;
                let parameters = parameters::rcpt(parameters)?;
                self.command(&Command::Rcpt(&to, &parameters)).await
            }
            // Whether there is a transaction to go on with is known by now; the server is asked when the message is here.
            "DATA" => match self.client.permits(&Command::Data) {
                true => Ok(Next::Message),
                false => Err("503 5.5.1 Nobody to send it to".to_owned()),
            },
            "RSET" => self.command(&Command::Rset).await,
            "NOOP" => self.command(&Command::Noop).await,
            "VRFY" => {
                let whom = rest.parse().map_err(syntax)?;
                self.command(&Command::Vrfy(&whom)).await
            }
            "QUIT" => Ok(Next::Quit),
            _ => Err("502 5.5.1 Command not known here".to_owned()),
        }
    }

    async fn greet(&mut self, verb: &str, name: &str) -> std::result::Result<Next, String> {
        // The name goes nowhere, for the server has ours: what is no domain, as `my_host`, is as good (RFC 5321 §4.1.4).
        if name.trim().is_empty() {
            return Err(syntax("a name is missing"));
        }
        if self.client.permits(&Command::Data) || !self.client.is_usable() {
            self.command(&Command::Rset).await?;
        }
        let us = Domain::from_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        if verb.eq_ignore_ascii_case("HELO") {
            return Ok(Next::Say(format!("250 {us}")));
        }
        let offered = self.client.capabilities();
        let size = offered.size().unwrap_or(u64::MAX).min(LONGEST as u64);
        let passed_on = [Extension::EightBitMime, Extension::SmtpUtf8, Extension::Dsn];
        let mut lines = vec![us.to_string(), "PIPELINING".to_owned()];
        let passed_on = passed_on.into_iter().filter(|e| offered.offers(*e));
        lines.extend(passed_on.map(|extension| extension.keyword().to_owned()));
        lines.push("ENHANCEDSTATUSCODES".to_owned());
        lines.push(format!("SIZE {size}"));
        Ok(Next::Say(reply_lines(
            "250",
            lines.iter().map(String::as_str),
        )))
    }

    async fn command(&mut self, command: &Command<'_>) -> std::result::Result<Next, String> {
        match self.client.command(command).await {
            Ok(reply) => Ok(Next::Say(shown(&reply))),
            Err(error) => Err(lost(&error)),
        }
    }

    async fn pass_on(&mut self, message: Option<Vec<u8>>) -> String {
        let eight_bit = self.client.capabilities().offers(Extension::EightBitMime);
        let refusal = match &message {
            None => Some("552 5.3.4 The message is too large"),
            Some(message) if !eight_bit && !message.is_ascii() => {
                Some("554 5.6.3 The message is not in ASCII, and the server takes nothing else")
            }
            Some(_) => None,
        };
        if let Some(reply) = refusal {
            let _ = self.client.command(&Command::Rset).await;
            return reply.to_owned();
        }
        match self.client.data(&message.unwrap_or_default()).await {
            Ok(replies) => {
                let refused = replies.iter().find(|reply| !reply.code().is_positive());
                let verdict = refused.or(replies.first());
                // A DATA that is refused leaves its transaction open.
                let reply = verdict.map_or_else(String::new, shown);
                if !self.client.is_usable() {
                    let _ = self.client.command(&Command::Rset).await;
                }
                reply
            }
            Err(error) => lost(&error),
        }
    }
}

/// The message up to its final dot, without the dots that were added. The end of the input is the end of everything; a
/// message that is too large is read to its end, and forgotten.
async fn read_message(
    input: &mut (impl AsyncBufRead + Unpin),
    line_end: &[u8],
) -> std::io::Result<Option<Option<Vec<u8>>>> {
    let (mut message, mut too_large) = (Vec::new(), false);
    let mut is_new_line = true;
    loop {
        let begin = message.len();
        let room = (LONGEST - begin) as u64 + 1;
        (&mut *input)
            .take(room)
            .read_until(b'\n', &mut message)
            .await?;
        let line = message.get(begin..).unwrap_or_default();
        if line.is_empty() {
            return Ok(None);
        }
        let is_dot = is_new_line && line.starts_with(b".");
        if is_dot && line.get(1..) == Some(line_end) {
            message.truncate(begin);
            return Ok(Some((!too_large).then_some(message)));
        }
        is_new_line = line.ends_with(line_end);
        if is_dot {
            message.remove(begin);
        }
        if too_large || message.len() >= LONGEST {
            too_large = true;
            message.clear();
        }
    }
}

fn argument<'a>(rest: &'a str, prefix: &str) -> std::result::Result<(&'a str, &'a str), String> {
    let (front, path) = rest.split_at_checked(prefix.len()).unwrap_or_default();
    if !front.eq_ignore_ascii_case(prefix) {
        return Err(syntax(format!("{prefix}<address> is missing")));
    }
    let path = path.trim_start();
    let (path, parameters) = path.split_at(path_end(path));
    match path.starts_with('<') && path.ends_with('>') {
        true => Ok((path, parameters.trim())),
        false => Err(syntax("an address stands in angle brackets")),
    }
}

/// Just behind the angle bracket that closes a path; a quoted local part may hold one, and blanks.
fn path_end(path: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, octet) in path.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return at + 1,
            _ => {}
        }
    }
    path.len()
}

/// Reads what is left of a line that is no command.
async fn skip_line(input: &mut (impl AsyncBufRead + Unpin), begun: &[u8]) -> std::io::Result<()> {
    let mut rest = begun.to_vec();
    while !rest.is_empty() && !rest.ends_with(b"\n") {
        rest.clear();
        let mut part = (&mut *input).take(LINE);
        part.read_until(b'\n', &mut rest).await?;
    }
    Ok(())
}

/// A command that the server could not be asked.
fn lost(error: &postrider_smtp::Error) -> String {
    match error.kind() {
        postrider_smtp::ErrorKind::Misuse(_) => "503 5.5.1 Not now".to_owned(),
        postrider_smtp::ErrorKind::Missing(extension) => {
            format!("555 5.6.7 The server behind this one has no {extension}")
        }
        _ => "421 4.4.2 The server behind this one is lost".to_owned(),
    }
}

/// A reply as the server gave it, without control characters.
fn shown(reply: &Reply) -> String {
    let text = |line: &[u8]| output::foreign(&String::from_utf8_lossy(line));
    let lines: Vec<String> = reply.lines().map(text).collect();
    let code = reply.code().to_string();
    reply_lines(&code, lines.iter().map(String::as_str))
}

fn reply_lines<'a>(code: &str, lines: impl ExactSizeIterator<Item = &'a str>) -> String {
    let last = lines.len().saturating_sub(1);
    let line = |(i, line): (usize, &str)| match i == last {
        true => format!("{code} {line}"),
        false => format!("{code}-{line}\r\n"),
    };
    lines.enumerate().map(line).collect()
}

async fn say(output: &mut (impl AsyncWrite + Unpin), reply: &str) -> std::io::Result<()> {
    output.write_all(format!("{reply}\r\n").as_bytes()).await?;
    output.flush().await
}
