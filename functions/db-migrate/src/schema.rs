//! The migrations of the repository, compiled in.

use serde::Serialize;
use shared::Result;
use shared::config::Config;
use shared::error::Error;
use sqlx::ConnectOptions as _;
use sqlx::migrate::{Migrate as _, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection};

use crate::{Direction, Outcome};

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// A migration and whether it is in force.
#[derive(Debug, Serialize)]
pub struct Applied {
    /// Its number.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

pub(crate) async fn migrate(config: &Config, direction: Direction) -> Result<Outcome> {
    let mut connection = connect(config).await?;
    match direction {
        Direction::Up => MIGRATOR.run(&mut connection).await.map_err(Error::internal)?,
        Direction::Down => {
            let applied = applied(&mut connection).await?;
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
async fn connect(config: &Config) -> Result<PgConnection> {
    let options: PgConnectOptions = config.database.expose().parse().map_err(Error::internal)?;
    options.options([("statement_timeout", "0"), ("lock_timeout", "0")]).connect().await.map_err(Error::unavailable)
}

async fn applied(connection: &mut PgConnection) -> Result<Vec<i64>> {
    connection.ensure_migrations_table(&MIGRATOR.table_name).await.map_err(Error::internal)?;
    let applied = connection.list_applied_migrations(&MIGRATOR.table_name).await.map_err(Error::internal)?;
    Ok(applied.into_iter().map(|migration| migration.version).collect())
}
