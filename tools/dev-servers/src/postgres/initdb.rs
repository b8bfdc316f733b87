//! Making the files of a new Postgres.

use std::ffi::OsString;
use std::path::Path;
use std::{fs, io};

use crate::folder::write_private;
use crate::process::{Launch, complete};
use crate::program::Program;
use crate::{Error, Result};

/// The superuser's password, after making the data if there are none, or if they are disposable.
///
/// The password file is written last, so that data without one are what an interrupted attempt left, and are made anew.
///
/// # Errors
/// `initdb` fails, or the folder cannot be written.
pub(super) fn ensure(launch: &Launch, user: &str, disposable: bool) -> Result<String> {
    let kept = launch.dir.join("password");
    if !disposable
        && launch.data.join("PG_VERSION").exists()
        && let Ok(password) = fs::read_to_string(&kept)
    {
        return Ok(password);
    }
    let password = new_password()?;
    // `initdb` insists on an empty folder, so that the file it reads the password from is beside the data, in the folder that
    // is closed to everybody else.
    let file = launch.data.with_file_name("password");
    write_private(&file, &password, launch.account)?;
    let mut made = run(launch, user, "C.UTF-8", &file, disposable);
    if made.is_err() {
        // Not every system has that locale.
        made = run(launch, user, "C", &file, disposable);
    }
    let _absent = fs::remove_file(&file);
    made?;
    write_private(&kept, &password, None)?;
    Ok(password)
}

fn run(launch: &Launch, user: &str, locale: &str, password_file: &Path, disposable: bool) -> Result<()> {
    remove(&launch.data)?;
    let mut args: Vec<OsString> = vec!["-D".into(), launch.data.clone().into(), "-U".into(), user.into()];
    args.extend(["--auth=scram-sha-256", "--encoding=UTF8"].map(OsString::from));
    args.push(format!("--locale={locale}").into());
    args.push("--pwfile".into());
    args.push(password_file.into());
    if disposable {
        args.push("--no-sync".into());
    }
    let program = match &launch.program {
        Program::Native { path, major } => {
            // `postgres` may be a link; the tools of its version are beside the file itself.
            let path = path.canonicalize().map_err(Error::path("find", path))?.with_file_name("initdb");
            Program::Native { path, major: *major }
        }
        Program::Docker { image, .. } => Program::Docker { image, name: "initdb" },
    };
    complete(&Launch { program, args, ..launch.clone() })
}

/// 128 random bits in hexadecimal digits, which need no escaping in a URL.
fn new_password() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::io("no random number")(io::Error::other(error)))?;
    Ok(const_hex::encode(bytes))
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::path("remove", folder)(error)),
        _ => Ok(()),
    }
}
