//! The driver of [`answer`](super::answer): a socket, a deadline and a bound on connections.

use super::{MAX_REQUEST, answer};
use crate::store::Store;
use crate::token::Signer;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// How long one request may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Connections at once; others wait.
const CONNECTIONS: usize = 64;

/// Answers requests until it is dropped. Bind it to a loopback address behind a proxy that speaks HTTPS.
///
/// # Errors
/// Those of the listening socket. Most pass, such as too many open files: wait a little, and listen again.
pub async fn listen(
    listener: &TcpListener,
    store: Arc<dyn Store>,
    signer: Signer,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return Ok(());
        };
        let (stream, _) = listener.accept().await?;
        let (store, signer) = (Arc::clone(&store), signer.clone());
        tokio::spawn(async move {
            // Whoever is slow or gone gets no answer; there is nobody to tell.
            let _ = tokio::time::timeout(DEADLINE, serve(stream, store, signer)).await;
            drop(place);
        });
    }
}

async fn serve(mut stream: TcpStream, store: Arc<dyn Store>, signer: Signer) -> io::Result<()> {
    let mut request = Vec::new();
    while request.len() <= 2 * MAX_REQUEST {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
        let (so_far, store, signer) = (request.clone(), Arc::clone(&store), signer.clone());
        let answered = tokio::task::spawn_blocking(move || answer(&so_far, &*store, &signer));
        if let Ok(Some(answer)) = answered.await {
            stream.write_all(&answer).await?;
            return stream.shutdown().await;
        }
    }
    Ok(())
}
