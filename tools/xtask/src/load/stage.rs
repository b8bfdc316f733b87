//! What the day is played on: servers, functions, people.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dev_servers::{Postgres, PostgresOptions, Redis, RedisOptions};
use emulator::{Emulator, Options, Template};
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

use super::day::FUNCTIONS;
use super::people::{self, Person};
use super::tally::Ear;
use crate::bench::fixture::versions;
use crate::schema::Schema;
use crate::servers::Servers;
use crate::terminal::Step;
use crate::test;
use crate::workspace::Workspace;

const DATABASE: &str = "kai_load";
/// Of each function. Who finds all of them busy is answered 503, as by a function with a reserved concurrency.
const ENVIRONMENTS: usize = 20;

/// The servers, and what the functions need to know of them.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) servers: Servers,
    pub(crate) oha: PathBuf,
    pub(crate) people: Vec<Person>,
    /// The versions of the servers, for the record.
    pub(crate) versions: String,
    /// Where generators find and leave their files.
    pub(crate) folder: PathBuf,
    binaries: PathBuf,
    template: Template,
    variables: BTreeMap<String, String>,
}

impl Stage {
    /// Builds, starts and fills everything. Postgres syncs every commit to the disk.
    ///
    /// # Errors
    /// Something does not build or start.
    pub(crate) async fn prepare(workspace: &Workspace, oha: PathBuf, profile: &str, people: u16) -> Result<Self> {
        let functions = FUNCTIONS.map(str::to_owned);
        let binaries = test::binaries(workspace, "load", profile, &functions).await?;
        let state = workspace.state("load");
        let step = Step::begin("starting Postgres and Redis");
        // Each environment of each function keeps a connection, and `chat-send` some more.
        let settings = vec![("max_connections".to_owned(), "500".to_owned())];
        let postgres = PostgresOptions { settings, ..PostgresOptions::default() };
        let postgres = Postgres::start(&state.join("postgres"), &postgres)?;
        let redis = Redis::start(&state.join("redis"), &RedisOptions::default())?;
        let servers = Servers { redis, postgres };
        servers.postgres.drop_database(DATABASE).await?;
        servers.postgres.create_database(DATABASE).await?;
        let database_url = servers.postgres.url(DATABASE);
        Schema::open(workspace, &database_url).await?.up().await?;
        let options: PgConnectOptions = database_url.parse()?;
        let versions = versions(&mut options.connect().await?, &servers.redis.url()).await?;
        step.done("Postgres and Redis started, database migrated");

        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        let variables = [("DATABASE_URL", database_url.clone()), ("CACHE_KEY", STANDARD.encode(key))];
        let folder = state.join("generators");
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut stage = Self {
            servers,
            oha,
            people: Vec::new(),
            versions,
            folder,
            binaries,
            template: template(workspace)?,
            variables: variables.map(|(name, value)| (name.to_owned(), value)).into(),
        };
        let open = stage.open(true).await?;
        let settled = people::settle(&open.emulator.url(), &database_url, people).await?;
        open.close().await;
        stage.people = settled;
        Ok(stage)
    }

    /// Serves the API, with the cache or with the address of one that nobody listens on.
    ///
    /// # Errors
    /// The emulator does not start.
    pub(crate) async fn open(&self, with_cache: bool) -> Result<Open<'_>> {
        let redis_url = if with_cache {
            self.servers.redis.url()
        } else {
            format!("redis://{}", TcpListener::bind("127.0.0.1:0")?.local_addr()?)
        };
        let ear = Ear::default();
        let mut variables = self.variables.clone();
        variables.insert("REDIS_URL".to_owned(), redis_url);
        let options = Options {
            template: self.template.clone(),
            binaries: self.binaries.clone(),
            variables,
            max_environments: ENVIRONMENTS,
            throttle: false,
            logs: ear.sink(),
            ..Options::default()
        };
        Ok(Open { stage: self, emulator: Emulator::start(options).await?, ear })
    }

    /// Empties the cache, as the first visitor of the day finds it.
    ///
    /// # Errors
    /// Redis is away.
    pub(crate) fn forget(&self) -> Result<()> {
        let mut redis = redis::Client::open(self.servers.redis.url())?.get_connection()?;
        redis::cmd("FLUSHALL").exec(&mut redis).context("Redis does not forget")
    }
}

/// The API, open for requests.
pub(crate) struct Open<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) emulator: Emulator,
    pub(crate) ear: Ear,
}

impl Open<'_> {
    pub(crate) async fn close(self) {
        self.emulator.shutdown().await;
    }
}

/// The functions of the day alone. What sums up their log lines runs elsewhere on AWS, and would take its part of this machine.
fn template(workspace: &Workspace) -> Result<Template> {
    let mut template = Template::read(workspace.path("template.yaml"))?;
    template.functions.retain(|function| FUNCTIONS.contains(&function.name.as_str()));
    Ok(template)
}
