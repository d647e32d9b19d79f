use super::error::ErrorKind;
use bytes::BytesMut;
use postrider_wire::sasl::ChannelBinding;
use postrider_wire::{Endpoint, Tls, WriteBuffer};
use std::future::Future;
use std::io;
use std::time::{Duration, Instant};

/// What came of waiting for the peer.
#[derive(Debug)]
pub(crate) enum Transfer {
    /// Something was read.
    Read(usize),
    /// The peer has closed.
    Closed,
    /// The deadline has passed.
    Expired,
}

/// The byte stream under a session, and its clock.
pub(crate) trait Link: Send {
    /// Commands that may be in flight at most.
    const MOST_IN_FLIGHT: usize;

    fn now(&self) -> Instant;

    /// Writes all of `out`, and reads once.
    fn transfer(
        &mut self,
        out: &mut WriteBuffer,
        input: &mut BytesMut,
        deadline: Option<Instant>,
    ) -> impl Future<Output = io::Result<Transfer>> + Send;

    /// Reads what is there, without waiting for more.
    fn peek(
        &mut self,
        input: &mut BytesMut,
    ) -> impl Future<Output = io::Result<Option<Transfer>>> + Send;

    fn start_tls(
        &mut self,
        endpoint: &Endpoint,
        tls: &Tls,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), ErrorKind>> + Send;

    fn is_tls(&self) -> bool;

    /// What a login can be bound to.
    fn channel_binding(&self) -> Option<ChannelBinding> {
        None
    }

    fn tls_description(&self) -> Option<String>;
}

/// The peer is gone: TLS without close_notify, or a reset. The machine knows whether an answer was complete.
pub(super) fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}
