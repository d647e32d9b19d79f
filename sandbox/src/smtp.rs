//! The SMTP server: grammar and machine.

mod auth;
mod command;
mod content;
mod data;
mod envelope;
mod hello;
mod parameter;
mod path;
mod received;
mod server;
mod xtext;

pub use server::SmtpServer;
