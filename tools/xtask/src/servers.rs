//! The Postgres and Redis servers of a command, with their data under `target/`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dev_servers::postgres::Admin;
use dev_servers::{Postgres, PostgresOptions, Redis, RedisOptions, Server, install};
use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use crate::terminal::Step;
use crate::workspace::Workspace;

/// The servers of one command. Dropping them stops them, Redis first.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) redis: Redis,
    pub(crate) postgres: Postgres,
}

impl Servers {
    /// Starts both servers for development, with the data of the last run.
    ///
    /// # Errors
    /// A server does not start. The error contains the reason.
    pub(crate) fn start_persistent(workspace: &Workspace, command: &str) -> Result<Self> {
        let redis = RedisOptions { persistent: true, ..RedisOptions::default() };
        Self::start(workspace, command, &PostgresOptions::default(), &redis)
    }

    /// Starts both servers for tests. They are empty and do not sync to the disk.
    ///
    /// # Errors
    /// A server does not start. The error contains the reason.
    pub(crate) fn start_disposable(workspace: &Workspace, command: &str) -> Result<Self> {
        // Many tests run at the same time, and each has environments that keep connections open.
        let postgres = PostgresOptions { disposable: true, ..with_max_connections(1000) };
        Self::start(workspace, command, &postgres, &RedisOptions::default())
    }

    /// Starts both servers for a measurement. Postgres keeps its data and syncs every commit to the
    /// disk. Redis starts empty and takes no snapshots, which would disturb the measurement.
    ///
    /// # Errors
    /// A server does not start. The error contains the reason.
    pub(crate) fn start_measured(workspace: &Workspace, command: &str, postgres: &PostgresOptions) -> Result<Self> {
        let (postgres_folder, redis_folder) = folders(workspace, command);
        let postgres = Postgres::start(&postgres_folder, postgres).map_err(|error| start_error(error, command))?;
        let redis = Redis::start(&redis_folder, &RedisOptions::default())?;
        Ok(Self { redis, postgres })
    }

    fn start(workspace: &Workspace, command: &str, postgres: &PostgresOptions, redis: &RedisOptions) -> Result<Self> {
        let (postgres_folder, redis_folder) = folders(workspace, command);
        let step = Step::begin("starting Postgres");
        let postgres = Postgres::start(&postgres_folder, postgres).map_err(|error| start_error(error, command))?;
        step.done(&format!("Postgres on port {}", postgres.port()));
        let step = Step::begin("starting Redis");
        let redis = Redis::start(&redis_folder, redis)?;
        step.done(&format!("Redis on port {}", redis.port()));
        Ok(Self { redis, postgres })
    }

    /// Stops both servers, and shows the progress.
    pub(crate) fn stop(self) {
        let step = Step::begin("stopping Redis and Postgres");
        drop(self);
        step.done("Redis and Postgres stopped");
    }

    /// Returns the environment variables with which a function uses these servers.
    pub(crate) fn variables(&self, database_url: &str, cache_key: String) -> BTreeMap<String, String> {
        [("DATABASE_URL", database_url.to_owned()), ("REDIS_URL", self.redis.url()), ("CACHE_KEY", cache_key)]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }

    /// Returns the versions of both servers, for a report.
    ///
    /// # Errors
    /// A server does not respond.
    pub(crate) async fn versions(&self, database: &mut PgConnection) -> Result<String> {
        let postgres: String = sqlx::query("SHOW server_version").fetch_one(database).await?.try_get(0)?;
        let mut redis = redis::Client::open(self.redis.url())?.get_connection()?;
        let info: String = redis::cmd("INFO").arg("server").query(&mut redis)?;
        let version = info.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap_or("?");
        Ok(format!("Postgres {}, Redis {version}", postgres.split(' ').next().unwrap_or("?")))
    }
}

/// Returns options with this limit on the number of connections.
pub(crate) fn with_max_connections(limit: u16) -> PostgresOptions {
    let settings = vec![("max_connections".to_owned(), limit.to_string())];
    PostgresOptions { settings, ..PostgresOptions::default() }
}

/// Returns a random key for the functions' cached records.
///
/// # Errors
/// The system cannot provide random numbers.
pub(crate) fn random_cache_key() -> Result<String> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    Ok(STANDARD.encode(key))
}

fn folders(workspace: &Workspace, command: &str) -> (PathBuf, PathBuf) {
    let state = workspace.state(command);
    (state.join("postgres"), state.join("redis"))
}

fn start_error(error: dev_servers::Error, command: &str) -> anyhow::Error {
    match error {
        dev_servers::Error::InUse(_) => anyhow!("{error}; is `cargo xtask {command}` running already?"),
        error => error.into(),
    }
}

/// The Postgres server of `cargo xtask dev`. If it is not running, it is started for one command
/// and stops when this value is dropped.
#[derive(Debug)]
pub(crate) struct DevelopmentPostgres {
    admin: Admin,
    _started: Option<Postgres>,
}

impl DevelopmentPostgres {
    /// Attaches to the running server, or starts it.
    ///
    /// # Errors
    /// The server does not start.
    pub(crate) async fn attach_or_start(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.state("dev").join("postgres");
        if let Some(admin) = Postgres::attach(&folder).await {
            return Ok(Self { admin, _started: None });
        }
        install(&[Server::Postgres])?;
        let started = Postgres::start(&folder, &PostgresOptions::default())?;
        Ok(Self { admin: started.admin().clone(), _started: Some(started) })
    }

    pub(crate) fn admin(&self) -> &Admin {
        &self.admin
    }
}

/// Installs the servers that are missing.
///
/// # Errors
/// A server cannot be installed. The error describes the manual installation.
pub(crate) fn install(servers: &[Server]) -> Result<()> {
    let step = Step::begin("checking the servers");
    install::ensure(servers, &mut |line| step.say(line))?;
    let names: Vec<String> = servers.iter().map(ToString::to_string).collect();
    step.done(&format!("{} installed", names.join(", ")));
    Ok(())
}
