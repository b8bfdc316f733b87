//! Connects to Redis as the functions do.

use std::time::Duration;

use lambda_http::Error;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo as _};

/// Opens a connection with the settings that the functions use.
///
/// # Errors
/// The URL is malformed, or the server cannot be reached.
pub async fn connect(url: &str) -> Result<MultiplexedConnection, Error> {
    let info = url.into_connection_info()?;
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    let tcp = TcpSettings::default().set_nodelay(true);
    let client = Client::open(info.set_tcp_settings(tcp).set_redis_settings(settings))?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(Duration::from_millis(150)))
        .set_response_timeout(None);
    Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
}
