//! Where a server's program is: on this machine, or in a container image.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A kind of server that this crate runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Server {
    /// The database.
    Postgres,
    /// The cache: Redis from 7.0, or Valkey.
    Redis,
    /// The transaction pooler.
    PgBouncer,
    /// A browser without a window, which is told what to do over a socket.
    Chromium,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "Postgres",
            Self::Redis => "Redis",
            Self::PgBouncer => "PgBouncer",
            Self::Chromium => "Chromium",
        })
    }
}

impl Server {
    /// Names of the program, the preferred one first.
    pub(crate) fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgres"],
            Self::Redis => &["redis-server", "valkey-server"],
            Self::PgBouncer => &["pgbouncer"],
            Self::Chromium => {
                &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "Google Chrome", "Chromium"]
            }
        }
    }

    /// The oldest major version that will do. Postgres 13 is the oldest that is still maintained; `SET … NX GET`, with which
    /// a read opens a generation, came with Redis 7.0. Ubuntu's package of Chromium, 85 by its number, holds no browser.
    pub(crate) fn oldest(self) -> u32 {
        match self {
            Self::Postgres => 13,
            Self::Redis => 7,
            Self::PgBouncer => 1,
            Self::Chromium => 112,
        }
    }

    /// The container image that holds the program, where there is an official one that runs without further set-up.
    pub(crate) fn image(self) -> Option<&'static str> {
        match self {
            Self::Postgres => Some("postgres:17-alpine"),
            Self::Redis => Some("redis:7-alpine"),
            Self::PgBouncer | Self::Chromium => None,
        }
    }
}

/// A program that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Program {
    /// A file on this machine, and its major version.
    Native { path: PathBuf, major: u32 },
    /// The program of that name in a container image.
    Docker { image: &'static str, name: &'static str },
}

/// Everything that can run the server here, the best first: what is installed, newest first, then Docker if the image is here.
pub(crate) fn candidates(server: Server) -> Vec<Program> {
    let mut found: Vec<(PathBuf, u32)> = Vec::new();
    for folder in folders(server) {
        for name in server.programs() {
            // Not resolved: on Debian `redis-server` is a link to a program that looks at the name it is called by.
            let path = folder.join(name);
            if !path.is_file() || found.iter().any(|(known, _)| is_same(known, &path)) {
                continue;
            }
            if let Some(major) = major_version(&path).filter(|major| *major >= server.oldest()) {
                found.push((path, major));
            }
        }
    }
    found.sort_by_key(|(_, major)| std::cmp::Reverse(*major));
    let native = found.into_iter().map(|(path, major)| Program::Native { path, major });
    let docker = server.image().filter(|image| succeeds("docker", &["image", "inspect", image]));
    let docker = docker.zip(server.programs().first()).map(|(image, name)| Program::Docker { image, name });
    native.chain(docker).collect()
}

/// Whether a command is there, runs, and reports success.
pub(crate) fn succeeds(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn folders(server: Server) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    // Where packages put servers without putting them on everybody's PATH.
    folders.extend(["/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin"].map(PathBuf::from));
    if server == Server::Postgres {
        folders.extend(children("/usr/lib/postgresql").map(|version| version.join("bin")));
        folders.extend(children("/usr").filter(|path| is_named(path, "pgsql-")).map(|version| version.join("bin")));
        for opt in ["/opt/homebrew/opt", "/usr/local/opt"] {
            folders
                .extend(children(opt).filter(|path| is_named(path, "postgresql")).map(|formula| formula.join("bin")));
        }
    }
    if server == Server::Chromium {
        let applications = ["Google Chrome", "Chromium"].map(|name| format!("/Applications/{name}.app/Contents/MacOS"));
        folders.extend(applications.map(PathBuf::from));
    }
    folders
}

fn children(folder: &str) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn is_named(path: &Path, prefix: &str) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix))
}

fn major_version(program: &Path) -> Option<u32> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    parse_major(&String::from_utf8(output.stdout).ok()?)
}

/// The first number of `postgres (PostgreSQL) 15.18`, `Redis server v=7.0.15 sha=…` or `PgBouncer 1.18.0`.
fn parse_major(text: &str) -> Option<u32> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    text.get(start..)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().ok().is_some_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_each_server_prints() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(parse_major("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64\n"), Some(7));
        assert_eq!(parse_major("Valkey server v=8.1.1 sha=0 bits=64\n"), Some(8));
        assert_eq!(parse_major("PgBouncer 1.18.0\nlibevent 2.1.12-stable\n"), Some(1));
        assert_eq!(parse_major("Chromium 142.0.7444.59 built on Debian GNU/Linux 12 (bookworm)\n"), Some(142));
        assert_eq!(parse_major("usage"), None);
    }
}
