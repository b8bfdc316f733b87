//! `cargo xtask cache-delete`: deletes cached keys by pattern, for operators. A request never scans
//! for keys.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use dev_servers::Redis;
use redis::{Connection, Value, cmd};

use crate::terminal;
use crate::workspace::Workspace;

/// The number of keys that one step examines. Redis serves other clients between the steps.
const BATCH: usize = 1000;

/// Options of `cargo xtask cache-delete`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Pattern of `SCAN … MATCH`, for example `user:profile:*`.
    pattern: String,
    /// URL with the scheme `redis://`, `rediss://`, or `redis-cluster://host:port,host:port`. The
    /// default is the Redis of `cargo xtask dev`.
    #[arg(long, value_name = "URL")]
    redis_url: Option<String>,
    /// Counts the keys without deleting them.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    // The call fails if a provider is installed already. The workspace has only one, so the result
    // does not matter.
    let _already = rustls::crypto::ring::default_provider().install_default();
    let url = match &arguments.redis_url {
        Some(url) => url.clone(),
        None => Redis::attach(&workspace.state("dev").join("redis"))
            .context("`cargo xtask dev` is not running; start it, or name another server with --redis-url")?,
    };
    let mut masters = masters(&url)?;
    let total = masters.iter_mut().map(|master| cmd("DBSIZE").query::<u64>(master)).sum::<redis::RedisResult<u64>>()?;
    let bar = terminal::progress_bar(total, "{bar:40} {pos}/{len} keys scanned, {msg} ({eta})");
    let mut matched = 0;
    for master in &mut masters {
        delete(master, &arguments.pattern, arguments.dry_run, |looked_at, found| {
            matched += found;
            bar.inc(looked_at);
            bar.set_message(format!("{matched} matched"));
        })?;
    }
    bar.finish_and_clear();
    println!("{matched} of {total} keys {}", if arguments.dry_run { "match; none was deleted" } else { "deleted" });
    Ok(ExitCode::SUCCESS)
}

/// Deletes the matching keys of one server. `SCAN` may return a key twice. `UNLINK` counts such a
/// key once, and a dry run counts it twice.
fn delete(master: &mut Connection, pattern: &str, dry_run: bool, mut progress: impl FnMut(u64, u64)) -> Result<()> {
    let mut cursor = 0_u64;
    loop {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(BATCH);
        let (next, keys): (u64, Vec<Vec<u8>>) = scan.query(master)?;
        let found = if dry_run || keys.is_empty() {
            keys.len() as u64
        } else {
            // Each key has its own command, because a cluster rejects a command with keys of
            // several slots.
            let mut pipeline = redis::pipe();
            for key in &keys {
                pipeline.cmd("UNLINK").arg(key);
            }
            pipeline.query::<Vec<u64>>(master)?.into_iter().sum()
        };
        progress(BATCH as u64, found);
        cursor = next;
        if cursor == 0 {
            return Ok(());
        }
    }
}

/// Connects to every server that has keys: the single server, or each master of the cluster.
fn masters(url: &str) -> Result<Vec<Connection>> {
    let Some(hosts) = url.strip_prefix("redis-cluster://") else { return Ok(vec![connect(url)?]) };
    let (login, hosts) = hosts.rsplit_once('@').map_or(("", hosts), |(login, hosts)| (login, hosts));
    let server = |address: &str| {
        if login.is_empty() { format!("redis://{address}") } else { format!("redis://{login}@{address}") }
    };
    let first = hosts.split(',').find_map(|host| connect(&server(host)).ok());
    let mut first = first.context("no node of the cluster responds")?;
    let slots: Value = cmd("CLUSTER").arg("SLOTS").query(&mut first)?;
    let addresses = master_addresses(&slots);
    if addresses.is_empty() {
        bail!("the cluster has no slots");
    }
    addresses.iter().map(|address| connect(&server(address))).collect()
}

/// Returns the masters in a response of `CLUSTER SLOTS`, which is a list of slot ranges: first
/// slot, last slot, master, replicas.
fn master_addresses(slots: &Value) -> Vec<String> {
    let mut addresses = Vec::new();
    for range in elements(slots) {
        let [_, _, master, ..] = elements(range) else { continue };
        let [host, port, ..] = elements(master) else { continue };
        let (Ok(host), Ok(port)) =
            (redis::from_redis_value_ref::<String>(host), redis::from_redis_value_ref::<u16>(port))
        else {
            continue;
        };
        let address = format!("{host}:{port}");
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(elements) => elements,
        _ => &[],
    }
}

fn connect(url: &str) -> Result<Connection> {
    // The URL may contain a password, so the error does not repeat it.
    let client = redis::Client::open(url).map_err(|_| anyhow::anyhow!("the Redis URL is malformed"))?;
    let connection = client.get_connection_with_timeout(Duration::from_secs(5)).context("cannot connect to Redis")?;
    connection.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use dev_servers::{RedisCluster, RedisOptions};
    use redis::Commands as _;

    use super::*;

    fn fill(mut set: impl FnMut(&str)) {
        for number in 0..2500 {
            set(&format!("user:profile:{number}"));
            if number % 5 == 0 {
                set(&format!("session:{number}"));
            }
        }
    }

    fn count(url: &str, dry_run: bool) -> u64 {
        let mut matched = 0;
        for mut master in masters(url).unwrap() {
            delete(&mut master, "user:profile:*", dry_run, |_, found| matched += found).unwrap();
        }
        matched
    }

    fn remaining(url: &str) -> u64 {
        masters(url).unwrap().iter_mut().map(|master| cmd("DBSIZE").query::<u64>(master).unwrap()).sum()
    }

    #[test]
    fn matching_keys_are_deleted_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let redis = Redis::start(dir.path(), &RedisOptions::default()).unwrap();
        let mut connection = connect(&redis.url()).unwrap();
        fill(|key| connection.set(key, 1).unwrap());
        assert!(count(&redis.url(), true) >= 2500);
        assert_eq!(remaining(&redis.url()), 3000);
        assert_eq!(count(&redis.url(), false), 2500);
        assert_eq!(remaining(&redis.url()), 500);
    }

    #[test]
    fn every_master_of_a_cluster_is_visited() {
        let dir = tempfile::tempdir().unwrap();
        let cluster = RedisCluster::start(dir.path(), 3).unwrap();
        let nodes: Vec<String> = cluster.nodes().iter().map(Redis::url).collect();
        let mut connection = redis::cluster::ClusterClient::new(nodes).unwrap().get_connection().unwrap();
        fill(|key| connection.set(key, 1).unwrap());
        assert_eq!(count(&cluster.url(), false), 2500);
        assert_eq!(remaining(&cluster.url()), 500);
    }
}
