//! The POP3 server: grammar and machine.

mod authorization;
mod command;
mod message;
mod server;
mod transaction;

pub use server::Pop3Server;
