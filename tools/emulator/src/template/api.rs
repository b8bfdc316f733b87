//! The HTTP API of the template: its CORS and throttling settings. The routes belong to the
//! functions that they invoke.

use super::property::Properties;
use crate::error::Result;
use std::{collections::BTreeMap, time::Duration};

/// The HTTP API in front of the functions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Api {
    /// The gateway's handling of cross-origin requests. `None` leaves it to the functions.
    pub cors: Option<Cors>,
    /// The limit of each route that has no limit of its own.
    pub throttle: Option<Throttle>,
    /// The limits of individual routes, by route key (`GET /health`).
    pub route_throttles: BTreeMap<String, Throttle>,
}

/// The `CorsConfiguration` of an HTTP API. `*` in a list allows every value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cors {
    /// The origins that may send requests.
    pub allow_origins: Vec<String>,
    /// The methods that these origins may use.
    pub allow_methods: Vec<String>,
    /// The request headers that these origins may send.
    pub allow_headers: Vec<String>,
    /// The response headers that scripts of these origins may read.
    pub expose_headers: Vec<String>,
    /// How long a browser may cache the response to a preflight request.
    pub max_age: Option<Duration>,
    /// Whether a browser may send credentials.
    pub allow_credentials: bool,
}

/// A throttling limit, in the terms of a token bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttle {
    /// The size of the bucket: the number of requests that are accepted at the same time.
    pub burst: f64,
    /// The rate at which the bucket fills, in requests per second.
    pub rate: f64,
}

impl Api {
    pub(super) fn read(api: &Properties<'_>) -> Result<Self> {
        for unsupported in ["DefinitionBody", "DefinitionUri"] {
            if api.raw(unsupported).is_some() {
                return Err(api.error(unsupported, "not emulated; define the routes as events of functions"));
            }
        }
        if let Some(stage) = api.text("StageName")?.filter(|stage| stage != "$default") {
            return Err(api.error(
                "StageName",
                format!("only $default is emulated, because {stage} would become part of the path"),
            ));
        }
        let mut route_throttles = BTreeMap::new();
        for (route, settings) in api.parts("RouteSettings")? {
            route_throttles.extend(Throttle::read(&settings, "")?.map(|throttle| (route, throttle)));
        }
        Ok(Self { cors: Cors::read(api)?, throttle: Throttle::read(api, "DefaultRouteSettings.")?, route_throttles })
    }
}

impl Cors {
    fn read(api: &Properties<'_>) -> Result<Option<Self>> {
        match api.raw("CorsConfiguration") {
            None => return Ok(None),
            // `true` is SAM's short form, which allows every origin, method and header.
            Some(serde_json::Value::Bool(enabled)) => {
                let all = || vec!["*".to_owned()];
                return Ok(enabled.then(|| Self {
                    allow_origins: all(),
                    allow_methods: all(),
                    allow_headers: all(),
                    ..Self::default()
                }));
            }
            Some(_) => {}
        }
        let cors = Self {
            allow_origins: api.texts("CorsConfiguration.AllowOrigins")?,
            allow_methods: api.texts("CorsConfiguration.AllowMethods")?,
            allow_headers: api.texts("CorsConfiguration.AllowHeaders")?,
            expose_headers: api.texts("CorsConfiguration.ExposeHeaders")?,
            max_age: api.integer("CorsConfiguration.MaxAge", 0..=86_400)?.map(Duration::from_secs),
            allow_credentials: api.boolean("CorsConfiguration.AllowCredentials")?.unwrap_or(false),
        };
        if cors.allow_credentials && cors.allow_origins.iter().any(|origin| origin == "*") {
            return Err(api.error("CorsConfiguration.AllowCredentials", "must be false if AllowOrigins contains *"));
        }
        Ok(Some(cors))
    }
}

impl Throttle {
    /// Reads `ThrottlingBurstLimit` and `ThrottlingRateLimit` below `prefix`. If only one is given,
    /// the other has the account's default: a burst of 5,000 or a rate of 10,000.
    pub(super) fn read(properties: &Properties<'_>, prefix: &str) -> Result<Option<Self>> {
        let number = |name: &str| -> Result<Option<f64>> {
            let path = format!("{prefix}{name}");
            let Some(text) = properties.text(&path)? else { return Ok(None) };
            match text.parse::<f64>() {
                Ok(number) if number >= 0.0 && number.is_finite() => Ok(Some(number)),
                _ => Err(properties.error(&path, "expected a number of requests")),
            }
        };
        Ok(match (number("ThrottlingBurstLimit")?, number("ThrottlingRateLimit")?) {
            (None, None) => None,
            (burst, rate) => Some(Self { burst: burst.unwrap_or(5_000.0), rate: rate.unwrap_or(10_000.0) }),
        })
    }
}
