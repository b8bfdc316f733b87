//! A Redis for one test, and the cache as one environment sees it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backends::{Redis, RedisCluster, RedisOptions};
use redis::{Cmd, ConnectionLike as _, Value, cmd};
use shared::cache::{Cache, Family, Key, Lookup, Slot, WriteGuard};
use shared::metrics::Meter;
use shared::secret::SecretKey;
use tempfile::TempDir;
use tokio::time::sleep;
use uuid::Uuid;

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
    Cluster(RedisCluster),
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
        let folder = tempfile::tempdir().unwrap();
        Self { kind: Kind::Cluster(RedisCluster::start(folder.path(), 3).unwrap()), _folder: folder }
    }

    pub(crate) fn elsewhere(url: String) -> Self {
        Self { kind: Kind::Elsewhere(url), _folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn url(&self) -> String {
        match &self.kind {
            Kind::Node(redis) => redis.url(),
            Kind::Cluster(cluster) => cluster.url(),
            Kind::Elsewhere(url) => url.clone(),
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
        let url = self.url();
        let reply = match url.strip_prefix("redis-cluster://") {
            Some(hosts) => {
                let nodes = hosts.split(',').map(|host| format!("redis://{host}"));
                let client = redis::cluster::ClusterClient::new(nodes.collect::<Vec<_>>()).unwrap();
                client.get_connection().unwrap().req_command(command)
            }
            None => redis::Client::open(url).unwrap().get_connection().unwrap().req_command(command),
        };
        reply.unwrap()
    }

    pub(crate) fn get(&self, name: &str) -> Option<Vec<u8>> {
        match self.run(cmd("GET").arg(name)) {
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
    Cache::new(&url.parse().unwrap(), &SecretKey::new([7; 32]), Arc::new(Meter::default()))
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

/// Waits until the cache reaches Redis, and looks up.
pub(crate) async fn look_up(cache: &Cache, key: &Key) -> Lookup {
    let end = Instant::now() + PATIENCE;
    loop {
        let [lookup] = cache.read([key]).await;
        if !matches!(lookup, Lookup::Bypass) {
            return lookup;
        }
        // Without a database there is no outbox to finish.
        cache.caught_up(cache.failures());
        assert!(Instant::now() < end, "nothing but bypasses");
        sleep(Duration::from_millis(20)).await;
    }
}

#[track_caller]
pub(crate) fn slot(lookup: Lookup) -> Slot {
    match lookup {
        Lookup::Miss(slot) => slot,
        other => panic!("expected a miss: {other:?}"),
    }
}

/// Looks a key up that is known to be a miss.
pub(crate) async fn miss(cache: &Cache, key: &Key) -> Slot {
    slot(look_up(cache, key).await)
}

/// The body of a hit, or nothing if it is a miss.
pub(crate) async fn served(cache: &Cache, key: &Key) -> Option<String> {
    match look_up(cache, key).await {
        Lookup::Hit(body) => Some(String::from_utf8(body).unwrap()),
        _ => None,
    }
}

/// Fills a slot and waits until the record is there. A fill has 15 ms; one that is late on a busy machine is sent again.
pub(crate) async fn fill(server: &Server, cache: &Cache, key: &Key, slot: Slot, body: &str) {
    let before = server.get(key.record());
    cache.fill(slot, body.as_bytes().to_vec());
    let end = Instant::now() + PATIENCE;
    while server.get(key.record()) == before {
        assert!(Instant::now() < end, "the fill did not arrive");
        sleep(Duration::from_millis(2)).await;
    }
}

/// Fills a key, whatever is there, and makes sure that it is served.
pub(crate) async fn put(server: &Server, cache: &Cache, key: &Key, body: &str) {
    server.del(key.record());
    let slot = miss(cache, key).await;
    fill(server, cache, key, slot, body).await;
    assert_eq!(served(cache, key).await.as_deref(), Some(body));
}

/// Announces a write, and again if a busy machine made the marker late.
pub(crate) async fn begin(server: &Server, cache: &Cache, keys: &[&Key]) -> WriteGuard {
    let before: Vec<_> = keys.iter().map(|key| server.get(key.guard())).collect();
    let end = Instant::now() + PATIENCE;
    loop {
        let guard = cache.begin(keys.iter().map(|key| key.guard().to_owned()).collect()).await;
        if guard.unmarked().is_empty() {
            return guard;
        }
        assert!(Instant::now() < end, "no marker could be set");
        sleep(Duration::from_millis(100)).await;
        for (key, before) in keys.iter().zip(&before) {
            match before {
                Some(before) => server.set(key.guard(), before),
                None => server.del(key.guard()),
            }
        }
    }
}

/// Announces a write and ends it, as if there were a commit in between.
pub(crate) async fn write(server: &Server, cache: &Cache, key: &Key) {
    let guard = begin(server, cache, &[key]).await;
    if !guard.end().await {
        until(async || cache.invalidate(&[key.guard().to_owned()]).await).await;
        server.del(key.guard());
    }
}
