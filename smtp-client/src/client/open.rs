//! Opening a session over a socket.

use super::Client;
use super::pump::Wire;
use crate::opening::{Opening, Progress};
use crate::{Config, Error, Security, Stage, Timeouts};
use bytes::BytesMut;
use postrider_wire::{Stream, WriteBuffer};
use tokio::time::{Instant, timeout};

pub(super) async fn connect(config: &Config) -> Result<Client, Error> {
    let patience = config.times().connect;
    let stream = config.way().connect(config.endpoint(), patience);
    let stream = stream.await.map_err(Error::of_connecting)?;
    let endpoint = config.endpoint();
    let transcript = &config.terms().transcript;
    transcript.note(&format_args!("connected to {endpoint}"));
    open(config, stream).await
}

pub(super) async fn open(config: &Config, stream: Stream) -> Result<Client, Error> {
    let stream = match config.terms().security {
        Security::Tls => start_tls(config, stream).await?,
        _ => stream,
    };
    let mut opening = Opening::new(config.terms().clone(), stream.is_tls());
    opening.bind(config.may_bind(stream.channel_binding()));
    let mut wire = Wire::new(stream);
    let now = Instant::now().into_std();
    wire.patience().whole(now, config.times().opening);
    let conversed = converse(config, &mut opening, &mut wire).await;
    config.remember(conversed.is_ok() && opening.offered_pipe_connect());
    match conversed {
        Ok(wire) => Ok(Client {
            wire,
            connection: opening.into_connection(),
            config: config.clone(),
            busy: false,
        }),
        Err(error) => {
            say_goodbye(&mut opening, &mut wire, config.times()).await;
            Err(error)
        }
    }
}

/// Runs the opening to its end. The wire is handed over with the session, or stays for a last word.
async fn converse(config: &Config, opening: &mut Opening, wire: &mut Wire) -> Result<Wire, Error> {
    let times = config.times();
    let mut out = WriteBuffer::default();
    if config.begins_early() {
        opening.begin_early(&mut out)?;
        wire.write(&out, opening.stage(), times).await?;
        out.clear();
    }
    loop {
        let progress = opening.receive(wire.input(), &mut out)?;
        wire.write(&out, opening.stage(), times).await?;
        out.clear();
        match progress {
            Progress::Read => wire.read(opening.stage(), times).await?,
            Progress::StartTls => {
                let stream = start_tls(config, wire.take_stream()).await?;
                opening.bind(config.may_bind(stream.channel_binding()));
                wire.put_stream(stream);
                opening.tls_started(&mut out)?;
                wire.write(&out, opening.stage(), times).await?;
                out.clear();
            }
            Progress::Ready => {
                wire.patience().done();
                return Ok(wire.take());
            }
        }
    }
}

async fn start_tls(config: &Config, stream: Stream) -> Result<Stream, Error> {
    let tls = config.tls_config()?;
    let patience = config.times().tls;
    let stream = postrider_wire::start_tls(stream, config.endpoint(), &tls, patience)
        .await
        .map_err(|error| Error::of_tls(error, config.terms().security))?;
    if let Some(description) = stream.tls_description() {
        config.terms().transcript.note(&description);
    }
    Ok(stream)
}

/// QUIT, where the dialogue is in step; the answer is not awaited.
async fn say_goodbye(opening: &mut Opening, wire: &mut Wire, times: &Timeouts) {
    let mut out = BytesMut::new();
    opening.say_goodbye(&mut out);
    if !out.is_empty() {
        let _ = timeout(times.quit, wire.write(&out, Stage::Quit, times)).await;
    }
}
