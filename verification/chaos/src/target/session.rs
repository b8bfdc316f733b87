//! Opens sessions directly in the database, because the check is about signing out.

use tokio_postgres::NoTls;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::Failure;

/// Opens a session of a user and returns its token.
///
/// # Errors
/// [`Failure::Unavailable`] if the database is unavailable.
pub(super) async fn open(database_url: &str, user: Uuid) -> Result<String, Failure> {
    let (token, hash) = api_tests::new_token(user);
    let (client, connection) = tokio_postgres::connect(database_url, NoTls).await.map_err(|_| Failure::Unavailable)?;
    let sql =
        "INSERT INTO sessions (id, user_id, token_hash, expires_at) VALUES ($1, $2, $3, now() + interval '1 day')";
    let id = Uuid::now_v7();
    let params: [&(dyn ToSql + Sync); 3] = [&id, &user, &hash];
    tokio::select! {
        done = client.execute(sql, &params) => done.map(|_| token).map_err(|_| Failure::Unavailable),
        _ = connection => Err(Failure::Unavailable),
    }
}
