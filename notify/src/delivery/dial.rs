//! The way to a server that is not a plain TCP connection.

use postrider_wire::Stream;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

/// A connection being made.
type Dialling = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

/// Makes the connection to a server in the place of TCP: a tunnel of one's own, or a scripted server in a test.
#[derive(Clone)]
pub struct Dial(Arc<dyn Fn() -> Dialling + Send + Sync>);

impl Dial {
    /// Connects by this function, once for each session.
    pub fn new<F>(connect: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<Stream>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(connect())))
    }

    pub(super) async fn connect(&self) -> io::Result<Stream> {
        (self.0)().await
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dial(…)")
    }
}
