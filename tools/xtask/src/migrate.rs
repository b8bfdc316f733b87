//! `cargo xtask migrate`: migrates a database up or down, or shows its status.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::schema::{Migration, Schema};
use crate::servers::DevelopmentPostgres;
use crate::workspace::Workspace;

/// The name of the database of `cargo xtask dev`.
pub(crate) const DATABASE: &str = "kai";

/// Options of `cargo xtask migrate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    direction: Direction,
    /// URL of the database. The default is the database of `cargo xtask dev`. If its server is not
    /// running, it is started for this command. Connect to the database itself, not to a
    /// transaction pooler.
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Direction {
    /// Applies every migration that has not been applied.
    Up,
    /// Reverts the last migration.
    Down {
        /// Reverts every migration that is newer than this version. The version 0 reverts all
        /// migrations.
        #[arg(long, value_name = "VERSION")]
        to: Option<i64>,
    },
    /// Shows every migration and when it was applied.
    Status,
}

pub(crate) async fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    // The value lives until the end, because dropping it may stop the server.
    let mut server = None;
    let url = match &arguments.database_url {
        Some(url) => url.clone(),
        None => {
            let postgres = DevelopmentPostgres::attach_or_start(workspace).await?;
            postgres.admin().create_database(DATABASE).await?;
            server.insert(postgres).admin().url(DATABASE)
        }
    };
    let mut schema = Schema::open(workspace, &url).await?;
    match arguments.direction {
        Direction::Up => report("applied", &schema.up().await?),
        Direction::Down { to } => report("reverted", &schema.down(to).await?),
        Direction::Status => print!("{}", table(&schema.status().await?)),
    }
    Ok(ExitCode::SUCCESS)
}

fn report(done: &str, versions: &[i64]) {
    if versions.is_empty() {
        println!("nothing to do");
    }
    for version in versions {
        println!("{done} {version:04}");
    }
}

fn table(migrations: &[Migration]) -> String {
    let name = |migration: &Migration| migration.name.clone().unwrap_or_else(|| "(no file)".to_owned());
    let width = migrations.iter().map(|migration| name(migration).chars().count()).max().unwrap_or(0).max(4);
    let mut table = format!("version  {:width$}  applied\n", "name");
    for migration in migrations {
        let state = match (&migration.applied, migration.differs) {
            (None, _) => "not yet".to_owned(),
            (Some(when), false) => when.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            (Some(when), true) => format!("{} (the file has changed since)", when.strftime("%Y-%m-%d %H:%M:%S UTC")),
        };
        table.push_str(&format!("{:04}     {:width$}  {state}\n", migration.version, name(migration)));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_applied_changed_missing_and_pending_migrations() {
        let applied = Some("2026-01-02T03:04:05Z".parse().unwrap());
        let migrations = [
            Migration { version: 1, name: Some("initial".to_owned()), applied, differs: false },
            Migration { version: 2, name: Some("tags".to_owned()), applied, differs: true },
            Migration { version: 3, name: None, applied, differs: false },
            Migration { version: 4, name: Some("images".to_owned()), applied: None, differs: false },
        ];
        let expected = "\
version  name       applied
0001     initial    2026-01-02 03:04:05 UTC
0002     tags       2026-01-02 03:04:05 UTC (the file has changed since)
0003     (no file)  2026-01-02 03:04:05 UTC
0004     images     not yet
";
        assert_eq!(table(&migrations), expected);
    }
}
