//! Where Postgres is.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secret::{PasswordProvider, Secret};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

const DEFAULT_PORT: u16 = 5432;

/// A parsed `DATABASE_URL`. Its `Debug` shows no password.
#[derive(Clone)]
pub struct Url {
    pub(super) config: Config,
    /// Makes the password of each connection, if the URL has none.
    pub(super) passwords: Option<PasswordProvider>,
    text: Secret<String>,
}

impl Url {
    /// The URL in the form that every Postgres client reads, password included.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// The host, port and user of a URL that names one of each.
    pub fn endpoint(&self) -> Option<(&str, u16, &str)> {
        let [Host::Tcp(host)] = self.config.get_hosts() else { return None };
        Some((host, self.config.get_ports().first().copied().unwrap_or(DEFAULT_PORT), self.config.get_user()?))
    }

    /// Uses a new password for each connection. Returns `None` unless the URL has one host, a user, no password, and TLS, without which
    /// anybody on the network could read the password.
    pub fn with_passwords(self, provider: PasswordProvider) -> Option<Self> {
        let fits = self.endpoint().is_some() && self.config.get_password().is_none() && self.wants_tls();
        fits.then_some(Self { passwords: Some(provider), ..self })
    }

    /// The same database as another user. Returns `None` if the URL has no host.
    pub fn as_user(&self, user: &str, password: &str) -> Option<Self> {
        let mut url: url::Url = self.expose().parse().ok()?;
        // A `%` too, which the type itself would leave as it is.
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        url.set_username(&encoded(user)).ok()?;
        url.set_password(Some(&encoded(password))).ok()?;
        url.as_str().parse().ok()
    }

    pub(super) fn is_of_rds(&self) -> bool {
        let of_rds = |host: &Host| matches!(host, Host::Tcp(name) if name.ends_with(".rds.amazonaws.com"));
        self.config.get_hosts().iter().any(of_rds)
    }

    /// Whether the connection has to be encrypted, and the server to prove who it is.
    pub fn wants_tls(&self) -> bool {
        // The driver's default would try TLS first, and most local servers answer that they have none.
        !matches!(self.config.get_ssl_mode(), SslMode::Disable | SslMode::Prefer)
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
            ([_, ..], Some(_)) => Ok(Self { config, passwords: None, text: Secret::new(text) }),
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
    fn the_owner_of_a_secret_signs_in_with_whatever_characters_there_are() {
        let url: Url = "postgres://db:6543/kai?sslmode=require".parse().unwrap();
        for password in ["a%41%zz/@:?#", "plain", "ä %ff"] {
            let url = url.as_user("kai_owner", password).unwrap();
            assert_eq!(url.config.get_user(), Some("kai_owner"));
            assert_eq!(url.config.get_password(), Some(password.as_bytes()));
            assert!(url.wants_tls() && !format!("{url:?}").contains(password));
        }
    }

    #[test]
    fn another_scheme_or_a_missing_part_is_refused() {
        for text in ["", "kai", "mysql://db/kai", "postgres://", "postgres://db", "postgres://u@db:port/kai"] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }
}
