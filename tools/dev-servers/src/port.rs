//! The choice of ports that differ from the standard ports.

use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::{fs, io};

use crate::{Error, Result, Server};

/// The first port of the range. The range is above the ports of common services, and below the
/// ports that Linux (from 32768) and macOS (from 49152) assign to clients.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// The ports that this process has chosen. Servers that start concurrently thus get different
/// ports.
static RESERVED: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// Chooses the port of a server. It is the requested port, or else the port of the last start if
/// that is free, or else any free port.
///
/// # Errors
/// Returns an error if the requested port is taken or no port is free.
pub(crate) fn choose(server: Server, requested: Option<u16>, dir: &Path) -> Result<u16> {
    if let Some(port) = requested {
        return if is_free(port) { Ok(port) } else { Err(Error::PortTaken { server, port }) };
    }
    match last(dir) {
        Some(port) if is_free(port) && reserve(port) => Ok(port),
        _ => find_free(),
    }
}

/// Finds a port on which no process listens, and reserves it.
///
/// # Errors
/// Returns an error if no random number can be generated or no port is free.
pub(crate) fn find_free() -> Result<u16> {
    for _ in 0..COUNT {
        let random =
            getrandom::u32().map_err(|error| Error::io("cannot generate a random number")(io::Error::other(error)))?;
        let port = FIRST + u16::try_from(random % u32::from(COUNT)).unwrap_or_default();
        if is_free(port) && reserve(port) {
            return Ok(port);
        }
    }
    Err(Error::io("cannot find a free port on 127.0.0.1")(io::ErrorKind::AddrInUse.into()))
}

/// Returns the port of the server that ran last in this directory.
pub(crate) fn last(dir: &Path) -> Option<u16> {
    fs::read_to_string(dir.join("port")).ok()?.trim().parse().ok()
}

/// Saves the port for the next start in this directory.
///
/// # Errors
/// Returns an error if the file cannot be written.
pub(crate) fn save(dir: &Path, port: u16) -> Result<()> {
    let path = dir.join("port");
    fs::write(&path, format!("{port}\n")).map_err(Error::path("write", &path))
}

/// Allows this process to choose the port again.
pub(crate) fn release(port: u16) {
    RESERVED.lock().unwrap_or_else(PoisonError::into_inner).remove(&port);
}

fn reserve(port: u16) -> bool {
    RESERVED.lock().unwrap_or_else(PoisonError::into_inner).insert(port)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_chosen_once() {
        let ports: HashSet<u16> = (0..50).map(|_| find_free().unwrap()).collect();
        assert_eq!(ports.len(), 50);
        assert!(ports.iter().all(|port| (20_000..30_000).contains(port)));
    }

    #[test]
    fn a_taken_port_is_rejected_if_requested_and_replaced_if_it_was_the_last_one() {
        // A child that another test forks inherits the open sockets of this process until it
        // executes its program, so a free port may seem taken.
        let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, find_free().unwrap())).ok();
        let listener = (0..20).find_map(bind).unwrap();
        let taken = listener.local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        save(dir.path(), taken).unwrap();
        assert!(matches!(choose(Server::Redis, Some(taken), dir.path()), Err(Error::PortTaken { .. })));
        assert_ne!(choose(Server::Redis, None, dir.path()).unwrap(), taken);
    }
}
