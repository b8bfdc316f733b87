//! Direct access to a database.

use tokio_postgres::{Client, NoTls};

/// Works with a new connection to a database and closes it.
///
/// # Panics
/// Panics if the database cannot be reached or ends the connection.
pub async fn with_connection<T>(url: &str, work: impl AsyncFnOnce(&Client) -> T) -> T {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    tokio::select! {
        result = work(&client) => result,
        ended = connection => panic!("the connection ended: {ended:?}"),
    }
}
