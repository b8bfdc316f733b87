//! A proxy between the functions and one of their servers. It forwards bytes, records the messages
//! of the functions, and injects faults.

mod forward;
mod protocol;
mod state;
mod traffic;

use std::mem;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

use self::forward::serve;
pub use self::protocol::Protocol;
use self::state::{Faults, State};
pub use self::traffic::Traffic;

/// A proxy on its own port. It runs in its own thread, because each test has its own runtime and a
/// shared system outlives the test that started it.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts a proxy in front of a port of this machine.
    pub async fn start(target: u16, protocol: Protocol) -> Self {
        let state = Arc::new(State::new((Ipv4Addr::LOCALHOST, target).into(), protocol));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a local port is free");
        listener.set_nonblocking(true).expect("the listener can be made non-blocking");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = Arc::clone(&state);
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("the runtime starts");
            runtime.block_on(async {
                tokio::select! {
                    () = serve(serving, listener, port) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { port, state, stop: Some(stop), thread: Some(thread) }
    }

    /// Returns the port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the traffic since the last call.
    pub fn take_traffic(&self) -> Traffic {
        mem::take(&mut *self.state.traffic())
    }

    /// Stops recording traffic. A recording would use much memory under load.
    pub fn stop_recording(&self) {
        self.state.is_recording.store(false, Ordering::Relaxed);
        self.take_traffic();
    }

    /// Waits until no bytes have passed for 40 ms.
    pub async fn wait_until_quiet(&self) {
        const QUIET: Duration = Duration::from_millis(40);
        loop {
            let elapsed = self.state.since_last_byte();
            if elapsed >= QUIET {
                return;
            }
            sleep(QUIET - elapsed).await;
        }
    }

    /// Drops all further traffic of the currently open connections, in both directions and without
    /// closing them. New connections are not affected.
    pub fn disconnect_silently(&self) {
        let below = self.state.connections.load(Ordering::SeqCst);
        self.state.faults.send_modify(|faults| faults.silent_below = below);
    }

    /// Drops all traffic of open and new connections without closing them, until [`Proxy::heal`].
    pub fn blackhole(&self) {
        self.state.faults.send_modify(|faults| faults.silent_below = u64::MAX);
    }

    /// Drops all traffic of a connection as soon as it sends this text, including the text, without
    /// closing the connection. New connections are affected until [`Proxy::heal`].
    pub fn blackhole_after(&self, text: &'static str) {
        self.state.faults.send_modify(|faults| faults.blackhole_after = Some(text));
    }

    /// Returns the number of connections that [`Proxy::blackhole_after`] has affected, as a
    /// receiver that can wait for the next one.
    pub fn blackholed(&self) -> watch::Receiver<u64> {
        self.state.blackholed.subscribe()
    }

    /// Resets the currently open connections.
    pub fn reset(&self) {
        let below = self.state.connections.load(Ordering::SeqCst);
        self.state.faults.send_modify(|faults| faults.reset_below = below);
    }

    /// Resets open connections and refuses new ones, as if the server were down, until
    /// [`Proxy::heal`].
    pub async fn refuse(&self) {
        self.state.faults.send_modify(|faults| faults.refusing = true);
        self.reset();
        self.wait_until_listening(false).await;
    }

    /// Delays everything that the server sends, until [`Proxy::heal`].
    pub fn delay_responses(&self, delay: Duration) {
        self.state.faults.send_modify(|faults| faults.response_delay = delay);
    }

    /// Delays everything that the client sends, until [`Proxy::heal`]. Delayed bytes arrive even if
    /// the client has given up in the meantime.
    pub fn delay_requests(&self, delay: Duration) {
        self.state.faults.send_modify(|faults| faults.request_delay = delay);
    }

    /// Ends all faults. Connections that were silently disconnected stay dead.
    pub async fn heal(&self) {
        let below = self.state.connections.load(Ordering::SeqCst);
        self.state.faults.send_modify(|faults| {
            let silent_below = faults.silent_below.min(below);
            *faults = Faults { silent_below, reset_below: faults.reset_below, ..Faults::default() };
        });
        self.wait_until_listening(true).await;
    }

    async fn wait_until_listening(&self, expected: bool) {
        let mut listening = self.state.listening.subscribe();
        listening.wait_for(|listening| *listening == expected).await.expect("the proxy is running");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
