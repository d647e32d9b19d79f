#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod escape;
#[cfg(feature = "idna")]
pub mod idna;
pub mod line;
mod proxy;
mod redact;
pub mod sasl;
mod secret;
mod security;
mod transcript;
mod write_buffer;

#[cfg(any(feature = "tokio", feature = "blocking"))]
mod attempts;
#[cfg(feature = "blocking")]
pub mod blocking;
#[cfg(feature = "tokio")]
mod connect;
#[cfg(any(feature = "tokio", feature = "blocking"))]
mod connect_error;
#[cfg(any(feature = "tokio", feature = "blocking"))]
mod route;
#[cfg(feature = "tokio")]
mod stream;
#[cfg(feature = "tls")]
mod tls;

pub use proxy::{InvalidProxy, Proxy, ProxyError, ProxyHandshake, ProxyProtocol};
pub use redact::Redactor;
pub use secret::Secret;
pub use security::{Endpoint, InvalidHost, Security};
pub use transcript::{Line, Speaker, Transcript};
pub use write_buffer::WriteBuffer;

#[cfg(feature = "tokio")]
pub use connect::{connect, connect_tls, start_tls};
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub use connect_error::{ConnectError, ConnectStage};
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub use route::Route;
#[cfg(feature = "tokio")]
pub use stream::{Io, Stream};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsBuilder, TlsConfigError};
