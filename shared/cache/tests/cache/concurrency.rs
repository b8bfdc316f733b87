//! Concurrent readers, writers, evictions and crashes, and a check of the values that the readers
//! get.
//!
//! The database is one number, which every write increments. A reader must not get a smaller number
//! than the one that had been acknowledged when the read began. The same load on plain cache-aside
//! shows that the check detects stale reads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cache::{Cache, Key, Lookup};
use futures_util::future::{join_all, join3};
use redis::aio::MultiplexedConnection;
use redis::cmd;
use tokio::time::sleep;

use crate::server::{Server, key};

/// The fault that is injected. There is only one kind at a time: if a marker is evicted *and* its
/// writer crashes, a stale record may be served until it expires.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Eviction,
    Crash,
}

#[derive(Default)]
struct Register {
    committed: AtomicU64,
    acknowledged: AtomicU64,
}

impl Register {
    async fn select(&self) -> u64 {
        let value = self.committed.load(Ordering::SeqCst);
        pause(3).await;
        value
    }

    async fn commit(&self) -> u64 {
        pause(2).await;
        self.committed.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn acknowledge(&self, value: u64) {
        self.acknowledged.fetch_max(value, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Tally {
    hits: AtomicU64,
    stale: AtomicU64,
}

impl Tally {
    fn note(&self, value: u64, acknowledged: u64) {
        self.hits.fetch_add(1, Ordering::SeqCst);
        if value < acknowledged {
            self.stale.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Sleeps for a random time of up to `most` milliseconds.
async fn pause(most: u64) {
    let micros = u64::from(getrandom::u32().unwrap()) % (most * 1000);
    sleep(Duration::from_micros(micros)).await;
}

fn one_in(number: u32) -> bool {
    getrandom::u32().unwrap().is_multiple_of(number)
}

async fn read(cache: &Cache, key: &Key, register: &Register, tally: &Tally) {
    let acknowledged = register.acknowledged.load(Ordering::SeqCst);
    cache.mark_drained(cache.failures());
    let [lookup] = cache.read([key]).await;
    match lookup {
        Lookup::Hit(body) => tally.note(String::from_utf8(body).unwrap().parse().unwrap(), acknowledged),
        Lookup::Miss(slot) => {
            let value = register.select().await;
            cache.fill(slot, value.to_string().into_bytes());
        }
        Lookup::Bypass => drop(register.select().await),
    }
}

async fn write(cache: &Cache, key: &Key, register: &Register, fault: Fault) {
    let guard = cache.begin(vec![key.guard().to_owned()]).await;
    if !guard.unmarked().is_empty() {
        // The outbox handles writes that were not announced, but these tests have none.
        return;
    }
    let value = register.commit().await;
    if fault == Fault::Crash && one_in(4) {
        // The write is committed, but the writer does not clear its marker. The write counts as
        // acknowledged, because a client that retries gets its result.
        register.acknowledge(value);
        return;
    }
    if guard.end().await {
        register.acknowledge(value);
    }
}

async fn evict(redis: &MultiplexedConnection, key: &Key) {
    for _ in 0..10 {
        pause(8).await;
        let name = if one_in(2) { key.guard() } else { key.record() };
        cmd("DEL").arg(name).exec_async(&mut redis.clone()).await.unwrap();
    }
}

/// Reads with plain cache-aside, which uses the commands `GET`, `SET` and `DEL`.
async fn read_naively(redis: &MultiplexedConnection, key: &Key, register: &Register, tally: &Tally) {
    let acknowledged = register.acknowledged.load(Ordering::SeqCst);
    let cached: Option<u64> = cmd("GET").arg(key.record()).query_async(&mut redis.clone()).await.unwrap();
    match cached {
        Some(value) => tally.note(value, acknowledged),
        None => {
            let value = register.select().await;
            cmd("SET").arg(key.record()).arg(value).exec_async(&mut redis.clone()).await.unwrap();
        }
    }
}

async fn write_naively(redis: &MultiplexedConnection, key: &Key, register: &Register) {
    let value = register.commit().await;
    cmd("DEL").arg(key.record()).exec_async(&mut redis.clone()).await.unwrap();
    register.acknowledge(value);
}

async fn connection(server: &Server) -> MultiplexedConnection {
    redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// Runs three writers, four readers and an evictor, for one owner after the other. Each reader and
/// writer has an environment of its own.
async fn run(fault: Fault, guarded: bool) -> Tally {
    let server = Server::node();
    let (redis, tally) = (connection(&server).await, Tally::default());
    let environments: Vec<Cache> = (0..7).map(|_| server.cache()).collect();
    for _ in 0..25 {
        let (key, register) = (key(), Register::default());
        let readers = environments[..4].iter().map(async |cache| {
            for _ in 0..20 {
                pause(4).await;
                match guarded {
                    true => read(cache, &key, &register, &tally).await,
                    false => read_naively(&redis, &key, &register, &tally).await,
                }
            }
        });
        let writers = environments[4..].iter().map(async |cache| {
            for _ in 0..2 {
                pause(40).await;
                match guarded {
                    true => write(cache, &key, &register, fault).await,
                    false => write_naively(&redis, &key, &register).await,
                }
            }
        });
        let evictor = async {
            if fault == Fault::Eviction {
                evict(&redis, &key).await;
            }
        };
        join3(join_all(readers), join_all(writers), evictor).await;
    }
    tally
}

async fn assert_never_stale(fault: Fault) {
    let tally = run(fault, true).await;
    let (hits, stale) = (tally.hits.into_inner(), tally.stale.into_inner());
    assert!(hits > 100, "{hits} hits are too few for a proof");
    assert_eq!(stale, 0, "stale reads of {hits} hits");
}

#[tokio::test]
async fn no_read_is_older_than_what_was_acknowledged() {
    assert_never_stale(Fault::None).await;
}

#[tokio::test]
async fn no_read_is_stale_when_guards_and_records_are_evicted() {
    assert_never_stale(Fault::Eviction).await;
}

#[tokio::test]
async fn no_read_is_stale_when_writers_crash_after_their_commit() {
    assert_never_stale(Fault::Crash).await;
}

#[tokio::test]
async fn the_same_check_finds_stale_reads_of_plain_cache_aside() {
    let tally = run(Fault::None, false).await;
    assert!(tally.stale.into_inner() > 0, "none of {} hits was stale", tally.hits.into_inner());
}
