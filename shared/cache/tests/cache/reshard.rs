//! The steps of the protocol while the cluster that they are taken on changes under them.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use redis::{Connection, FromRedisValue, cmd};

use crate::protocol::every_step;
use crate::server::Server;

/// How much has to change while the steps are taken, again and again.
const LEAST_SHARDS: usize = 4;
const LEAST_SLOTS: usize = 100;
/// How often slots move, there and back, between two fail-overs, and how many at a time.
const MOVES: usize = 6;
const AT_A_TIME: usize = 12;
/// How long a slot is on its way, and how long the cluster rests in between: the steps have to come about, too.
const ON_ITS_WAY: Duration = Duration::from_millis(10);
const REST: Duration = Duration::from_millis(40);
const PATIENCE: Duration = Duration::from_secs(20);
/// A replica that its primary does not answer in time stops trying, and says nothing: Redis' `CLUSTER_MF_TIMEOUT` is 5 s.
const GIVES_UP_AFTER: Duration = Duration::from_secs(6);

#[tokio::test]
async fn every_step_holds_while_shards_are_failed_over_and_slots_move_there_and_back() {
    let server = Server::cluster_in_motion();
    let mover = Mover::start(server.node_urls());
    while !mover.has_moved_enough() {
        every_step(&server).await;
    }
    let [heard, lost] = server.clearings();
    println!("{:?}, {heard} clearings heard of, {lost} lost", mover.stop());
    assert!(heard > lost, "the steps were taken by the test rather than by the cache");
}

/// What has changed.
#[derive(Debug, Default)]
struct Moved {
    /// Shards that were failed over.
    shards: AtomicUsize,
    /// Slots that were moved with keys in them.
    slots: AtomicUsize,
    is_over: AtomicBool,
}

/// Changes the cluster on a thread of its own until it is stopped.
struct Mover {
    moved: Arc<Moved>,
    thread: Option<JoinHandle<()>>,
}

impl Mover {
    fn start(urls: Vec<String>) -> Self {
        let moved = Arc::new(Moved::default());
        let moving = Arc::clone(&moved);
        let thread = thread::spawn(move || {
            let mut known = HashSet::new();
            let mut nodes: Vec<_> = urls.iter().map(|url| Node::open(url)).collect();
            while !moving.is_over.load(Ordering::SeqCst) {
                for _ in 0..MOVES {
                    moving.slots.fetch_add(move_there_and_back(&mut nodes, &mut known), Ordering::SeqCst);
                    thread::sleep(REST);
                }
                fail_over(&mut nodes, moving.shards.load(Ordering::SeqCst));
                moving.shards.fetch_add(1, Ordering::SeqCst);
                thread::sleep(REST);
            }
        });
        Self { moved, thread: Some(thread) }
    }

    fn has_moved_enough(&self) -> bool {
        assert!(!self.thread.as_ref().unwrap().is_finished(), "nothing moves any more");
        let Moved { shards, slots, .. } = &*self.moved;
        shards.load(Ordering::SeqCst) >= LEAST_SHARDS && slots.load(Ordering::SeqCst) >= LEAST_SLOTS
    }

    fn stop(mut self) -> Arc<Moved> {
        self.moved.is_over.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
        Arc::clone(&self.moved)
    }
}

