//! Spawns processes that end when this process ends.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError, mpsc};
use std::{io, thread};

use rustix::process::{Signal, getgid, getuid};

use super::Launch;
use crate::executable::{Executable, succeeds};
use crate::server_dir::path_hash;

type Job = (Command, mpsc::Sender<io::Result<Child>>);

/// The thread that spawns every server. Linux sends the parent-death signal when the forking thread
/// ends, not when its process ends. A thread of a test or of an async runtime may end long before
/// the process.
static SPAWNER: LazyLock<Mutex<mpsc::Sender<Job>>> = LazyLock::new(|| {
    let (sender, jobs) = mpsc::channel::<Job>();
    // If the thread cannot be started, the channel has no receiver, which `spawn` reports.
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
/// Returns an error if the executable cannot be run.
pub(super) fn spawn(command: Command) -> io::Result<Child> {
    let (reply, child) = mpsc::channel();
    let gone = |_| io::Error::other("the spawning thread has ended");
    SPAWNER.lock().unwrap_or_else(PoisonError::into_inner).send((command, reply)).map_err(|_| gone(mpsc::RecvError))?;
    child.recv().map_err(gone)?
}

/// Returns the command that runs the executable of a launch.
///
/// The command runs in its own process group. A terminal's Ctrl-C thus reaches only this process,
/// which stops the servers in the order that it chooses. If this process is root, the command runs
/// as the user of the launch. On Linux, the command runs under `setpriv`, which does not change the
/// process id.
pub(super) fn command(launch: &Launch) -> Command {
    let mut command = match &launch.executable {
        Executable::Native { path, .. } if *HAS_PDEATHSIG => {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", signal_name(launch), "--"]).arg(path);
            command
        }
        Executable::Native { path, .. } => Command::new(path),
        Executable::Docker { image, name } => docker_command(launch, image, name),
    };
    if let (Executable::Native { .. }, Some(user)) = (&launch.executable, launch.user) {
        // The standard library drops the supplementary groups when root sets a user.
        command.uid(user.uid).gid(user.gid);
    }
    command.args(&launch.args).process_group(0).current_dir("/").env("LC_ALL", "C");
    command
}

/// Returns the name of the container that serves from this directory.
pub(super) fn container_name(dir: &Path) -> String {
    format!("kai-{}", path_hash(dir))
}

/// Runs a docker command. A failure is ignored, because it shows later in the state of the server.
pub(super) fn run_docker(args: &[&str]) {
    succeeds("docker", args);
}

/// Returns the program of a command without its arguments, which may contain a password.
pub(super) fn display_name(command: &Command) -> String {
    let program = command.get_program();
    let name = if program == OsStr::new("setpriv") { command.get_args().nth(3).unwrap_or(program) } else { program };
    name.to_string_lossy().into_owned()
}

/// Returns the command that runs an executable in a container. The directories are mounted under
/// the same paths, so that the arguments are those of a native executable. On Linux, the container
/// shares the network of the host. Elsewhere it runs in a virtual machine, and its only port is
/// published on the loopback interface.
fn docker_command(launch: &Launch, image: &str, name: &str) -> Command {
    let container = container_name(&launch.dir);
    run_docker(&["rm", "--force", &container]);
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
        let (uid, gid) =
            launch.user.map_or_else(|| (getuid().as_raw(), getgid().as_raw()), |user| (user.uid, user.gid));
        command.args(["--network", "host", "--user", &format!("{uid}:{gid}")]);
        // `initdb` looks up the name of its user by the id.
        command.args(["--mount", "type=bind,source=/etc/passwd,target=/etc/passwd,readonly"]);
    } else {
        command.args(["--publish", &format!("127.0.0.1:{0}:{0}", launch.port)]);
    }
    command.arg(image).stdout(Stdio::piped());
    command
}

fn signal_name(launch: &Launch) -> &'static str {
    if launch.stop_signal == Signal::INT { "INT" } else { "TERM" }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::path::PathBuf;
    use std::process::{ChildStdin, ChildStdout};
    use std::time::{Duration, Instant};
    use std::{fs, iter};

    use super::*;
    use crate::Server;

    fn launch(executable: Executable) -> Launch {
        Launch {
            server: Server::Redis,
            executable,
            user: None,
            args: vec!["/srv/kai/redis.conf".into()],
            dir: PathBuf::from("/srv/kai"),
            data: PathBuf::from("/var/tmp/kai/keys"),
            port: 20_001,
            ready_text: "Ready",
            stop_signal: Signal::TERM,
        }
    }

    fn words(command: &Command) -> Vec<String> {
        let words = iter::once(command.get_program()).chain(command.get_args());
        words.map(|word| word.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_container_has_the_same_directories_and_arguments_as_a_native_server() {
        let command = command(&launch(Executable::Docker { image: "redis:7-alpine", name: "redis-server" }));
        let words = words(&command);
        let start =
            ["docker", "run", "--rm", "--name", &container_name(Path::new("/srv/kai")), "--entrypoint", "redis-server"];
        assert_eq!(words[..7], start);
        assert_eq!(words[words.len() - 2..], ["redis:7-alpine", "/srv/kai/redis.conf"]);
        for mount in ["type=bind,source=/srv/kai,target=/srv/kai", "type=bind,source=/var/tmp/kai,target=/var/tmp/kai"]
        {
            assert!(words.contains(&mount.to_owned()), "{words:?}");
        }
    }

    #[test]
    fn the_display_name_is_that_of_the_executable_and_not_of_setpriv() {
        let native = Executable::Native { path: PathBuf::from("/usr/bin/redis-server"), major: 7 };
        assert_eq!(display_name(&command(&launch(native))), "/usr/bin/redis-server");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_child_outlives_the_thread_that_requested_it() {
        if !*HAS_PDEATHSIG {
            return;
        }
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "cat"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let requester = thread::spawn(move || {
            let mut cat = Cat::new(spawn(command).unwrap());
            // The parent-death signal is set when the child responds.
            assert_eq!(cat.echo("first"), "first");
            (cat, Path::new("/proc").join(fs::read_link("/proc/thread-self").unwrap()))
        });
        let (mut cat, thread) = requester.join().unwrap();
        // The kernel sends the signal when the thread has ended, which may be after `join` returns.
        let end = Instant::now() + Duration::from_secs(30);
        while thread.exists() {
            assert!(Instant::now() < end, "the thread ends");
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(cat.echo("second"), "second", "the child outlives the thread");
        cat.child.kill().unwrap();
        cat.child.wait().unwrap();
    }

    /// A child process that echoes each line.
    struct Cat {
        child: Child,
        stdin: ChildStdin,
        stdout: BufReader<ChildStdout>,
    }

    impl Cat {
        fn new(mut child: Child) -> Self {
            let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            Self { child, stdin, stdout: BufReader::new(stdout) }
        }

        /// Sends a line and returns the response, which is empty if the child has ended.
        fn echo(&mut self, line: &str) -> String {
            let _ = writeln!(self.stdin, "{line}");
            let mut response = String::new();
            self.stdout.read_line(&mut response).unwrap();
            response.trim_end().to_owned()
        }
    }
}
