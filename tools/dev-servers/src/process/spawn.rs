//! Spawning a process that ends when we do.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError, mpsc};
use std::{io, thread};

use super::Launch;
use crate::folder;
use crate::program::{Program, succeeds};

type Job = (Command, mpsc::Sender<io::Result<Child>>);

/// The thread that spawns every server. Linux sends the parent-death signal when the thread that forked ends, not the process,
/// and a thread of a test or of an async runtime ends long before.
static SPAWNER: LazyLock<Mutex<mpsc::Sender<Job>>> = LazyLock::new(|| {
    let (sender, jobs) = mpsc::channel::<Job>();
    // Without the thread nobody receives, and `spawn` reports it.
    drop(thread::Builder::new().name("servers".to_owned()).spawn(move || {
        for (mut command, reply) in jobs {
            drop(reply.send(command.spawn()));
        }
    }));
    Mutex::new(sender)
});

static HAS_PDEATHSIG: LazyLock<bool> = LazyLock::new(|| succeeds("setpriv", &["--pdeathsig", "KILL", "true"]));

/// Spawns a process from a thread that lives as long as this process.
///
/// # Errors
/// The program cannot be run.
pub(super) fn spawn(command: Command) -> io::Result<Child> {
    let (reply, child) = mpsc::channel();
    let gone = |_| io::Error::other("the spawning thread is gone");
    SPAWNER.lock().unwrap_or_else(PoisonError::into_inner).send((command, reply)).map_err(|_| gone(mpsc::RecvError))?;
    child.recv().map_err(gone)?
}

/// The command that runs the launch's program: in a process group of its own, so that a terminal's Ctrl-C reaches only us and
/// servers end in the order that we choose; as another user where we are root; and under `setpriv` on Linux, which leaves the
/// process id as it is.
pub(super) fn command(launch: &Launch) -> Command {
    let mut command = match &launch.program {
        Program::Native { path, .. } if *HAS_PDEATHSIG => {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", signal_name(launch), "--"]).arg(path);
            command
        }
        Program::Native { path, .. } => Command::new(path),
        Program::Docker { image, name } => in_container(launch, image, name),
    };
    if let (Program::Native { .. }, Some(account)) = (&launch.program, launch.account) {
        // Without supplementary groups: the standard library drops them when root sets a user.
        command.uid(account.uid).gid(account.gid);
    }
    command.args(&launch.args).process_group(0).current_dir("/").env("LC_ALL", "C");
    command
}

/// The name of the container that serves this folder.
pub(super) fn container(dir: &Path) -> String {
    format!("kai-{}", folder::hash(dir))
}

/// Runs a docker command whose failure shows later, in the server's own state.
pub(super) fn docker(args: &[&str]) {
    succeeds("docker", args);
}

/// A command as one could type it, without the arguments, which may hold a password.
pub(super) fn shown(command: &Command) -> String {
    let program = command.get_program();
    let shown = if program == OsStr::new("setpriv") { command.get_args().nth(3).unwrap_or(program) } else { program };
    shown.to_string_lossy().into_owned()
}

/// The folders are mounted under their own names, so that the arguments are those of a native program. On Linux the container
/// shares our network; elsewhere there is a virtual machine in between, and the one port is published on the loopback.
fn in_container(launch: &Launch, image: &str, name: &str) -> Command {
    let container = container(&launch.dir);
    docker(&["rm", "--force", &container]);
    let mut command = Command::new("docker");
    command.args(["run", "--rm", "--name", &container, "--entrypoint", name]);
    for path in [&launch.dir, launch.data.parent().unwrap_or(&launch.data)] {
        let mut mount = OsString::from("type=bind,source=");
        mount.push(path);
        mount.push(",target=");
        mount.push(path);
        command.arg("--mount").arg(mount);
    }
    if cfg!(target_os = "linux") {
        let (uid, gid) = launch.account.map_or_else(
            || (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw()),
            |account| (account.uid, account.gid),
        );
        command.args(["--network", "host", "--user", &format!("{uid}:{gid}")]);
        // `initdb` looks its own user up by number.
        command.args(["--mount", "type=bind,source=/etc/passwd,target=/etc/passwd,readonly"]);
    } else {
        command.args(["--publish", &format!("127.0.0.1:{0}:{0}", launch.port)]);
    }
    command.arg(image).stdout(Stdio::piped());
    command
}

fn signal_name(launch: &Launch) -> &'static str {
    if launch.stop == rustix::process::Signal::INT { "INT" } else { "TERM" }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rustix::process::Signal;

    use super::*;
    use crate::Server;

    fn launch(program: Program) -> Launch {
        Launch {
            server: Server::Redis,
            program,
            account: None,
            args: vec!["/srv/kai/redis.conf".into()],
            dir: PathBuf::from("/srv/kai"),
            data: PathBuf::from("/var/tmp/kai/keys"),
            port: 20_001,
            ready: "Ready",
            stop: Signal::TERM,
        }
    }

    fn words(command: &Command) -> Vec<String> {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        words.map(|word| word.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_container_sees_the_same_folders_and_gets_the_same_arguments() {
        let command = command(&launch(Program::Docker { image: "redis:7-alpine", name: "redis-server" }));
        let words = words(&command);
        let start =
            ["docker", "run", "--rm", "--name", &container(Path::new("/srv/kai")), "--entrypoint", "redis-server"];
        assert_eq!(words[..7], start);
        assert_eq!(words[words.len() - 2..], ["redis:7-alpine", "/srv/kai/redis.conf"]);
        for mount in ["type=bind,source=/srv/kai,target=/srv/kai", "type=bind,source=/var/tmp/kai,target=/var/tmp/kai"]
        {
            assert!(words.contains(&mount.to_owned()), "{words:?}");
        }
    }

    #[test]
    fn an_error_names_the_program_and_not_what_it_is_wrapped_in() {
        let native = Program::Native { path: PathBuf::from("/usr/bin/redis-server"), major: 7 };
        assert_eq!(shown(&command(&launch(native))), "/usr/bin/redis-server");
    }

    #[test]
    fn a_child_outlives_the_thread_that_asked_for_it() {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "sleep", "60"]);
        if !*HAS_PDEATHSIG {
            return;
        }
        let mut child = thread::spawn(move || spawn(command).unwrap()).join().unwrap();
        thread::sleep(std::time::Duration::from_millis(200));
        assert!(child.try_wait().unwrap().is_none(), "it ended with the thread");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
