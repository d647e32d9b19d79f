//! Sending a message while it is read.

use super::Client;
use crate::content::{Begun, Source};
use crate::outcome::{name_server, settled_by};
use crate::planner::Planner;
use crate::{Envelope, Error, ErrorKind, Outcome, RecipientOutcome, Stage, State};
use std::future::poll_fn;
use std::sync::Arc;

impl Client {
    /// Sends a message while it is read: no more than one chunk of it is held, however large it is. See [`Source`] for
    /// what is known of it before, and what becomes of one that cannot be read to its end.
    ///
    /// At [`Pipelining::Chunked`](crate::Pipelining::Chunked) it goes with BDAT, where the server offers that: then a
    /// message that is given up does not cost the connection.
    pub async fn send_from(
        &mut self,
        envelope: &Envelope,
        mut source: Source<'_>,
    ) -> Vec<RecipientOutcome> {
        self.send_source(envelope, &mut source).await.0
    }

    /// The same; false if the connection turned out to be dead before the server had answered anything.
    pub(crate) async fn send_source(
        &mut self,
        envelope: &Envelope,
        source: &mut Source<'_>,
    ) -> (Vec<RecipientOutcome>, bool) {
        let begun = poll_fn(|context| source.poll_begin(context)).await;
        match begun {
            Ok(Begun::Whole(message)) => {
                let mut outcomes = Vec::new();
                let mails = [crate::Mail::new(envelope, &message)];
                let heard = self.send_heard(&mails, |_, settled| outcomes = settled);
                let heard = heard.await;
                (outcomes, heard)
            }
            Ok(Begun::Large(outline)) => self.stream(envelope, outline, source).await,
            Err(error) => {
                let kind = ErrorKind::Content(Arc::new(error));
                let error = Error::new(Stage::Local, kind);
                (settled_by(envelope, Outcome::Deferred, &error), true)
            }
        }
    }

    async fn stream(
        &mut self,
        envelope: &Envelope,
        outline: crate::planner::Outline,
        source: &mut Source<'_>,
    ) -> (Vec<RecipientOutcome>, bool) {
        let mut outcomes = Vec::new();
        self.begin_to_send();
        let policy = self.config.policy();
        let mut planner = Planner::streaming(&mut self.connection, policy, envelope, outline);
        let settled = |_, settled| outcomes = settled;
        let times = self.config.times();
        let run = self.wire.run(&mut planner, Some(source), times, settled);
        run.await;
        let heard = planner.has_heard();
        self.end_sending();
        name_server(&mut outcomes, self.config.endpoint());
        (outcomes, heard)
    }

    pub(super) fn begin_to_send(&mut self) {
        let was_cancelled = std::mem::replace(&mut self.busy, true);
        if was_cancelled {
            self.connection.abandon();
        }
        self.wire.check_idle(&mut self.connection);
    }

    pub(super) fn end_sending(&mut self) {
        self.busy = false;
        if self.connection.state() == State::Closed {
            self.wire.close();
        }
    }
}
