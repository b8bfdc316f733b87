//! Password hashes: argon2id with the parameters of OWASP's password storage cheat sheet, computed
//! outside the async threads.

use std::fmt::Display;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread::available_parallelism;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use secret::Secret;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::error::{Error, Result};

/// The cost of a hash: the memory in KiB, the passes and the lanes.
const COST: (u32, u32, u32) = (19_456, 2, 1);

/// Hashes and verifies passwords, at most as many at the same time as there are cores: each hash
/// takes 19 MiB and a whole core.
#[derive(Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    /// The memory of earlier hashes, for reuse.
    ///
    /// If each hash allocated its memory with the library's alignment, glibc before 2.38 would not
    /// reuse the freed blocks, and the process would grow to a dozen of them.
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
    /// Returns the PHC string to store, which contains a random salt.
    ///
    /// # Errors
    /// [`Error::Internal`] if the system's random number generator fails.
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

    /// Returns whether the password matches the stored hash. Without a stored hash, as for an
    /// unknown e-mail address, returns `false` after the same amount of work.
    ///
    /// # Errors
    /// [`Error::Internal`] if the stored hash is malformed.
    pub async fn verify(&self, password: Secret<String>, stored: Option<String>) -> Result<bool> {
        self.off_thread(move |memory| {
            let hash = PasswordHash::new(stored.as_deref().unwrap_or(&DUMMY_HASH)).map_err(defect)?;
            let params = Params::try_from(&hash).map_err(defect)?;
            let salt = hash.salt.ok_or_else(|| defect("the stored hash has no salt"))?;
            // The comparison takes the same time, wherever the digests differ.
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
            // Held until the work is done, even if the caller no longer waits for it.
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

/// The hash that is verified for an unknown account: it has the current parameters, and a digest
/// that no password has.
static DUMMY_HASH: LazyLock<String> = LazyLock::new(|| {
    let (memory, passes, lanes) = COST;
    let (salt, digest) = ("A".repeat(22), "A".repeat(43));
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${digest}")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_matches_and_long_passwords_are_not_truncated() {
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
    async fn consecutive_hashes_reuse_the_same_memory() {
        let passwords = Passwords::default();
        for _ in 0..3 {
            passwords.verify(Secret::new("A".to_owned()), None).await.unwrap();
        }
        assert_eq!(passwords.memories.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn the_dummy_hash_never_matches_and_costs_a_whole_hash() {
        assert!(!Passwords::default().verify(Secret::new("A".to_owned()), None).await.unwrap());
        let dummy = PasswordHash::new(&DUMMY_HASH).unwrap();
        assert_eq!(Params::try_from(&dummy).unwrap().m_cost(), COST.0);
    }
}
