//! A server process that ends with this process. Signals reach the server and its children.

mod spawn;
mod tree;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::executable::Executable;
use crate::unprivileged_user::UnprivilegedUser;
use crate::{Error, Result, Server, port};

/// How long a start may take. This is enough for a server that replays its log after a crash.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long an orderly stop may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum number of attempts on another port because another process took the chosen one.
const MAX_PORT_ATTEMPTS: u32 = 5;
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The parameters for each start of a server.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) server: Server,
    pub(crate) executable: Executable,
    pub(crate) user: Option<UnprivilegedUser>,
    pub(crate) args: Vec<OsString>,
    /// The server's directory, which contains its log, its process id and its data.
    pub(crate) dir: PathBuf,
    /// The directory of the data, which may be outside `dir`.
    pub(crate) data: PathBuf,
    pub(crate) port: u16,
    /// The text that the server prints when it accepts connections.
    pub(crate) ready_text: &'static str,
    /// The signal that requests an orderly stop, even if clients are connected.
    pub(crate) stop_signal: Signal,
}

impl Launch {
    /// Reports whether the server is in a container of a virtual machine, which has its own
    /// loopback interface.
    pub(crate) fn is_behind_a_published_port(&self) -> bool {
        matches!(self.executable, Executable::Docker { .. }) && !cfg!(target_os = "linux")
    }
}

/// A running server process. Dropping it stops the server.
#[derive(Debug)]
pub(crate) struct Process {
    launch: Launch,
    child: Mutex<Child>,
}

impl Process {
    /// Starts the server and waits until it is ready. Its port is the requested one, or else the
    /// port of the last start if that is free, or else any free port. `configure` passes the port
    /// of the launch to the server, by arguments or in a file.
    ///
    /// # Errors
    /// Returns an error if the requested port is taken, or if the executable cannot be run, exits
    /// immediately, or is not ready within a minute. In the last two cases the error contains the
    /// end of the log.
    pub(crate) fn start(
        mut launch: Launch,
        requested_port: Option<u16>,
        configure: impl Fn(&mut Launch) -> Result<()>,
    ) -> Result<Self> {
        tree::stop_leftover(&launch.dir, launch.stop_signal, STOP_TIMEOUT);
        let mut attempts = 0;
        loop {
            launch.port = port::choose(launch.server, requested_port, &launch.dir)?;
            configure(&mut launch)?;
            match Self::start_once(launch.clone()) {
                // Another process took the free port before the server did. This may last only a
                // moment: a child that this process forks inherits its open sockets until it
                // executes its program.
                Err(Error::Failed { tail, .. })
                    if tail.contains("in use") && requested_port.is_none() && attempts < MAX_PORT_ATTEMPTS =>
                {
                    attempts += 1;
                }
                Err(error) => return Err(error),
                Ok(process) => {
                    port::save(&launch.dir, launch.port)?;
                    return Ok(process);
                }
            }
        }
    }

    fn start_once(launch: Launch) -> Result<Self> {
        let child = spawn_server(&launch)?;
        let process = Self { launch, child: Mutex::new(child) };
        process.wait_until_ready()?;
        Ok(process)
    }

