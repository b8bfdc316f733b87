//! Finds the executables of servers, and installs missing ones.

mod apt;
mod command;

use std::fmt::Write as _;

use crate::executable::{Executable, find_all, succeeds};
use crate::{Error, Result, Server};

/// Installs missing servers with apt or Homebrew, or else pulls their Docker images.
///
/// The installation neither starts nor enables services, and does not change existing ones.
/// `progress` receives a line for each step with its reason, and the output of the package manager.
///
/// # Errors
/// Returns an error if a server could not be installed. The message states what to install
/// manually.
pub fn ensure(servers: &[Server], progress: &mut impl FnMut(&str)) -> Result<()> {
    let missing: Vec<Server> = servers.iter().copied().filter(|server| find_all(*server).is_empty()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut failures = String::new();
    for install in [install_packages, pull_images] {
        let missing: Vec<Server> = missing.iter().copied().filter(|server| find_all(*server).is_empty()).collect();
        if missing.is_empty() {
            break;
        }
        if let Err(error) = install(&missing, progress) {
            progress(&error.to_string());
            write!(failures, " ({error})").map_err(|_| not_installed(Server::Postgres, &failures))?;
        }
    }
    match missing.into_iter().find(|server| find_all(*server).is_empty()) {
        Some(server) => Err(not_installed(server, &failures)),
        None => Ok(()),
    }
}

/// Returns the executables of the server on this machine, best first.
///
/// # Errors
/// Returns an error if there is none. The message states what to install.
pub(crate) fn executables(server: Server) -> Result<Vec<Executable>> {
    let found = find_all(server);
    if found.is_empty() { Err(not_installed(server, "")) } else { Ok(found) }
}

fn install_packages(missing: &[Server], progress: &mut dyn FnMut(&str)) -> Result<()> {
    if succeeds("apt-get", &["--version"]) {
        return apt::install(missing, progress);
    }
    if succeeds("brew", &["--version"]) {
        let formulas: Vec<&str> = missing.iter().map(|server| homebrew_formula(*server)).collect();
        progress(&format!("installing {} with Homebrew: not found on this machine", formulas.join(", ")));
        // `brew install` starts no service. Only `brew services` does.
        return command::stream("brew", &[&["install"], formulas.as_slice()].concat(), &[], progress);
    }
    Ok(())
}

fn pull_images(missing: &[Server], progress: &mut dyn FnMut(&str)) -> Result<()> {
    if !succeeds("docker", &["info"]) {
        return Ok(());
    }
    for image in missing.iter().filter_map(|server| server.docker_image()) {
        progress(&format!("pulling the container image {image}: the server is not installed on this machine"));
        command::stream("docker", &["pull", "--quiet", image], &[], progress)?;
    }
    Ok(())
}

fn homebrew_formula(server: Server) -> &'static str {
    match server {
        Server::Postgres => "postgresql@17",
        Server::Redis => "redis",
        Server::PgBouncer => "pgbouncer",
        // This is a cask. Homebrew also finds casks by their names.
        Server::Chromium => "google-chrome",
    }
}

fn not_installed(server: Server, failures: &str) -> Error {
    let package = match server {
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
    let docker = if server.docker_image().is_some() { ", or start Docker," } else { "" };
    Error::NotInstalled {
        server,
        advice: format!(
            "install {package}, or on macOS: brew install {}{docker} and try again{failures}",
            homebrew_formula(server)
        ),
    }
}
