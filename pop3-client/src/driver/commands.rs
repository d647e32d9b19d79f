use super::error::{Error, ErrorKind};
use super::link::Link;
use super::session::Session;
use crate::{
    Command, DropListing, Event, MessageNumber, Reply, Request, ScanListing, UniqueIdListing,
    Violation,
};
use postrider_wire::escape::Escaped;

/// One command, one answer.
impl<L: Link> Session<L> {
    /// A command that is answered with a status line.
    pub(crate) async fn simple(&mut self, command: &Command) -> Result<Reply, Error> {
        self.request(command).await?;
        loop {
            match self.event().await? {
                Event::Accepted { reply, .. } => return Ok(reply),
                Event::Refused { reply, .. } => return Err(self.refused(command.request(), reply)),
                _ => {}
            }
        }
    }

    /// A command that is answered with more than a status line: the octets of the message, if it is one.
    pub(crate) async fn collect(
        &mut self,
        command: &Command,
        sink: &mut impl FnMut(Event),
    ) -> Result<u64, Error> {
        self.request(command).await?;
        loop {
            match self.event().await? {
                Event::Finished { octets, .. } => return Ok(octets),
                Event::Refused { reply, .. } => return Err(self.refused(command.request(), reply)),
                event @ Event::Accepted { .. } => {
                    sink(event);
                    return Ok(0);
                }
                event => sink(event),
            }
        }
    }

    /// Several commands, in one flight if the server allows it. Refusals go to the sink like everything else.
    #[cfg(feature = "sync")]
    pub(crate) async fn volley(
        &mut self,
        commands: &[Command],
        sink: &mut impl FnMut(Event),
    ) -> Result<(), Error> {
        let together = self.pipelines();
        let (mut waiting, mut in_flight) = (commands.iter(), 0_usize);
        loop {
            while together || in_flight == 0 {
                let Some(command) = waiting.next() else { break };
                if in_flight == 0 {
                    self.request(command).await?;
                } else {
                    self.send(command)?;
                }
                in_flight += 1;
            }
            if in_flight == 0 {
                return Ok(());
            }
            let event = self.event().await?;
            if matches!(
                event,
                Event::Finished { .. } | Event::Accepted { .. } | Event::Refused { .. }
            ) {
                in_flight -= 1;
            }
            sink(event);
        }
    }

    pub(crate) async fn stat(&mut self) -> Result<DropListing, Error> {
        let mut found = None;
        self.collect(&Command::Stat, &mut |event| {
            if let Event::DropListing(listing) = event {
                found = Some(listing);
            }
        })
        .await?;
        found.ok_or_else(|| self.missing(Request::Stat))
    }

    pub(crate) async fn list(
        &mut self,
        number: Option<MessageNumber>,
    ) -> Result<Vec<ScanListing>, Error> {
        let mut found = Vec::new();
        self.collect(&Command::List(number), &mut |event| {
            if let Event::ScanListing(listing) = event {
                found.push(listing);
            }
        })
        .await?;
        Ok(found)
    }

    pub(crate) async fn list_one(&mut self, number: MessageNumber) -> Result<ScanListing, Error> {
        let found = self.list(Some(number)).await?.pop();
        found.ok_or_else(|| self.missing(Request::List(Some(number))))
    }

    pub(crate) async fn uidl(
        &mut self,
        number: Option<MessageNumber>,
    ) -> Result<Vec<UniqueIdListing>, Error> {
        let mut found = Vec::new();
        self.collect(&Command::Uidl(number), &mut |event| {
            if let Event::UniqueId(listing) = event {
                found.push(listing);
            }
        })
        .await?;
        Ok(found)
    }

    /// RETR or TOP.
    pub(crate) async fn message(
        &mut self,
        command: &Command,
        sink: &mut impl FnMut(&[u8]),
    ) -> Result<u64, Error> {
        self.collect(command, &mut |event| {
            if let Event::Body { bytes, .. } = event {
                sink(&bytes);
            }
        })
        .await
    }

    pub(crate) async fn retr_to_vec(
        &mut self,
        number: MessageNumber,
        limit: usize,
    ) -> Result<Vec<u8>, Error> {
        self.request(&Command::Retr(number)).await?;
        let mut message = Vec::new();
        loop {
            match self.event().await? {
                Event::Body { bytes, .. } if bytes.len() > limit - message.len() => {
                    return Err(self.give_up(ErrorKind::TooLarge { number, limit }));
                }
                Event::Body { bytes, .. } => message.extend_from_slice(&bytes),
                Event::Finished { .. } => return Ok(message),
                Event::Refused { reply, .. } => {
                    return Err(self.refused(Request::Retr(number), reply));
                }
                _ => {}
            }
        }
    }

    /// The lines of an answer, the words of its status line first.
    pub(crate) async fn lines(&mut self, command: &Command) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        self.collect(command, &mut |event| match event {
            Event::Began { reply, .. } | Event::Accepted { reply, .. } => found.push(reply.text()),
            Event::Line(line) => found.push(Escaped(&line).to_string()),
            _ => {}
        })
        .await?;
        Ok(found)
    }

    fn missing(&self, request: Request) -> Error {
        self.error(ErrorKind::Violation(Violation::Unreadable {
            request,
            line: String::new(),
        }))
    }
}
