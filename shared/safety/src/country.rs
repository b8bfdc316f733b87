//! The country whose crisis services are listed.

/// An ISO 3166 alpha-2 code, in upper case. The code may be unassigned:
/// [`resources`](super::resources()) has a fallback for unknown countries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Country([u8; 2]);

impl Country {
    /// Parses a code of two letters in either case. `UK`, which is reserved for the United Kingdom,
    /// is parsed as `GB`.
    pub fn parse(text: &str) -> Option<Self> {
        let code: [u8; 2] = text.trim().as_bytes().try_into().ok()?;
        let code = code.map(|letter| letter.to_ascii_uppercase());
        let code = if &code == b"UK" { *b"GB" } else { code };
        code.iter().all(u8::is_ascii_uppercase).then_some(Self(code))
    }

    /// Parses the region from the first language range of an `Accept-Language` header that has one
    /// (RFC 9110 §12.5.4, RFC 5646 §2.1): `AT` for `de-AT,de;q=0.9`. Weights are ignored, because
    /// clients send the ranges in order of preference.
    pub fn from_accept_language(header: &str) -> Option<Self> {
        header.split(',').find_map(|range| {
            let range = range.split(';').next().unwrap_or_default();
            let subtags = range.trim().split('-').skip(1);
            // A subtag of one letter begins an extension, in which two letters mean something else.
            subtags.take_while(|subtag| subtag.len() > 1).find_map(Self::parse)
        })
    }

    /// Returns the code, such as `AT`.
    pub fn as_str(&self) -> &str {
        // The bytes are always ASCII letters.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_two_letters() {
        assert_eq!(Country::parse("at").unwrap().as_str(), "AT");
        assert_eq!(Country::parse(" UK ").unwrap().as_str(), "GB");
        for other in ["", "A", "AUT", "A1", "é", "--", "a\0"] {
            assert_eq!(Country::parse(other), None, "{other}");
        }
    }

    #[test]
    fn the_first_region_of_a_header_counts() {
        for (header, region) in [
            ("de-AT,de;q=0.9", Some("AT")),
            ("en, en-GB;q=0.8, fr-FR", Some("GB")),
            ("zh-Hant-TW", Some("TW")),
            ("de_AT", None),
            ("en-US-u-hc-h12", Some("US")),
            ("en-u-ca-gregory", None),
            ("es-419, es-MX", Some("MX")),
            ("*", None),
            ("", None),
            ("-,;-;,--AT", None),
        ] {
            assert_eq!(Country::from_accept_language(header).as_ref().map(Country::as_str), region, "{header}");
        }
    }
}
