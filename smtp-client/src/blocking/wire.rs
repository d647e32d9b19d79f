//! Octets in and out of a socket, under a clock.

use crate::patience::Patience;
use crate::planner::{Planner, SLICES};
use crate::{Error, ErrorKind, Stage, Timeouts};
use bytes::BytesMut;
use postrider_wire::blocking::Stream;
use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

/// How long one attempt to write may take before it is the turn of reading.
const WRITE_SLICE: Duration = Duration::from_millis(5);
/// How long one attempt to read may take while there is something to write.
const READ_SLICE: Duration = Duration::from_millis(1);
/// Octets read at once.
const READ: usize = 8 * 1024;

#[derive(Debug)]
pub(super) struct Wire {
    /// `None` after it was closed.
    stream: Option<Stream>,
    input: BytesMut,
    patience: Patience,
    may_write: bool,
}

/// What came of an attempt to read.
pub(super) enum Read {
    Octets,
    Nothing,
}

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream: Some(stream),
            input: BytesMut::with_capacity(READ),
            patience: Patience::new(Instant::now()),
            may_write: true,
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        self.stream.as_ref().is_some_and(Stream::is_tls)
    }

    pub(super) fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// The clock for what is awaited, and for the whole of it.
    pub(super) fn patience(&mut self) -> &mut Patience {
        &mut self.patience
    }

    pub(super) fn close(&mut self) {
        if let Some(stream) = self.stream.take() {
            stream.close();
        }
    }

    /// Gives up writing after an error; false if that was done already.
    pub(super) fn stop_writing(&mut self) -> bool {
        std::mem::replace(&mut self.may_write, false)
    }

    /// The stream, for a TLS handshake.
    pub(super) fn stream(&mut self) -> Result<&mut Stream, Error> {
        let closed = || Error::new(Stage::Tls, ErrorKind::Closed);
        self.stream.as_mut().ok_or_else(closed)
    }

    /// Writes all of `out`, within the time of the stage.
    pub(super) fn write_all(
        &mut self,
        out: &[u8],
        stage: Stage,
        times: &Timeouts,
    ) -> Result<(), Error> {
        self.patience.begin(Instant::now());
        let mut rest = out;
        while !rest.is_empty() || self.wants_flush() {
            let in_time = self.time_left(stage, times);
            in_time.map_err(|kind| Error::new(stage, kind))?;
            let written = self.write_some(&[IoSlice::new(rest)]);
            let written = written.map_err(|error| Error::new(stage, error.into()))?;
            rest = rest.get(written..).unwrap_or_default();
        }
        self.patience.begin(Instant::now());
        Ok(())
    }

    /// Reads once, within what is left of the time of the stage.
    pub(super) fn read(&mut self, stage: Stage, times: &Timeouts) -> Result<(), Error> {
        loop {
            let rest = self.time_left(stage, times);
            let read = rest.and_then(|rest| Ok(self.read_some(rest)?));
            match read.map_err(|kind| Error::new(stage, kind))? {
                Read::Octets => return Ok(()),
                Read::Nothing => {}
            }
        }
    }

    /// Writes what the planner has, as far as the server takes it; false if it takes nothing now.
    pub(super) fn write_planned(
        &mut self,
        planner: &mut Planner<'_>,
        times: &Timeouts,
    ) -> Result<bool, ErrorKind> {
        if !self.may_write || !(planner.wants_write() || self.wants_flush()) {
            return Ok(false);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let n = planner.slices(&mut slices);
        let written = self.write_some(slices.get(..n).unwrap_or_default())?;
        planner.advance(written);
        if written > 0 {
            let all = !planner.wants_write() && !self.wants_flush();
            self.patience.took(Instant::now(), written, all, times);
        }
        Ok(written > 0)
    }

    /// Reads for the planner: as long as its stage permits, or a moment if there is something to write.
    pub(super) fn read_planned(
        &mut self,
        planner: &Planner<'_>,
        times: &Timeouts,
    ) -> Result<Read, ErrorKind> {
        let rest = self.time_left(planner.stage(), times)?;
        let busy = self.may_write && (planner.wants_write() || self.wants_flush());
        Ok(self.read_some(if busy { READ_SLICE.min(rest) } else { rest })?)
    }

    /// Whether there is anything to be read, or the end, on a connection that should be silent.
    pub(super) fn has_spoken(&mut self) -> bool {
        let peeked = match &mut self.stream {
            Some(stream) => stream.peek(&mut self.input),
            None => return true,
        };
        !self.input.is_empty() || !matches!(peeked, Ok(None))
    }

    fn time_left(&self, stage: Stage, times: &Timeouts) -> Result<Duration, ErrorKind> {
        let deadline = self.patience.deadline(stage, times);
        let rest = deadline.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Err(ErrorKind::Timeout(self.patience.ran_out(stage, times)));
        }
        Ok(rest)
    }

    fn wants_flush(&self) -> bool {
        self.stream.as_ref().is_some_and(Stream::wants_flush)
    }

    fn write_some(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        stream.write(slices, WRITE_SLICE)
    }

    fn read_some(&mut self, wait: Duration) -> io::Result<Read> {
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let read = stream.read(&mut self.input, wait)?;
        Ok(read.map_or(Read::Nothing, |_| Read::Octets))
    }
}
