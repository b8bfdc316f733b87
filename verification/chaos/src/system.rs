//! The system under test: the servers and the functions that every target uses, and into which
//! faults are injected.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use api_tests::{PostgresChoice, RedisChoice, Setup, TestApp};
use dev_servers::RedisCluster;
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::oracle::Oracle;
use crate::user::User;

/// The maximum number of environments of a function. More are not needed, because each reader waits
/// for its response before the next request.
const ENVIRONMENTS: usize = 24;
/// The interval between two runs of `cache-monitor`. It is shorter than the documented minute.
const MONITOR_INTERVAL: Duration = Duration::from_secs(20);

/// A running system with its own servers.
#[derive(Debug)]
pub struct System {
    /// The functions, with proxies in front of Postgres and of Redis. A Redis Cluster has no proxy.
    pub kai: Arc<TestApp>,
    /// The oracle, which reads the records of the database.
    pub oracle: Oracle,
    redis_cluster: Option<RedisCluster>,
    _folder: TempDir,
}

impl System {
    /// Starts the servers and the functions.
    ///
    /// # Errors
    /// A server does not start.
    pub async fn start(clustered: bool) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let redis_cluster = if clustered { Some(start_redis_cluster(folder.path())?) } else { None };
        let kai = TestApp::start_with(Setup {
            postgres: PostgresChoice::Own(vec![("max_connections".to_owned(), "500".to_owned())]),
            redis: redis_cluster.as_ref().map_or(RedisChoice::Own, |cluster| RedisChoice::At(cluster.url())),
            proxied: true,
            environments: ENVIRONMENTS,
            keeps_logs: false,
            variables: vec![("LOG_LEVEL", "error".to_owned())],
            ..Setup::default()
        })
        .await;
        for proxy in kai.postgres_proxy.iter().chain(&kai.redis_proxy) {
            proxy.stop_recording();
        }
        let oracle = Oracle::install(kai.database_url()).await?;
        Ok(Self { kai: Arc::new(kai), oracle, redis_cluster, _folder: folder })
    }

    /// Returns whether Redis is a cluster.
    pub fn is_clustered(&self) -> bool {
        self.redis_cluster.is_some()
    }

    pub(crate) fn redis_cluster(&self) -> Result<&RedisCluster> {
        self.redis_cluster.as_ref().context("the system has no Redis Cluster")
    }

    /// Creates the given number of users.
    pub async fn create_users(&self, number: usize) -> Arc<Vec<User>> {
        let mut users = Vec::new();
        for _ in 0..number {
            users.push(User::create(&self.kai).await);
        }
        Arc::new(users)
    }

    /// Runs `cache-monitor` on its schedule until the task is dropped.
    pub fn spawn_monitor(&self, tasks: &mut JoinSet<()>) {
        let kai = Arc::clone(&self.kai);
        tasks.spawn(async move {
            loop {
                sleep(MONITOR_INTERVAL).await;
                // If this run fails or is too slow, the next run does its work.
                let _ = timeout(MONITOR_INTERVAL, kai.invoke("cache-monitor", &json!({}))).await;
            }
        });
    }
}

fn start_redis_cluster(folder: &Path) -> Result<RedisCluster> {
    Ok(RedisCluster::start_with_replicas(folder, 3)?)
}
