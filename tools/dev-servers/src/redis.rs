//! A Redis server, or a cluster of them.

mod cluster;

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use redis::{Client, cmd};
use rustix::process::Signal;

pub use self::cluster::RedisCluster;
use crate::process::{Launch, Process};
use crate::server_dir::ServerDir;
use crate::{Error, Result, Server, certificate, install, port};

/// The options of a [`Redis`].
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// The port to listen on. `None` selects the port of the last start if it is free, or else any
    /// free port.
    pub port: Option<u16>,
    /// Whether the server writes its keys to the disk periodically and when it stops, and reads
    /// them when it starts.
    pub persistent: bool,
    /// Whether the server accepts only TLS connections. Its certificate is for 127.0.0.1 and
    /// `localhost`, from an authority that is created for this directory.
    pub tls: bool,
    /// Additional directives of `redis.conf`, as names and arguments in the syntax of that file.
    pub directives: Vec<(String, String)>,
}

/// A running Redis that listens only on 127.0.0.1. Dropping it stops the server.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    ca_file: Option<PathBuf>,
    _dir: ServerDir,
}

impl Redis {
    /// Starts the server in `dir`.
    ///
    /// # Errors
    /// Returns an error if Redis is not installed, another process uses `dir`, the requested port
    /// is taken, or the server does not start. In the last case the error contains the end of the
    /// log.
    pub fn start(dir: &Path, options: &RedisOptions) -> Result<Self> {
        let dir = ServerDir::lock(dir)?;
        let data = dir.create_data_dir(None)?;
        let ca_file = if options.tls { Some(certificate::ensure(&data, None)?) } else { None };
        let executable = install::executables(Server::Redis)?.remove(0);
        let launch = Launch {
            server: Server::Redis,
            executable,
            user: None,
            args: vec![dir.path.join("redis.conf").into_os_string()],
            dir: dir.path.clone(),
            data: data.join("keys"),
            port: 0,
            ready_text: "Ready to accept connections",
            stop_signal: Signal::TERM,
        };
        fs::create_dir_all(&launch.data).map_err(Error::path("create", &launch.data))?;
        let process = Process::start(launch, options.port, |launch| configure(launch, options))?;
        Ok(Self { process, ca_file, _dir: dir })
    }

    /// Returns the URL of the server that another process runs in `dir`, or `None` if there is no
    /// such server. A server with TLS is not found.
    pub fn attach(dir: &Path) -> Option<String> {
        let url = format!("redis://127.0.0.1:{}", port::last(dir)?);
        let mut connection =
            Client::open(url.as_str()).ok()?.get_connection_with_timeout(Duration::from_secs(2)).ok()?;
        cmd("PING").exec(&mut connection).is_ok().then_some(url)
    }

    /// Returns `redis://127.0.0.1:port`, or `rediss://` with TLS.
    pub fn url(&self) -> String {
        let scheme = if self.ca_file.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port())
    }

    /// Returns the PEM file of the certificate that a client must trust, or `None` without TLS.
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// Returns the port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.process.port()
    }

    /// Returns the process id of the server.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Stops the server in an orderly way. With [`RedisOptions::persistent`], it writes its keys
    /// first.
    pub fn stop(&self) {
        self.process.stop();
    }

    /// Stops the server if it is running, and starts it on the same port. Without
    /// [`RedisOptions::persistent`], the server is then empty.
    ///
    /// # Errors
    /// Returns an error if the server does not start. The error contains the end of the log.
    pub fn restart(&self) -> Result<()> {
        self.process.restart()
    }

    /// Suspends the server. Connections stay open and get no response.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Resumes a paused server.
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Kills the server without an orderly stop. [`Redis::restart`] starts it again.
    pub fn kill(&self) {
        self.process.kill();
    }
}

fn configure(launch: &Launch, options: &RedisOptions) -> Result<()> {
    let bind = if launch.is_behind_a_published_port() { "* -::*" } else { "127.0.0.1" };
    let mut lines = vec![
        ("bind", bind.to_owned()),
        ("dir", format!("\"{}\"", launch.data.display())),
        ("daemonize", "no".to_owned()),
        ("appendonly", "no".to_owned()),
        ("save", if options.persistent { "60 1" } else { "\"\"" }.to_owned()),
        // The arguments of the process then stay visible. They contain the directory, which
        // identifies a server that this crate has left running.
        ("set-proc-title", "no".to_owned()),
    ];
    if launch.is_behind_a_published_port() {
        lines.push(("protected-mode", "no".to_owned()));
    }
    if options.tls {
        lines.extend([
            ("port", "0".to_owned()),
            ("tls-port", launch.port.to_string()),
            ("tls-auth-clients", "no".to_owned()),
        ]);
        let directives = ["tls-cert-file", "tls-key-file", "tls-ca-cert-file"];
        for (directive, file) in directives.into_iter().zip(certificate::files(&launch.data)) {
            lines.push((directive, format!("\"{}\"", file.display())));
        }
    } else {
        lines.push(("port", launch.port.to_string()));
    }
    lines.extend(options.directives.iter().map(|(name, value)| (name.as_str(), value.clone())));
    let mut text = String::new();
    for (name, value) in lines {
        writeln!(text, "{name} {value}").map_err(|_| Error::io("cannot format redis.conf")(ErrorKind::Other.into()))?;
    }
    let path = launch.dir.join("redis.conf");
    fs::write(&path, text).map_err(Error::path("write", &path))
}
