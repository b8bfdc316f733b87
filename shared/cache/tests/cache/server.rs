//! A Redis for one test, and the cache of an environment, which is one process.

mod steps;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cache::{Cache, Family, Key};
use dev_servers::RedisOptions;
use dev_servers::testing::TestRedis;
pub(crate) use dev_servers::testing::until;
use metrics::RequestMetrics;
use secret::SecretKey;
use uuid::Uuid;

pub(crate) use self::steps::{assert_dead, assert_served, begin, end, fill, look_up, miss, misses, put, served, write};

pub(crate) const FAMILY: Family = Family { prefix: "thing:list", ttl: Duration::from_secs(300) };

pub(crate) struct Server {
    redis: TestRedis,
    /// The clearings in a cluster whose primaries and slots change, where some are lost. `None` for
    /// any other server.
    motion: Option<Clearings>,
}

/// The number of clearings that Redis has acknowledged, and the number that were lost.
#[derive(Default)]
struct Clearings {
    acknowledged: AtomicUsize,
    lost: AtomicUsize,
}

impl Server {
    fn new(redis: TestRedis) -> Self {
        Self { redis, motion: None }
    }

    pub(crate) fn node() -> Self {
        Self::new(TestRedis::node())
    }

    pub(crate) fn node_with(options: &RedisOptions) -> Self {
        Self::new(TestRedis::node_with(options))
    }

    pub(crate) fn cluster() -> Self {
        Self::new(TestRedis::cluster())
    }

    /// Starts a cluster with replicas. The test fails over its shards and moves its slots.
    pub(crate) fn cluster_in_motion() -> Self {
        Self { redis: TestRedis::cluster_with_replicas(), motion: Some(Clearings::default()) }
    }

    pub(crate) fn external(url: String) -> Self {
        Self::new(TestRedis::external(url))
    }

    fn is_in_motion(&self) -> bool {
        self.motion.is_some()
    }

    /// Counts a clearing in a cluster in motion. After a lost clearing, the test itself clears the
    /// guard.
    fn note_clearing(&self, acknowledged: bool) {
        if let Some(clearings) = &self.motion {
            let counter = if acknowledged { &clearings.acknowledged } else { &clearings.lost };
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Returns the number of clearings that Redis has acknowledged, and the number that were lost.
    pub(crate) fn clearings(&self) -> [usize; 2] {
        let clearings = self.motion.as_ref().expect("the cluster is in motion");
        [&clearings.acknowledged, &clearings.lost].map(|counter| counter.load(Ordering::SeqCst))
    }

    /// Returns the cache of a new environment.
    pub(crate) fn cache(&self) -> Cache {
        cache_at(&self.url())
    }
}

impl Deref for Server {
    type Target = TestRedis;

    fn deref(&self) -> &TestRedis {
        &self.redis
    }
}

pub(crate) fn cache_at(url: &str) -> Cache {
    Cache::new(&url.parse().unwrap(), &SecretKey::new([7; 32]), Arc::new(RequestMetrics::default()))
}

/// Returns the key of the first page of a new owner.
pub(crate) fn key() -> Key {
    key_of(Uuid::new_v4(), 1)
}

pub(crate) fn key_of(owner: Uuid, page: u32) -> Key {
    FAMILY.key(owner, format!("thing:list:{owner}:page:{page}"))
}
