use crate::Proxy;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// How a connection gets to its server: from which of this machine's addresses, and through which proxy. Usually neither.
///
/// ```
/// use postrider_wire::Route;
/// let route = Route::direct()
///     .source_address("192.0.2.7".parse()?)
///     .proxy("socks5://127.0.0.1:1080".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Route {
    source_v4: Option<IpAddr>,
    source_v6: Option<IpAddr>,
    proxy: Option<Proxy>,
    resolved: Vec<IpAddr>,
}

impl Route {
    /// The way that the system chooses, without a proxy.
    pub fn direct() -> Self {
        Self::default()
    }

    /// Connects from this address of ours. There may be one of each family; if there is only one, only addresses of its
    /// family are connected to. With a proxy it is the address that the proxy is connected to from.
    #[must_use]
    pub fn source_address(mut self, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => self.source_v4 = Some(address),
            IpAddr::V6(_) => self.source_v6 = Some(address),
        }
        self
    }

    /// Connects to these addresses, and does not look the host up: the caller has done that. A proxy is not told them.
    #[must_use]
    pub fn resolved(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.resolved = addresses.into_iter().collect();
        self
    }

    /// Connects through a proxy.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    pub(crate) fn through(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// The host's addresses, if the caller has looked them up; none if that is to be done.
    pub(crate) fn known(&self, port: u16) -> Vec<SocketAddr> {
        let addresses = self.resolved.iter();
        addresses
            .map(|&address| SocketAddr::new(address, port))
            .collect()
    }

    /// Where to bind a socket to that shall reach this address.
    pub(crate) fn source_for(&self, target: SocketAddr) -> Option<SocketAddr> {
        let source = match target {
            SocketAddr::V4(_) => self.source_v4,
            SocketAddr::V6(_) => self.source_v6,
        };
        source.map(|source| SocketAddr::new(source, 0))
    }

    /// Those addresses that can be reached from where we shall connect from.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn reachable(
        &self,
        found: impl Iterator<Item = SocketAddr>,
    ) -> io::Result<Vec<SocketAddr>> {
        let any = self.source_v4.is_none() && self.source_v6.is_none();
        let mut found = found.peekable();
        if found.peek().is_none() {
            return Err(not_found("the name has no address"));
        }
        let fits = |address: &SocketAddr| any || self.source_for(*address).is_some();
        match found.filter(fits).collect::<Vec<_>>() {
            none if none.is_empty() => Err(not_found(
                "the name has no address of the same family as the source address",
            )),
            some => Ok(some),
        }
    }
}

fn not_found(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_address_leaves_only_its_own_family() {
        let found: Vec<SocketAddr> =
            vec!["[::1]:25".parse().unwrap(), "127.0.0.1:25".parse().unwrap()];
        let reachable = |route: &Route| route.reachable(found.iter().copied());
        assert_eq!(reachable(&Route::direct()).unwrap(), found);
        let v4 = Route::direct().source_address("127.0.0.2".parse().unwrap());
        assert_eq!(reachable(&v4).unwrap(), found[1..]);
        assert_eq!(
            v4.source_for(found[1]),
            Some("127.0.0.2:0".parse().unwrap())
        );
        let both = v4.clone().source_address("::1".parse().unwrap());
        assert_eq!(reachable(&both).unwrap(), found);
        let error = v4.reachable(found[..1].iter().copied()).unwrap_err();
        assert!(error.to_string().contains("same family"), "{error}");
        assert!(
            v4.reachable(std::iter::empty())
                .unwrap_err()
                .to_string()
                .contains("no address")
        );
    }
}
