//! The migrations of the repository, compiled into the function.

use std::sync::LazyLock;

use serde::Serialize;
use shared::Result;
use shared::db;
use shared::error::Error;
use sqlx::ConnectOptions as _;
use sqlx::migrate::{Migrate as _, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};

use super::{Direction, Outcome};

/// The migrations of this build. Newer ones in the database are ignored: the previous release
/// supports the newer schema, and a rollback must not fail.
static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!("../../migrations");
    migrator.set_ignore_missing(true);
    migrator
});

/// A migration, and whether the database has it.
#[derive(Debug, Serialize)]
pub(crate) struct Applied {
    /// The number at the beginning of the file's name.
    pub(crate) version: i64,
    /// The words after the number.
    pub(crate) name: String,
    pub(crate) applied: bool,
}

pub(crate) async fn migrate(database: &db::Url, direction: Direction) -> Result<Outcome> {
    let mut connection = connect(database).await?;
    match direction {
        Direction::Up => MIGRATOR.run(&mut connection).await.map_err(Error::internal)?,
        Direction::Down => {
            let applied = applied(&mut connection).await?;
            if let Some(newest) = applied.last().filter(|newest| !MIGRATOR.version_exists(**newest)) {
                let text = format!("migration {newest:04} is of a newer release; only that release can revert it");
                return Err(Error::internal(text));
            }
            let target = applied.iter().rev().nth(1).copied().unwrap_or(0);
            MIGRATOR.undo(&mut connection, target).await.map_err(Error::internal)?;
        }
        Direction::Status => {}
    }
    let applied = applied(&mut connection).await?;
    let migrations =
        MIGRATOR.iter().filter(|migration| !migration.migration_type.is_down_migration()).map(|migration| {
            let (version, name) = (migration.version, migration.description.to_string());
            Applied { version, name, applied: applied.contains(&version) }
        });
    Ok(Outcome { migrations: migrations.collect() })
}

/// Connects without the time limits of the database. Creating an index may take longer than any
/// query of a request, and waits for the queries that are running.
async fn connect(database: &db::Url) -> Result<PgConnection> {
    let mut options: PgConnectOptions = database.expose().parse().map_err(Error::internal)?;
    if database.wants_tls() {
        // The driver's own `require` encrypts the connection but does not verify the server.
        options = options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert_from_pem(db::AUTHORITIES_OF_RDS.to_vec());
    }
    options.options([("statement_timeout", "0"), ("lock_timeout", "0")]).connect().await.map_err(Error::unavailable)
}

async fn applied(connection: &mut PgConnection) -> Result<Vec<i64>> {
    connection.ensure_migrations_table(&MIGRATOR.table_name).await.map_err(Error::internal)?;
    let applied = connection.list_applied_migrations(&MIGRATOR.table_name).await.map_err(Error::internal)?;
    Ok(applied.into_iter().map(|migration| migration.version).collect())
}
