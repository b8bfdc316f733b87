//! Where Postgres is.

use std::fmt;
use std::str::FromStr;

use tokio_postgres::Config;

use crate::secret::Secret;

/// A parsed `DATABASE_URL`. Its `Debug` shows no password.
#[derive(Clone)]
pub struct Url {
    pub(super) config: Config,
    text: Secret<String>,
}

impl Url {
    /// The URL in the form that every Postgres client reads, password included.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }
}

/// The text is not a URL of a Postgres database.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a postgres:// URL with a host and a database")]
pub struct InvalidUrl;

impl FromStr for Url {
    type Err = InvalidUrl;

    /// `postgres://user:password@host[:port]/database[?sslmode=…]`; `postgresql` and a driver suffix such as `+asyncpg` are accepted.
    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidUrl)?;
        let dialect = scheme.split_once('+').map_or(scheme, |(dialect, _driver)| dialect);
        if !matches!(dialect, "postgres" | "postgresql") {
            return Err(InvalidUrl);
        }
        let text = format!("postgres://{rest}");
        let config: Config = text.parse().map_err(|_| InvalidUrl)?;
        match (config.get_hosts(), config.get_dbname()) {
            ([_, ..], Some(_)) => Ok(Self { config, text: Secret::new(text) }),
            _ => Err(InvalidUrl),
        }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Url")
            .field("hosts", &self.config.get_hosts())
            .field("database", &self.config.get_dbname())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_are_read() {
        for text in [
            "postgres://kai:pw@db/kai",
            "postgresql+asyncpg://kai:pw@db:6543/kai?sslmode=require",
            "postgresql://kai@10.0.0.7:5432/kai",
        ] {
            assert!(text.parse::<Url>().is_ok(), "{text}");
        }
    }

    #[test]
    fn another_scheme_or_a_missing_part_is_refused() {
        for text in ["", "kai", "mysql://db/kai", "postgres://", "postgres://db", "postgres://u@db:port/kai"] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }
}
