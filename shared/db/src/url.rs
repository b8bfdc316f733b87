//! The URL of a Postgres database.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secret::{PasswordProvider, Secret};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

const DEFAULT_PORT: u16 = 5432;

/// A parsed `DATABASE_URL`. Its `Debug` output does not contain the password.
#[derive(Clone)]
pub struct Url {
    pub(super) config: Config,
    /// Returns the password of each connection, if the URL has none.
    pub(super) passwords: Option<PasswordProvider>,
    text: Secret<String>,
}

impl Url {
    /// Returns the URL in the form that every Postgres client accepts, including the password.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// Returns the host, the port and the user. Returns `None` unless the URL has exactly one host
    /// and a user.
    pub fn endpoint(&self) -> Option<(&str, u16, &str)> {
        let [Host::Tcp(host)] = self.config.get_hosts() else { return None };
        Some((host, self.config.get_ports().first().copied().unwrap_or(DEFAULT_PORT), self.config.get_user()?))
    }

    /// Uses a new password for each connection. Returns `None` unless the URL has one host, a user,
    /// no password, and TLS. Without TLS the password could be read on the network.
    pub fn with_passwords(self, provider: PasswordProvider) -> Option<Self> {
        let fits = self.endpoint().is_some() && self.config.get_password().is_none() && self.wants_tls();
        fits.then_some(Self { passwords: Some(provider), ..self })
    }

    /// Returns the URL of the same database with another user. Returns `None` if the URL has no
    /// host.
    pub fn as_user(&self, user: &str, password: &str) -> Option<Self> {
        let mut url: url::Url = self.expose().parse().ok()?;
        // Encodes `%` as well, which `url::Url` would leave unchanged.
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        url.set_username(&encoded(user)).ok()?;
        url.set_password(Some(&encoded(password))).ok()?;
        url.as_str().parse().ok()
    }

    pub(super) fn is_of_rds(&self) -> bool {
        let of_rds = |host: &Host| matches!(host, Host::Tcp(name) if name.ends_with(".rds.amazonaws.com"));
        self.config.get_hosts().iter().any(of_rds)
    }

    /// Whether the connection must be encrypted and the certificate of the server verified.
    pub fn wants_tls(&self) -> bool {
        // The driver's default (`prefer`) would try TLS first, which costs a round trip with local
        // servers without TLS.
        !matches!(self.config.get_ssl_mode(), SslMode::Disable | SslMode::Prefer)
    }
}

/// The error of a text that is not a valid URL of a Postgres database.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a postgres:// URL with a host and a database")]
pub struct InvalidUrl;

impl FromStr for Url {
    type Err = InvalidUrl;

    /// Parses `postgres://user:password@host[:port]/database[?sslmode=…]`. The scheme may be
    /// `postgresql`, and may have a driver suffix such as `+asyncpg`.
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
    fn the_usual_forms_are_accepted() {
        for text in [
            "postgres://kai:pw@db/kai",
            "postgresql+asyncpg://kai:pw@db:6543/kai?sslmode=require",
            "postgresql://kai@10.0.0.7:5432/kai",
        ] {
            assert!(text.parse::<Url>().is_ok(), "{text}");
        }
    }

    #[test]
    fn a_password_may_contain_any_characters() {
        let url: Url = "postgres://db:6543/kai?sslmode=require".parse().unwrap();
        for password in ["a%41%zz/@:?#", "plain", "ä %ff"] {
            let url = url.as_user("kai_owner", password).unwrap();
            assert_eq!(url.config.get_user(), Some("kai_owner"));
            assert_eq!(url.config.get_password(), Some(password.as_bytes()));
            assert!(url.wants_tls() && !format!("{url:?}").contains(password));
        }
    }

    #[test]
    fn another_scheme_or_a_missing_part_is_rejected() {
        for text in ["", "kai", "mysql://db/kai", "postgres://", "postgres://db", "postgres://u@db:port/kai"] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }
}
