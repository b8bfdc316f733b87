//! One environment without a gateway or a pool around it, for benches.
//!
//! The runtime API is served by blocking calls on the caller's own thread: no event loop, no hand-over between threads and
//! no freezing comes between the two clock readings of [`LoneEnvironment::invoke`].

mod connection;

use std::collections::BTreeMap;
use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal};

use self::connection::{Connection, Request};
use crate::environment::{Identity, command, peak_memory, variables};
use crate::error::{Error, Result};
use crate::invocation::Event;

/// How often a wait without any event looks whether the program is still there.
const PATIENCE: Duration = Duration::from_millis(50);

/// How a [`LoneEnvironment`] is run.
#[derive(Debug)]
pub struct LoneOptions {
    /// `AWS_LAMBDA_FUNCTION_NAME`.
    pub function_name: String,
    /// `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`, in MB.
    pub memory_size: u64,
    /// How long the start, and each invocation, may take.
    pub timeout: Duration,
    /// Receives what the function prints; nothing does by default.
    pub output: Option<File>,
    /// Whether the kernel ends the program with the thread that started it. It costs one more `exec` at the start, about a
    /// millisecond, so a bench of cold starts goes without; the program still ends when its connection does.
    pub guarded: bool,
}

impl Default for LoneOptions {
    fn default() -> Self {
        Self {
            function_name: "lone".to_owned(),
            memory_size: 256,
            timeout: Duration::from_secs(30),
            output: None,
            guarded: true,
        }
    }
}

/// A single execution environment. Dropping it kills the program.
#[derive(Debug)]
pub struct LoneEnvironment {
    child: Child,
    listener: TcpListener,
    connections: Vec<Connection>,
    /// The connection that waits for an event.
    waiting: Option<usize>,
    time_to_first_poll: Duration,
    timeout: Duration,
}

impl LoneEnvironment {
    /// Starts `binary` and waits until it asks for its first event.
    ///
    /// # Errors
    ///
    /// It cannot be started, ends, reports that it cannot start, or takes longer than the options allow.
    pub fn spawn(binary: impl AsRef<Path>, template: &BTreeMap<String, String>, options: LoneOptions) -> Result<Self> {
        let binary = binary.as_ref();
        let failed = |source| Error::Start { what: binary.display().to_string(), source };
        let binary = std::path::absolute(binary).map_err(failed)?;
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let identity = Identity {
            function_name: &options.function_name,
            memory_size: options.memory_size,
            log_group: "lone",
            log_stream: "lone",
            runtime_api: &listener.local_addr().map_err(failed)?.to_string(),
            binary: &binary,
        };
        let mut command = command(&binary, &variables(template, &identity), options.guarded);
        let (stdout, stderr) = match options.output {
            Some(file) => (Stdio::from(file.try_clone().map_err(failed)?), Stdio::from(file)),
            None => (Stdio::null(), Stdio::null()),
        };
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let started = Instant::now();
        let child = command.spawn().map_err(failed)?;
        let mut environment = Self {
            child,
            listener,
            connections: Vec::new(),
            waiting: None,
            time_to_first_poll: Duration::ZERO,
            timeout: options.timeout,
        };
        let deadline = started + options.timeout;
        while environment.waiting.is_none() {
            let (index, request) = environment.request(deadline)?;
            environment.time_to_first_poll = started.elapsed();
            environment.serve(index, request)?;
        }
        Ok(environment)
    }

    /// Hands an event over and waits for the answer. The duration runs from the first byte written to the last byte read;
    /// the function is back in its poll for the next event when the call returns.
    ///
    /// # Errors
    ///
    /// The function reports an error, ends, or takes longer than the options allow.
    pub fn invoke(&mut self, payload: &[u8]) -> Result<(Bytes, Duration)> {
        let index = self.waiting.take().ok_or_else(|| broken("it waits for no event"))?;
        let mut event = Event::new(Bytes::copy_from_slice(payload), None);
        let due = jiff::Timestamp::now() + jiff::SignedDuration::try_from(self.timeout).unwrap_or_default();
        event.deadline = due.as_millisecond();
        let message = connection::event(&event);
        let deadline = Instant::now() + self.timeout;
        let started = Instant::now();
        self.connection(index)?.send(&message)?;
        let (answer, duration) = loop {
            let (index, request) = self.request(deadline)?;
            if let Request::Response(body) = request {
                let duration = started.elapsed();
                self.connection(index)?.accept()?;
                break (body, duration);
            }
            self.serve(index, request)?;
        };
        while self.waiting.is_none() {
            let (index, request) = self.request(deadline)?;
            self.serve(index, request)?;
        }
        Ok((answer, duration))
    }

    /// The time from the start of the program to its first request for an event.
    #[must_use]
    pub fn time_to_first_poll(&self) -> Duration {
        self.time_to_first_poll
    }

    /// The program's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that the program has held so far, in bytes; 0 where the operating system does not say.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        peak_memory(self.child.id())
    }

    /// Answers whatever is not an answer to an event.
    fn serve(&mut self, index: usize, request: Request) -> Result<()> {
        match request {
            Request::Next => self.waiting = Some(index),
            Request::Register => self.connection(index)?.registered()?,
            // An extension waits for an event that never comes.
            Request::ExtensionNext => {}
            Request::Response(_) => return Err(broken("it answered an event that it had not been given")),
            Request::Failed(body) => {
                return Err(broken(format!("it reported {}", String::from_utf8_lossy(&body))));
            }
            Request::Unknown(line) => return Err(broken(format!("it asked for {line}"))),
        }
        Ok(())
    }

    /// Waits for a whole request on any connection.
    fn request(&mut self, deadline: Instant) -> Result<(usize, Request)> {
        loop {
            for (index, connection) in self.connections.iter_mut().enumerate() {
                if let Some(request) = connection.parse()? {
                    return Ok((index, request));
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(broken(format!("it took longer than {:?}", self.timeout)));
            }
            self.wait(left.min(PATIENCE))?;
        }
    }

    /// Waits for bytes or a new connection.
    fn wait(&mut self, at_most: Duration) -> Result<()> {
        let mut watched = vec![PollFd::new(&self.listener, PollFlags::IN)];
        let open = self.connections.iter().filter(|connection| !connection.closed());
        watched.extend(open.map(|connection| PollFd::new(connection.stream(), PollFlags::IN)));
        let timeout = Timespec { tv_sec: 0, tv_nsec: at_most.subsec_nanos().into() };
        let ready = match poll(&mut watched, Some(&timeout)) {
            // A signal for somebody else in this process.
            Err(Errno::INTR) => return Ok(()),
            ready => ready.map_err(|error| broken(format!("polling failed: {error}")))?,
        };
        let connecting = watched.first().is_some_and(|listener| !listener.revents().is_empty());
        drop(watched);
        if connecting && let Ok((stream, _)) = self.listener.accept() {
            let connection = Connection::new(stream)?;
            match self.connections.iter_mut().find(|known| known.closed()) {
                Some(closed) => *closed = connection,
                None => self.connections.push(connection),
            }
        }
        self.connections.iter_mut().for_each(Connection::receive);
        if ready == 0
            && let Ok(Some(status)) = self.child.try_wait()
        {
            return Err(broken(format!("it ended with {status}")));
        }
        Ok(())
    }

    fn connection(&mut self, index: usize) -> Result<&mut Connection> {
        self.connections.get_mut(index).ok_or_else(|| broken("its connection is gone"))
    }
}

impl Drop for LoneEnvironment {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It fails when the program has ended already.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

fn broken(what: impl Into<String>) -> Error {
    Error::Environment(what.into())
}
