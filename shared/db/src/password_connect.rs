//! Connections with a new password each, because a token is valid for 15 minutes and a pool lives
//! longer.

use deadpool_postgres::{ConfigConnectImpl, Connect};
use futures_util::future::BoxFuture;
use secret::PasswordProvider;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

pub(super) struct PasswordConnect {
    pub(super) inner: ConfigConnectImpl<MakeRustlsConnect>,
    pub(super) passwords: PasswordProvider,
}

impl Connect for PasswordConnect {
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        let mut config = config.clone();
        // Without a password the server rejects the connection, and its error is reported.
        if let Some(password) = (self.passwords)() {
            config.password(password.expose());
        }
        self.inner.connect(&config)
    }
}
