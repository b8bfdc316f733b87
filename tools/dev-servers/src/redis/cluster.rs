//! A Redis Cluster on the loopback interface.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use redis::{Client, Connection, RedisResult, cmd};

use super::{Redis, RedisOptions};
use crate::{Error, Result, port};

const SLOTS: usize = 16_384;
/// How long a cluster may take to form, or a replica to follow its primary.
const FORMATION_TIMEOUT: Duration = Duration::from_secs(30);

/// Redis servers that share the 16,384 slots, with or without replicas. Dropping the value stops
/// all servers.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
    replicas: Vec<Redis>,
}

impl RedisCluster {
    /// Starts `shards` servers in subdirectories of `dir` and joins them to a cluster. Returns when
    /// each server reports the cluster as complete.
    ///
    /// # Errors
    /// Returns an error if a server does not start, or if the servers do not form a cluster within
    /// 30 s.
    pub fn start(dir: &Path, shards: usize) -> Result<Self> {
        let nodes =
            (0..shards).map(|number| start_node(&dir.join(format!("node-{number}")))).collect::<Result<Vec<_>>>()?;
        join(&nodes).map_err(Error::redis("cannot form a cluster"))?;
        for node in &nodes {
            wait_until_complete(node)?;
        }
        Ok(Self { nodes, replicas: Vec::new() })
    }

    /// Starts a cluster with a replica for each shard. A replica takes over on request and never by
    /// itself, because the writes that it has not received would be lost.
    ///
    /// # Errors
    /// Returns an error in the cases of [`RedisCluster::start`], or if a replica does not follow
    /// its primary within 30 s.
    pub fn start_with_replicas(dir: &Path, shards: usize) -> Result<Self> {
        let mut cluster = Self::start(dir, shards)?;
        let replicas = (0..shards).map(|number| start_node(&dir.join(format!("replica-{number}"))));
        cluster.replicas = replicas.collect::<Result<Vec<_>>>()?;
        for (primary, replica) in cluster.nodes.iter().zip(&cluster.replicas) {
            follow(primary, replica).map_err(Error::redis("cannot create a replica"))?;
            wait_until_complete(replica)?;
            wait_until_following(primary, replica)?;
        }
        Ok(cluster)
    }

    /// Returns `redis-cluster://127.0.0.1:p1,127.0.0.1:p2`, with every node.
    pub fn url(&self) -> String {
        let nodes = self.nodes.iter().chain(&self.replicas);
        let hosts: Vec<String> = nodes.map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("redis-cluster://{}", hosts.join(","))
    }

    /// Returns the servers that started as primaries. Each can be paused and killed.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// Returns the servers that started as replicas.
    pub fn replicas(&self) -> &[Redis] {
        &self.replicas
    }
}

fn start_node(dir: &Path) -> Result<Redis> {
    // By default, nodes connect to each other on the port that is 10,000 higher. Another process
    // may use that port.
    let bus_port = port::find_free()?;
    let directives = [
        ("cluster-enabled", "yes".to_owned()),
        ("cluster-port", bus_port.to_string()),
        ("cluster-node-timeout", "2000".to_owned()),
        ("cluster-announce-ip", "127.0.0.1".to_owned()),
        ("cluster-replica-no-failover", "yes".to_owned()),
    ];
    let directives = directives.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Redis::start(dir, &RedisOptions { directives, ..RedisOptions::default() })
}

fn join(nodes: &[Redis]) -> RedisResult<()> {
    let Some(first) = nodes.first() else { return Ok(()) };
    for (number, node) in nodes.iter().enumerate() {
        let mut connection = connect(node)?;
        cmd("CLUSTER").arg("RESET").arg("HARD").exec(&mut connection)?;
        let (from, below) = (number * SLOTS / nodes.len(), (number + 1) * SLOTS / nodes.len());
        cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(from).arg(below - 1).exec(&mut connection)?;
        cmd("CLUSTER").arg("SET-CONFIG-EPOCH").arg(number + 1).exec(&mut connection)?;
    }
    nodes.iter().skip(1).try_for_each(|node| meet(first, node))
}

fn meet(first: &Redis, node: &Redis) -> RedisResult<()> {
    let config: Vec<String> = cmd("CONFIG").arg("GET").arg("cluster-port").query(&mut connect(first)?)?;
    let bus_port = config.into_iter().nth(1).unwrap_or_default();
    cmd("CLUSTER").arg("MEET").arg("127.0.0.1").arg(first.port()).arg(bus_port).exec(&mut connect(node)?)
}

fn follow(primary: &Redis, replica: &Redis) -> RedisResult<()> {
    let mut connection = connect(replica)?;
    cmd("CLUSTER").arg("RESET").arg("HARD").exec(&mut connection)?;
    meet(primary, replica)?;
    let id: String = cmd("CLUSTER").arg("MYID").query(&mut connect(primary)?)?;
    let end = Instant::now() + FORMATION_TIMEOUT;
    // The command fails until the replica knows the primary.
    while let Err(error) = cmd("CLUSTER").arg("REPLICATE").arg(&id).exec(&mut connection) {
        if Instant::now() > end {
            return Err(error);
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Waits until the replica has synchronised with the primary.
fn wait_until_following(primary: &Redis, replica: &Redis) -> Result<()> {
    let end = Instant::now() + FORMATION_TIMEOUT;
    loop {
        let info = connect(replica).and_then(|mut connection| cmd("INFO").arg("replication").query(&mut connection));
        let info: String = info.map_err(Error::redis("cannot query a replica"))?;
        if info.contains("master_link_status:up") && info.contains(&format!("master_port:{}", primary.port())) {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(replica.process.failure("did not follow its primary within 30 s"));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn wait_until_complete(node: &Redis) -> Result<()> {
    let end = Instant::now() + FORMATION_TIMEOUT;
    loop {
        let mut connection = connect(node).map_err(Error::redis("cannot reach a node"))?;
        let info: String =
            cmd("CLUSTER").arg("INFO").query(&mut connection).map_err(Error::redis("cannot query a node"))?;
        if info.contains("cluster_state:ok") {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(node.process.failure("did not join its cluster within 30 s"));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn connect(node: &Redis) -> RedisResult<Connection> {
    Client::open(node.url())?.get_connection_with_timeout(Duration::from_secs(5))
}
