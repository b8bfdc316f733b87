//! Values that are never printed.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A value whose `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Lends the value to the one place that needs it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Makes the password of one new connection, for servers that accept short-lived tokens. Returns `None` if it cannot make one.
pub type PasswordProvider = Arc<dyn Fn() -> Option<Secret<String>> + Send + Sync>;

/// A key of 32 bytes, from which one key for each purpose is derived.
#[derive(Clone)]
pub struct SecretKey(Secret<[u8; 32]>);

impl SecretKey {
    /// Wraps the key's bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }

    /// Another key that tells nothing about this one: HMAC-SHA-256 of the purpose (RFC 5869's expand step for one block).
    pub fn derive(&self, purpose: &str) -> Self {
        Self::new(self.hmac(&[purpose.as_bytes(), &[1]]))
    }

    /// HMAC-SHA-256 of the parts, each preceded by its length: a name for something that must not be read back from it.
    pub fn hmac(&self, parts: &[&[u8]]) -> [u8; 32] {
        // HMAC pads a shorter key with noughts to the block's length (RFC 2104 §2).
        let mut block = [0; 64];
        block.iter_mut().zip(self.0.expose()).for_each(|(to, from)| *to = *from);
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// The key itself, for a cipher.
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
    fn the_lengths_keep_parts_apart() {
        let key = SecretKey::new([7; 32]);
        assert_ne!(key.hmac(&[b"ab", b"c"]), key.hmac(&[b"a", b"bc"]));
        assert_ne!(key.derive("one").expose(), key.derive("two").expose());
    }
}
