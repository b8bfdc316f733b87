//! The URL of a Redis node or cluster.

use std::fmt;
use std::str::FromStr;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _};
use secret::PasswordProvider;

use super::passwords::Passwords;

/// The URL of a Redis node or cluster. Its `Debug` output contains no credentials.
///
/// Three forms are accepted:
///
/// * `redis://[user:password@]host[:port][/db]` for a node without TLS;
/// * `rediss://[user:password@]host[:port][/db]` for a node with TLS;
/// * `redis-cluster://[user:password@]host:port[,host:port…][?tls=true]` for a cluster, of which at
///   least one node must be named.
///
/// With TLS, the certificate of the server is always verified.
#[derive(Clone)]
pub struct Url {
    pub(super) nodes: Vec<ConnectionInfo>,
    pub(super) cluster: bool,
    /// Creates the password of each connection, if the URL has none.
    pub(super) passwords: Option<Passwords>,
}

impl Url {
    /// Returns the user name, if the URL contains one.
    pub fn user(&self) -> Option<&str> {
        self.nodes.first()?.redis_settings().username()
    }

    /// Uses a new password for each connection.
    ///
    /// Returns `None` unless the URL has a user, no password, and TLS. Without TLS, the password
    /// could be read on the network.
    pub fn with_passwords(self, provider: PasswordProvider) -> Option<Self> {
        let node = self.nodes.first()?;
        let user = node.redis_settings().username()?.to_owned();
        let fits = node.redis_settings().password().is_none() && matches!(node.addr(), ConnectionAddr::TcpTls { .. });
        fits.then_some(Self { passwords: Some(Passwords { provider, user }), ..self })
    }
}

/// The text is not a valid [`Url`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a redis://, rediss:// or redis-cluster:// URL")]
pub struct InvalidUrl;

impl FromStr for Url {
    type Err = InvalidUrl;

    /// Parses one of the three forms that [`Url`] describes.
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

/// Parses the URL of one node. Rejects the driver's `#insecure`, because certificates are always
/// verified.
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
    fn the_three_forms_are_parsed() {
        let single: Url = "redis://cache:6380/2".parse().unwrap();
        assert_eq!((single.nodes.len(), single.cluster), (1, false));
        let tls: Url = "rediss://user:pw@cache:6379".parse().unwrap();
        assert!(matches!(tls.nodes[0].addr(), ConnectionAddr::TcpTls { insecure: false, .. }));
        let cluster: Url = "redis-cluster://user:pw@a:7000,b:7001,c:7002".parse().unwrap();
        assert_eq!((cluster.nodes.len(), cluster.cluster), (3, true));
        assert_eq!(cluster.nodes[2].redis_settings().username(), Some("user"));
    }

    #[test]
    fn anything_else_is_rejected() {
        for text in ["", "http://cache", "redis://", "redis-cluster://", "rediss://cache:6379#insecure", "cache:6379"] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }
}
