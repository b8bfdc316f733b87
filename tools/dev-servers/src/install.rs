//! Finding the servers' programs, and installing what is missing.

mod apt;
mod command;

use std::fmt::Write as _;

use crate::program::{Program, candidates, succeeds};
use crate::{Error, Result, Server};

/// Makes sure that all the servers can be started, and installs those that cannot: with apt or Homebrew, else as a Docker image.
///
/// No service is started or enabled for what is installed, and services that were there before are left alone. `progress` is
/// told what is done and why, and what the package manager prints, line by line.
///
/// # Errors
/// A server could not be installed; the error says what to install by hand.
pub fn ensure(servers: &[Server], progress: &mut impl FnMut(&str)) -> Result<()> {
    let missing: Vec<Server> = servers.iter().copied().filter(|server| candidates(*server).is_empty()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut tried = String::new();
    for attempt in [from_packages, from_images] {
        let missing: Vec<Server> = missing.iter().copied().filter(|server| candidates(*server).is_empty()).collect();
        if missing.is_empty() {
            break;
        }
        if let Err(error) = attempt(&missing, progress) {
            progress(&error.to_string());
            write!(tried, " ({error})").map_err(|_| not_installed(Server::Postgres, &tried))?;
        }
    }
    match missing.into_iter().find(|server| candidates(*server).is_empty()) {
        Some(server) => Err(not_installed(server, &tried)),
        None => Ok(()),
    }
}

/// Everything that can run the server here, the best first.
///
/// # Errors
/// There is nothing; the error says what to install.
pub(crate) fn programs(server: Server) -> Result<Vec<Program>> {
    let found = candidates(server);
    if found.is_empty() { Err(not_installed(server, "")) } else { Ok(found) }
}

fn from_packages(missing: &[Server], progress: &mut dyn FnMut(&str)) -> Result<()> {
    if succeeds("apt-get", &["--version"]) {
        return apt::install(missing, progress);
    }
    if succeeds("brew", &["--version"]) {
        let formulas: Vec<&str> = missing.iter().map(|server| formula(*server)).collect();
        progress(&format!("installing {} with Homebrew: not found on this machine", formulas.join(", ")));
        // Installing a formula starts no service; `brew services` would.
        return command::stream("brew", &[&["install"], formulas.as_slice()].concat(), &[], progress);
    }
    Ok(())
}

fn from_images(missing: &[Server], progress: &mut dyn FnMut(&str)) -> Result<()> {
    if !succeeds("docker", &["info"]) {
        return Ok(());
    }
    for image in missing.iter().filter_map(|server| server.image()) {
        progress(&format!("fetching the container image {image}: the server is not on this machine"));
        command::stream("docker", &["pull", "--quiet", image], &[], progress)?;
    }
    Ok(())
}

fn formula(server: Server) -> &'static str {
    match server {
        Server::Postgres => "postgresql@17",
        Server::Redis => "redis",
        Server::PgBouncer => "pgbouncer",
        // A cask, which Homebrew finds by its name as well.
        Server::Chromium => "google-chrome",
    }
}

fn not_installed(server: Server, tried: &str) -> Error {
    let what = match server {
        Server::Postgres => {
            "Postgres 13 or newer (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server)"
        }
        Server::Redis => {
            "Redis 7.0 or newer, or Valkey (Debian, Ubuntu: apt-get install redis-server; Fedora: dnf install valkey)"
        }
        Server::PgBouncer => "PgBouncer (Debian, Ubuntu: apt-get install pgbouncer; Fedora: dnf install pgbouncer)",
        Server::Chromium => {
            "Chromium or Google Chrome (Debian: apt-get install chromium; Ubuntu: snap install chromium; Fedora: dnf install chromium)"
        }
    };
    let docker = if server.image().is_some() { ", or start Docker," } else { "" };
    Error::NotInstalled {
        server,
        advice: format!("install {what}, or on macOS: brew install {}{docker} and try again{tried}", formula(server)),
    }
}
