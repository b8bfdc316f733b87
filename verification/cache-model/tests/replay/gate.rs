//! A port in front of a server, for one environment.

pub(crate) mod postgres;
pub(crate) mod redis;
pub(crate) mod resp;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use dev_servers::testing;

/// Accepts connections until it is dropped. The accepted ones last as long as their clients keep
/// them open.
pub(crate) struct Gate {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
}

impl Gate {
    /// Opens in front of a server. A thread of its own serves each connection, in real time,
    /// whatever the clocks of the environments show.
    pub(crate) fn open(target: u16, serve: impl Fn(TcpStream, TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let gate = Self { address: listener.local_addr().expect("an address"), closed: Arc::default() };
        let (closed, serve) = (Arc::clone(&gate.closed), Arc::new(serve));
        thread::spawn(move || {
            for client in listener.incoming() {
                if closed.load(Ordering::SeqCst) {
                    return;
                }
                let client = client.expect("a connection");
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).expect("a server");
                let serve = Arc::clone(&serve);
                for end in [&client, &server] {
                    end.set_nodelay(true).expect("a connection");
                }
                thread::spawn(move || serve(client, server));
            }
        });
        gate
    }

    /// Returns a server's URL with the port of the gate.
    pub(crate) fn url(&self, server: &str) -> String {
        testing::with_port(server, self.address.port())
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // The listener checks the flag when a connection comes in.
        let _ = TcpStream::connect(self.address);
    }
}

/// The purpose of a command or a statement. Each is one await of the protocol, and has the name of
/// its step in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    Observe,
    Get,
    Fill,
    Begin,
    End,
    Invalidate,
    Commit,
    Select,
    Pending,
    Done,
}
