//! A forwarder between some environments and a Redis. It can be made to swallow all bytes or to
//! reject connections.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A forwarder with its own port and threads. It listens until the process ends.
pub(crate) struct Wire {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    silent: AtomicBool,
    refusing: AtomicBool,
    lines: Mutex<Vec<Line>>,
}

/// A connection that the wire forwards.
struct Line {
    ends: [TcpStream; 2],
    /// Whether the connection swallows all bytes.
    silent: Arc<AtomicBool>,
}

impl Wire {
    pub(crate) fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Self { port: listener.local_addr().unwrap().port(), shared: Arc::default() };
        let shared = Arc::clone(&wire.shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // If the server is not available, the client's connection is closed.
                if let (false, Ok(server)) =
                    (shared.refusing.load(Ordering::SeqCst), TcpStream::connect(("127.0.0.1", target)))
                {
                    shared.connect(client, server);
                }
            }
        });
        wire
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Swallows all bytes without closing a connection, until [`Wire::heal`]. This applies to new
    /// connections, too.
    pub(crate) fn swallow(&self) {
        self.shared.silent.store(true, Ordering::SeqCst);
        self.shared.lines.lock().unwrap().iter().for_each(|line| line.silent.store(true, Ordering::SeqCst));
    }

    /// Closes all connections, and new ones at once, until [`Wire::heal`].
    pub(crate) fn reject(&self) {
        self.shared.refusing.store(true, Ordering::SeqCst);
        for line in self.shared.lines.lock().unwrap().drain(..) {
            line.ends.iter().for_each(|end| drop(end.shutdown(Shutdown::Both)));
        }
    }

    /// Forwards new connections again. Connections that were silenced stay silent.
    pub(crate) fn heal(&self) {
        self.shared.silent.store(false, Ordering::SeqCst);
        self.shared.refusing.store(false, Ordering::SeqCst);
    }
}

impl Shared {
    fn connect(&self, client: TcpStream, server: TcpStream) {
        let mut lines = self.lines.lock().unwrap();
        let silent = Arc::new(AtomicBool::new(self.silent.load(Ordering::SeqCst)));
        let ends = [client, server];
        for (from, to) in [(0, 1), (1, 0)] {
            ends[from].set_nodelay(true).unwrap();
            let (from, to, silent) =
                (ends[from].try_clone().unwrap(), ends[to].try_clone().unwrap(), Arc::clone(&silent));
            thread::spawn(move || pass_on(from, to, &silent));
        }
        lines.push(Line { ends, silent });
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, silent: &AtomicBool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if !silent.load(Ordering::SeqCst) && to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // A silent connection does not forward its end either.
    if !silent.load(Ordering::SeqCst) {
        let _ = to.shutdown(Shutdown::Both);
    }
}
