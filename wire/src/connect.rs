use crate::attempts::Attempts;
use crate::{ConnectError, ConnectStage, Endpoint, Proxy, Route, Stream, Tls};
use rustls::pki_types::ServerName;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_rustls::TlsConnector;

/// Opens a TCP connection: resolves the host, tries its addresses as RFC 8305 has it, sets TCP_NODELAY.
///
/// If there are several addresses, each gets 250 ms, or until it fails, before the next is tried as well; IPv6 and IPv4
/// take turns, and the first that answers wins. `timeout` bounds the whole of it.
///
/// # Errors
/// [`ConnectError`] with the stage: resolving or connecting.
pub async fn connect(endpoint: &Endpoint, timeout: Duration) -> Result<Stream, ConnectError> {
    Route::direct().connect(endpoint, timeout).await
}

/// Opens a TCP connection and speaks TLS from the first byte (RFC 8314 §3).
///
/// # Errors
/// [`ConnectError`] with the stage: resolving, connecting, or the handshake.
pub async fn connect_tls(
    endpoint: &Endpoint,
    tls: &Tls,
    timeout: Duration,
) -> Result<Stream, ConnectError> {
    let stream = connect(endpoint, timeout).await?;
    start_tls(stream, endpoint, tls, timeout).await
}

/// Upgrades a connection to TLS, after the server has agreed to it. The certificate must be for the endpoint's host.
///
/// The caller makes sure that nothing the server sent in clear text is left in a buffer.
///
/// # Errors
/// [`ConnectError`] at the stage [`ConnectStage::Tls`].
pub async fn start_tls(
    stream: Stream,
    endpoint: &Endpoint,
    tls: &Tls,
    timeout: Duration,
) -> Result<Stream, ConnectError> {
    let fail = |source| ConnectError::new(endpoint, ConnectStage::Tls, timeout, source);
    let name = ServerName::try_from(endpoint.host().to_owned())
        .map_err(|e| fail(io::Error::new(io::ErrorKind::InvalidInput, e)))?;
    let connector = TlsConnector::from(tls.config().clone());
    let deadline = Instant::now().checked_add(timeout);
    within(deadline, connector.connect(name, stream))
        .await
        .map(Stream::from_tls)
        .map_err(fail)
}

impl Route {
    /// Opens a TCP connection by this route, as [`connect`](crate::connect) does without one. With a proxy, the stream is
    /// the tunnel. `timeout` bounds the whole of it.
    ///
    /// # Errors
    /// [`ConnectError`] with the stage: resolving or connecting, or [`ConnectStage::Proxy`].
    pub async fn connect(
        &self,
        endpoint: &Endpoint,
        timeout: Duration,
    ) -> Result<Stream, ConnectError> {
        let deadline = Instant::now().checked_add(timeout);
        let fail = |(stage, source)| ConnectError::new(endpoint, stage, timeout, source);
        let Some(proxy) = self.through() else {
            let tcp = open(self, endpoint, deadline).await;
            return tcp.map(Stream::from).map_err(fail);
        };
        let tunnel = async {
            let mut tcp = open(self, proxy.endpoint(), deadline).await?;
            let shaken = within(deadline, shake_hands(&mut tcp, proxy, endpoint)).await;
            shaken.map_err(|error| (ConnectStage::Proxy, error))?;
            Ok(Stream::from(tcp))
        };
        tunnel.await.map_err(|error| fail(error).through(proxy))
    }
}

async fn open(
    route: &Route,
    endpoint: &Endpoint,
    deadline: Option<Instant>,
) -> Result<TcpStream, (ConnectStage, io::Error)> {
    let found = match route.through() {
        None => route.known(endpoint.port()),
        Some(_) => Vec::new(),
    };
    let found = match found.is_empty() {
        true => within(deadline, resolve(endpoint)).await,
        false => Ok(found),
    };
    let found = found.map_err(|error| (ConnectStage::Resolve, error))?;
    let connected = async {
        let addresses = route.reachable(found.into_iter())?;
        let dial = |address| dial(address, route.source_for(address));
        let tcp = within(deadline, race(Attempts::new(addresses), dial)).await?;
        // Replies are awaited after every flight: Nagle's delay would be paid each time.
        tcp.set_nodelay(true)?;
        Ok(tcp)
    };
    connected
        .await
        .map_err(|error| (ConnectStage::Connect, error))
}

