//! What lies between some environments and a Redis: it passes bytes on until it is told not to.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A forwarder on a port of its own, with threads of its own. It listens until the process ends.
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

/// One connection: both of its ends, and whether it still passes anything on.
struct Line {
    ends: [TcpStream; 2],
    silent: Arc<AtomicBool>,
}

impl Wire {
    pub(crate) fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Self { port: listener.local_addr().unwrap().port(), shared: Arc::default() };
        let shared = Arc::clone(&wire.shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A server that is not there hangs up.
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

    /// From now on nothing passes, on new connections neither, and nobody is told; until [`Wire::heal`].
    pub(crate) fn swallow(&self) {
        self.shared.silent.store(true, Ordering::SeqCst);
        self.shared.lines.lock().unwrap().iter().for_each(|line| line.silent.store(true, Ordering::SeqCst));
    }

    /// Ends all connections, and new ones at once; until [`Wire::heal`].
    pub(crate) fn reject(&self) {
        self.shared.refusing.store(true, Ordering::SeqCst);
        for line in self.shared.lines.lock().unwrap().drain(..) {
            line.ends.iter().for_each(|end| drop(end.shutdown(Shutdown::Both)));
        }
    }

    /// New connections work again. Those that were cut stay dead.
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
    // Even the end of a silent connection is not passed on.
    if !silent.load(Ordering::SeqCst) {
        let _ = to.shutdown(Shutdown::Both);
    }
}
