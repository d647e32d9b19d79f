//! A server that follows a script.
#![allow(clippy::unwrap_used)]

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

/// A server that says each text when it has read the end of the line, or message, before it. Returns all it read.
pub(crate) fn script(mut peer: DuplexStream, steps: &[(&str, &str)]) -> JoinHandle<String> {
    let steps: Vec<(String, String)> = steps
        .iter()
        .map(|(until, say)| ((*until).to_owned(), (*say).to_owned()))
        .collect();
    tokio::spawn(async move {
        let mut read = Vec::new();
        let mut seen = 0;
        for (until, say) in steps {
            while !String::from_utf8_lossy(&read[seen..]).contains(&until) {
                if peer.read_buf(&mut read).await.unwrap() == 0 {
                    return String::from_utf8_lossy(&read).into_owned();
                }
            }
            seen = read.len();
            // The client may have gone already.
            let _ = peer.write_all(say.as_bytes()).await;
        }
        while peer.read_buf(&mut read).await.unwrap() > 0 {}
        String::from_utf8_lossy(&read).into_owned()
    })
}
