//! Connecting with threads: one for the resolver, and one for each attempt if there are several addresses.

use super::Stream;
use crate::attempts::Attempts;
use crate::{ConnectError, ConnectStage, Endpoint, Proxy, Route};
use bytes::BytesMut;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, IoSlice};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// The longest time that is waited; a clock does not count on for ever.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

impl Route {
    /// Opens a TCP connection by this route, as `connect` does in the async world: addresses as RFC 8305 has it,
    /// TCP_NODELAY, a proxy's tunnel. `timeout` bounds the whole of it, the resolver included.
    ///
    /// Threads that wait for what is not needed any more end by themselves, within the time or when the resolver answers.
    ///
    /// # Errors
    /// [`ConnectError`] with the stage: resolving or connecting, or [`ConnectStage::Proxy`].
    pub fn connect_blocking(
        &self,
        endpoint: &Endpoint,
        timeout: Duration,
    ) -> Result<Stream, ConnectError> {
        let deadline = Instant::now() + timeout.min(LONGEST);
        let fail = |(stage, source)| ConnectError::new(endpoint, stage, timeout, source);
        let Some(proxy) = self.through() else {
            return open(self, endpoint, deadline).map_err(fail);
        };
        let tunnel = || {
            let mut stream = open(self, proxy.endpoint(), deadline)?;
            let shaken = shake_hands(&mut stream, proxy, endpoint, deadline);
            shaken.map_err(|error| (ConnectStage::Proxy, error))?;
            Ok(stream)
        };
        tunnel().map_err(|error| fail(error).through(proxy))
    }
}

fn open(
    route: &Route,
    endpoint: &Endpoint,
    deadline: Instant,
) -> Result<Stream, (ConnectStage, io::Error)> {
    let found = match route.through() {
        None => route.known(endpoint.port()),
        Some(_) => Vec::new(),
    };
    let found = match found.is_empty() {
        true => resolve(endpoint, deadline),
        false => Ok(found),
    };
    let found = found.map_err(|error| (ConnectStage::Resolve, error))?;
    let connect = || {
        let addresses = route.reachable(found.into_iter())?;
        let route = route.clone();
        race(addresses, deadline, move |address| {
            dial(address, route.source_for(address), deadline)
        })
    };
    let socket = connect().map_err(|error| (ConnectStage::Connect, error))?;
    Ok(Stream::from(socket))
}

/// The system gives its resolver all the time that it likes; so it runs apart, unless the host is an address.
fn resolve(endpoint: &Endpoint, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = endpoint.host().parse() {
        return Ok(vec![SocketAddr::new(address, endpoint.port())]);
    }
    let (host, port) = (endpoint.host().to_owned(), endpoint.port());
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs();
        let _ = sender.send(found.map(Iterator::collect));
    })?;
    receive(&receiver, deadline).unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
}

/// The first connection that succeeds, or the last error.
fn race<T: Send + 'static>(
    addresses: Vec<SocketAddr>,
    deadline: Instant,
    dial: impl Fn(SocketAddr) -> io::Result<T> + Send + Sync + 'static,
) -> io::Result<T> {
    if let [address] = addresses[..] {
        return dial(address);
    }
    let dial = Arc::new(dial);
    let mut attempts = Attempts::new(addresses);
    let (sender, receiver) = mpsc::channel();
    let mut running = 0;
    let mut last = io::ErrorKind::NotFound.into();
    loop {
        while let Some(address) = attempts.begin(Instant::now()) {
            let (sender, dial) = (sender.clone(), Arc::clone(&dial));
            thread::Builder::new().spawn(move || sender.send(dial(address)))?;
            running += 1;
        }
        if running == 0 {
            return Err(last);
        }
        let until = attempts.next().map_or(deadline, |next| next.min(deadline));
        match receive(&receiver, until) {
            Some(Ok(connected)) => return Ok(connected),
            Some(Err(error)) => {
                last = error;
                running -= 1;
                attempts.failed();
            }
            None if Instant::now() >= deadline => return Err(io::ErrorKind::TimedOut.into()),
            None => {}
        }
    }
}