    /// Returns the port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.launch.port
    }

    /// Returns the first complete line of the log that contains the text, starting at the text.
    pub(crate) fn log_line_from(&self, text: &str) -> Option<String> {
        let log = fs::read_to_string(log_path(&self.launch.dir)).ok()?;
        let (line, _) = log.get(log.find(text)?..)?.split_once('\n')?;
        Some(line.to_owned())
    }

    /// Returns the id of the server's main process.
    pub(crate) fn pid(&self) -> u32 {
        self.child().id()
    }

    /// Reports whether the main process is running.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.child().try_wait(), Ok(None))
    }

    /// Requests an orderly stop and waits for it. Kills the server if it takes too long.
    pub(crate) fn stop(&self) {
        if !self.is_running() {
            return;
        }
        self.resume();
        tree::signal(self.pid(), self.launch.stop_signal);
        if !self.wait_until_exited(STOP_TIMEOUT) {
            self.kill();
        }
        tree::remove_pid_file(&self.launch.dir);
    }

    /// Kills the server and all its children without an orderly stop, and waits until they have
    /// ended.
    pub(crate) fn kill(&self) {
        if !self.is_running() {
            return;
        }
        if let Executable::Docker { .. } = self.launch.executable {
            spawn::run_docker(&["kill", &spawn::container_name(&self.launch.dir)]);
        }
        let family = tree::signal_all(self.pid(), Signal::KILL);
        self.wait_until_exited(STOP_TIMEOUT);
        tree::wait_until_ended(&family, STOP_TIMEOUT);
    }

    /// Stops the server if it is running, and starts it again.
    ///
    /// # Errors
    /// Returns an error if the executable cannot be run, or if the server does not become ready.
    pub(crate) fn restart(&self) -> Result<()> {
        self.stop();
        let child = spawn_server(&self.launch)?;
        *self.child() = child;
        self.wait_until_ready()
    }

    /// Suspends the server and all its children. Connections stay open and get no response.
    pub(crate) fn pause(&self) {
        match self.launch.executable {
            Executable::Native { .. } => drop(tree::signal_all(self.pid(), Signal::STOP)),
            Executable::Docker { .. } => spawn::run_docker(&["pause", &spawn::container_name(&self.launch.dir)]),
        }
    }

    /// Resumes the server after [`Process::pause`].
    pub(crate) fn resume(&self) {
        match self.launch.executable {
            Executable::Native { .. } => drop(tree::signal_all(self.pid(), Signal::CONT)),
            Executable::Docker { .. } => spawn::run_docker(&["unpause", &spawn::container_name(&self.launch.dir)]),
        }
    }

    /// Returns an error with the end of the server's log. `failure` is the rest of a sentence that
    /// begins with the server's name.
    pub(crate) fn failure(&self, failure: &str) -> Error {
        error(&self.launch, failure)
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until_ready(&self) -> Result<()> {
        let end = Instant::now() + READY_TIMEOUT;
        loop {
            let log = fs::read(log_path(&self.launch.dir)).unwrap_or_default();
            if contains(&log, self.launch.ready_text) {
                return Ok(());
            }
            if !self.is_running() {
                return Err(self.failure("exited before it was ready"));
            }
            if Instant::now() > end {
                return Err(self.failure("did not become ready within a minute"));
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn wait_until_exited(&self, timeout: Duration) -> bool {
        let end = Instant::now() + timeout;
        while self.is_running() {
            if Instant::now() > end {
                return false;
            }
            thread::sleep(POLL_INTERVAL);
        }
        true
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
        port::release(self.launch.port);
    }
}

/// Runs an executable until it exits.
///
/// # Errors
/// Returns an error if the executable cannot be run or fails. The error contains the last lines of
/// its output.
pub(crate) fn run_to_completion(launch: &Launch) -> Result<()> {
    let mut command = spawn::command(launch);
    let name = spawn::display_name(&command);
    let output = command.stdin(Stdio::null()).output().map_err(Error::io(format!("cannot run {name}")))?;
    if output.status.success() {
        return Ok(());
    }
    let mut printed = output.stdout;
    printed.extend(output.stderr);
    Err(Error::Command { command: name, output: last_lines(&String::from_utf8_lossy(&printed)) })
}

fn spawn_server(launch: &Launch) -> Result<Child> {
    let path = log_path(&launch.dir);
    let log = File::create(&path).map_err(Error::path("write", &path))?;
    let errors = log.try_clone().map_err(Error::path("write", &path))?;
    let mut command: Command = spawn::command(launch);
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    let name = spawn::display_name(&command);
    let child = spawn::spawn(command).map_err(Error::io(format!("cannot run {name}")))?;
    tree::write_pid_file(&launch.dir, child.id())?;
    Ok(child)
}

fn error(launch: &Launch, failure: &str) -> Error {
    let log = log_path(&launch.dir);
    let tail = read_tail(&log).unwrap_or_default();
    Error::Failed { server: launch.server, failure: failure.to_owned(), tail: last_lines(&tail), log }
}

fn log_path(dir: &Path) -> PathBuf {
    dir.join("log")
}

fn read_tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(8192)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let skipped = lines.len().saturating_sub(15);
    lines.into_iter().skip(skipped).map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

fn contains(bytes: &[u8], needle: &str) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
}
