//! A Redis for one test, and the cache as one environment sees it.

mod cluster;
mod steps;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use dev_servers::{Redis, RedisCluster, RedisOptions};
use redis::{Cmd, ConnectionLike as _, Value, cmd};
use shared::cache::{Cache, Family, Key};
use shared::metrics::RequestMetrics;
use shared::secret::SecretKey;
use tempfile::TempDir;
use tokio::time::sleep;
use uuid::Uuid;

use self::cluster::Cluster;
pub(crate) use self::steps::{assert_dead, assert_served, begin, end, fill, look_up, miss, misses, put, served, write};

pub(crate) const FAMILY: Family = Family { prefix: "thing:list", ttl: Duration::from_secs(300) };

/// A read or a write has milliseconds; on a busy machine one may be late, which the cache answers by stepping aside. What must come
/// about in the end gets this long.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    kind: Kind,
    _folder: TempDir,
}

enum Kind {
    Node(Box<Redis>),
    Cluster(Box<Cluster>),
    /// Run by another process.
    Elsewhere(String),
}

impl Server {
    pub(crate) fn node() -> Self {
        Self::node_with(&RedisOptions {
            directives: vec![("enable-debug-command".to_owned(), "local".to_owned())],
            ..RedisOptions::default()
        })
    }

    pub(crate) fn node_with(options: &RedisOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { kind: Kind::Node(Box::new(Redis::start(folder.path(), options).unwrap())), _folder: folder }
    }

    pub(crate) fn cluster() -> Self {
        Cluster::server(|folder| RedisCluster::start(folder, 3).unwrap(), false)
    }

    /// A cluster with replicas that somebody changes while it is used.
    pub(crate) fn cluster_in_motion() -> Self {
        Cluster::server(|folder| RedisCluster::start_with_replicas(folder, 3).unwrap(), true)
    }

    pub(crate) fn elsewhere(url: String) -> Self {
        Self { kind: Kind::Elsewhere(url), _folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn url(&self) -> String {
        match &self.kind {
            Kind::Node(redis) => redis.url(),
            Kind::Cluster(cluster) => cluster.cluster.url(),
            Kind::Elsewhere(url) => url.clone(),
        }
    }

    fn is_in_motion(&self) -> bool {
        matches!(&self.kind, Kind::Cluster(cluster) if cluster.is_in_motion)
    }

    /// Notes whether Redis has heard of a clearing. Where it has not, what follows in a test is made by the test itself.
    fn note_clearing(&self, cleared: bool) {
        if let Kind::Cluster(cluster) = &self.kind {
            cluster.clearings[usize::from(!cleared)].fetch_add(1, Ordering::SeqCst);
        }
    }

    /// How many clearings Redis has heard of, and how many were lost.
    pub(crate) fn clearings(&self) -> [usize; 2] {
        match &self.kind {
            Kind::Cluster(cluster) => cluster.clearings.each_ref().map(|number| number.load(Ordering::SeqCst)),
            _ => panic!("not a cluster"),
        }
    }

    /// The URL of every server of the cluster.
    pub(crate) fn nodes(&self) -> Vec<String> {
        match &self.kind {
            Kind::Cluster(cluster) => cluster.nodes(),
            _ => vec![self.url()],
        }
    }

    /// The process, to be paused or killed.
    pub(crate) fn redis(&self) -> &Redis {
        match &self.kind {
            Kind::Node(redis) => redis,
            _ => panic!("not a single node of ours"),
        }
    }

    /// The cache of a new environment.
    pub(crate) fn cache(&self) -> Cache {
        cache_at(&self.url())
    }

    /// Runs a command past the cache. An error of Redis is a value, too.
    pub(crate) fn run(&self, command: &Cmd) -> Value {
        match &self.kind {
            Kind::Cluster(cluster) => cluster.run(command),
            _ => redis::Client::open(self.url()).unwrap().get_connection().unwrap().req_command(command).unwrap(),
        }
    }

    /// By a command that counts as a write: a primary that is being replaced still answers reads when its successor has taken writes.
    pub(crate) fn get(&self, name: &str) -> Option<Vec<u8>> {
        match self.run(cmd("GETEX").arg(name)) {
            Value::BulkString(bytes) => Some(bytes),
            Value::Nil => None,
            other => panic!("{name} holds {other:?}"),
        }
    }

    /// Sets a key without touching its time to live.
    pub(crate) fn set(&self, name: &str, value: &[u8]) {
        assert_eq!(self.run(cmd("SET").arg(name).arg(value).arg("KEEPTTL")), Value::Okay);
    }

    pub(crate) fn del(&self, name: &str) {
        self.run(cmd("DEL").arg(name));
    }

    /// What is left of a key's time, in milliseconds; -1 without an end, -2 without a key.
    pub(crate) fn pttl(&self, name: &str) -> i64 {
        match self.run(cmd("PTTL").arg(name)) {
            Value::Int(left) => left,
            other => panic!("PTTL gave {other:?}"),
        }
    }

    /// Lets a key's time run out.
    pub(crate) async fn lapse(&self, name: &str) {
        self.run(cmd("PEXPIRE").arg(name).arg(1));
        until(async || self.pttl(name) == -2).await;
    }
}

pub(crate) fn cache_at(url: &str) -> Cache {
    Cache::new(&url.parse().unwrap(), &SecretKey::new([7; 32]), Arc::new(RequestMetrics::default()))
}

/// The key of a page of somebody new.
pub(crate) fn key() -> Key {
    key_of(Uuid::new_v4(), 1)
}

pub(crate) fn key_of(owner: Uuid, page: u32) -> Key {
    FAMILY.key(owner, format!("thing:list:{owner}:page:{page}"))
}

/// Waits for something that must come about.
pub(crate) async fn until(mut condition: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < end, "it did not come about");
        sleep(Duration::from_millis(2)).await;
    }
}
