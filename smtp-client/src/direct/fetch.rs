//! The one HTTPS request that MTA-STS needs (RFC 8461 §3.3): no redirects, no cookies, no compression, a small answer.

use super::http::{HttpReply, InvalidHttp};
use super::mta_sts::POLICY_LIMIT;
use crate::{Endpoint, Tls};
use postrider_wire::Route;
use std::fmt;
use std::future::Future;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Where MTA-STS policies come from: HTTPS, or a test's own answers.
pub trait FetchPolicy: Send + Sync {
    /// The octets of `https://mta-sts.DOMAIN/.well-known/mta-sts.txt`, for a domain in ASCII.
    fn fetch(&self, domain: &str) -> impl Future<Output = Result<Vec<u8>, FetchError>> + Send;
}

/// A policy that could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchError {
    /// The certificate of the policy host is not trusted; why.
    Certificate(String),
    /// Anything else; what.
    Failed(String),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(why) | Self::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for FetchError {}

impl From<InvalidHttp> for FetchError {
    fn from(error: InvalidHttp) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Fetches policies over HTTPS. Their hosts are looked up as the system does it.
#[derive(Clone, Debug)]
pub struct HttpsFetch {
    tls: Tls,
    route: Route,
    port: u16,
    time: Duration,
}

impl HttpsFetch {
    /// On port 443, within 60 seconds altogether (RFC 8461 §3.3).
    pub fn new(tls: Tls) -> Self {
        Self {
            tls,
            route: Route::direct(),
            port: 443,
            time: Duration::from_secs(60),
        }
    }

    /// From which address, and through which proxy.
    #[must_use]
    pub fn route(self, route: Route) -> Self {
        Self { route, ..self }
    }

    /// Another port than 443.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// How long it may take altogether.
    #[must_use]
    pub fn time(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    async fn get(&self, domain: &str) -> Result<Vec<u8>, FetchError> {
        let failed = |error: &dyn fmt::Display| FetchError::Failed(error.to_string());
        let host = format!("mta-sts.{domain}");
        let endpoint = Endpoint::new(host.clone(), self.port).map_err(|e| failed(&e))?;
        let stream = self.route.connect(&endpoint, self.time).await;
        let stream = stream.map_err(|e| failed(&e))?;
        let stream = postrider_wire::start_tls(stream, &endpoint, &self.tls, self.time).await;
        let mut stream = stream.map_err(|error| match error.tls_error() {
            Some(rustls::Error::InvalidCertificate(_)) => {
                FetchError::Certificate(error.to_string())
            }
            _ => failed(&error),
        })?;
        let request = format!(
            "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: {host}\r\nAccept: text/plain\r\nConnection: close\r\n\r\n"
        );
        stream
            .write_all(request.as_bytes())
            .await
            .map_err(|e| failed(&e))?;
        stream.flush().await.map_err(|e| failed(&e))?;
        let mut reply = HttpReply::new(POLICY_LIMIT);
        let mut buffer = [0; 4_096];
        while !reply.is_complete() {
            let octets = stream.read(&mut buffer).await.map_err(|e| failed(&e))?;
            reply.receive(buffer.get(..octets).unwrap_or_default())?;
        }
        Ok(reply.into_text()?)
    }
}

impl FetchPolicy for HttpsFetch {
    async fn fetch(&self, domain: &str) -> Result<Vec<u8>, FetchError> {
        let late = |_| FetchError::Failed(format!("no answer within {:?}", self.time));
        timeout(self.time, self.get(domain)).await.map_err(late)?
    }
}
