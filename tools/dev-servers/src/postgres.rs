//! A Postgres server for development and tests.

mod admin;
mod initdb;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

pub use self::admin::Admin;
use crate::executable::Executable;
use crate::process::{Launch, Process};
use crate::server_dir::ServerDir;
use crate::unprivileged_user::UnprivilegedUser;
use crate::{Error, Result, Server, certificate, install, port};

/// The superuser, which is also the role that functions use on this machine.
const USER: &str = "kai";

/// The options of a [`Postgres`].
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    /// The port to listen on. `None` selects the port of the last start if it is free, or else any
    /// free port.
    pub port: Option<u16>,
    /// Whether the data are disposable, for tests. The server then starts without the data of the
    /// last start and never syncs to the disk. Committed data survive a kill of the server, but not
    /// a crash of the machine.
    pub disposable: bool,
    /// Whether the server also accepts TLS connections. Its certificate is for 127.0.0.1 and
    /// `localhost`, from an authority that is created for this directory.
    pub tls: bool,
    /// Additional settings of `postgresql.conf`, as names and values.
    pub settings: Vec<(String, String)>,
}

/// A running Postgres that listens only on 127.0.0.1. Dropping it stops the server. The data stay
/// in the directory.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    admin: Admin,
    ca_file: Option<PathBuf>,
    _dir: ServerDir,
}

impl Postgres {
    /// Starts the server in `dir`, and creates its data if they do not exist.
    ///
    /// If this process is root, the server runs as `postgres` or `nobody`. If that user cannot
    /// reach `dir`, the data are under `/var/tmp` and `dir/data` is a link to them.
    ///
    /// # Errors
    /// Returns an error if Postgres is not installed, another process uses `dir`, the requested
    /// port is taken, or the server does not start. In the last case the error contains the end of
    /// the log.
    pub fn start(dir: &Path, options: &PostgresOptions) -> Result<Self> {
        let dir = ServerDir::lock(dir)?;
        let user = UnprivilegedUser::find();
        let data = dir.create_data_dir(user)?;
        let ca_file = if options.tls { Some(certificate::ensure(&data, user)?) } else { None };
        let data = data.join("cluster");
        let executable = choose_executable(&data)?;
        let launch = Launch {
            server: Server::Postgres,
            executable,
            user,
            args: Vec::new(),
            dir: dir.path.clone(),
            data,
            port: 0,
            ready_text: "database system is ready to accept connections",
            // On SIGTERM, Postgres waits for its clients to disconnect.
            stop_signal: Signal::INT,
        };
        let password = initdb::ensure(&launch, USER, options.disposable)?;
        let process = Process::start(launch, options.port, |launch| {
            launch.args = arguments(launch, options);
            Ok(())
        })?;
        let admin = Admin::new(USER, password, process.port());
        Ok(Self { process, admin, ca_file, _dir: dir })
    }

    /// Returns access to the server that another process runs in `dir`, or `None` if there is no
    /// such server.
    pub async fn attach(dir: &Path) -> Option<Admin> {
        let password = fs::read_to_string(dir.join("password")).ok()?;
        let admin = Admin::new(USER, password, port::last(dir)?);
        admin.has_database("postgres").await.then_some(admin)
    }

    /// Returns the URL of a database, with user and password.
    pub fn url(&self, database: &str) -> String {
        self.admin.url(database)
    }

    /// Returns the superuser's access, which can create and drop databases.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Returns the PEM file of the certificate that a client must trust, or `None` without TLS.
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// Returns the port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.process.port()
    }

    /// Returns the process id of the postmaster.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Creates an empty database. See [`Admin::create_database`].
    ///
    /// # Errors
    /// Returns an error if the server rejects the statement or is unavailable.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        self.admin.create_database(name).await
    }

    /// Copies a database with its settings. See [`Admin::clone_database`].
    ///
    /// # Errors
    /// Returns an error if the server rejects the statement or is unavailable.
    pub async fn clone_database(&self, template: &str, name: &str) -> Result<()> {
        self.admin.clone_database(template, name).await
    }

    /// Drops a database and the connections to it. See [`Admin::drop_database`].
    ///
    /// # Errors
    /// Returns an error if the server rejects the statement or is unavailable.
    pub async fn drop_database(&self, name: &str) -> Result<()> {
        self.admin.drop_database(name).await
    }

    /// Stops the server in an orderly way. It rolls back transactions, disconnects clients and
    /// writes its data.
    pub fn stop(&self) {
        self.process.stop();
    }

    /// Stops the server if it is running, and starts it on the same port with the same data.
    ///
    /// # Errors
    /// Returns an error if the server does not start. The error contains the end of the log.
    pub fn restart(&self) -> Result<()> {
        self.process.restart()
    }

    /// Suspends the whole server. Connections stay open and get no response.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Resumes a paused server.
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Kills the server without an orderly stop, as a crash would. [`Postgres::restart`] starts it
    /// again.
    pub fn kill(&self) {
        self.process.kill();
    }
}

/// Returns the newest Postgres, or the version that created the existing data.
fn choose_executable(data: &Path) -> Result<Executable> {
    let candidates = install::executables(Server::Postgres)?;
    let created_by: Option<u32> =
        fs::read_to_string(data.join("PG_VERSION")).ok().and_then(|text| text.trim().parse().ok());
    let fits = |executable: &&Executable| match (executable, created_by) {
        (Executable::Native { major, .. }, Some(created_by)) => *major == created_by,
        _ => true,
    };
    candidates.iter().find(fits).cloned().ok_or_else(|| Error::NotInstalled {
        server: Server::Postgres,
        advice: format!(
            "the data in {} were created by Postgres {}, which is no longer installed; install it, or delete the directory",
            data.display(),
            created_by.unwrap_or_default()
        ),
    })
}

fn arguments(launch: &Launch, options: &PostgresOptions) -> Vec<OsString> {
    let listen = if launch.is_behind_a_published_port() { "*" } else { "127.0.0.1" };
    let mut settings = vec![
        ("listen_addresses".to_owned(), listen.to_owned()),
        ("port".to_owned(), launch.port.to_string()),
        ("unix_socket_directories".to_owned(), String::new()),
        ("max_connections".to_owned(), "200".to_owned()),
        ("shared_buffers".to_owned(), "64MB".to_owned()),
        ("max_wal_size".to_owned(), "256MB".to_owned()),
        ("log_destination".to_owned(), "stderr".to_owned()),
        ("logging_collector".to_owned(), "off".to_owned()),
        ("log_line_prefix".to_owned(), "%m [%p] %q%u@%d ".to_owned()),
    ];
    if options.disposable {
        // Commits still reach the operating system before they are acknowledged, so they survive a
        // kill of the server.
        for name in ["fsync", "full_page_writes"] {
            settings.push((name.to_owned(), "off".to_owned()));
        }
    }
    if options.tls {
        let [certificate, key, _] = certificate::files(&launch.data).map(|file| file.display().to_string());
        let files = [("ssl", "on".to_owned()), ("ssl_cert_file", certificate), ("ssl_key_file", key)];
        settings.extend(files.map(|(name, value)| (name.to_owned(), value)));
    }
    settings.extend(options.settings.iter().cloned());
    let mut args = vec![OsString::from("-D"), launch.data.clone().into_os_string()];
    for (name, value) in settings {
        args.extend([OsString::from("-c"), OsString::from(format!("{name}={value}"))]);
    }
    args
}
