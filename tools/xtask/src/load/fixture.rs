//! The servers, functions and users that a load test runs with.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;

use anyhow::{Context, Result};
use emulator::{Emulator, Options, Template};
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

use super::summary::Collector;
use super::users::{self, User};
use super::workload::FUNCTIONS;
use crate::binaries;
use crate::schema::Schema;
use crate::servers::{Servers, random_cache_key, with_max_connections};
use crate::terminal::Step;
use crate::workspace::Workspace;

const DATABASE: &str = "kai_load";
/// The maximum number of environments of each function. If all of them are busy, a request gets a
/// 503, as it does from a function with reserved concurrency.
const ENVIRONMENTS: usize = 20;

/// The servers and the users, and the data that the functions need to run.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) servers: Servers,
    pub(crate) oha: PathBuf,
    pub(crate) users: Vec<User>,
    /// The versions of the servers, for the report.
    pub(crate) versions: String,
    /// The folder of the load generators' files.
    pub(crate) folder: PathBuf,
    binaries: PathBuf,
    template: Template,
    variables: BTreeMap<String, String>,
}

impl Fixture {
    /// Builds the functions, starts the servers and creates the users.
    ///
    /// # Errors
    /// A function does not build, or a server does not start.
    pub(crate) async fn prepare(workspace: &Workspace, oha: PathBuf, profile: &str, users: u16) -> Result<Self> {
        let functions = FUNCTIONS.map(str::to_owned);
        let binaries = binaries::build(workspace, "load", profile, &functions).await?;
        let step = Step::begin("starting Postgres and Redis");
        // Each environment of each function keeps a connection open, and `chat-send` opens some
        // more.
        let servers = Servers::start_measured(workspace, "load", &with_max_connections(500))?;
        servers.postgres.drop_database(DATABASE).await?;
        servers.postgres.create_database(DATABASE).await?;
        let database_url = servers.postgres.url(DATABASE);
        Schema::open(workspace, &database_url).await?.up().await?;
        let options: PgConnectOptions = database_url.parse()?;
        let versions = servers.versions(&mut options.connect().await?).await?;
        step.done("Postgres and Redis started, database migrated");

        let variables = servers.variables(&database_url, random_cache_key()?);
        let folder = workspace.state("load").join("generators");
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let mut fixture = Self {
            servers,
            oha,
            users: Vec::new(),
            versions,
            folder,
            binaries,
            template: template(workspace)?,
            variables,
        };
        let api = fixture.serve(true).await?;
        let created = users::create(&api.emulator.url(), &database_url, users).await?;
        api.shutdown().await;
        fixture.users = created;
        Ok(fixture)
    }

    /// Serves the API. Without the cache, the functions get the address of a Redis that does not
    /// run.
    ///
    /// # Errors
    /// The emulator does not start.
    pub(crate) async fn serve(&self, with_cache: bool) -> Result<Api<'_>> {
        let mut variables = self.variables.clone();
        if !with_cache {
            let unused = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
            variables.insert("REDIS_URL".to_owned(), format!("redis://{unused}"));
        }
        let collector = Collector::default();
        let options = Options {
            template: self.template.clone(),
            binaries: self.binaries.clone(),
            variables,
            max_environments: ENVIRONMENTS,
            throttle: false,
            logs: collector.sink(),
            ..Options::default()
        };
        Ok(Api { fixture: self, emulator: Emulator::start(options).await?, collector })
    }

    /// Empties the cache.
    ///
    /// # Errors
    /// Redis is unavailable.
    pub(crate) fn flush_cache(&self) -> Result<()> {
        let mut redis = redis::Client::open(self.servers.redis.url())?.get_connection()?;
        redis::cmd("FLUSHALL").exec(&mut redis).context("cannot flush Redis")
    }
}

/// A running API, with the collector of its metrics.
pub(crate) struct Api<'a> {
    pub(crate) fixture: &'a Fixture,
    pub(crate) emulator: Emulator,
    pub(crate) collector: Collector,
}

impl Api<'_> {
    pub(crate) async fn shutdown(self) {
        self.emulator.shutdown().await;
    }
}

/// Reads the template, and removes the functions that the workload does not need. On AWS the
/// function that aggregates log lines runs on another machine. Here it would slow down the others.
fn template(workspace: &Workspace) -> Result<Template> {
    let mut template = Template::read(workspace.path("template.yaml"))?;
    template.functions.retain(|function| FUNCTIONS.contains(&function.name.as_str()));
    Ok(template)
}
