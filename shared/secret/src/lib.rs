//! Values that are never printed.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A value whose `Debug` output does not show it.
#[derive(Clone)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Creates a secret from a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the value. Call this only where the value is used.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A function that returns the password of a new connection, for servers that accept short-lived
/// tokens. It returns `None` if it cannot create a password.
pub type PasswordProvider = Arc<dyn Fn() -> Option<Secret<String>> + Send + Sync>;

/// A key of 32 bytes, from which a separate key for each purpose is derived.
#[derive(Clone)]
pub struct SecretKey(Secret<[u8; 32]>);

impl SecretKey {
    /// Wraps the key's bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }

    /// Derives the key for a purpose. The derived key reveals nothing about this one.
    ///
    /// It is HMAC-SHA-256 of the purpose: the expand step of RFC 5869 for one block, except that
    /// each part is preceded by its length.
    pub fn derive(&self, purpose: &str) -> Self {
        Self::new(self.hmac(&[purpose.as_bytes(), &[1]]))
    }

    /// Returns HMAC-SHA-256 of the parts, each preceded by its length as 8 bytes (big-endian). It
    /// identifies the parts without revealing them.
    pub fn hmac(&self, parts: &[&[u8]]) -> [u8; 32] {
        // HMAC pads a shorter key with zeros to the length of a block (RFC 2104 §2).
        let mut block = [0; 64];
        block.iter_mut().zip(self.0.expose()).for_each(|(to, from)| *to = *from);
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// Returns the bytes of the key, for a cipher.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let printed = format!("{:?} {:?}", Secret::new("hunter2"), SecretKey::new([7; 32]));
        assert_eq!(printed, "Secret(…) SecretKey(…)");
    }

    #[test]
    fn lengths_distinguish_the_boundaries_of_parts() {
        let key = SecretKey::new([7; 32]);
        assert_ne!(key.hmac(&[b"ab", b"c"]), key.hmac(&[b"a", b"bc"]));
        assert_ne!(key.derive("one").expose(), key.derive("two").expose());
    }
}
