//! The servers and functions that all arms run on, and that the faults strike.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use api_tests::{PostgresChoice, RedisChoice, Setup, TestApp};
use dev_servers::RedisCluster;
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::subject::Subject;
use crate::witness::Witness;

/// How many environments a function may have. Readers wait for their answers one after the other, so that more are not needed.
const ENVIRONMENTS: usize = 24;
/// How often `cache-monitor` runs. Quicker than each minute, which is what it is promised to do.
const MONITOR_EVERY: Duration = Duration::from_secs(20);

/// A running system with servers of its own.
#[derive(Debug)]
pub struct Stage {
    /// The functions, with proxies before Postgres and, unless it is a cluster, before Redis.
    pub kai: Arc<TestApp>,
    /// The Redis Cluster, if it is one.
    pub cluster: Option<RedisCluster>,
    /// What the database remembers.
    pub witness: Witness,
    _folder: TempDir,
}

impl Stage {
    /// Starts everything.
    ///
    /// # Errors
    /// A server does not start.
    pub async fn set_up(clustered: bool) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let cluster = if clustered { Some(start_cluster(folder.path())?) } else { None };
        let kai = TestApp::start_with(Setup {
            postgres: PostgresChoice::Own(vec![("max_connections".to_owned(), "500".to_owned())]),
            redis: cluster.as_ref().map_or(RedisChoice::Own, |cluster| RedisChoice::At(cluster.url())),
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
        let witness = Witness::install(kai.database_url()).await?;
        Ok(Self { kai: Arc::new(kai), cluster, witness, _folder: folder })
    }

    /// That many people, whom nobody knows yet.
    pub async fn settle(&self, number: usize) -> Arc<Vec<Subject>> {
        let mut subjects = Vec::new();
        for _ in 0..number {
            subjects.push(Subject::settle(&self.kai).await);
        }
        Arc::new(subjects)
    }

    /// Runs `cache-monitor` on its schedule until the task is dropped.
    pub fn monitor(&self, tasks: &mut JoinSet<()>) {
        let kai = Arc::clone(&self.kai);
        tasks.spawn(async move {
            loop {
                sleep(MONITOR_EVERY).await;
                // What it cannot do now it does the next time.
                let _ = timeout(MONITOR_EVERY, kai.invoke("cache-monitor", &json!({}))).await;
            }
        });
    }
}

fn start_cluster(folder: &Path) -> Result<RedisCluster> {
    Ok(RedisCluster::start_with_replicas(folder, 3)?)
}
