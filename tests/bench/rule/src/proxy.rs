use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::linux::net::TcpStreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A long way to a server near by: every octet arrives half a round trip after it was sent, in both directions.
///
/// It counts flights: octets of the client after octets of the server. A flight waits for what came before it, so it
/// costs one round trip. It stops with the process.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    flights: Arc<Flights>,
}

#[derive(Debug, Default)]
struct Flights {
    count: AtomicU64,
    server_spoke: AtomicBool,
}

impl Proxy {
    /// A way to `server`, with that round-trip time.
    pub fn start(server: u16, round_trip: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let flights = Arc::new(Flights::default());
        let counted = flights.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A connection that breaks is the client's to notice.
                let _ = connect(client, server, round_trip / 2, &counted);
            }
        });
        Ok(Self { port, flights })
    }

    /// How many flights there have been.
    pub fn flights(&self) -> u64 {
        self.flights.count.load(Ordering::SeqCst)
    }
}

fn connect(client: TcpStream, server: u16, delay: Duration, flights: &Arc<Flights>) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", server))?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let (to_server, from_client) = channel();
    let (to_client, from_server) = channel();
    let (up, down) = (flights.clone(), flights.clone());
    reader(client.try_clone()?, to_server, move || {
        if up.server_spoke.swap(false, Ordering::SeqCst) {
            up.count.fetch_add(1, Ordering::SeqCst);
        }
    });
    reader(server.try_clone()?, to_client, || ());
    writer(server, from_client, delay, || ());
    writer(client, from_server, delay, move || down.server_spoke.store(true, Ordering::SeqCst));
    Ok(())
}

type Piece = (Instant, Vec<u8>);

fn reader(mut from: TcpStream, to: Sender<Piece>, seen: impl Fn() + Send + 'static) {
    thread::spawn(move || -> io::Result<()> {
        let mut buffer = vec![0; 256 * 1024];
        loop {
            // A server that answers in two segments would wait for our acknowledgement of the first.
            from.set_quickack(true)?;
            let read = from.read(&mut buffer)?;
            from.set_quickack(true)?;
            if read == 0 || to.send((Instant::now(), buffer[..read].to_vec())).is_err() {
                return Ok(());
            }
            seen();
        }
    });
}

fn writer(mut to: TcpStream, from: Receiver<Piece>, delay: Duration, about_to: impl Fn() + Send + 'static) {
    thread::spawn(move || {
        for (read, piece) in from {
            thread::sleep((read + delay).saturating_duration_since(Instant::now()));
            about_to();
            if to.write_all(&piece).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}
