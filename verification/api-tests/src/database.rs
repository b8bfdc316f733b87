//! Direct access to a database, without the functions.

use tokio_postgres::{Client, NoTls};

/// Runs `work` with a new connection to a database, and closes the connection.
///
/// # Panics
/// Panics if the database cannot be reached or ends the connection.
pub async fn with_connection<T>(url: &str, work: impl AsyncFnOnce(&Client) -> T) -> T {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the database accepts the connection");
    tokio::select! {
        result = work(&client) => result,
        ended = connection => panic!("the connection to the database ended: {ended:?}"),
    }
}
