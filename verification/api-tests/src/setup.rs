//! The configuration of a test system.

use std::time::Duration;

/// The configuration of a system. The default suits most tests.
#[derive(Debug)]
pub struct Setup {
    /// The database that the functions use.
    pub postgres: PostgresChoice,
    /// The Redis server that the functions use.
    pub redis: RedisChoice,
    /// Whether there is a [`Proxy`](crate::Proxy) in front of each of the two servers. A Redis
    /// cluster never has one, because its nodes announce their own addresses.
    pub proxied: bool,
    /// The maximum number of environments of a function. As on Lambda, a request gets status 503 if
    /// all of them are busy.
    pub environments: usize,
    /// The time for which a request waits for a busy environment before another one starts. With
    /// zero, concurrent requests are always served by several environments.
    pub reuse_wait: Duration,
    /// The number of requests that an environment serves concurrently, as on Lambda Managed
    /// Instances.
    pub concurrency: Option<usize>,
    /// Whether the log lines of the functions are retained in memory.
    pub keeps_logs: bool,
    /// Whether the log lines of the functions are delivered to `metrics-rollup`. Most tests do not
    /// need that and would only be slower.
    pub delivers_logs: bool,
    /// Environment variables of the functions. They override the default ones.
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

/// The database of a system.
#[derive(Debug)]
pub enum PostgresChoice {
    /// A new, migrated database in the shared server.
    Migrated,
    /// A new, empty database in the shared server.
    Empty,
    /// A dedicated server with these additional settings. `db-migrate` migrates its database.
    Own(Vec<(String, String)>),
    /// The database at this URL, for example behind a pooler. The test migrates it.
    At(String),
}

/// The Redis server of a system.
#[derive(Debug)]
pub enum RedisChoice {
    /// The shared server. Systems do not disturb each other. The names of keys contain ids of
    /// users, which are unique. The names of counters depend on the cache key of the system.
    Shared,
    /// A dedicated server, for tests that count its commands, fill it or stop it.
    Own,
    /// The server or cluster at this URL.
    At(String),
}
