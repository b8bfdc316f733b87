//! Creates the files of a new Postgres server.

use std::ffi::OsString;
use std::path::Path;
use std::{fs, io};

use crate::executable::Executable;
use crate::process::{Launch, run_to_completion};
use crate::server_dir::write_private;
use crate::{Error, Result};

/// Returns the superuser's password. Creates the data if they do not exist or are disposable.
///
/// The password file is written last. Data without a password file are the remains of an
/// interrupted attempt, and are created again.
///
/// # Errors
/// Returns an error if `initdb` fails or the directory cannot be written.
pub(super) fn ensure(launch: &Launch, user: &str, disposable: bool) -> Result<String> {
    let password_file = launch.dir.join("password");
    if !disposable
        && launch.data.join("PG_VERSION").exists()
        && let Ok(password) = fs::read_to_string(&password_file)
    {
        return Ok(password);
    }
    let password = generate_password()?;
    // `initdb` requires an empty directory, so its password file is in the parent directory. Only
    // the owner can read that directory.
    let initdb_file = launch.data.with_file_name("password");
    write_private(&initdb_file, &password, launch.user)?;
    let mut result = run_initdb(launch, user, "C.UTF-8", &initdb_file, disposable);
    if result.is_err() {
        // Not every system has that locale.
        result = run_initdb(launch, user, "C", &initdb_file, disposable);
    }
    let _ = fs::remove_file(&initdb_file);
    result?;
    write_private(&password_file, &password, None)?;
    Ok(password)
}

fn run_initdb(launch: &Launch, user: &str, locale: &str, password_file: &Path, disposable: bool) -> Result<()> {
    remove_dir(&launch.data)?;
    let mut args: Vec<OsString> = vec!["-D".into(), launch.data.clone().into(), "-U".into(), user.into()];
    args.extend(["--auth=scram-sha-256", "--encoding=UTF8"].map(OsString::from));
    args.push(format!("--locale={locale}").into());
    args.push("--pwfile".into());
    args.push(password_file.into());
    if disposable {
        args.push("--no-sync".into());
    }
    let executable = match &launch.executable {
        Executable::Native { path, major } => {
            // `postgres` may be a link. The tools of its version are in the directory of the link's
            // target.
            let path = path.canonicalize().map_err(Error::path("resolve", path))?.with_file_name("initdb");
            Executable::Native { path, major: *major }
        }
        Executable::Docker { image, .. } => Executable::Docker { image, name: "initdb" },
    };
    run_to_completion(&Launch { executable, args, ..launch.clone() })
}

/// Generates a password: 128 random bits as hexadecimal digits, which need no escaping in a URL.
fn generate_password() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::io("cannot generate a random number")(io::Error::other(error)))?;
    Ok(const_hex::encode(bytes))
}

fn remove_dir(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::path("remove", dir)(error)),
        _ => Ok(()),
    }
}
