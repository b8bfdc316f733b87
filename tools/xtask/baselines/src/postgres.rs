//! Connects to Postgres as the functions do.

use lambda_http::Error;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};

/// Opens a connection with the settings that the functions use.
///
/// # Errors
/// The URL is malformed, or the server cannot be reached.
pub async fn connect(url: &str) -> Result<Client, Error> {
    let mut config: Config = url.parse()?;
    let (client, connection) = config.ssl_mode(SslMode::Disable).connect(NoTls).await?;
    #[expect(clippy::disallowed_methods, reason = "the driver requires a task for its connection")]
    tokio::spawn(connection);
    Ok(client)
}
