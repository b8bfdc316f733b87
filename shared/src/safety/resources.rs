//! Services for somebody in a crisis, by country.

use serde::Serialize;
use utoipa::ToSchema;

use super::Country;

/// A service that somebody can turn to at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Resource {
    /// Where it is (ISO 3166-1 alpha-2), or `*` for everywhere.
    #[schema(pattern = "^([A-Z]{2}|\\*)$")]
    pub country: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// The number to call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<&'static str>,
    /// How to write to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'static str>,
    /// Its page for people who seek help.
    #[schema(format = "uri")]
    pub web: &'static str,
    /// The page on which its numbers are published.
    #[schema(format = "uri")]
    pub source: &'static str,
    /// The day on which the entry was entered or last checked, as an ISO 8601 date.
    #[schema(format = "date")]
    pub reviewed: &'static str,
}

const REVIEWED: &str = "2026-11-23";

const fn call(country: &'static str, name: &'static str, phone: &'static str, page: &'static str) -> Resource {
    Resource { country, name, phone: Some(phone), text: None, web: page, source: page, reviewed: REVIEWED }
}

const fn write(country: &'static str, name: &'static str, text: &'static str, page: &'static str) -> Resource {
    Resource { country, name, phone: None, text: Some(text), web: page, source: page, reviewed: REVIEWED }
}

const fn both(resource: Resource, text: &'static str) -> Resource {
    Resource { text: Some(text), ..resource }
}

const RESOURCES: &[Resource] = &[
    both(call("US", "988 Suicide & Crisis Lifeline", "988", "https://988lifeline.org"), "988"),
    write("US", "Crisis Text Line", "HOME to 741741", "https://www.crisistextline.org"),
    both(call("CA", "9-8-8: Suicide Crisis Helpline", "988", "https://988.ca"), "988"),
    call("GB", "Samaritans", "116 123", "https://www.samaritans.org"),
    write("GB", "Shout", "SHOUT to 85258", "https://giveusashout.org"),
    call("IE", "Samaritans", "116 123", "https://www.samaritans.org/ireland"),
    both(call("AU", "Lifeline", "13 11 14", "https://www.lifeline.org.au"), "0477 13 11 14"),
    both(call("NZ", "1737, Need to talk?", "1737", "https://1737.org.nz"), "1737"),
    call("DE", "TelefonSeelsorge", "0800 1110111", "https://www.telefonseelsorge.de"),
    call("AT", "TelefonSeelsorge", "142", "https://www.telefonseelsorge.at"),
    call("CH", "Die Dargebotene Hand", "143", "https://www.143.ch"),
    call("ES", "Línea 024", "024", "https://www.sanidad.gob.es/linea024/home.htm"),
    call("MX", "Línea de la Vida", "800 911 2000", "https://www.gob.mx/conasama"),
    call("FR", "3114, numéro national de prévention du suicide", "3114", "https://3114.fr"),
    call("NL", "113 Zelfmoordpreventie", "113", "https://www.113.nl"),
    call("IN", "Tele-MANAS", "14416", "https://telemanas.mohfw.gov.in"),
];

/// Helplines of every country, for whoever is in another one than we think.
const DIRECTORY: Resource = Resource {
    country: "*",
    name: "Find A Helpline",
    phone: None,
    text: None,
    web: "https://findahelpline.com",
    source: "https://findahelpline.com",
    reviewed: REVIEWED,
};

/// Where somebody is when nothing tells.
const DEFAULT: &str = "US";

/// The services of a country, or those of the United States when it is not known or has none here; a directory of all countries comes last.
pub fn resources(country: Option<Country>) -> Vec<Resource> {
    let is_there = |resource: &&Resource| country.is_some_and(|country| country.is(resource.country));
    let mut found: Vec<Resource> = RESOURCES.iter().filter(is_there).copied().collect();
    if found.is_empty() {
        found.extend(RESOURCES.iter().filter(|resource| resource.country == DEFAULT));
    }
    found.push(DIRECTORY);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_somebody_to_call_and_every_entry_its_source() {
        for resource in RESOURCES {
            let country = Country::parse(resource.country);
            assert!(resources(country).iter().any(|one| one.phone.is_some() && one.country == resource.country));
            assert!(resource.web.starts_with("https://") && resource.source.starts_with("https://"), "{resource:?}");
            assert!(
                resource.reviewed.parse::<jiff::civil::Date>().is_ok()
                    && (resource.phone.is_some() || resource.text.is_some())
            );
        }
    }

    #[test]
    fn the_default_is_988_and_the_directory_comes_last() {
        for country in [None, Country::parse("XX")] {
            let list = resources(country);
            assert_eq!((list[0].phone, list[0].text), (Some("988"), Some("988")));
            assert_eq!(list.last(), Some(&DIRECTORY));
        }
        assert_eq!(resources(Country::parse("at"))[0].phone, Some("142"));
    }
}
