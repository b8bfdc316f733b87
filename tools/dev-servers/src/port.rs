//! Ports away from the standard ones.

use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::{fs, io};

use crate::{Error, Result, Server};

/// Above what services register and below what Linux (32768) and macOS (49152) hand out to clients.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// Ports handed out by this process, so that servers started at the same time do not get the same.
static HANDED_OUT: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// The port a server shall use: the one asked for, else the one it had before, else a free one.
///
/// # Errors
/// The port asked for is taken, or none is free.
pub(crate) fn choose(server: Server, asked: Option<u16>, dir: &Path) -> Result<u16> {
    if let Some(port) = asked {
        return if is_free(port) { Ok(port) } else { Err(Error::PortTaken { server, port }) };
    }
    match remembered(dir) {
        Some(port) if is_free(port) && reserve(port) => Ok(port),
        _ => free(),
    }
}

/// A port on which nobody listens now, and which this function has not returned before.
///
/// # Errors
/// No random numbers, or a machine without a free port.
pub(crate) fn free() -> Result<u16> {
    for _ in 0..COUNT {
        let random = getrandom::u32().map_err(|error| Error::io("no random number")(io::Error::other(error)))?;
        let port = FIRST + u16::try_from(random % u32::from(COUNT)).unwrap_or_default();
        if is_free(port) && reserve(port) {
            return Ok(port);
        }
    }
    Err(Error::io("no free port on 127.0.0.1")(io::ErrorKind::AddrInUse.into()))
}

/// The port of the server that ran in this folder last.
pub(crate) fn remembered(dir: &Path) -> Option<u16> {
    fs::read_to_string(dir.join("port")).ok()?.trim().parse().ok()
}

/// Keeps the port for the next start in this folder.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn remember(dir: &Path, port: u16) -> Result<()> {
    let path = dir.join("port");
    fs::write(&path, format!("{port}\n")).map_err(Error::path("write", &path))
}

/// Allows a port to be chosen again.
pub(crate) fn release(port: u16) {
    HANDED_OUT.lock().unwrap_or_else(PoisonError::into_inner).remove(&port);
}

fn reserve(port: u16) -> bool {
    HANDED_OUT.lock().unwrap_or_else(PoisonError::into_inner).insert(port)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_handed_out_once() {
        let ports: HashSet<u16> = (0..50).map(|_| free().unwrap()).collect();
        assert_eq!(ports.len(), 50);
        assert!(ports.iter().all(|port| (20_000..30_000).contains(port)));
    }

    #[test]
    fn a_taken_port_is_refused_when_asked_for_and_replaced_when_remembered() {
        // A program that another test starts at this moment holds whatever was open when it was forked, until it begins.
        let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, free().unwrap())).ok();
        let listener = (0..20).find_map(bind).unwrap();
        let taken = listener.local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        remember(dir.path(), taken).unwrap();
        assert!(matches!(choose(Server::Redis, Some(taken), dir.path()), Err(Error::PortTaken { .. })));
        assert_ne!(choose(Server::Redis, None, dir.path()).unwrap(), taken);
    }
}
