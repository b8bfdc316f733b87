//! Connects with a token of IAM for a password, each time with a new one: it lives for a quarter of an hour, a pool for longer.

use deadpool_postgres::{ConfigConnectImpl, Connect};
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::aws::Identity;

/// Postgres' own.
const PORT: u16 = 5432;

pub(super) struct SignedConnect {
    pub(super) inner: ConfigConnectImpl<MakeRustlsConnect>,
    pub(super) identity: Identity,
}

impl Connect for SignedConnect {
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        let mut config = config.clone();
        // Without one the server refuses, which is all that there is to say.
        if let (Some(Host::Tcp(host)), Some(user)) = (config.get_hosts().first(), config.get_user()) {
            let port = config.get_ports().first().copied().unwrap_or(PORT);
            if let Ok(token) = self.identity.database_token(host, port, user) {
                config.password(token.expose());
            }
        }
        self.inner.connect(&config)
    }
}
