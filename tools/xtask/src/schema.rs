//! The migrations in `migrations/`. They are read at run time, so a new migration does not need a
//! build.

use anyhow::{Context, Result};
use jiff::Timestamp;
use sqlx::migrate::{Migrate as _, MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Row as _};

use crate::workspace::Workspace;

/// The repository's migrations, and a database that they are applied to.
#[derive(Debug)]
pub(crate) struct Schema {
    migrator: Migrator,
    connection: PgConnection,
}

/// A migration and its state in the database.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Migration {
    pub(crate) version: i64,
    /// The name, or `None` if the file is missing.
    pub(crate) name: Option<String>,
    /// The time at which the migration was applied, or `None` if it is pending.
    pub(crate) applied: Option<Timestamp>,
    /// Whether the file has changed since the migration was applied.
    pub(crate) differs: bool,
}

impl Schema {
    /// Reads the files and connects to the database.
    ///
    /// # Errors
    /// A file cannot be read, or the database is unavailable.
    pub(crate) async fn open(workspace: &Workspace, database_url: &str) -> Result<Self> {
        let folder = workspace.path("migrations");
        let migrator = Migrator::new(folder.as_path()).await?;
        // The database limits statements to 5 s. An index over a large table takes longer.
        let options: PgConnectOptions = database_url.parse().context("the database URL is malformed")?;
        let options = options.options([("statement_timeout", "0"), ("lock_timeout", "0")]).application_name("xtask");
        let connection = options.connect().await.context("cannot connect to the database")?;
        Ok(Self { migrator, connection })
    }

    /// Applies the pending migrations, and returns their versions.
    ///
    /// # Errors
    /// An applied file has changed, or a statement fails. The migration with the failed statement
    /// is rolled back, and the migrations before it stay applied.
    pub(crate) async fn up(&mut self) -> Result<Vec<i64>> {
        let before = self.applied().await?;
        self.migrator.run(&mut self.connection).await.map_err(with_advice)?;
        Ok(self.applied().await?.into_iter().filter(|version| !before.contains(version)).collect())
    }

    /// Reverts every migration newer than `to`, or the last migration by default, and returns the
    /// versions of the reverted migrations.
    ///
    /// # Errors
    /// A statement fails. Its migration is rolled back, and the migrations that were reverted
    /// before it stay reverted.
    pub(crate) async fn down(&mut self, to: Option<i64>) -> Result<Vec<i64>> {
        let before = self.applied().await?;
        let target = to.unwrap_or_else(|| before.iter().rev().nth(1).copied().unwrap_or(0));
        self.migrator.undo(&mut self.connection, target).await.map_err(with_advice)?;
        let after = self.applied().await?;
        Ok(before.into_iter().rev().filter(|version| !after.contains(version)).collect())
    }

    /// Returns every migration that has a file or was applied, oldest first.
    ///
    /// # Errors
    /// The database is unavailable.
    pub(crate) async fn status(&mut self) -> Result<Vec<Migration>> {
        self.connection.ensure_migrations_table(&self.migrator.table_name).await?;
        let query = "SELECT version, checksum, installed_on::text AS applied FROM _sqlx_migrations WHERE success ORDER BY version";
        let mut migrations: Vec<Migration> = Vec::new();
        for row in sqlx::query(query).fetch_all(&mut self.connection).await? {
            let version: i64 = row.try_get("version")?;
            let checksum: Vec<u8> = row.try_get("checksum")?;
            let file = self.files().find(|file| file.version == version);
            let applied: String = row.try_get("applied")?;
            migrations.push(Migration {
                version,
                name: file.map(|file| file.description.to_string()),
                applied: Some(applied.parse().context("cannot parse the time of a migration")?),
                differs: file.is_some_and(|file| *file.checksum != checksum),
            });
        }
        for file in self.migrator.iter().filter(|file| !file.migration_type.is_down_migration()) {
            if !migrations.iter().any(|known| known.version == file.version) {
                let name = Some(file.description.to_string());
                migrations.push(Migration { version: file.version, name, applied: None, differs: false });
            }
        }
        migrations.sort_by_key(|migration| migration.version);
        Ok(migrations)
    }

