//! A gate is a port in front of a server, for one environment.

pub(crate) mod postgres;
pub(crate) mod redis;
pub(crate) mod resp;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use dev_servers::testing;

/// A listener that accepts connections until it is dropped. Accepted connections stay open until
/// their clients close them.
pub(crate) struct Gate {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
}

impl Gate {
    /// Opens a gate in front of a server. Each connection is served by its own thread in real time,
    /// independently of the clocks of the environments.
    pub(crate) fn open(target: u16, serve: impl Fn(TcpStream, TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a local port is free");
        let gate =
            Self { address: listener.local_addr().expect("a bound listener has an address"), closed: Arc::default() };
        let (closed, serve) = (Arc::clone(&gate.closed), Arc::new(serve));
        thread::spawn(move || {
            for client in listener.incoming() {
                if closed.load(Ordering::SeqCst) {
                    return;
                }
                let client = client.expect("the connection is accepted");
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).expect("the server accepts connections");
                let serve = Arc::clone(&serve);
                for end in [&client, &server] {
                    end.set_nodelay(true).expect("the connection is open");
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
        // The listener checks the flag only when a connection arrives.
        let _ = TcpStream::connect(self.address);
    }
}

/// The purpose of a command or a statement. Each one is one await of the protocol, and has the name
/// of its step in the model.
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