/// When a step fails, the servers go: what the thread then says of it would hide why.
impl Drop for Mover {
    fn drop(&mut self) {
        self.moved.is_over.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

struct Node {
    connection: Connection,
    id: String,
    port: String,
}

impl Node {
    fn open(url: &str) -> Self {
        let connection = redis::Client::open(url).unwrap().get_connection().unwrap();
        let port = url.rsplit(':').next().unwrap().to_owned();
        let mut node = Self { connection, id: String::new(), port };
        node.id = node.ask(&["CLUSTER", "MYID"]);
        node
    }

    fn ask<T: FromRedisValue>(&mut self, words: &[&str]) -> T {
        let mut command = cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut self.connection).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    fn replication(&mut self) -> String {
        self.ask(&["INFO", "replication"])
    }

    fn is_primary(&mut self) -> bool {
        self.replication().contains("role:master")
    }

    /// Whether this node takes that one for a primary: to another it moves nothing.
    fn knows_as_primary(&mut self, id: &str) -> bool {
        let nodes: String = self.ask(&["CLUSTER", "NODES"]);
        nodes.lines().any(|line| line.starts_with(id) && line.contains("master"))
    }

    /// Slots of keys that were not there before, for these are in use; or, if there are none, of any.
    fn recent_slots(&mut self, known: &mut HashSet<String>) -> BTreeSet<String> {
        let names: Vec<String> = self.ask(&["KEYS", "*"]);
        let mut recent: Vec<_> = names.iter().filter(|name| !known.contains(*name)).take(AT_A_TIME).cloned().collect();
        if recent.is_empty() {
            recent.extend(names.first().cloned());
        }
        known.extend(names);
        recent.iter().map(|name| self.ask::<u64>(&["CLUSTER", "KEYSLOT", name]).to_string()).collect()
    }
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Makes a replica take over in order, each in turn: nothing that was acknowledged is lost.
fn fail_over(nodes: &mut [Node], turn: usize) {
    let mut replicas: Vec<_> = nodes.iter_mut().filter_map(|node| (!node.is_primary()).then_some(node)).collect();
    let turn = turn % replicas.len();
    let replica = &mut replicas[turn];
    until("a replica does not follow its primary", || replica.replication().contains("master_link_status:up"));
    let mut asked: Option<Instant> = None;
    until("a replica did not take over", || {
        let has_taken_over = replica.is_primary();
        if !has_taken_over && asked.is_none_or(|at| at.elapsed() > GIVES_UP_AFTER) {
            // An error says that it has just taken over.
            let _ = cmd("CLUSTER").arg("FAILOVER").exec(&mut replica.connection);
            asked = Some(Instant::now());
        }
        has_taken_over
    });
    let id = replica.id.clone();
    until("not everybody knows of it", || nodes.iter_mut().all(|node| node.knows_as_primary(&id)));
}

/// Moves slots to another shard and back, and returns how many moves that were.
fn move_there_and_back(nodes: &mut [Node], known: &mut HashSet<String>) -> usize {
    let (mut primaries, mut replicas) = (Vec::new(), Vec::new());
    for node in nodes {
        if node.is_primary() { primaries.push(node) } else { replicas.push(node) }
    }
    let first = usize::try_from(getrandom::u32().unwrap()).unwrap() % primaries.len();
    primaries.rotate_left(first);
    let [from, to, others @ ..] = primaries.as_mut_slice() else { panic!("not two shards") };
    let slots = from.recent_slots(known);
    let mut rest: Vec<_> = others.iter_mut().chain(&mut replicas).map(|node| &mut **node).collect();
    move_slots(from, to, &mut rest, &slots);
    move_slots(to, from, &mut rest, &slots);
    2 * slots.len()
}

/// Key by key, as `redis-cli --cluster reshard` does.
fn move_slots(from: &mut Node, to: &mut Node, rest: &mut [&mut Node], slots: &BTreeSet<String>) {
    for slot in slots {
        to.ask::<()>(&["CLUSTER", "SETSLOT", slot, "IMPORTING", &from.id]);
        from.ask::<()>(&["CLUSTER", "SETSLOT", slot, "MIGRATING", &to.id]);
    }
    for slot in slots {
        loop {
            let keys: Vec<String> = from.ask(&["CLUSTER", "GETKEYSINSLOT", slot, "10"]);
            if keys.is_empty() {
                break;
            }
            let words = ["MIGRATE", "127.0.0.1", &to.port, "", "0", "5000", "KEYS"];
            let words: Vec<_> = words.into_iter().chain(keys.iter().map(String::as_str)).collect();
            from.ask::<()>(&words);
        }
    }
    thread::sleep(ON_ITS_WAY);
    for slot in slots {
        let settled = ["CLUSTER", "SETSLOT", slot, "NODE", &to.id.clone()];
        // The new owner first, so that no moment is without one.
        to.ask::<()>(&settled);
        from.ask::<()>(&settled);
        for node in &mut *rest {
            // A replica may refuse, and learns it from its primary.
            let mut command = cmd(settled[0]);
            let _ = command.arg(&settled[1..]).exec(&mut node.connection);
        }
    }
}
