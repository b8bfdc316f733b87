//! Crisis services by country.
//!
//! The entries come from general knowledge of what the organizations publish. `docs/safety.md`
//! lists what must be verified before anyone relies on them.

use super::Country;

const REVIEWED: &str = "2026-11-23";

/// A crisis service that is available for most of the day, free of charge or for the price of a
/// call.
#[derive(serde::Serialize, utoipa::ToSchema, Debug, Clone, Copy)]
pub struct Resource {
    /// Country of the service: an ISO 3166 alpha-2 code, or `ZZ` for a service for every country.
    #[schema(pattern = "^[A-Z]{2}$")]
    pub country: &'static str,
    /// Name of the service.
    pub name: &'static str,
    /// Phone number, in the format of the country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<&'static str>,
    /// Number for text messages, or the word to send and the number, such as `HOME to 741741`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'static str>,
    /// Website of the service.
    #[schema(format = "uri")]
    pub web: &'static str,
    /// Page of the organization against which this service must be verified.
    #[schema(format = "uri")]
    pub source: &'static str,
    /// Date on which this service was added or last verified.
    #[schema(format = "date")]
    pub reviewed: &'static str,
}

/// Returns the services of a country, followed by the international directory. For an unknown
/// country, or one without services in the list, returns those of the United States.
pub fn resources(country: Option<Country>) -> Vec<Resource> {
    let of = |code: &str| TABLE.iter().filter(|resource| resource.country == code).copied().collect::<Vec<_>>();
    let mut found = country.map(|country| of(country.as_str())).unwrap_or_default();
    if found.is_empty() {
        found = of("US");
    }
    found.push(DIRECTORY);
    found
}

const DIRECTORY: Resource =
    entry("ZZ", "Find A Helpline (international directory)", None, None, "https://findahelpline.com/");

const TABLE: [Resource; 24] = [
    entry("US", "988 Suicide & Crisis Lifeline", Some("988"), Some("988"), "https://988lifeline.org/"),
    entry("US", "Crisis Text Line", None, Some("HOME to 741741"), "https://www.crisistextline.org/"),
    entry("CA", "9-8-8: Suicide Crisis Helpline", Some("988"), Some("988"), "https://988.ca/"),
    entry("GB", "Samaritans", Some("116 123"), None, "https://www.samaritans.org/"),
    entry("GB", "Shout", None, Some("SHOUT to 85258"), "https://giveusashout.org/"),
    entry("IE", "Samaritans Ireland", Some("116 123"), None, "https://www.samaritans.org/ireland/samaritans-ireland/"),
    entry("IE", "Text About It", None, Some("HELLO to 50808"), "https://www.textaboutit.ie/"),
    entry("AU", "Lifeline", Some("13 11 14"), Some("0477 13 11 14"), "https://www.lifeline.org.au/"),
    entry("NZ", "1737 Need to talk?", Some("1737"), Some("1737"), "https://1737.org.nz/"),
    entry("DE", "TelefonSeelsorge", Some("0800 1110111"), None, "https://www.telefonseelsorge.de/"),
    entry("DE", "TelefonSeelsorge (second number)", Some("0800 1110222"), None, "https://www.telefonseelsorge.de/"),
    entry("AT", "TelefonSeelsorge Österreich", Some("142"), None, "https://www.telefonseelsorge.at/"),
    entry("CH", "Die Dargebotene Hand", Some("143"), None, "https://www.143.ch/"),
    entry(
        "ES",
        "Línea 024 de atención a la conducta suicida",
        Some("024"),
        None,
        "https://www.sanidad.gob.es/linea024/home.htm",
    ),
    entry("ES", "Teléfono de la Esperanza", Some("717 003 717"), None, "https://telefonodelaesperanza.org/"),
    entry("MX", "Línea de la Vida", Some("800 911 2000"), None, "https://lineadelavida.gob.mx/"),
    entry("AR", "Centro de Asistencia al Suicida", Some("135"), None, "https://www.asistenciaalsuicida.org.ar/"),
    entry("IN", "Tele-MANAS", Some("14416"), None, "https://telemanas.mohfw.gov.in/"),
    entry("FR", "3114, numéro national de prévention du suicide", Some("3114"), None, "https://3114.fr/"),
    entry("IT", "Telefono Amico Italia", Some("02 2327 2327"), None, "https://www.telefonoamico.it/"),
    entry("NL", "113 Zelfmoordpreventie", Some("113"), None, "https://www.113.nl/"),
    entry("BE", "Zelfmoordlijn 1813", Some("1813"), None, "https://www.zelfmoord1813.be/"),
    entry("BR", "CVV, Centro de Valorização da Vida", Some("188"), None, "https://cvv.org.br/"),
    entry("CL", "Línea de prevención del suicidio", Some("*4141"), None, "https://www.minsal.cl/"),
];

const fn entry(
    country: &'static str,
    name: &'static str,
    phone: Option<&'static str>,
    text: Option<&'static str>,
    web: &'static str,
) -> Resource {
    Resource { country, name, phone, text, web, source: web, reviewed: REVIEWED }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_has_its_own_services_and_the_directory_last() {
        let austria = resources(Country::parse("AT"));
        assert_eq!(austria.iter().map(|resource| resource.phone).collect::<Vec<_>>(), [Some("142"), None]);
        for country in [None, Country::parse("QQ"), Country::parse("ZZ")] {
            let fallback = resources(country);
            assert_eq!((fallback[0].phone, fallback[0].text), (Some("988"), Some("988")), "{country:?}");
            assert_eq!(fallback.last().unwrap().web, DIRECTORY.web);
        }
    }

    #[test]
    fn every_entry_can_be_reached_and_checked() {
        for resource in TABLE.iter().chain([&DIRECTORY]) {
            assert!(Country::parse(resource.country).is_some_and(|country| country.as_str() == resource.country));
            assert!(resource.web.starts_with("https://") && resource.source.starts_with("https://"), "{resource:?}");
            assert!(resource.phone.is_some() || resource.text.is_some() || resource.country == "ZZ", "{resource:?}");
            assert!(resource.reviewed.parse::<jiff::civil::Date>().is_ok(), "{resource:?}");
        }
    }

    #[test]
    fn missing_phone_and_text_numbers_are_omitted_from_json() {
        let json = serde_json::to_value(DIRECTORY).unwrap();
        assert!(json.get("phone").is_none() && json.get("text").is_none(), "{json}");
    }
}
