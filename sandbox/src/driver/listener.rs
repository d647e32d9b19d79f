use super::connection::Connection;
use crate::dialogue::{Dialogue, Log};
use crate::fault::Protocol;
use crate::pop3::Pop3Server;
use crate::service::Service;
use crate::smtp::SmtpServer;
use postrider_wire::Endpoint;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// The four ports of a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    Smtp,
    Smtps,
    Pop3,
    Pop3s,
}

/// Something for each port.
#[derive(Debug, Default)]
pub(crate) struct Ports<T> {
    pub(crate) smtp: T,
    pub(crate) smtps: T,
    pub(crate) pop3: T,
    pub(crate) pop3s: T,
}

impl<T> Ports<T> {
    pub(crate) fn of(&self, port: Port) -> &T {
        match port {
            Port::Smtp => &self.smtp,
            Port::Smtps => &self.smtps,
            Port::Pop3 => &self.pop3,
            Port::Pop3s => &self.pop3s,
        }
    }
}

/// What all listeners of a sandbox share.
pub(crate) struct Listener {
    pub(crate) service: Service,
    pub(crate) dialogue: Dialogue,
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) accepted: Arc<Ports<AtomicU64>>,
    pub(crate) connections: AtomicU64,
    pub(crate) stop: watch::Receiver<()>,
}

/// Opens a port on the loopback interface; 0 lets the system choose.
pub(crate) async fn bind(port: u16) -> io::Result<(TcpListener, Endpoint)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let port = listener.local_addr()?.port();
    let endpoint = Endpoint::new("127.0.0.1", port).map_err(io::Error::other)?;
    Ok((listener, endpoint))
}

impl Listener {
    /// Accepts connections until the sandbox stops, and then ends them.
    pub(crate) async fn listen(self: Arc<Self>, listener: TcpListener, port: Port) {
        let mut stop = self.stop.clone();
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                // Sent, or the sandbox was dropped: both mean the end.
                _ = stop.changed() => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = listener.accept() => match accepted {
                    Ok((tcp, _)) => {
                        let shared = Arc::clone(&self);
                        connections.spawn(async move { shared.serve(tcp, port).await });
                    }
                    // Out of file descriptors, for example: the next attempt may find some.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                },
            }
        }
        drop(listener);
        connections.shutdown().await;
    }

    async fn serve(&self, tcp: TcpStream, port: Port) {
        self.accepted.of(port).fetch_add(1, Ordering::Relaxed);
        match port {
            Port::Smtp | Port::Smtps => {
                let machine = SmtpServer::new(&self.service);
                self.connection(machine, Protocol::Smtp, port)
                    .run(tcp)
                    .await;
            }
            Port::Pop3 | Port::Pop3s => {
                let machine = Pop3Server::new(&self.service);
                self.connection(machine, Protocol::Pop3, port)
                    .run(tcp)
                    .await;
            }
        }
    }

    fn connection<M>(&self, machine: M, protocol: Protocol, port: Port) -> Connection<M> {
        Connection {
            machine,
            log: Log {
                dialogue: self.dialogue.clone(),
                connection: self.connections.fetch_add(1, Ordering::Relaxed) + 1,
                protocol,
            },
            acceptor: self.acceptor.clone(),
            idle: self.service.settings().limits.idle,
            tls_first: matches!(port, Port::Smtps | Port::Pop3s),
        }
    }
}
