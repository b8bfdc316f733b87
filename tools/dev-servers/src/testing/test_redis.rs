//! A Redis for one test, and commands that bypass the code under test.

mod cluster;

use redis::{Client, Cmd, ConnectionLike as _, Value, cmd};
use tempfile::TempDir;

use self::cluster::Cluster;
use super::until;
use crate::{Redis, RedisCluster, RedisOptions};

/// A Redis server or cluster that one test uses exclusively. Dropping it stops the servers that it
/// has started and deletes their files.
pub struct TestRedis {
    kind: Kind,
    _dir: TempDir,
}

enum Kind {
    Node(Box<Redis>),
    Cluster(Box<Cluster>),
    External(String),
}

impl TestRedis {
    /// Starts a server that accepts `DEBUG`.
    pub fn node() -> Self {
        Self::node_with(&RedisOptions {
            directives: vec![("enable-debug-command".to_owned(), "local".to_owned())],
            ..RedisOptions::default()
        })
    }

    /// Starts a server with these options.
    pub fn node_with(options: &RedisOptions) -> Self {
        let dir = temp_dir();
        let redis = Redis::start(dir.path(), options).expect("Redis starts");
        Self { kind: Kind::Node(Box::new(redis)), _dir: dir }
    }

    /// Starts a cluster of three shards.
    pub fn cluster() -> Self {
        let dir = temp_dir();
        let cluster = RedisCluster::start(dir.path(), 3).expect("the cluster starts");
        Self { kind: Kind::Cluster(Box::new(Cluster::new(cluster))), _dir: dir }
    }

    /// Starts a cluster of three shards, each with a replica.
    pub fn cluster_with_replicas() -> Self {
        let dir = temp_dir();
        let cluster = RedisCluster::start_with_replicas(dir.path(), 3).expect("the cluster starts");
        Self { kind: Kind::Cluster(Box::new(Cluster::new(cluster))), _dir: dir }
    }

    /// Uses the server at this URL, which another process runs.
    pub fn external(url: String) -> Self {
        Self { kind: Kind::External(url), _dir: temp_dir() }
    }

    /// Returns the URL of the server or the cluster.
    pub fn url(&self) -> String {
        match &self.kind {
            Kind::Node(redis) => redis.url(),
            Kind::Cluster(cluster) => cluster.url(),
            Kind::External(url) => url.clone(),
        }
    }

    /// Returns the URL of each server.
    pub fn node_urls(&self) -> Vec<String> {
        match &self.kind {
            Kind::Cluster(cluster) => cluster.node_urls(),
            _ => vec![self.url()],
        }
    }

    /// Returns the server, for tests that pause or kill it.
    ///
    /// # Panics
    /// This is a cluster, or another process runs the server.
    pub fn redis(&self) -> &Redis {
        match &self.kind {
            Kind::Node(redis) => redis,
            _ => panic!("not a single server of this process"),
        }
    }

    /// Runs a command and returns the reply, which may be an error of Redis. On a cluster, the
    /// command may run more than once.
    pub fn run(&self, command: &Cmd) -> Value {
        match &self.kind {
            Kind::Cluster(cluster) => cluster.run(command),
            _ => {
                let mut connection = Client::open(self.url()).and_then(|client| client.get_connection());
                let connection = connection.as_mut().expect("Redis accepts a connection");
                connection.req_command(command).expect("Redis replies")
            }
        }
    }

    /// Returns the value of a string.
    ///
    /// The command counts as a write. A primary that has just been replaced may still respond to
    /// reads, with values that its successor has overwritten.
    pub fn get(&self, name: &str) -> Option<Vec<u8>> {
        match self.run(cmd("GETEX").arg(name)) {
            Value::BulkString(bytes) => Some(bytes),
            Value::Nil => None,
            other => panic!("{name} contains {other:?}"),
        }
    }

    /// Sets a string without changing its time to live.
    pub fn set(&self, name: &str, value: &[u8]) {
        assert_eq!(self.run(cmd("SET").arg(name).arg(value).arg("KEEPTTL")), Value::Okay);
    }

    /// Deletes a key, if it exists.
    pub fn del(&self, name: &str) {
        self.run(cmd("DEL").arg(name));
    }

    /// Returns the remaining time to live of a key in milliseconds, -1 for a key that never
    /// expires, or -2 for a missing key.
    pub fn pttl(&self, name: &str) -> i64 {
        match self.run(cmd("PTTL").arg(name)) {
            Value::Int(remaining) => remaining,
            other => panic!("PTTL returned {other:?}"),
        }
    }

    /// Makes a key expire, and waits until it is missing.
    pub async fn expire(&self, name: &str) {
        self.run(cmd("PEXPIRE").arg(name).arg(1));
        until(async || self.pttl(name) == -2).await;
    }
}

fn temp_dir() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}
