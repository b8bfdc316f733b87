//! Passing bytes on, and noting what they are.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::wire::Parser;
use super::{Faults, Shared, Traffic};

impl Shared {
    pub(super) async fn serve(self: Arc<Self>, first: std::net::TcpListener, port: u16) {
        let mut faults = self.faults.subscribe();
        let mut connections = JoinSet::new();
        let mut listener = Some(TcpListener::from_std(first).expect("a listener"));
        loop {
            let refusing = faults.borrow_and_update().refusing;
            match (&listener, refusing) {
                (Some(_), true) => listener = None,
                (None, false) => {
                    listener = Some(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.expect("the same port"));
                }
                _ => {}
            }
            self.listening.send_replace(listener.is_some());
            tokio::select! {
                Ok((client, _)) = accept(listener.as_ref()) => {
                    let number = self.connections.fetch_add(1, Ordering::SeqCst);
                    connections.spawn(Arc::clone(&self).forward(client, number));
                }
                Ok(()) = faults.changed() => {}
                else => return,
            }
            while connections.try_join_next().is_some() {}
        }
    }

    /// Serves one connection until either side closes it.
    async fn forward(self: Arc<Self>, client: TcpStream, number: u64) {
        self.traffic().connections += 1;
        let Ok(server) = TcpStream::connect(self.target).await else {
            // Nobody is there: the client is told as abruptly.
            let _ = client.set_zero_linger();
            return;
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let mut faults = self.faults.subscribe();
        let link = Link { number, server_has_spoken: Mutex::new(true), is_lost: AtomicBool::new(false) };
        let is_reset = tokio::select! {
            () = self.requests(from_client, to_server, &link) => false,
            () = self.answers(from_server, &to_client, &link) => false,
            _ = faults.wait_for(|faults| number < faults.reset_below) => true,
        };
        if is_reset {
            let _ = to_client.as_ref().set_zero_linger();
            // Dropping the half would say goodbye first.
            to_client.forget();
        }
    }

    async fn requests(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, link: &Link) {
        let mut parser = Parser::new(self.protocol);
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            let bytes = &buffer[..length];
            if self.is_read.load(Ordering::Relaxed) {
                self.note_byte();
                let messages = parser.feed(bytes);
                let mut traffic = self.traffic();
                let mut spoken = link.server_has_spoken.lock().unwrap_or_else(PoisonError::into_inner);
                traffic.round_trips += u64::from(std::mem::take(&mut *spoken));
                traffic.messages.extend(messages);
            }
            let Faults { hold, lose, .. } = *self.faults.borrow();
            if !hold.is_zero() {
                tokio::time::sleep(hold).await;
            }
            if lose.is_some_and(|text| memmem::find(bytes, text.as_bytes()).is_some()) && !link.is_lost() {
                link.is_lost.store(true, Ordering::Relaxed);
                self.lost.send_modify(|lost| *lost += 1);
            }
            if !self.is_silent(link) && to.write_all(bytes).await.is_err() {
                return;
            }
        }
    }

    async fn answers(&self, mut from: OwnedReadHalf, to: &OwnedWriteHalf, link: &Link) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = from.read(&mut buffer).await.unwrap_or(0);
            let delay = self.faults.borrow().delay;
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            match (self.is_silent(link), length) {
                // Even the end of the connection is not passed on.
                (true, 0) => std::future::pending().await,
                (true, _) => continue,
                (false, 0) => return,
                (false, _) => {}
            }
            if self.is_read.load(Ordering::Relaxed) {
                self.note_byte();
                *link.server_has_spoken.lock().unwrap_or_else(PoisonError::into_inner) = true;
            }
            if write_all(to, &buffer[..length]).await.is_err() {
                return;
            }
        }
    }

    fn is_silent(&self, link: &Link) -> bool {
        link.is_lost() || link.number < self.faults.borrow().silent_below
    }

    fn note_byte(&self) {
        *self.last_byte.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub(super) fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection: what both of its directions know.
struct Link {
    number: u64,
    server_has_spoken: Mutex<bool>,
    is_lost: AtomicBool,
}

impl Link {
    fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }
}

async fn accept(listener: Option<&TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// Writes through a shared half, so that its owner can still reset the connection.
async fn write_all(to: &OwnedWriteHalf, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        to.writable().await?;
        match to.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
