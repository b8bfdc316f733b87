//! Forwards bytes, and records their messages.

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::{io, mem};

use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::protocol::Parser;
use super::state::{Faults, State, lock};

/// Accepts and forwards connections. While connections are refused, the port is closed.
pub(super) async fn serve(state: Arc<State>, first: std::net::TcpListener, port: u16) {
    let mut faults = state.faults.subscribe();
    let mut connections = JoinSet::new();
    let mut listener = Some(TcpListener::from_std(first).expect("the listener is non-blocking"));
    loop {
        let refusing = faults.borrow_and_update().refusing;
        match (&listener, refusing) {
            (Some(_), true) => listener = None,
            (None, false) => {
                listener = Some(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.expect("the port is still free"));
            }
            _ => {}
        }
        state.listening.send_replace(listener.is_some());
        tokio::select! {
            Ok((client, _)) = accept(listener.as_ref()) => {
                let number = state.connections.fetch_add(1, Ordering::SeqCst);
                connections.spawn(forward(Arc::clone(&state), client, number));
            }
            Ok(()) = faults.changed() => {}
            else => return,
        }
        while connections.try_join_next().is_some() {}
    }
}

/// The state of one connection, which both directions share.
struct Connection {
    state: Arc<State>,
    number: u64,
    /// Whether the server has sent anything since the client last did.
    server_has_answered: Mutex<bool>,
    is_blackholed: AtomicBool,
}

/// Forwards one connection until either side closes it.
async fn forward(state: Arc<State>, client: TcpStream, number: u64) {
    state.traffic().connections += 1;
    let Ok(server) = TcpStream::connect(state.target).await else {
        // The server is down, so the connection of the client is reset as well.
        let _ = client.set_zero_linger();
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut faults = state.faults.subscribe();
    let connection =
        Connection { state, number, server_has_answered: Mutex::new(true), is_blackholed: AtomicBool::new(false) };
    let is_reset = tokio::select! {
        () = connection.forward_requests(from_client, to_server) => false,
        () = connection.forward_responses(from_server, &to_client) => false,
        _ = faults.wait_for(|faults| number < faults.reset_below) => true,
    };
    if is_reset {
        let _ = to_client.as_ref().set_zero_linger();
        // Dropping this half would first shut the connection down in an orderly way.
        to_client.forget();
    }
}

impl Connection {
    async fn forward_requests(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let state = &self.state;
        let mut parser = Parser::new(state.protocol);
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            let bytes = &buffer[..length];
            if state.is_recording.load(Ordering::Relaxed) {
                state.note_byte();
                let messages = parser.feed(bytes);
                let mut traffic = state.traffic();
                traffic.round_trips += u64::from(mem::take(&mut *lock(&self.server_has_answered)));
                traffic.messages.extend(messages);
            }
            let Faults { request_delay, blackhole_after, .. } = *state.faults.borrow();
            if !request_delay.is_zero() {
                sleep(request_delay).await;
            }
            if blackhole_after.is_some_and(|text| memmem::find(bytes, text.as_bytes()).is_some())
                && !self.is_blackholed.swap(true, Ordering::Relaxed)
            {
                state.blackholed.send_modify(|count| *count += 1);
            }
            if !self.is_silent() && to.write_all(bytes).await.is_err() {
                return;
            }
        }
    }

    async fn forward_responses(&self, mut from: OwnedReadHalf, to: &OwnedWriteHalf) {
        let state = &self.state;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = from.read(&mut buffer).await.unwrap_or(0);
            let delay = state.faults.borrow().response_delay;
            if !delay.is_zero() {
                sleep(delay).await;
            }
            match (self.is_silent(), length) {
                // The end of the connection is not forwarded either.
                (true, 0) => pending().await,
                (true, _) => continue,
                (false, 0) => return,
                (false, _) => {}
            }
            if state.is_recording.load(Ordering::Relaxed) {
                state.note_byte();
                *lock(&self.server_has_answered) = true;
            }
            if write_all(to, &buffer[..length]).await.is_err() {
                return;
            }
        }
    }

    fn is_silent(&self) -> bool {
        self.is_blackholed.load(Ordering::Relaxed) || self.number < self.state.faults.borrow().silent_below
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => pending().await,
    }
}

/// Writes to a shared half, so that its owner can still reset the connection.
async fn write_all(to: &OwnedWriteHalf, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        to.writable().await?;
        match to.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
