//! A cluster with a connection of the test's own.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use redis::cluster::{ClusterClient, ClusterConnection};
use redis::{Cmd, ConnectionLike as _, RedisResult, Value};

use crate::testing::TIMEOUT;
use crate::{Redis, RedisCluster};

pub(super) struct Cluster {
    cluster: RedisCluster,
    /// Reused, because connecting takes longer than a step of a test.
    connection: Mutex<Option<ClusterConnection>>,
}

impl Cluster {
    pub(super) fn new(cluster: RedisCluster) -> Self {
        Self { cluster, connection: Mutex::new(None) }
    }

    pub(super) fn url(&self) -> String {
        self.cluster.url()
    }

    pub(super) fn node_urls(&self) -> Vec<String> {
        self.cluster.nodes().iter().chain(self.cluster.replicas()).map(Redis::url).collect()
    }

    /// Runs a command. Repeats it while the nodes disagree about which of them has the key's slot:
    /// the command may run more than once.
    pub(super) fn run(&self, command: &Cmd) -> Value {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let end = Instant::now() + TIMEOUT;
        loop {
            match self.attempt(&mut connection, command) {
                Ok(reply) => return reply,
                Err(error) => {
                    *connection = None;
                    assert!(Instant::now() < end, "{error}");
                    thread::sleep(Duration::from_millis(10));
                }
            }
        }
    }

    fn attempt(&self, connection: &mut Option<ClusterConnection>, command: &Cmd) -> RedisResult<Value> {
        if let Some(connection) = connection {
            return connection.req_command(command);
        }
        let fresh = ClusterClient::new(self.node_urls())?.get_connection()?;
        connection.insert(fresh).req_command(command)
    }
}
