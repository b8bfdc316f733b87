//! The migrations of the repository, compiled in.

use std::sync::LazyLock;

use serde::Serialize;
use shared::Result;
use shared::db;
use shared::error::Error;
use sqlx::ConnectOptions as _;
use sqlx::migrate::{Migrate as _, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};

use super::{Direction, Outcome};

/// A schema that is ahead of them is none of their business: the release before works with it, and a stack that goes back must not fail.
static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!("../../migrations");
    migrator.set_ignore_missing(true);
    migrator
});

/// A migration and whether it is in force.
#[derive(Debug, Serialize)]
pub(crate) struct Applied {
    /// Its number.
    pub(crate) version: i64,
    /// Its name.
    pub(crate) name: String,
    /// Whether the database has it.
    pub(crate) applied: bool,
}

pub(crate) async fn migrate(database: &db::Url, direction: Direction) -> Result<Outcome> {
    let mut connection = connect(database).await?;
    match direction {
        Direction::Up => MIGRATOR.run(&mut connection).await.map_err(Error::internal)?,
        Direction::Down => {
            let applied = applied(&mut connection).await?;
            if let Some(newest) = applied.last().filter(|newest| !MIGRATOR.version_exists(**newest)) {
                let text = format!("migration {newest:04} is of a newer release, which alone can take it back");
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

/// A connection without the database's own bounds: building an index may take longer than any request's query, and waits for all of them.
async fn connect(database: &db::Url) -> Result<PgConnection> {
    let mut options: PgConnectOptions = database.expose().parse().map_err(Error::internal)?;
    if database.wants_tls() {
        // What the driver calls `require` encrypts, for whomever it may be that answers.
        options = options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert_from_pem(db::AUTHORITIES_OF_RDS.to_vec());
    }
    options.options([("statement_timeout", "0"), ("lock_timeout", "0")]).connect().await.map_err(Error::unavailable)
}

async fn applied(connection: &mut PgConnection) -> Result<Vec<i64>> {
    connection.ensure_migrations_table(&MIGRATOR.table_name).await.map_err(Error::internal)?;
    let applied = connection.list_applied_migrations(&MIGRATOR.table_name).await.map_err(Error::internal)?;
    Ok(applied.into_iter().map(|migration| migration.version).collect())
}
