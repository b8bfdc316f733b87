//! A cluster and our own way into it.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::thread;
use std::time::{Duration, Instant};

use dev_servers::{Redis, RedisCluster};
use redis::cluster::{ClusterClient, ClusterConnection};
use redis::{Cmd, ConnectionLike as _, RedisResult, Value};

use super::{Kind, PATIENCE, Server};

/// With our own connection: to make one takes longer than a step.
pub(super) struct Cluster {
    pub(super) cluster: RedisCluster,
    connection: Mutex<Option<ClusterConnection>>,
    /// Whether shards are failed over and slots moved meanwhile, upon which the cache steps aside.
    pub(super) is_in_motion: bool,
    /// Of how many clearings the cache knew that Redis has heard of them, and of how many it did not.
    pub(super) clearings: [AtomicUsize; 2],
}

impl Cluster {
    pub(super) fn server(start: impl FnOnce(&Path) -> RedisCluster, is_in_motion: bool) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let cluster = Self {
            cluster: start(folder.path()),
            connection: Mutex::new(None),
            is_in_motion,
            clearings: Default::default(),
        };
        Server { kind: Kind::Cluster(Box::new(cluster)), _folder: folder }
    }

    /// The URL of every server.
    pub(super) fn nodes(&self) -> Vec<String> {
        self.cluster.nodes().iter().chain(self.cluster.replicas()).map(Redis::url).collect()
    }

    /// Runs a command, and again while the cluster is of two minds about where. All of ours may be done twice.
    pub(super) fn run(&self, command: &Cmd) -> Value {
        let (mut held, end) = (self.connection.lock().unwrap(), Instant::now() + PATIENCE);
        loop {
            match self.attempt(&mut held, command) {
                Ok(reply) => return reply,
                Err(error) => {
                    *held = None;
                    assert!(Instant::now() < end, "{error}");
                    thread::sleep(Duration::from_millis(10));
                }
            }
        }
    }

    fn attempt(&self, held: &mut Option<ClusterConnection>, command: &Cmd) -> RedisResult<Value> {
        if held.is_none() {
            *held = Some(ClusterClient::new(self.nodes())?.get_connection()?);
        }
        held.as_mut().unwrap().req_command(command)
    }
}
