//! The configuration of a system.

use std::time::Duration;

/// The configuration of a system. The default is what most tests need.
#[derive(Debug)]
pub struct Setup {
    /// Which database the functions use.
    pub postgres: PostgresChoice,
    /// Which Redis the functions use.
    pub redis: RedisChoice,
    /// Whether there is a [`Proxy`](crate::Proxy) in front of each of the two servers. A Redis
    /// cluster has none, because its nodes announce their own addresses.
    pub proxied: bool,
    /// How many environments a function may have. As on Lambda, a request that finds all of them
    /// busy is answered with 503.
    pub environments: usize,
    /// How long a request waits for a busy environment before another one starts. Zero guarantees
    /// that concurrent requests are served by several environments.
    pub reuse_wait: Duration,
    /// How many requests an environment serves at a time, as on Lambda Managed Instances.
    pub concurrency: Option<usize>,
    /// Whether the log lines of the functions are kept in memory.
    pub keeps_logs: bool,
    /// Whether the log lines of the functions are delivered to `metrics-rollup`. Most tests do not
    /// need it and would only be slower.
    pub delivers_logs: bool,
    /// Environment variables of the functions, which take precedence over the default ones.
    pub variables: Vec<(&'static str, String)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            postgres: PostgresChoice::Migrated,
            redis: RedisChoice::Shared,
            proxied: false,
            environments: 20,
            reuse_wait: emulator::Options::default().reuse_wait,
            concurrency: None,
            keeps_logs: true,
            delivers_logs: false,
            variables: Vec::new(),
        }
    }
}

/// Which database a system uses.
#[derive(Debug)]
pub enum PostgresChoice {
    /// A new migrated database in the shared server.
    Migrated,
    /// A new empty database in the shared server.
    Empty,
    /// A dedicated server with these additional settings. `db-migrate` migrates its database.
    Own(Vec<(String, String)>),
    /// The database at this URL, for example behind a pooler. The test migrates it.
    At(String),
}

/// Which Redis a system uses.
#[derive(Debug)]
pub enum RedisChoice {
    /// The shared server. The names of keys contain ids of users, which no two systems share, and
    /// the names of counters depend on the cache key of the system.
    Shared,
    /// A dedicated server, for tests that count its commands, fill it or stop it.
    Own,
    /// The Redis at this URL, for example a cluster.
    At(String),
}
