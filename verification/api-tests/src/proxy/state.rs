//! The state that the connections of a proxy share.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::protocol::Protocol;
use super::traffic::Traffic;

#[derive(Debug)]
pub(super) struct State {
    pub(super) target: SocketAddr,
    pub(super) protocol: Protocol,
    traffic: Mutex<Traffic>,
    last_byte: Mutex<Instant>,
    /// The number of connections so far, which is also the number of the next connection.
    pub(super) connections: AtomicU64,
    /// The number of connections that sent the text of [`Faults::blackhole_after`].
    pub(super) blackholed: watch::Sender<u64>,
    /// Whether traffic is recorded.
    pub(super) is_recording: AtomicBool,
    pub(super) faults: watch::Sender<Faults>,
    pub(super) listening: watch::Sender<bool>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    /// Connections below this number forward nothing and stay open.
    pub(super) silent_below: u64,
    /// Connections below this number are reset.
    pub(super) reset_below: u64,
    /// Whether new connections are refused.
    pub(super) refusing: bool,
    /// The delay of everything that the server sends.
    pub(super) response_delay: Duration,
    /// The delay of everything that the client sends.
    pub(super) request_delay: Duration,
    /// The text at which a connection stops forwarding. The text itself is not forwarded either.
    pub(super) blackhole_after: Option<&'static str>,
}

impl State {
    pub(super) fn new(target: SocketAddr, protocol: Protocol) -> Self {
        Self {
            target,
            protocol,
            traffic: Mutex::default(),
            last_byte: Mutex::new(Instant::now()),
            connections: AtomicU64::new(0),
            blackholed: watch::Sender::new(0),
            is_recording: AtomicBool::new(true),
            faults: watch::Sender::new(Faults::default()),
            listening: watch::Sender::new(true),
        }
    }

    pub(super) fn traffic(&self) -> MutexGuard<'_, Traffic> {
        lock(&self.traffic)
    }

    pub(super) fn note_byte(&self) {
        *lock(&self.last_byte) = Instant::now();
    }

    pub(super) fn since_last_byte(&self) -> Duration {
        lock(&self.last_byte).elapsed()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
