//! Passwords: argon2id with the parameters of OWASP's password storage cheat sheet, off the async threads.

use std::fmt::Display;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread::available_parallelism;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use secret::Secret;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::error::{Error, Result};

/// Memory in KiB, passes, lanes.
const COST: (u32, u32, u32) = (19_456, 2, 1);

/// Hashes and verifies, at most as many at a time as there are cores: each takes 19 MiB and a core for itself.
#[derive(Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    /// What the hashes before have worked in. Allocated anew for each of them, aligned as the library does it, glibc before 2.38 finds no use
    /// for the block that the last one left, and the process grows to a dozen of them.
    memories: Arc<Mutex<Vec<Memory>>>,
}

type Memory = Vec<Block>;

impl Default for Passwords {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self { permits: Arc::new(Semaphore::new(cores)), memories: Arc::default() }
    }
}

impl Passwords {
    /// The PHC string to store, with a random salt in it.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system has no randomness to give.
    pub async fn hash(&self, password: Secret<String>) -> Result<String> {
        self.off_thread(move |memory| {
            let mut salt = [0; 16];
            getrandom::fill(&mut salt).map_err(Error::internal)?;
            let ((cost, passes, lanes), salt) = (COST, Salt::new(&salt).map_err(defect)?);
            let params = Params::new(cost, passes, lanes, None).map_err(defect)?;
            let hash = PasswordHash {
                algorithm: ARGON2ID_IDENT,
                version: Some(Version::V0x13.into()),
                params: ParamsString::try_from(&params).map_err(defect)?,
                hash: Some(digest(memory, params, &password, &salt)?),
                salt: Some(salt),
            };
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether the password belongs to the stored hash. Without one, as for an unknown e-mail address, the answer is no after the
    /// same amount of work.
    ///
    /// # Errors
    /// [`Error::Internal`] when the stored hash cannot be read.
    pub async fn verify(&self, password: Secret<String>, stored: Option<String>) -> Result<bool> {
        self.off_thread(move |memory| {
            let hash = PasswordHash::new(stored.as_deref().unwrap_or(&NOBODY)).map_err(defect)?;
            let params = Params::try_from(&hash).map_err(defect)?;
            let salt = hash.salt.ok_or_else(|| defect("the stored hash has no salt"))?;
            // The comparison takes the same time wherever the two differ.
            let matches = Some(digest(memory, params, &password, &salt)?) == hash.hash;
            Ok(matches && stored.is_some())
        })
        .await
    }

    async fn off_thread<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce(&mut Memory) -> Result<T> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(Error::internal)?;
        let memories = Arc::clone(&self.memories);
        let work = move || {
            // Kept until the work is done, also when nobody waits for it any more.
            let _permit = permit;
            let lock = || memories.lock().unwrap_or_else(PoisonError::into_inner);
            let mut memory = lock().pop().unwrap_or_default();
            let result = work(&mut memory);
            lock().push(memory);
            result
        };
        spawn_blocking(work).await.map_err(Error::internal)?
    }
}

fn digest(memory: &mut Memory, params: Params, password: &Secret<String>, salt: &[u8]) -> Result<Output> {
    memory.resize(params.block_count(), Block::default());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut digest = [0; Params::DEFAULT_OUTPUT_LEN];
    argon2.hash_password_into_with_memory(password.expose().as_bytes(), salt, &mut digest, memory).map_err(defect)?;
    Output::new(&digest).map_err(defect)
}

fn defect(error: impl Display) -> Error {
    Error::internal(error.to_string())
}

/// The hash that stands in for an account that does not exist: right parameters, and a digest that no password has.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let (memory, passes, lanes) = COST;
    let (salt, digest) = ("A".repeat(22), "A".repeat(43));
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${digest}")
});

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
    async fn hashes_that_follow_each_other_work_in_the_same_memory() {
        let passwords = Passwords::default();
        for _ in 0..3 {
            passwords.verify(Secret::new("A".to_owned()), None).await.unwrap();
        }
        assert_eq!(passwords.memories.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn nobody_never_matches_and_costs_a_whole_hash() {
        assert!(!Passwords::default().verify(Secret::new("A".to_owned()), None).await.unwrap());
        let nobody = PasswordHash::new(&NOBODY).unwrap();
        assert_eq!(Params::try_from(&nobody).unwrap().m_cost(), COST.0);
    }
}
