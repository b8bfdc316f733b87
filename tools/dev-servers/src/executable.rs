//! The executables of servers, on this machine or in a container image.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::Server;

/// An executable of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Executable {
    /// A file on this machine, with its major version.
    Native { path: PathBuf, major: u32 },
    /// An executable in a container image.
    Docker { image: &'static str, name: &'static str },
}

/// Returns the executables of the server on this machine, best first. Installed executables come
/// first, in descending order of their versions. The container image follows if Docker has it.
pub(crate) fn find_all(server: Server) -> Vec<Executable> {
    let mut found: Vec<(PathBuf, u32)> = Vec::new();
    for directory in search_path(server) {
        for name in server.executable_names() {
            // Links are not followed. On Debian, `redis-server` is a link to a program that checks
            // the name by which it was called.
            let path = directory.join(name);
            if !path.is_file() || found.iter().any(|(known, _)| is_same_file(known, &path)) {
                continue;
            }
            if let Some(major) = query_major_version(&path).filter(|major| *major >= server.min_major_version()) {
                found.push((path, major));
            }
        }
    }
    found.sort_by_key(|(_, major)| Reverse(*major));
    let native = found.into_iter().map(|(path, major)| Executable::Native { path, major });
    let docker = server.docker_image().filter(|image| succeeds("docker", &["image", "inspect", image]));
    let docker = docker.zip(server.executable_names().first()).map(|(image, name)| Executable::Docker { image, name });
    native.chain(docker).collect()
}

/// Reports whether a command exists, runs and succeeds.
pub(crate) fn succeeds(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Returns the directories in which the executable may be.
fn search_path(server: Server) -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> =
        env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    // Packages install servers in these directories, which are not in every user's PATH.
    directories.extend(["/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin"].map(PathBuf::from));
    if server == Server::Postgres {
        directories.extend(children("/usr/lib/postgresql").map(|version| version.join("bin")));
        directories
            .extend(children("/usr").filter(|path| has_name_prefix(path, "pgsql-")).map(|version| version.join("bin")));
        for opt in ["/opt/homebrew/opt", "/usr/local/opt"] {
            directories.extend(
                children(opt).filter(|path| has_name_prefix(path, "postgresql")).map(|formula| formula.join("bin")),
            );
        }
    }
    if server == Server::Chromium {
        let applications = ["Google Chrome", "Chromium"].map(|name| format!("/Applications/{name}.app/Contents/MacOS"));
        directories.extend(applications.map(PathBuf::from));
    }
    directories
}

fn children(directory: &str) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn has_name_prefix(path: &Path, prefix: &str) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix))
}

fn query_major_version(executable: &Path) -> Option<u32> {
    let output = Command::new(executable).arg("--version").stdin(Stdio::null()).output().ok()?;
    parse_major_version(&String::from_utf8(output.stdout).ok()?)
}

/// Parses the first number of `postgres (PostgreSQL) 15.18`, `Redis server v=7.0.15 sha=…` or
/// `PgBouncer 1.18.0`.
fn parse_major_version(text: &str) -> Option<u32> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    text.get(start..)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    one.canonicalize().ok().is_some_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_parsed_from_the_output_of_each_server() {
        assert_eq!(parse_major_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_major_version("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(
            parse_major_version("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64\n"),
            Some(7)
        );
        assert_eq!(parse_major_version("Valkey server v=8.1.1 sha=0 bits=64\n"), Some(8));
        assert_eq!(parse_major_version("PgBouncer 1.18.0\nlibevent 2.1.12-stable\n"), Some(1));
        assert_eq!(parse_major_version("Chromium 142.0.7444.59 built on Debian GNU/Linux 12 (bookworm)\n"), Some(142));
        assert_eq!(parse_major_version("usage"), None);
    }
}
