//! One server process: spawned so that it ends with us, watched until it is ready, signalled as a whole.

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

use crate::account::Account;
use crate::program::Program;
use crate::{Error, Result, Server, port};

/// A server that has to replay its log after a crash may take its time.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// As long as a server may take to end by itself.
const STOPPED_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);

/// How a server is run, again and again.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) server: Server,
    pub(crate) program: Program,
    pub(crate) account: Option<Account>,
    pub(crate) args: Vec<OsString>,
    /// The server's folder: its log, its process id and its data are below it.
    pub(crate) dir: PathBuf,
    /// Where the data really are, if not below `dir`.
    pub(crate) data: PathBuf,
    pub(crate) port: u16,
    /// What the server prints once it takes connections.
    pub(crate) ready: &'static str,
    /// The signal that asks for an orderly end, whether or not there are clients.
    pub(crate) stop: Signal,
}

impl Launch {
    /// Whether the server is in a virtual machine's container, where the loopback interface is another one.
    pub(crate) fn is_behind_a_published_port(&self) -> bool {
        matches!(self.program, Program::Docker { .. }) && !cfg!(target_os = "linux")
    }
}

/// A running server process. Dropping it stops the server.
#[derive(Debug)]
pub(crate) struct Process {
    launch: Launch,
    child: Mutex<Child>,
}

impl Process {
    /// Starts the program on the port asked for, else on the port it had before, else on any free one, and waits until it is
    /// ready. `configure` tells the program the port of its launch, by arguments or in a file.
    ///
    /// # Errors
    /// The port asked for is taken; the program cannot be run, ends at once, or is not ready within a minute; the error then
    /// shows the end of its log.
    pub(crate) fn start(
        mut launch: Launch,
        asked: Option<u16>,
        configure: impl Fn(&mut Launch) -> Result<()>,
    ) -> Result<Self> {
        tree::end_leftover(&launch.dir, launch.stop, STOPPED_WITHIN);
        let mut attempts = 0;
        loop {
            launch.port = port::choose(launch.server, asked, &launch.dir)?;
            configure(&mut launch)?;
            match Self::start_once(launch.clone()) {
                // Somebody took the free port before the server did.
                Err(Error::Failed { tail, .. }) if tail.contains("in use") && asked.is_none() && attempts < 5 => {
                    attempts += 1
                }
                Err(error) => return Err(error),
                Ok(process) => {
                    port::remember(&launch.dir, launch.port)?;
                    return Ok(process);
                }
            }
        }
    }

    fn start_once(launch: Launch) -> Result<Self> {
        let child = run(&launch)?;
        let process = Self { launch, child: Mutex::new(child) };
        process.wait_until_ready()?;
        Ok(process)
    }

    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.launch.port
    }

    /// The first line that the server has printed with these words in it, from there on.
    pub(crate) fn line_from(&self, words: &str) -> Option<String> {
        let log = fs::read_to_string(log_path(&self.launch.dir)).ok()?;
        let (line, _) = log.get(log.find(words)?..)?.split_once('\n')?;
        Some(line.to_owned())
    }

    /// The process id of the server's main process.
    pub(crate) fn pid(&self) -> u32 {
        self.child().id()
    }

    /// Whether the process is there.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.child().try_wait(), Ok(None))
    }

    /// Asks for an orderly end, waits for it, and ends the server the hard way if it does not come.
    pub(crate) fn stop(&self) {
        if !self.is_running() {
            return;
        }
        self.resume();
        tree::signal(self.pid(), self.launch.stop);
        if !self.wait_until_gone(STOPPED_WITHIN) {
            self.kill();
        }
        tree::forget(&self.launch.dir);
    }

    /// Ends the server and all its children at once, as a crash of the machine would.
    pub(crate) fn kill(&self) {
        if !self.is_running() {
            return;
        }
        if let Program::Docker { .. } = self.launch.program {
            spawn::docker(&["kill", &spawn::container(&self.launch.dir)]);
        }
        tree::signal_all(self.pid(), Signal::KILL);
        self.wait_until_gone(STOPPED_WITHIN);
    }

    /// Stops the server, if it runs, and starts it again.
    ///
    /// # Errors
    /// As for [`Process::start`].
    pub(crate) fn restart(&self) -> Result<()> {
        self.stop();
        let child = run(&self.launch)?;
        *self.child() = child;
        self.wait_until_ready()
    }

    /// Freezes the server and all its children: connections stay open and nobody answers.
    pub(crate) fn pause(&self) {
        match self.launch.program {
            Program::Native { .. } => tree::signal_all(self.pid(), Signal::STOP),
            Program::Docker { .. } => spawn::docker(&["pause", &spawn::container(&self.launch.dir)]),
        }
    }

    /// Undoes [`Process::pause`].
    pub(crate) fn resume(&self) {
        match self.launch.program {
            Program::Native { .. } => tree::signal_all(self.pid(), Signal::CONT),
            Program::Docker { .. } => spawn::docker(&["unpause", &spawn::container(&self.launch.dir)]),
        }
    }

    /// What the server did not do, with the end of its log.
    pub(crate) fn failure(&self, what: &str) -> Error {
        failure(&self.launch, what)
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until_ready(&self) -> Result<()> {
        let end = Instant::now() + READY_WITHIN;
        loop {
            let log = fs::read(log_path(&self.launch.dir)).unwrap_or_default();
            if contains(&log, self.launch.ready) {
                return Ok(());
            }
            if !self.is_running() {
                return Err(self.failure("ended instead of starting"));
            }
            if Instant::now() > end {
                return Err(self.failure("did not become ready within a minute"));
            }
            thread::sleep(POLL);
        }
    }

    fn wait_until_gone(&self, bound: Duration) -> bool {
        let end = Instant::now() + bound;
        while self.is_running() {
            if Instant::now() > end {
                return false;
            }
            thread::sleep(POLL);
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

/// Runs a program of a server to its end.
///
/// # Errors
/// It cannot be run, or reports a failure; the error holds what it printed last.
pub(crate) fn complete(launch: &Launch) -> Result<()> {
    let mut command = spawn::command(launch);
    let name = spawn::shown(&command);
    let output = command.stdin(Stdio::null()).output().map_err(Error::io(format!("cannot run {name}")))?;
    if output.status.success() {
        return Ok(());
    }
    let mut printed = output.stdout;
    printed.extend(output.stderr);
    Err(Error::Command { command: name, output: last_lines(&String::from_utf8_lossy(&printed)) })
}

fn run(launch: &Launch) -> Result<Child> {
    let path = log_path(&launch.dir);
    let log = File::create(&path).map_err(Error::path("write", &path))?;
    let errors = log.try_clone().map_err(Error::path("write", &path))?;
    let mut command: Command = spawn::command(launch);
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    let name = spawn::shown(&command);
    let child = spawn::spawn(command).map_err(Error::io(format!("cannot run {name}")))?;
    tree::remember(&launch.dir, child.id())?;
    Ok(child)
}

fn failure(launch: &Launch, what: &str) -> Error {
    let log = log_path(&launch.dir);
    let tail = read_tail(&log).unwrap_or_default();
    Error::Failed { server: launch.server, what: what.to_owned(), tail: last_lines(&tail), log }
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
