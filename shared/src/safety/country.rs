//! Countries, as ISO 3166 names them.

/// A country by its two letters (ISO 3166-1 alpha-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Country([u8; 2]);

impl Country {
    /// Reads two letters, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 2] = text.trim().as_bytes().try_into().ok()?;
        let letters = letters.map(|letter| letter.to_ascii_uppercase());
        // Reserved for the same country, and what its people write.
        let letters = if letters == *b"UK" { *b"GB" } else { letters };
        letters.iter().all(u8::is_ascii_alphabetic).then_some(Self(letters))
    }

    /// The region of the first language in an `Accept-Language` header that has one: `AT` of `de-AT, de;q=0.9` (RFC 9110 §12.5.4, RFC 5646 §2.2.4).
    pub fn from_accept_language(header: &str) -> Option<Self> {
        header.split(',').find_map(|range| range.split(';').next()?.trim().split('-').skip(1).find_map(Self::parse))
    }

    pub(super) fn is(self, code: &str) -> bool {
        code.as_bytes() == self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_of_a_language_is_a_country() {
        for (header, expected) in [
            ("de-AT,de;q=0.9,en;q=0.8", Some("AT")),
            ("en, es-mx;q=0.7", Some("MX")),
            ("zh-Hant-TW", Some("TW")),
            ("en", None),
            ("*", None),
            ("", None),
            ("de-419", None),
        ] {
            assert_eq!(Country::from_accept_language(header), expected.and_then(Country::parse), "{header}");
        }
        assert_eq!(Country::parse(" gb "), Country::parse("GB"));
        assert_eq!(Country::parse("uk"), Country::parse("GB"));
        for wrong in ["", "G", "GBR", "1A", "é"] {
            assert_eq!(Country::parse(wrong), None, "{wrong}");
        }
    }
}
