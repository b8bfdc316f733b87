//! What a system is made of.

/// What a system is made of. The default is what most tests need.
#[derive(Debug)]
pub struct Setup {
    /// Where the database is.
    pub postgres: PostgresChoice,
    /// Where Redis is.
    pub redis: RedisChoice,
    /// Whether a [`Proxy`](crate::Proxy) stands before each of the two servers. Not before a cluster, whose nodes name each other.
    pub proxied: bool,
    /// How many environments a function may have; a request that finds all of them busy is answered 503, as on Lambda.
    pub environments: usize,
    /// How many requests an environment takes at a time, as on Lambda Managed Instances.
    pub concurrency: Option<usize>,
    /// Whether what the functions log is kept in memory.
    pub keeps_logs: bool,
    /// Whether what the functions print is delivered to `metrics-rollup`. Most tests would only be slower for it.
    pub delivers_logs: bool,
    /// Environment variables over those that the harness gives.
    pub variables: Vec<(&'static str, String)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            postgres: PostgresChoice::Migrated,
            redis: RedisChoice::Shared,
            proxied: false,
            environments: 20,
            concurrency: None,
            keeps_logs: true,
            delivers_logs: false,
            variables: Vec::new(),
        }
    }
}

/// Where the database is.
#[derive(Debug)]
pub enum PostgresChoice {
    /// A migrated database of its own in the shared server.
    Migrated,
    /// An empty database of its own in the shared server.
    Empty,
    /// A server of its own with these further settings; its database is migrated by `db-migrate`.
    Own(Vec<(String, String)>),
    /// At this URL, as through a pooler; whoever gives it takes care of the database.
    At(String),
}

/// Where Redis is.
#[derive(Debug)]
pub enum RedisChoice {
    /// The shared server. Keys hold ids of users, which no two systems share; counters' names depend on the system's cache key.
    Shared,
    /// A server of its own, for tests that count its commands, fill it or stop it.
    Own,
    /// At this URL, as of a cluster.
    At(String),
}
