//! Between the functions and one of their servers: forwards bytes, counts what the functions send, and fails on demand.

mod forward;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

pub use wire::Protocol;

/// A forwarder on a port of its own, with a thread of its own: tests have a runtime each, and a system may outlive them.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What was sent to the server since the last [`Proxy::take`].
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    /// Connections that were opened.
    pub connections: u64,
    /// Round trips: runs of bytes from the client, each ended by bytes from the server.
    pub round_trips: u64,
    /// For Redis the commands, as `SET some:key`; for Postgres the messages, as `Sync`, `Query`, or `Parse`, which is followed by the
    /// statement's name where it has one.
    pub messages: Vec<String>,
}

impl Traffic {
    /// How many messages begin with this word.
    pub fn count(&self, word: &str) -> usize {
        self.messages.iter().filter(|message| message.split(' ').next() == Some(word)).count()
    }

    /// Statements run by Postgres: one `Sync` ends each of the extended protocol, a `Query` is one of the simple protocol.
    pub fn queries(&self) -> usize {
        self.count("Sync") + self.count("Query")
    }

    /// `Parse` messages with a statement's name, which a transaction pooler loses.
    pub fn named_statements(&self) -> usize {
        self.messages.iter().filter(|message| message.starts_with("Parse ")).count()
    }
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    protocol: Protocol,
    traffic: Mutex<Traffic>,
    last_byte: Mutex<Instant>,
    connections: AtomicU64,
    /// Connections that were lost by what they sent.
    lost: watch::Sender<u64>,
    /// Whether what passes is read, and kept until it is taken.
    is_read: AtomicBool,
    faults: watch::Sender<Faults>,
    listening: watch::Sender<bool>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Faults {
    /// Connections below this number pass nothing on and stay open.
    silent_below: u64,
    /// Connections below this number are reset.
    reset_below: u64,
    /// New connections are refused.
    refusing: bool,
    /// How long each answer of the server is held back.
    delay: Duration,
    /// How long whatever the client sends is held back.
    hold: Duration,
    /// A connection that sends this passes nothing on from there.
    lose: Option<&'static str>,
}

impl Proxy {
    /// Starts before a port of this machine.
    pub async fn start(target: u16, protocol: Protocol) -> Self {
        let shared = Arc::new(Shared {
            target: (Ipv4Addr::LOCALHOST, target).into(),
            protocol,
            traffic: Mutex::default(),
            last_byte: Mutex::new(Instant::now()),
            connections: AtomicU64::new(0),
            lost: watch::Sender::new(0),
            is_read: AtomicBool::new(true),
            faults: watch::Sender::new(Faults::default()),
            listening: watch::Sender::new(true),
        });
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        listener.set_nonblocking(true).expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = running.serve(listener, port) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { port, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What was sent since the last call.
    pub fn take(&self) -> Traffic {
        std::mem::take(&mut *self.shared.traffic())
    }

    /// From now on nothing is read or kept of what passes, which may be much.
    pub fn stop_reading(&self) {
        self.shared.is_read.store(false, Ordering::Relaxed);
        self.take();
    }

    /// Waits until nothing has passed for a while.
    pub async fn quiet(&self) {
        const WHILE: Duration = Duration::from_millis(40);
        loop {
            let since = self.shared.last_byte.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
            if since >= WHILE {
                return;
            }
            tokio::time::sleep(WHILE - since).await;
        }
    }

    /// The connections that are open now pass nothing on any more, in either direction, and nobody is told. New ones work.
    pub fn cut_silently(&self) {
        let below = self.shared.connections.load(Ordering::SeqCst);
        self.shared.faults.send_modify(|faults| faults.silent_below = below);
    }

    /// All connections, those to come too, pass nothing on; until [`Proxy::heal`].
    pub fn swallow(&self) {
        self.shared.faults.send_modify(|faults| faults.silent_below = u64::MAX);
    }

    /// Resets the connections that are open now.
    pub fn reset(&self) {
        let below = self.shared.connections.load(Ordering::SeqCst);
        self.shared.faults.send_modify(|faults| faults.reset_below = below);
    }

    /// Resets what is open and refuses new connections, as a server that is not there; until [`Proxy::heal`].
    pub async fn refuse(&self) {
        self.shared.faults.send_modify(|faults| faults.refusing = true);
        self.reset();
        self.wait_until_listening(false).await;
    }

    /// Holds each answer of the server back for this long; until [`Proxy::heal`].
    pub fn delay(&self, delay: Duration) {
        self.shared.faults.send_modify(|faults| faults.delay = delay);
    }

    /// Holds whatever is sent to the server back for this long, until [`Proxy::heal`]. It arrives also when whoever sent it has given up.
    pub fn hold(&self, hold: Duration) {
        self.shared.faults.send_modify(|faults| faults.hold = hold);
    }

    /// A connection that sends this text passes nothing on from there, the text included, and nobody is told; until [`Proxy::heal`].
    pub fn lose(&self, text: &'static str) {
        self.shared.faults.send_modify(|faults| faults.lose = Some(text));
    }

    /// How many connections were lost by what they sent, and a way to wait for the next.
    pub fn lost(&self) -> watch::Receiver<u64> {
        self.shared.lost.subscribe()
    }

    /// Ends all faults. Connections that were cut stay dead.
    pub async fn heal(&self) {
        let below = self.shared.connections.load(Ordering::SeqCst);
        self.shared.faults.send_modify(|faults| {
            let silent_below = faults.silent_below.min(below);
            *faults = Faults { silent_below, reset_below: faults.reset_below, ..Faults::default() };
        });
        self.wait_until_listening(true).await;
    }

    async fn wait_until_listening(&self, expected: bool) {
        let mut listening = self.shared.listening.subscribe();
        listening.wait_for(|listening| *listening == expected).await.expect("a running proxy");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
