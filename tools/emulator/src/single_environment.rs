//! One environment without a gateway or a pool, for benchmarks.
//!
//! Blocking calls on the caller's own thread serve the Runtime API. The duration that
//! [`SingleEnvironment::invoke`] measures therefore includes no event loop, no switch between
//! threads and no freezing.

mod connection;

use std::collections::BTreeMap;
use std::fs::File;
use std::net::TcpListener;
use std::path::{self, Path};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};

use self::connection::{Connection, NAME, Request};
use crate::environment::{Identity, command, peak_memory, variables};
use crate::error::{Error, Result};
use crate::invocation::Event;

/// The interval at which a wait checks whether the program is still running.
const LIVENESS_INTERVAL: Duration = Duration::from_millis(50);

/// A single execution environment. Dropping it kills the program.
#[derive(Debug)]
pub struct SingleEnvironment {
    child: Child,
    listener: TcpListener,
    connections: Vec<Connection>,
    /// The index of the connection that waits for an event.
    waiting: Option<usize>,
    time_to_first_poll: Duration,
    timeout: Duration,
}

/// The options of a [`SingleEnvironment`].
#[derive(Debug)]
pub struct SingleEnvironmentOptions {
    /// The value of `AWS_LAMBDA_FUNCTION_NAME`.
    pub function_name: String,
    /// The value of `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`, in MB.
    pub memory_size: u64,
    /// The timeout of the start and of each invocation.
    pub timeout: Duration,
    /// The file that receives the function's output. `None` discards the output.
    pub output: Option<File>,
    /// Whether the kernel kills the program when the thread that started it ends. This costs one
    /// more `exec` at the start, about a millisecond, so benchmarks of cold starts disable it. The
    /// program then still exits when its connection closes.
    pub kill_with_parent: bool,
}

impl Default for SingleEnvironmentOptions {
    fn default() -> Self {
        Self {
            function_name: NAME.to_owned(),
            memory_size: 256,
            timeout: Duration::from_secs(30),
            output: None,
            kill_with_parent: true,
        }
    }
}

impl SingleEnvironment {
    /// Starts `binary` and waits until it requests its first event. `template` has the environment
    /// variables that the template declares.
    ///
    /// # Errors
    ///
    /// Returns an error if the program cannot be started, exits, reports an error, or takes longer
    /// than the timeout.
    pub fn spawn(
        binary: impl AsRef<Path>,
        template: &BTreeMap<String, String>,
        options: SingleEnvironmentOptions,
    ) -> Result<Self> {
        let binary = binary.as_ref();
        let failed = |source| Error::Start { path: binary.to_path_buf(), source };
        let binary = path::absolute(binary).map_err(failed)?;
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let identity = Identity {
            function_name: &options.function_name,
            memory_size: options.memory_size,
            log_group: NAME,
            log_stream: NAME,
            runtime_api: &listener.local_addr().map_err(failed)?.to_string(),
            binary: &binary,
        };
        let mut command = command(&binary, &variables(template, &identity), options.kill_with_parent);
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
            let (index, request) = environment.next_request(deadline)?;
            environment.time_to_first_poll = started.elapsed();
            environment.serve(index, request)?;
        }
        Ok(environment)
    }

    /// Sends an event and waits for the response. The duration is from the first byte written to
    /// the last byte read. When the call returns, the function has requested its next event.
    ///
    /// # Errors
    ///
    /// Returns an error if the function reports an error, exits, or takes longer than the timeout.
    pub fn invoke(&mut self, payload: &[u8]) -> Result<(Bytes, Duration)> {
        let index = self.waiting.take().ok_or_else(|| Error::environment("the program is not waiting for an event"))?;
        let mut event = Event::new(Bytes::copy_from_slice(payload), None);
        let due = Timestamp::now() + SignedDuration::try_from(self.timeout).unwrap_or_default();
        event.deadline = due.as_millisecond();
        let message = connection::encode_event(&event);
        let deadline = Instant::now() + self.timeout;
        let started = Instant::now();
        self.connection(index)?.send(&message)?;
        let (response, duration) = loop {
            let (index, request) = self.next_request(deadline)?;
            if let Request::Response(body) = request {
                let duration = started.elapsed();
                self.connection(index)?.send_accepted()?;
                break (body, duration);
            }
            self.serve(index, request)?;
        };
        while self.waiting.is_none() {
            let (index, request) = self.next_request(deadline)?;
            self.serve(index, request)?;
        }
        Ok((response, duration))
    }

    /// Returns the time from the start of the program to its first request for an event.
    #[must_use]
    pub fn time_to_first_poll(&self) -> Duration {
        self.time_to_first_poll
    }

    /// Returns the program's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the peak resident memory of the program in bytes, or 0 if the system does not report
    /// it.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        peak_memory(self.child.id())
    }

    /// Serves a request that is not the response to an event.
    fn serve(&mut self, index: usize, request: Request) -> Result<()> {
        match request {
            Request::Next => self.waiting = Some(index),
            Request::Register => self.connection(index)?.send_registration()?,
            // The extension waits for an event that never occurs.
            Request::ExtensionNext => {}
            Request::Response(_) => {
                return Err(Error::environment("the program responded to an event that it had not received"));
            }
            Request::Error(body) => {
                return Err(Error::environment(format!(
                    "the program reported an error: {}",
                    String::from_utf8_lossy(&body)
                )));
            }
            Request::Unknown(line) => {
                return Err(Error::environment(format!("the program sent an unknown request: {line}")));
            }
        }
        Ok(())
    }

    /// Waits for a complete request on any connection. Returns it with the index of the connection.
    fn next_request(&mut self, deadline: Instant) -> Result<(usize, Request)> {
        loop {
            for (index, connection) in self.connections.iter_mut().enumerate() {
                if let Some(request) = connection.next_request()? {
                    return Ok((index, request));
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::environment(format!("the program took longer than {:?}", self.timeout)));
            }
            self.wait(left.min(LIVENESS_INTERVAL))?;
        }
    }

    /// Waits for bytes or a new connection, and receives both.
    fn wait(&mut self, at_most: Duration) -> Result<()> {
        let mut watched = vec![PollFd::new(&self.listener, PollFlags::IN)];
        let open = self.connections.iter().filter(|connection| !connection.is_closed());
        watched.extend(open.map(|connection| PollFd::new(connection.stream(), PollFlags::IN)));
        let timeout = Timespec { tv_sec: 0, tv_nsec: at_most.subsec_nanos().into() };
        let ready = match poll(&mut watched, Some(&timeout)) {
            // A signal interrupted the call. The caller polls again.
            Err(Errno::INTR) => return Ok(()),
            ready => {
                ready.map_err(|error| Error::environment(format!("cannot wait for the program's requests: {error}")))?
            }
        };
        let is_connecting = watched.first().is_some_and(|listener| !listener.revents().is_empty());
        drop(watched);
        if is_connecting && let Ok((stream, _)) = self.listener.accept() {
            let connection = Connection::new(stream)?;
            match self.connections.iter_mut().find(|connection| connection.is_closed()) {
                Some(closed) => *closed = connection,
                None => self.connections.push(connection),
            }
        }
        self.connections.iter_mut().for_each(Connection::receive);
        if ready == 0
            && let Ok(Some(status)) = self.child.try_wait()
        {
            return Err(Error::environment(format!("the program exited with {status}")));
        }
        Ok(())
    }

    fn connection(&mut self, index: usize) -> Result<&mut Connection> {
        self.connections.get_mut(index).ok_or_else(|| Error::environment("the program's connection is closed"))
    }
}

impl Drop for SingleEnvironment {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // This fails if the program has already exited.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}
