//! A Redis server of our own, or a cluster of them.

mod cluster;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

pub use self::cluster::RedisCluster;
use crate::folder::Folder;
use crate::process::{Launch, Process};
use crate::{Error, Result, Server, certificate, install, port};

/// How a Redis is started.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// The port to listen on; without one the port of the last start if it is free, else any free port.
    pub port: Option<u16>,
    /// Writes the keys to the disk now and then and when it stops, and reads them back when it starts.
    pub keep: bool,
    /// Takes TLS connections only, with a certificate for 127.0.0.1 and `localhost` from an authority made for this folder.
    pub tls: bool,
    /// Further directives of `redis.conf`, by name, with their arguments as they stand there.
    pub directives: Vec<(String, String)>,
}

/// A running Redis that listens on 127.0.0.1 alone. Dropping it stops it.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    ca_file: Option<PathBuf>,
    _folder: Folder,
}

impl Redis {
    /// Starts the server in `dir`.
    ///
    /// # Errors
    /// Redis is not installed, another process uses `dir`, the port asked for is taken, or the server does not start; the error
    /// then shows the end of its log.
    pub fn start(dir: &Path, options: &RedisOptions) -> Result<Self> {
        let folder = Folder::claim(dir)?;
        let data = folder.data(None)?;
        let ca_file = if options.tls { Some(certificate::ensure(&data, None)?) } else { None };
        let program = install::programs(Server::Redis)?.remove(0);
        let launch = Launch {
            server: Server::Redis,
            program,
            account: None,
            args: vec![folder.path.join("redis.conf").into_os_string()],
            dir: folder.path.clone(),
            data: data.join("keys"),
            port: 0,
            ready: "Ready to accept connections",
            stop: Signal::TERM,
        };
        fs::create_dir_all(&launch.data).map_err(Error::path("make", &launch.data))?;
        let process = Process::start(launch, options.port, |launch| configure(launch, options))?;
        Ok(Self { process, ca_file, _folder: folder })
    }

    /// The URL of the server without TLS that another process runs in `dir`, if one does.
    pub fn attach(dir: &Path) -> Option<String> {
        let url = format!("redis://127.0.0.1:{}", port::remembered(dir)?);
        let mut connection =
            redis::Client::open(url.as_str()).ok()?.get_connection_with_timeout(Duration::from_secs(2)).ok()?;
        redis::cmd("PING").exec(&mut connection).is_ok().then_some(url)
    }

    /// `redis://127.0.0.1:port`, or `rediss://` with TLS.
    pub fn url(&self) -> String {
        let scheme = if self.ca_file.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port())
    }

    /// The certificate of the authority that a client has to trust, in PEM; with TLS only.
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.process.port()
    }

    /// The process id of the server.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Stops the server in order; with `keep` it writes its keys first.
    pub fn stop(&self) {
        self.process.stop();
    }

    /// Stops the server, if it runs, and starts it on the same port. Without `keep` it is empty then.
    ///
    /// # Errors
    /// It does not start; the error shows the end of its log.
    pub fn restart(&self) -> Result<()> {
        self.process.restart()
    }

    /// Freezes the server: connections stay open and nothing answers.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Lets a paused server go on.
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Ends the server without warning. [`Redis::restart`] brings it back.
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
        ("save", if options.keep { "60 1" } else { "\"\"" }.to_owned()),
        // The arguments keep showing the folder, by which a leftover of ours is told from a stranger's process.
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
        writeln!(text, "{name} {value}")
            .map_err(|_| Error::io("cannot format redis.conf")(std::io::ErrorKind::Other.into()))?;
    }
    let path = launch.dir.join("redis.conf");
    fs::write(&path, text).map_err(Error::path("write", &path))
}
