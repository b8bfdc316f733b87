//! Passwords: argon2id with the parameters of OWASP's password storage cheat sheet, off the async threads.

use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use argon2::{PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::error::{Error, Result};
use crate::secret::Secret;

/// Memory in KiB, passes, lanes.
const COST: (u32, u32, u32) = (19_456, 2, 1);

/// Hashes and verifies, at most as many at a time as there are cores: each takes 19 MiB and a core for itself.
#[derive(Clone, Debug)]
pub struct Passwords {
    permits: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(available_parallelism().map_or(1, usize::from))) }
    }
}

impl Passwords {
    /// The PHC string to store, with a random salt in it.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system has no randomness or no memory to give.
    pub async fn hash(&self, password: Secret<String>) -> Result<String> {
        self.off_thread(move || {
            let hash = argon2()?.hash_password(password.expose().as_bytes());
            hash.map(|hash| hash.to_string()).map_err(|error| Error::internal(error.to_string()))
        })
        .await
    }

    /// Whether the password belongs to the stored hash. Without one, as for an unknown e-mail address, the answer is no after the
    /// same amount of work.
    ///
    /// # Errors
    /// [`Error::Internal`] when the stored hash cannot be read.
    pub async fn verify(&self, password: Secret<String>, stored: Option<String>) -> Result<bool> {
        self.off_thread(move || {
            let known = stored.is_some();
            let stored = stored.as_deref().unwrap_or(&NOBODY);
            let hash = PasswordHash::new(stored).map_err(|error| Error::internal(error.to_string()))?;
            let matches = argon2()?.verify_password(password.expose().as_bytes(), &hash).is_ok();
            Ok(matches && known)
        })
        .await
    }

    async fn off_thread<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(Error::internal)?;
        let work = move || {
            // Kept until the work is done, also when nobody waits for it any more.
            let _permit = permit;
            work()
        };
        spawn_blocking(work).await.map_err(Error::internal)?
    }
}

/// The hash that stands in for an account that does not exist: right parameters, and a digest that no password has.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let (memory, passes, lanes) = COST;
    let (salt, digest) = ("A".repeat(22), "A".repeat(43));
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${digest}")
});

fn argon2() -> Result<Argon2<'static>> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).map_err(|error| Error::internal(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_matches_and_it_is_not_cut_short() {
        let passwords = Passwords::default();
        let long = format!("{}é\u{0}end ", "x".repeat(120));
        let hash = passwords.hash(Secret::new(long.clone())).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify(Secret::new(long.clone()), Some(hash.clone())).await.unwrap());
        for wrong in [long.trim_end().to_owned(), long[..120].to_owned(), String::new()] {
            assert!(!passwords.verify(Secret::new(wrong), Some(hash.clone())).await.unwrap());
        }
    }

    #[tokio::test]
    async fn nobody_never_matches_and_costs_a_whole_hash() {
        assert!(!Passwords::default().verify(Secret::new("A".to_owned()), None).await.unwrap());
        let nobody = PasswordHash::new(&NOBODY).unwrap();
        assert_eq!(Params::try_from(&nobody).unwrap().m_cost(), COST.0);
    }
}