async fn resolve(endpoint: &Endpoint) -> io::Result<Vec<SocketAddr>> {
    let found = lookup_host((endpoint.host(), endpoint.port())).await?;
    Ok(found.collect())
}

async fn dial(address: SocketAddr, source: Option<SocketAddr>) -> io::Result<TcpStream> {
    let Some(source) = source else {
        return TcpStream::connect(address).await;
    };
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.bind(source)?;
    socket.connect(address).await
}

type Attempt<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

/// The first connection that succeeds, or the last error. Dropping it drops every attempt.
async fn race<T, F>(mut attempts: Attempts, dial: impl Fn(SocketAddr) -> F) -> io::Result<T>
where
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let mut running: Vec<Attempt<T>> = Vec::new();
    let mut last = io::ErrorKind::NotFound.into();
    loop {
        while let Some(address) = attempts.begin(Instant::now().into_std()) {
            running.push(Box::pin(dial(address)));
        }
        if running.is_empty() {
            return Err(last);
        }
        match first(&mut running, attempts.next().map(Instant::from_std)).await {
            Some(Ok(connected)) => return Ok(connected),
            Some(Err(error)) => {
                last = error;
                attempts.failed();
            }
            None => {}
        }
    }
}

/// What comes of the first attempt that ends; `None` if none does until then.
async fn first<T>(running: &mut Vec<Attempt<T>>, until: Option<Instant>) -> Option<io::Result<T>> {
    let ended = poll_fn(|cx| {
        for index in 0..running.len() {
            let attempt = running
                .get_mut(index)
                .map(|attempt| attempt.as_mut().poll(cx));
            if let Some(Poll::Ready(result)) = attempt {
                drop(running.swap_remove(index));
                return Poll::Ready(result);
            }
        }
        Poll::Pending
    });
    let Some(until) = until else {
        return Some(ended.await);
    };
    let mut ended = pin!(ended);
    let mut timer = pin!(sleep_until(until));
    poll_fn(|cx| match ended.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
    })
    .await
}

async fn shake_hands(tcp: &mut TcpStream, proxy: &Proxy, target: &Endpoint) -> io::Result<()> {
    let mut out = Vec::new();
    let mut handshake = proxy.handshake(target, &mut out);
    let mut input = [0; 512];
    loop {
        tcp.write_all(&out).await?;
        out.clear();
        let wanted = handshake.wanted().min(input.len());
        if wanted == 0 {
            return Ok(());
        }
        let read = tcp
            .read(input.get_mut(..wanted).unwrap_or_default())
            .await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let read = input.get(..read).unwrap_or_default();
        let received = handshake.receive(read, &mut out);
        received.map_err(io::Error::other)?;
    }
}

