#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod escape;
pub mod line;
mod redact;
pub mod sasl;
mod secret;
mod security;
mod transcript;

#[cfg(feature = "tokio")]
mod connect;
#[cfg(feature = "tokio")]
mod stream;
#[cfg(feature = "tls")]
mod tls;

pub use redact::Redactor;
pub use secret::Secret;
pub use security::{Endpoint, InvalidHost, Security};
pub use transcript::{Line, Speaker, Transcript};

#[cfg(feature = "tokio")]
pub use connect::{ConnectError, ConnectStage, connect, connect_tls, start_tls};
#[cfg(feature = "tokio")]
pub use stream::{Io, Stream};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsBuilder, TlsConfigError};
