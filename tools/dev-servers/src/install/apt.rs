//! Installation with apt, without starting or enabling services.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use rustix::process::geteuid;
use tempfile::NamedTempFile;

use super::command::stream;
use crate::executable::succeeds;
use crate::{Error, Result, Server};

/// Installs the packages of the servers.
///
/// # Errors
/// Returns an error if this process is neither root nor allowed to use sudo, or if apt fails.
pub(super) fn install(servers: &[Server], progress: &mut dyn FnMut(&str)) -> Result<()> {
    let root = RootCommand::find()?;
    progress("updating the lists of packages (apt-get update)");
    if let Err(error) = root.run(&["apt-get", "update", "--quiet"], progress) {
        // The installation continues, because one unreachable source among many is common and
        // seldom the one that is needed.
        progress(&error.to_string());
    }
    let mut packages = Vec::new();
    for server in servers {
        let candidates = packages_of(*server);
        let recent = candidates
            .iter()
            .copied()
            .find(|package| candidate_major_version(package).is_some_and(|major| major >= server.min_major_version()));
        let Some(package) = recent else {
            let names = candidates.join(" or ");
            progress(&format!(
                "no package of this system provides {server} {} or newer ({names})",
                server.min_major_version()
            ));
            continue;
        };
        packages.push(package);
    }
    if packages.is_empty() {
        return Ok(());
    }
    progress(&format!("installing {}: not found on this machine", packages.join(", ")));
    let block = ServiceBlock::install(&root, Path::new("/"))?;
    // `--no-upgrade` retains the versions of installed packages, because another user may need
    // them.
    let mut args = vec!["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes", "--quiet"];
    args.extend(["--no-upgrade", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]);
    args.extend(&packages);
    let installed = root.run(&args, progress);
    drop(block);
    installed?;
    disable_services(&root, &packages);
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

/// Returns the major version that apt would install, such as 7 for
/// `Candidate: 5:7.0.15-1~deb12u10`.
fn candidate_major_version(package: &str) -> Option<u32> {
    let output = Command::new("apt-cache").args(["policy", package]).env("LC_ALL", "C").output().ok()?;
    parse_candidate_major_version(&String::from_utf8(output.stdout).ok()?)
}

fn parse_candidate_major_version(policy: &str) -> Option<u32> {
    let version = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate:"))?.trim();
    let upstream = version.split_once(':').map_or(version, |(_, upstream)| upstream);
    upstream.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Disables the services of packages. A package enables its service for the next boot, which is not
/// wanted for development servers.
fn disable_services(root: &RootCommand, packages: &[&str]) {
    if !Path::new("/run/systemd/system").exists() {
        return;
    }
    for package in packages {
        // Errors are ignored. A service whose name differs from its package's name stays enabled,
        // and a failed installation would not disable it.
        let _ = root.run(&["systemctl", "disable", "--quiet", package], &mut |_| ());
    }
}

/// Runs commands as root: directly, or with sudo.
struct RootCommand {
    sudo: bool,
}

impl RootCommand {
    fn find() -> Result<Self> {
        if geteuid().is_root() {
            return Ok(Self { sudo: false });
        }
        // `sudo -v` asks for the password on the terminal. Later calls do not need the password.
        if succeeds("sudo", &["-n", "true"]) || ask_for_sudo_password() {
            return Ok(Self { sudo: true });
        }
        Err(Error::Command {
            command: "sudo".to_owned(),
            output: "installing packages requires root; run `sudo -v` and try again".to_owned(),
        })
    }

    fn run(&self, args: &[&str], progress: &mut dyn FnMut(&str)) -> Result<()> {
        let args = if self.sudo { [&["sudo", "-n"], args].concat() } else { args.to_vec() };
        match args.split_first() {
            Some((program, rest)) => stream(program, rest, &[], progress),
            None => Ok(()),
        }
    }
}

fn ask_for_sudo_password() -> bool {
    io::stdin().is_terminal() && Command::new("sudo").arg("-v").status().is_ok_and(|status| status.success())
}

/// Rules that prevent packages from starting services, and Postgres from creating a `main` cluster.
/// Dropping the value removes the rules that it created, and no others.
struct ServiceBlock<'a> {
    root: &'a RootCommand,
    created: Vec<PathBuf>,
}

impl<'a> ServiceBlock<'a> {
    fn install(root: &'a RootCommand, system: &Path) -> Result<Self> {
        let mut rules = Self { root, created: Vec::new() };
        rules.create(&system.join("usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n", 0o755)?;
        rules.create(
            &system.join("etc/postgresql-common/createcluster.d/kai.conf"),
            "create_main_cluster = false\n",
            0o644,
        )?;
        Ok(rules)
    }

    /// Creates a file, unless it exists. An existing file is a rule of the system's administrator.
    fn create(&mut self, path: &Path, text: &str, mode: u32) -> Result<()> {
        if path.exists() {
            return Ok(());
        }
        // The temporary file has a unique name that cannot be guessed, because its content is
        // installed as root.
        let ours = NamedTempFile::new().map_err(Error::path("create a file in", &env::temp_dir()))?;
        fs::write(&ours, text).map_err(Error::path("write", ours.path()))?;
        let mode = format!("{mode:o}");
        let (from, to) = (ours.path().to_string_lossy(), path.to_string_lossy());
        // The path is recorded first, because an incomplete file must be removed too.
        self.created.push(path.to_path_buf());
        self.root.run(&["install", "-D", "-m", &mode, &from, &to], &mut |_| ())
    }
}

impl Drop for ServiceBlock<'_> {
    fn drop(&mut self) {
        for path in &self.created {
            let _ = self.root.run(&["rm", "-f", &path.to_string_lossy()], &mut |_| ());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_version_of_the_candidate_is_parsed_without_its_epoch() {
        let policy = "redis-server:\n  Installed: (none)\n  Candidate: 5:7.0.15-1~deb12u10\n  Version table:\n";
        assert_eq!(parse_candidate_major_version(policy), Some(7));
        assert_eq!(parse_candidate_major_version("postgresql:\n  Candidate: 15+248+deb12u2\n"), Some(15));
        assert_eq!(parse_candidate_major_version("nothing:\n  Candidate: (none)\n"), None);
    }

    #[test]
    fn the_rules_against_services_exist_only_during_the_installation() {
        let system = tempfile::tempdir().unwrap();
        let policy = system.path().join("usr/sbin/policy-rc.d");
        let cluster = system.path().join("etc/postgresql-common/createcluster.d/kai.conf");
        let root = RootCommand { sudo: false };
        let rules = ServiceBlock::install(&root, system.path()).unwrap();
        assert_eq!(fs::metadata(&policy).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(fs::read_to_string(&cluster).unwrap(), "create_main_cluster = false\n");
        drop(rules);
        assert!(!policy.exists() && !cluster.exists());
    }

    #[test]
    fn a_rule_that_existed_before_stays() {
        let system = tempfile::tempdir().unwrap();
        let policy = system.path().join("usr/sbin/policy-rc.d");
        fs::create_dir_all(policy.parent().unwrap()).unwrap();
        fs::write(&policy, "exit 0\n").unwrap();
        drop(ServiceBlock::install(&RootCommand { sudo: false }, system.path()).unwrap());
        assert_eq!(fs::read_to_string(&policy).unwrap(), "exit 0\n");
    }
}
