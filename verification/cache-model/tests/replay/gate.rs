//! A port of its own in front of a server, for one environment.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use dev_servers::testing;

/// It takes connections until it is dropped; those that it has taken last as long as their clients want them.
pub(crate) struct Gate {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
}

impl Gate {
    /// Opens in front of a server. Each connection is served by a thread of its own, in real time, whatever the clocks of the environments say.
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

    /// A server's URL with this port in place of its own.
    pub(crate) fn url(&self, server: &str) -> String {
        testing::with_port(server, self.address.port())
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // It looks up once more.
        let _ = TcpStream::connect(self.address);
    }
}
