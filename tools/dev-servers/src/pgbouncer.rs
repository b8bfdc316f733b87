//! A transaction pooler in front of a Postgres server.

use std::path::Path;

use rustix::process::Signal;

use crate::postgres::Admin;
use crate::process::{Launch, Process};
use crate::server_dir::{ServerDir, write_private};
use crate::unprivileged_user::UnprivilegedUser;
use crate::{Result, Server, install};

/// A running PgBouncer in transaction mode that listens only on 127.0.0.1. Dropping it stops the
/// pooler.
#[derive(Debug)]
pub struct PgBouncer {
    process: Process,
    admin: Admin,
    _dir: ServerDir,
}

impl PgBouncer {
    /// Starts a pooler in `dir` for all databases of a server. `postgres` is the superuser's access
    /// to that server.
    ///
    /// # Errors
    /// Returns an error if PgBouncer is not installed, another process uses `dir`, or the pooler
    /// does not start. In the last case the error contains the end of the log.
    pub fn start(dir: &Path, postgres: &Admin) -> Result<Self> {
        let dir = ServerDir::lock(dir)?;
        let user = UnprivilegedUser::find();
        let data = dir.create_data_dir(user)?;
        let executable = install::executables(Server::PgBouncer)?.remove(0);
        let configuration = data.join("pgbouncer.ini");
        let launch = Launch {
            server: Server::PgBouncer,
            executable,
            user,
            args: vec![configuration.clone().into_os_string()],
            dir: dir.path.clone(),
            data,
            port: 0,
            ready_text: "process up",
            // On SIGINT, PgBouncer waits for its clients to finish.
            stop_signal: Signal::TERM,
        };
        let auth_file = launch.data.join("users.txt");
        let (name, password) = postgres.login();
        write_private(&auth_file, &format!("\"{name}\" \"{password}\"\n"), user)?;
        let process = Process::start(launch, None, |launch| {
            write_private(&configuration, &ini(postgres, launch.port, &auth_file), user)
        })?;
        let admin = postgres.on_port(process.port());
        Ok(Self { process, admin, _dir: dir })
    }

    /// Returns the URL of a database through the pooler, with user and password. The database
    /// `pgbouncer` is the pooler's console, which accepts `SHOW STATS` and similar commands.
    pub fn url(&self, database: &str) -> String {
        self.admin.url(database)
    }

    /// Returns the process id of the pooler.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Stops the pooler if it is running, and starts it on the same port.
    ///
    /// # Errors
    /// Returns an error if the pooler does not start. The error contains the end of the log.
    pub fn restart(&self) -> Result<()> {
        self.process.restart()
    }
}

fn ini(postgres: &Admin, port: u16, auth_file: &Path) -> String {
    let (host, postgres_port) = postgres.address();
    let (user, _) = postgres.login();
    format!(
        "[databases]\n\
         * = host={host} port={postgres_port}\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         auth_type = scram-sha-256\n\
         auth_file = {}\n\
         admin_users = {user}\n\
         pool_mode = transaction\n\
         max_client_conn = 1000\n\
         default_pool_size = 20\n\
         ignore_startup_parameters = extra_float_digits\n",
        auth_file.display()
    )
}
