//! Runs the steps of the protocol on a cluster that changes at the same time.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use redis::{Connection, FromRedisValue, cmd};

use crate::protocol::every_step;
use crate::server::Server;

/// The minimum number of failovers. The steps are repeated until it is reached.
const LEAST_SHARDS: usize = 4;
/// The minimum number of moves of slots that contain keys.
const LEAST_SLOTS: usize = 100;
/// The number of times that slots move to another shard and back between two failovers.
const MOVES: usize = 6;
/// The maximum number of slots that move at a time.
const AT_A_TIME: usize = 12;
/// The time for which a slot remains in migration.
const ON_ITS_WAY: Duration = Duration::from_millis(10);
/// The time between two changes, which the steps need to make progress.
const REST: Duration = Duration::from_millis(40);
const PATIENCE: Duration = Duration::from_secs(20);
/// The time after which a failover is requested again. A replica gives up silently if its primary
/// does not reply within 5 s, which is `CLUSTER_MF_TIMEOUT` of Redis.
const GIVES_UP_AFTER: Duration = Duration::from_secs(6);

#[tokio::test]
async fn every_step_holds_while_shards_fail_over_and_slots_move() {
    let server = Server::cluster_in_motion();
    let mover = Mover::start(server.node_urls());
    while !mover.has_moved_enough() {
        every_step(&server).await;
    }
    let [heard, lost] = server.clearings();
    println!("{:?}, {heard} clearings acknowledged, {lost} lost", mover.stop());
    assert!(heard > lost, "the test cleared more guards than the cache");
}

/// The changes of the cluster so far.
#[derive(Debug, Default)]
struct Moved {
    /// The number of failovers.
    shards: AtomicUsize,
    /// The number of moves of slots that contain keys.
    slots: AtomicUsize,
    is_over: AtomicBool,
}

/// A thread that changes the cluster until it is stopped.
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
        assert!(!self.thread.as_ref().unwrap().is_finished(), "the thread that changes the cluster has ended");
        let Moved { shards, slots, .. } = &*self.moved;
        shards.load(Ordering::SeqCst) >= LEAST_SHARDS && slots.load(Ordering::SeqCst) >= LEAST_SLOTS
    }

    fn stop(mut self) -> Arc<Moved> {
        self.moved.is_over.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
        Arc::clone(&self.moved)
    }
}

/// Waits for the thread. If a step fails, the servers stop, and the panic of a running thread would
/// obscure the cause.
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

    /// Returns whether this node considers another node a primary. It moves slots only to
    /// primaries.
    fn knows_as_primary(&mut self, id: &str) -> bool {
        let nodes: String = self.ask(&["CLUSTER", "NODES"]);
        nodes.lines().any(|line| line.starts_with(id) && line.contains("master"))
    }

    /// Returns the slots of up to [`AT_A_TIME`] new keys, because these are in use. If there are no
    /// new keys, returns the slot of any key.
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

/// Fails over a shard in order, so that no acknowledged command is lost. The shards take turns.
fn fail_over(nodes: &mut [Node], turn: usize) {
    let mut replicas: Vec<_> = nodes.iter_mut().filter_map(|node| (!node.is_primary()).then_some(node)).collect();
    let turn = turn % replicas.len();
    let replica = &mut replicas[turn];
    until("a replica does not follow its primary", || replica.replication().contains("master_link_status:up"));
    let mut asked: Option<Instant> = None;
    until("a replica did not take over", || {
        let has_taken_over = replica.is_primary();
        if !has_taken_over && asked.is_none_or(|at| at.elapsed() > GIVES_UP_AFTER) {
            // An error means that the replica has just taken over.
            let _ = cmd("CLUSTER").arg("FAILOVER").exec(&mut replica.connection);
            asked = Some(Instant::now());
        }
        has_taken_over
    });
    let id = replica.id.clone();
    until("a node does not know the new primary", || nodes.iter_mut().all(|node| node.knows_as_primary(&id)));
}

/// Moves slots to another shard and back, and returns the number of moves.
fn move_there_and_back(nodes: &mut [Node], known: &mut HashSet<String>) -> usize {
    let (mut primaries, mut replicas) = (Vec::new(), Vec::new());
    for node in nodes {
        if node.is_primary() { primaries.push(node) } else { replicas.push(node) }
    }
    let first = usize::try_from(getrandom::u32().unwrap()).unwrap() % primaries.len();
    primaries.rotate_left(first);
    let [from, to, others @ ..] = primaries.as_mut_slice() else { panic!("fewer than two shards") };
    let slots = from.recent_slots(known);
    let mut rest: Vec<_> = others.iter_mut().chain(&mut replicas).map(|node| &mut **node).collect();
    move_slots(from, to, &mut rest, &slots);
    move_slots(to, from, &mut rest, &slots);
    2 * slots.len()
}

/// Moves slots with their keys, as `redis-cli --cluster reshard` does.
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
        // The new owner learns it first, so that the slot always has an owner.
        to.ask::<()>(&settled);
        from.ask::<()>(&settled);
        for node in &mut *rest {
            // A replica may reject the command, and then learns the new owner from its primary.
            let mut command = cmd(settled[0]);
            let _ = command.arg(&settled[1..]).exec(&mut node.connection);
        }
    }
}
