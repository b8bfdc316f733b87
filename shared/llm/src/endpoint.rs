//! The address of a model, and the key with which the product signs in to it.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use secret::Secret;
use url::{Host, Url};

/// A server that implements OpenAI's `chat/completions`.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The base URL of the server.
    pub base_url: BaseUrl,
    /// The name of one of its models.
    pub model: String,
    /// The API key, unless the server requires none.
    pub key: Option<Secret<String>>,
}

/// A base URL such as `https://api.example.com/v1`: https, or http to this machine only.
///
/// It has no credentials, no query and no fragment, and its host is not an address at which a cloud
/// serves its metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl FromStr for BaseUrl {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let url = Url::parse(text).map_err(drop)?;
        let (loopback, forbidden) = match url.host().ok_or(())? {
            Host::Domain(name) => (name == "localhost", false),
            Host::Ipv4(address) => (address.is_loopback(), is_reserved(address)),
            Host::Ipv6(address) => (address.is_loopback(), is_reserved_v6(address)),
        };
        let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        let secure = url.scheme() == "https" || (url.scheme() == "http" && loopback);
        if secure && bare && url.fragment().is_none() && !forbidden { Ok(Self(url)) } else { Err(()) }
    }
}

impl BaseUrl {
    /// Returns the URL to which conversations are posted.
    pub(super) fn completions(&self) -> Url {
        self.join(&["chat", "completions"])
    }

    /// Returns the URL at which the server lists its models. A request to it is free of charge.
    pub(super) fn models(&self) -> Url {
        self.join(&["models"])
    }

    fn join(&self, path: &[&str]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }
}

/// Whether the address is link-local, like the metadata service of a cloud, or belongs to no single
/// host.
fn is_reserved(address: Ipv4Addr) -> bool {
    address.is_link_local() || address.is_unspecified() || address.is_broadcast() || address.is_multicast()
}

fn is_reserved_v6(address: Ipv6Addr) -> bool {
    // The address of the metadata service in IPv6.
    let metadata = address == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    let mapped = address.to_ipv4_mapped().is_some_and(is_reserved);
    address.is_unicast_link_local() || address.is_unspecified() || address.is_multicast() || metadata || mapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_https_or_on_this_machine() {
        for good in [
            "https://api.example.com/v1",
            "https://10.0.0.7:8443",
            "http://127.0.0.1:8080/v1",
            "http://localhost:11434/v1",
            "http://[::1]:1/",
        ] {
            assert!(good.parse::<BaseUrl>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "api.example.com",
            "http://api.example.com/v1",
            "http://10.0.0.7/v1",
            "http://2130706434.example.com",
            "http://169.254.169.254/v1",
            "https://169.254.169.254/v1",
            "https://2852039166/v1",
            "https://[fd00:ec2::254]/v1",
            "https://[::ffff:169.254.169.254]/v1",
            "https://0.0.0.0/v1",
            "https://user:hunter2@api.example.com/v1",
            "https://key@api.example.com/v1",
            "https://api.example.com/v1?key=hunter2",
            "https://api.example.com/v1#x",
            "file:///etc/passwd",
            "ftp://api.example.com",
        ] {
            assert!(bad.parse::<BaseUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_path_is_preserved_with_and_without_a_final_slash() {
        for (base, path) in [
            ("https://a.example/v1", "/v1/chat/completions"),
            ("https://a.example/v1/", "/v1/chat/completions"),
            ("https://a.example", "/chat/completions"),
        ] {
            assert_eq!(base.parse::<BaseUrl>().unwrap().completions().path(), path);
        }
    }
}
