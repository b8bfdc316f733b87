//! Postgres and Redis of our own for a command, with their data under `target/`.

use anyhow::{Result, anyhow};
use dev_servers::postgres::Admin;
use dev_servers::{Postgres, PostgresOptions, Redis, RedisOptions, Server, install};

use crate::terminal::Step;
use crate::workspace::Workspace;

/// The servers of one command. Dropping them stops them, Redis first.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) redis: Redis,
    pub(crate) postgres: Postgres,
}

impl Servers {
    /// Starts both with what they kept from the last time. For development.
    ///
    /// # Errors
    /// One does not start; the error shows why.
    pub(crate) fn start_lasting(workspace: &Workspace, command: &str) -> Result<Self> {
        let redis = RedisOptions { keep: true, ..RedisOptions::default() };
        Self::start(workspace, command, &PostgresOptions::default(), &redis)
    }

    /// Starts both empty, and without regard for the disk. For tests.
    ///
    /// # Errors
    /// One does not start; the error shows why.
    pub(crate) fn start_disposable(workspace: &Workspace, command: &str) -> Result<Self> {
        // Many tests at once, each with environments that keep connections.
        let settings = vec![("max_connections".to_owned(), "1000".to_owned())];
        let postgres = PostgresOptions { disposable: true, settings, ..PostgresOptions::default() };
        Self::start(workspace, command, &postgres, &RedisOptions::default())
    }

    fn start(workspace: &Workspace, command: &str, postgres: &PostgresOptions, redis: &RedisOptions) -> Result<Self> {
        let state = workspace.state(command);
        let step = Step::begin("starting Postgres");
        let postgres = Postgres::start(&state.join("postgres"), postgres).map_err(|error| match error {
            dev_servers::Error::InUse(_) => anyhow!("{error}; is `cargo xtask {command}` running already?"),
            error => error.into(),
        })?;
        step.done(&format!("Postgres on port {}", postgres.port()));
        let step = Step::begin("starting Redis");
        let redis = Redis::start(&state.join("redis"), redis)?;
        step.done(&format!("Redis on port {}", redis.port()));
        Ok(Self { redis, postgres })
    }
}

/// The Postgres of `cargo xtask dev`: the one that runs, or one that is started for a command and stops when this is dropped.
#[derive(Debug)]
pub(crate) struct DevelopmentPostgres {
    admin: Admin,
    _started: Option<Postgres>,
}

impl DevelopmentPostgres {
    /// # Errors
    /// It neither runs nor starts.
    pub(crate) async fn reach(workspace: &Workspace) -> Result<Self> {
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
/// One cannot be installed; the error says what to do by hand.
pub(crate) fn install(servers: &[Server]) -> Result<()> {
    let step = Step::begin("looking for the servers");
    install::ensure(servers, &mut |line| step.say(line))?;
    let names: Vec<String> = servers.iter().map(ToString::to_string).collect();
    step.done(&format!("{} installed", names.join(", ")));
    Ok(())
}