    fn files(&self) -> impl Iterator<Item = &sqlx::migrate::Migration> {
        self.migrator.iter().filter(|file| !file.migration_type.is_down_migration())
    }

    async fn applied(&mut self) -> Result<Vec<i64>> {
        self.connection.ensure_migrations_table(&self.migrator.table_name).await?;
        let applied = self.connection.list_applied_migrations(&self.migrator.table_name).await?;
        Ok(applied.into_iter().map(|migration| migration.version).collect())
    }
}

fn with_advice(error: MigrateError) -> anyhow::Error {
    let advice = match error {
        MigrateError::VersionMismatch(_) => {
            "an applied migration must not be edited; revert it first (`cargo xtask migrate down`, with the old file), or add a new file"
        }
        MigrateError::VersionMissing(_) => {
            "the file of an applied migration is missing; check out the branch that this database belongs to"
        }
        _ => return anyhow::Error::new(error),
    };
    anyhow::Error::new(error).context(advice)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use dev_servers::{Postgres, PostgresOptions};

    use super::*;

    #[tokio::test]
    async fn a_schema_migrates_up_and_down_and_reports_its_status() {
        let dir = tempfile::tempdir().unwrap();
        let options = PostgresOptions { disposable: true, ..PostgresOptions::default() };
        let postgres = Postgres::start(&dir.path().join("postgres"), &options).unwrap();
        let url = postgres.url("postgres");
        let migrations = dir.path().join("migrations");
        fs::create_dir(&migrations).unwrap();
        for (number, table) in [(1, "one"), (2, "two"), (3, "three")] {
            fs::write(migrations.join(format!("000{number}_{table}.up.sql")), format!("CREATE TABLE {table} ();"))
                .unwrap();
            fs::write(migrations.join(format!("000{number}_{table}.down.sql")), format!("DROP TABLE {table};"))
                .unwrap();
        }
        let workspace = Workspace::at(dir.path().to_path_buf());

        let mut schema = Schema::open(&workspace, &url).await.unwrap();
        assert!(schema.status().await.unwrap().iter().all(|migration| migration.applied.is_none()));
        assert_eq!(schema.up().await.unwrap(), [1, 2, 3]);
        assert_eq!(schema.up().await.unwrap(), [0_i64; 0]);
        assert_eq!(schema.down(None).await.unwrap(), [3]);
        assert_eq!(schema.down(Some(0)).await.unwrap(), [2, 1]);
        assert_eq!(schema.up().await.unwrap(), [1, 2, 3]);

        fs::write(migrations.join("0002_two.up.sql"), "CREATE TABLE another ();").unwrap();
        let mut schema = Schema::open(&workspace, &url).await.unwrap();
        let differing = schema.status().await.unwrap().into_iter().filter(|migration| migration.differs);
        assert_eq!(differing.map(|migration| migration.version).collect::<Vec<_>>(), [2]);
        let error = format!("{:#}", schema.up().await.unwrap_err());
        assert!(error.contains("must not be edited"), "{error}");
    }

    #[tokio::test]
    async fn a_migration_may_take_longer_than_the_statement_timeout_of_the_database() {
        let dir = tempfile::tempdir().unwrap();
        let options = PostgresOptions { disposable: true, ..PostgresOptions::default() };
        let postgres = Postgres::start(&dir.path().join("postgres"), &options).unwrap();
        let migrations = dir.path().join("migrations");
        fs::create_dir(&migrations).unwrap();
        let limit = "ALTER DATABASE postgres SET statement_timeout = '50ms'";
        fs::write(migrations.join("0001_limit.up.sql"), limit).unwrap();
        fs::write(migrations.join("0001_limit.down.sql"), "SELECT 1").unwrap();
        let workspace = Workspace::at(dir.path().to_path_buf());
        let url = postgres.url("postgres");
        Schema::open(&workspace, &url).await.unwrap().up().await.unwrap();
        fs::write(migrations.join("0002_slow.up.sql"), "SELECT pg_sleep(0.3)").unwrap();
        fs::write(migrations.join("0002_slow.down.sql"), "SELECT 1").unwrap();
        assert_eq!(Schema::open(&workspace, &url).await.unwrap().up().await.unwrap(), [2]);
    }
}
