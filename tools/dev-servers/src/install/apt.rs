//! Installing with apt, without starting or enabling a service.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::command::stream;
use crate::program::succeeds;
use crate::{Error, Result, Server};

/// Installs the packages of the servers.
///
/// # Errors
/// We are neither root nor allowed to become it, or apt fails.
pub(super) fn install(servers: &[Server], progress: &mut dyn FnMut(&str)) -> Result<()> {
    let root = Root::find()?;
    progress("reading the list of packages (apt-get update)");
    if let Err(error) = root.run(&["apt-get", "update", "--quiet"], progress) {
        // One unreachable source among many is common, and seldom the one that matters.
        progress(&error.to_string());
    }
    let mut packages = Vec::new();
    for server in servers {
        let candidates = packages_of(*server);
        let recent = candidates
            .iter()
            .copied()
            .find(|package| candidate_major(package).is_some_and(|major| major >= server.oldest()));
        let Some(package) = recent else {
            let names = candidates.join(" or ");
            progress(&format!("this system's packages have no {server} from version {} ({names})", server.oldest()));
            continue;
        };
        packages.push(package);
    }
    if packages.is_empty() {
        return Ok(());
    }
    progress(&format!("installing {}: not found on this machine", packages.join(", ")));
    let quiet = NoServices::impose(&root, Path::new("/"))?;
    // No upgrade: a package that is there serves somebody.
    let mut args = vec!["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes", "--quiet"];
    args.extend(["--no-upgrade", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]);
    args.extend(&packages);
    let installed = root.run(&args, progress);
    drop(quiet);
    installed?;
    disable(&root, &packages);
    Ok(())
}

fn packages_of(server: Server) -> &'static [&'static str] {
    match server {
        Server::Postgres => &["postgresql"],
        Server::Redis => &["redis-server", "valkey-server"],
        Server::PgBouncer => &["pgbouncer"],
        Server::Chromium => &["chromium"],
    }
}

/// The major version that apt would install: the 7 of `Candidate: 5:7.0.15-1~deb12u10`.
fn candidate_major(package: &str) -> Option<u32> {
    let output = Command::new("apt-cache").args(["policy", package]).env("LC_ALL", "C").output().ok()?;
    parse_candidate(&String::from_utf8(output.stdout).ok()?)
}

fn parse_candidate(policy: &str) -> Option<u32> {
    let version = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate:"))?.trim();
    let upstream = version.split_once(':').map_or(version, |(_, upstream)| upstream);
    upstream.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A package enables its service for the next start of the machine. These were not there before, and nobody asked for one.
fn disable(root: &Root, packages: &[&str]) {
    if !Path::new("/run/systemd/system").exists() {
        return;
    }
    for package in packages {
        // A unit of another name than its package stays enabled, which a failure of the whole installation would not mend.
        let _unknown = root.run(&["systemctl", "disable", "--quiet", package], &mut |_| ());
    }
}

/// How to run a command as root: directly, or through sudo.
struct Root {
    sudo: bool,
}

impl Root {
    fn find() -> Result<Self> {
        if rustix::process::geteuid().is_root() {
            return Ok(Self { sudo: false });
        }
        // With `-v` sudo asks for the password on the terminal, and later calls find it remembered.
        if succeeds("sudo", &["-n", "true"]) || ask_for_password() {
            return Ok(Self { sudo: true });
        }
        Err(Error::Command { command: "sudo".to_owned(), output: "only root can install packages".to_owned() })
    }

    fn run(&self, args: &[&str], progress: &mut dyn FnMut(&str)) -> Result<()> {
        let args = if self.sudo { [&["sudo", "-n"], args].concat() } else { args.to_vec() };
        match args.split_first() {
            Some((program, rest)) => stream(program, rest, &[], progress),
            None => Ok(()),
        }
    }
}

fn ask_for_password() -> bool {
    use std::io::IsTerminal as _;
    std::io::stdin().is_terminal() && Command::new("sudo").arg("-v").status().is_ok_and(|status| status.success())
}

/// While it lives, packages that are installed start no service, and Postgres' own makes no `main` cluster. Dropping it removes
/// what it put there, and nothing else.
struct NoServices<'a> {
    root: &'a Root,
    placed: Vec<PathBuf>,
}

impl<'a> NoServices<'a> {
    fn impose(root: &'a Root, system: &Path) -> Result<Self> {
        let mut rules = Self { root, placed: Vec::new() };
        rules.place(&system.join("usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n", 0o755)?;
        rules.place(
            &system.join("etc/postgresql-common/createcluster.d/kai.conf"),
            "create_main_cluster = false\n",
            0o644,
        )?;
        Ok(rules)
    }

    /// Puts a file where there is none; one that is there already is somebody's own rule.
    fn place(&mut self, path: &Path, text: &str, mode: u32) -> Result<()> {
        if path.exists() {
            return Ok(());
        }
        // Under a name that nobody else has or can guess: what stands there is installed as root.
        let ours = tempfile::NamedTempFile::new().map_err(Error::path("make a file in", &std::env::temp_dir()))?;
        fs::write(&ours, text).map_err(Error::path("write", ours.path()))?;
        let mode = format!("{mode:o}");
        let (from, to) = (ours.path().to_string_lossy(), path.to_string_lossy());
        // Noted first: a half-made one has to go as well.
        self.placed.push(path.to_path_buf());
        self.root.run(&["install", "-D", "-m", &mode, &from, &to], &mut |_| ())
    }
}

impl Drop for NoServices<'_> {
    fn drop(&mut self) {
        for path in &self.placed {
            let _gone = self.root.run(&["rm", "-f", &path.to_string_lossy()], &mut |_| ());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_candidate_of_apt_is_read_without_its_epoch() {
        let policy = "redis-server:\n  Installed: (none)\n  Candidate: 5:7.0.15-1~deb12u10\n  Version table:\n";
        assert_eq!(parse_candidate(policy), Some(7));
        assert_eq!(parse_candidate("postgresql:\n  Candidate: 15+248+deb12u2\n"), Some(15));
        assert_eq!(parse_candidate("nothing:\n  Candidate: (none)\n"), None);
    }

    #[test]
    fn what_keeps_services_from_starting_is_there_during_the_installation_only() {
        let system = tempfile::tempdir().unwrap();
        let policy = system.path().join("usr/sbin/policy-rc.d");
        let cluster = system.path().join("etc/postgresql-common/createcluster.d/kai.conf");
        let root = Root { sudo: false };
        let rules = NoServices::impose(&root, system.path()).unwrap();
        assert_eq!(fs::metadata(&policy).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(fs::read_to_string(&cluster).unwrap(), "create_main_cluster = false\n");
        drop(rules);
        assert!(!policy.exists() && !cluster.exists());
    }

    #[test]
    fn a_rule_that_was_there_before_stays() {
        let system = tempfile::tempdir().unwrap();
        let policy = system.path().join("usr/sbin/policy-rc.d");
        fs::create_dir_all(policy.parent().unwrap()).unwrap();
        fs::write(&policy, "exit 0\n").unwrap();
        drop(NoServices::impose(&Root { sudo: false }, system.path()).unwrap());
        assert_eq!(fs::read_to_string(&policy).unwrap(), "exit 0\n");
    }
}