/// `None` is a deadline beyond what the clock can say: there is none.
async fn within<T>(
    deadline: Option<Instant>,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    match deadline {
        Some(deadline) => timeout_at(deadline, work)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
        None => work.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    const SHORT: Duration = Duration::from_millis(200);

    async fn listener() -> (TcpListener, Endpoint) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, Endpoint::new("127.0.0.1", port).unwrap())
    }

    #[tokio::test]
    async fn a_refused_connection_names_host_and_port() {
        let (listener, endpoint) = listener().await;
        drop(listener);
        let error = connect(&endpoint, SHORT).await.unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("cannot connect to {endpoint}: ")),
            "{error}"
        );
        assert!(error.is_retryable());
    }

    #[tokio::test]
    async fn a_plain_text_answer_on_a_tls_port_asks_for_starttls() {
        let (listener, endpoint) = listener().await;
        let server = tokio::spawn(async move {
            let (mut peer, _) = listener.accept().await.unwrap();
            peer.write_all(b"220 mx.example.org ESMTP\r\n")
                .await
                .unwrap();
            let mut rest = Vec::new();
            let _ = peer.read_to_end(&mut rest).await;
        });
        let tls = Tls::webpki_roots().unwrap();
        let error = connect_tls(&endpoint, &tls, Duration::from_secs(5))
            .await
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("did you mean Security::StartTls"),
            "{error}"
        );
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_silent_server_ends_in_a_timeout() {
        let (_listener, endpoint) = listener().await;
        let tls = Tls::webpki_roots().unwrap();
        let error = connect_tls(&endpoint, &tls, SHORT).await.unwrap_err();
        assert_eq!(error.stage(), ConnectStage::Tls);
        assert!(
            error.to_string().ends_with("no answer within 200ms"),
            "{error}"
        );
    }

    fn two() -> Attempts {
        Attempts::new(["[::1]:25".parse().unwrap(), "127.0.0.1:25".parse().unwrap()])
    }

    #[tokio::test(start_paused = true)]
    async fn rfc8305_5_a_silent_address_costs_250_ms() {
        let start = Instant::now();
        let won = race(two(), |address| async move {
            match address {
                SocketAddr::V6(_) => std::future::pending().await,
                SocketAddr::V4(_) => Ok(address),
            }
        });
        assert!(won.await.unwrap().is_ipv4());
        assert_eq!(start.elapsed().as_millis(), 250);
    }

    #[tokio::test(start_paused = true)]
    async fn rfc8305_5_a_refusal_is_not_waited_for() {
        let start = Instant::now();
        let lost = race(two(), |address| async move {
            match address {
                SocketAddr::V6(_) => Err::<(), _>(io::ErrorKind::ConnectionReset.into()),
                SocketAddr::V4(_) => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        });
        assert_eq!(
            lost.await.unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
        assert_eq!(start.elapsed().as_millis(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn rfc8305_5_the_slow_first_address_may_still_win() {
        let won = race(two(), |address| async move {
            let slow = if address.is_ipv6() { 300 } else { 100 };
            tokio::time::sleep(Duration::from_millis(slow)).await;
            Ok(address)
        });
        assert!(
            won.await.unwrap().is_ipv6(),
            "300 ms come before 250 + 100 ms"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_ends_a_race_that_nobody_wins() {
        let start = Instant::now();
        let deadline = start.checked_add(Duration::from_secs(30));
        let never = race(two(), |_| std::future::pending::<io::Result<()>>());
        let error = within(deadline, never).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed().as_secs(), 30);
    }

    #[tokio::test]
    async fn a_host_that_the_caller_has_looked_up_is_not_looked_up() {
        let (listener, endpoint) = listener().await;
        let nowhere = Endpoint::new("mx.example.invalid", endpoint.port()).unwrap();
        let route = Route::direct().resolved(["127.0.0.1".parse().unwrap()]);
        let _stream = route.connect(&nowhere, SHORT).await.unwrap();
        listener.accept().await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_comes_from_the_source_address() {
        let (listener, endpoint) = listener().await;
        let route = Route::direct().source_address("127.0.0.1".parse().unwrap());
        let _stream = route.connect(&endpoint, SHORT).await.unwrap();
        assert!(listener.accept().await.unwrap().1.ip().is_loopback());
        let stranger = Route::direct().source_address("192.0.2.1".parse().unwrap());
        let error = stranger.connect(&endpoint, SHORT).await.unwrap_err();
        assert_eq!(error.io_error().kind(), io::ErrorKind::AddrNotAvailable);
    }

    #[tokio::test]
    async fn a_time_that_never_ends_is_no_deadline() {
        let (listener, endpoint) = listener().await;
        let stream = connect(&endpoint, Duration::MAX).await.unwrap();
        drop(listener.accept().await.unwrap());
        let tls = Tls::webpki_roots().unwrap();
        let error = start_tls(stream, &endpoint, &tls, Duration::MAX)
            .await
            .unwrap_err();
        assert_eq!(error.stage(), ConnectStage::Tls);
    }
}