/// `None` if nothing comes until then.
fn receive<T>(receiver: &Receiver<io::Result<T>>, until: Instant) -> Option<io::Result<T>> {
    let left = until.saturating_duration_since(Instant::now());
    match receiver.recv_timeout(left) {
        Ok(received) => Some(received),
        Err(RecvTimeoutError::Timeout) => None,
        // A thread that ended without a word.
        Err(RecvTimeoutError::Disconnected) => Some(Err(io::ErrorKind::Other.into())),
    }
}

fn dial(
    address: SocketAddr,
    source: Option<SocketAddr>,
    deadline: Instant,
) -> io::Result<TcpStream> {
    let left = deadline.saturating_duration_since(Instant::now());
    // The system takes no timeout of zero.
    let left = left.max(Duration::from_millis(1));
    let Some(source) = source else {
        return TcpStream::connect_timeout(&address, left);
    };
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.bind(&SockAddr::from(source))?;
    socket.connect_timeout(&SockAddr::from(address), left)?;
    Ok(socket.into())
}

fn shake_hands(
    stream: &mut Stream,
    proxy: &Proxy,
    target: &Endpoint,
    deadline: Instant,
) -> io::Result<()> {
    let mut out = Vec::new();
    let mut handshake = proxy.handshake(target, &mut out);
    let mut input = BytesMut::new();
    loop {
        let mut rest = &out[..];
        while !rest.is_empty() {
            let written = stream.write(&[IoSlice::new(rest)], left(deadline)?)?;
            rest = rest.get(written..).unwrap_or_default();
        }
        out.clear();
        if handshake.wanted() == 0 {
            return Ok(());
        }
        stream.read_at_most(handshake.wanted(), &mut input, left(deadline)?)?;
        let received = handshake.receive(&input.split(), &mut out);
        received.map_err(io::Error::other)?;
    }
}

fn left(deadline: Instant) -> io::Result<Duration> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::sync::Mutex;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    fn two() -> Vec<SocketAddr> {
        vec!["[::1]:25".parse().unwrap(), "127.0.0.1:25".parse().unwrap()]
    }

    #[test]
    fn rfc8305_5_a_silent_address_costs_250_ms() {
        let (_keep, silence) = mpsc::channel::<()>();
        let silence = Mutex::new(silence);
        let start = Instant::now();
        let won = race(two(), soon(), move |address| {
            if address.is_ipv6() {
                let _ = silence.lock().unwrap().recv();
            }
            Ok(address)
        });
        assert!(won.unwrap().is_ipv4());
        assert!((250..2_000).contains(&start.elapsed().as_millis()));
    }

    #[test]
    fn rfc8305_5_a_refusal_is_not_waited_for() {
        let start = Instant::now();
        let many = (1..=20).map(|n| SocketAddr::new([127, 0, 0, n].into(), 25));
        let refuse = |_| Err::<(), _>(io::ErrorKind::ConnectionRefused.into());
        let error = race(many.collect(), soon(), refuse);
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert!(start.elapsed() < 19 * Duration::from_millis(250));
    }

    #[test]
    fn the_deadline_ends_a_race_that_nobody_wins() {
        let (_keep, silence) = mpsc::channel::<()>();
        let silence = Mutex::new(silence);
        let soon = Instant::now() + Duration::from_millis(20);
        let error = race(two(), soon, move |_| {
            let _ = silence.lock().unwrap().recv();
            Ok(())
        });
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_connection_comes_from_the_source_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let nowhere = Endpoint::new("mx.example.invalid", port).unwrap();
        let known = Route::direct().resolved(["127.0.0.1".parse().unwrap()]);
        let seconds = Duration::from_secs(5);
        let _stream = known.connect_blocking(&nowhere, seconds).unwrap();
        listener.accept().unwrap();
        let endpoint = Endpoint::new("localhost", listener.local_addr().unwrap().port()).unwrap();
        let route = Route::direct().source_address("127.0.0.1".parse().unwrap());
        let _stream = route
            .connect_blocking(&endpoint, Duration::from_secs(5))
            .unwrap();
        assert!(listener.accept().unwrap().1.ip().is_loopback());
        let stranger = Route::direct().source_address("192.0.2.1".parse().unwrap());
        let error = stranger
            .connect_blocking(&endpoint, Duration::from_secs(5))
            .unwrap_err();
        assert_eq!(error.io_error().kind(), io::ErrorKind::AddrNotAvailable);
    }
}
