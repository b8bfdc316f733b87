//! Where Redis is.

use std::fmt;
use std::str::FromStr;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _};
use secret::PasswordProvider;

use super::passwords::Passwords;

/// A parsed `REDIS_URL`. Its `Debug` shows no credentials.
#[derive(Clone)]
pub struct Url {
    pub(super) nodes: Vec<ConnectionInfo>,
    pub(super) cluster: bool,
    /// Makes the password of each connection, if the URL has none.
    pub(super) passwords: Option<Passwords>,
}

impl Url {
    /// The user to sign in as, if the URL names one.
    pub fn user(&self) -> Option<&str> {
        self.nodes.first()?.redis_settings().username()
    }

    /// Uses a new password for each connection. Returns `None` unless the URL has a user, no password, and TLS, without which anybody on
    /// the network could read the password.
    pub fn with_passwords(self, provider: PasswordProvider) -> Option<Self> {
        let node = self.nodes.first()?;
        let user = node.redis_settings().username()?.to_owned();
        let fits = node.redis_settings().password().is_none() && matches!(node.addr(), ConnectionAddr::TcpTls { .. });
        fits.then_some(Self { passwords: Some(Passwords { provider, user }), ..self })
    }
}

/// The text is not a URL of one of the three kinds.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a redis://, rediss:// or redis-cluster:// URL")]
pub struct InvalidUrl;

impl FromStr for Url {
    type Err = InvalidUrl;

    /// `redis://[user:password@]host[:port][/db]`, the same with `rediss://` for TLS, or
    /// `redis-cluster://[user:password@]host:port[,host:port…]` with `?tls=true` where the nodes speak TLS.
    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let Some(cluster) = text.strip_prefix("redis-cluster://") else {
            let known = text.starts_with("redis://") || text.starts_with("rediss://");
            return known
                .then(|| node(text))
                .flatten()
                .map(|n| Self { nodes: vec![n], cluster: false, passwords: None })
                .ok_or(InvalidUrl);
        };
        let (cluster, scheme) = match cluster.strip_suffix("?tls=true") {
            Some(rest) => (rest, "rediss"),
            None => (cluster, "redis"),
        };
        let (credentials, hosts) = match cluster.rsplit_once('@') {
            Some((credentials, hosts)) => (format!("{credentials}@"), hosts),
            None => (String::new(), cluster),
        };
        let nodes: Option<Vec<_>> = hosts
            .trim_end_matches('/')
            .split(',')
            .map(|host| node(&format!("{scheme}://{credentials}{host}")))
            .collect();
        Ok(Self { nodes: nodes.ok_or(InvalidUrl)?, cluster: true, passwords: None })
    }
}

/// Parses one node; certificates are always verified, so the driver's `#insecure` is refused.
fn node(url: &str) -> Option<ConnectionInfo> {
    let info = url.into_connection_info().ok()?;
    match info.addr() {
        ConnectionAddr::Tcp(..) | ConnectionAddr::TcpTls { insecure: false, .. } => Some(info),
        _ => None,
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = self.nodes.iter().map(|node| node.addr().to_string());
        f.debug_struct("Url").field("nodes", &nodes.collect::<Vec<_>>()).field("cluster", &self.cluster).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_kinds_are_read() {
        let single: Url = "redis://cache:6380/2".parse().unwrap();
        assert_eq!((single.nodes.len(), single.cluster), (1, false));
        let tls: Url = "rediss://user:pw@cache:6379".parse().unwrap();
        assert!(matches!(tls.nodes[0].addr(), ConnectionAddr::TcpTls { insecure: false, .. }));
        let cluster: Url = "redis-cluster://user:pw@a:7000,b:7001,c:7002".parse().unwrap();
        assert_eq!((cluster.nodes.len(), cluster.cluster), (3, true));
        assert_eq!(cluster.nodes[2].redis_settings().username(), Some("user"));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "http://cache", "redis://", "redis-cluster://", "rediss://cache:6379#insecure", "cache:6379"] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }
}
