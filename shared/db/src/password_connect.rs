//! Connects with a new password each time: a token is valid for a quarter of an hour, a pool lives longer.

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
        // Without a password the server refuses, and its error is all that there is to report.
        if let Some(password) = (self.passwords)() {
            config.password(password.expose());
        }
        self.inner.connect(&config)
    }
}
