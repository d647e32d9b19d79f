//! Sockets, TLS and the clock, over either machine.

mod connection;
mod link;
mod listener;

pub(crate) use listener::{Listener, Port, Ports, bind};
