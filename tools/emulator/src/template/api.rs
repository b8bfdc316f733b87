//! The HTTP API of the template: routes, CORS, throttling.

use super::property::Properties;
use crate::error::Result;
use std::{collections::BTreeMap, time::Duration};

/// The HTTP API in front of the functions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Api {
    /// Answers of the gateway to cross-origin requests.
    pub cors: Option<Cors>,
    /// The limit of each route that has none of its own.
    pub throttle: Option<Throttle>,
    /// Limits by route key (`GET /health`).
    pub route_throttles: BTreeMap<String, Throttle>,
}

/// `CorsConfiguration` of an HTTP API. A list holding `*` allows everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cors {
    /// Origins that may call.
    pub allow_origins: Vec<String>,
    /// Methods that they may use.
    pub allow_methods: Vec<String>,
    /// Request headers that they may send.
    pub allow_headers: Vec<String>,
    /// Response headers that they may read.
    pub expose_headers: Vec<String>,
    /// For how long a browser may keep the answer to a preflight request.
    pub max_age: Option<Duration>,
    /// Whether credentials may be sent.
    pub allow_credentials: bool,
}

/// A token bucket: how many requests may come at once, and how many each second in the long run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttle {
    /// The size of the bucket, in requests.
    pub burst: f64,
    /// Requests a second.
    pub rate: f64,
}

impl Api {
    pub(super) fn read(api: &Properties<'_>) -> Result<Self> {
        for unsupported in ["DefinitionBody", "DefinitionUri"] {
            if api.raw(unsupported).is_some() {
                return Err(api.error(unsupported, "routes are read from the events of functions only"));
            }
        }
        if let Some(stage) = api.text("StageName")?.filter(|stage| stage != "$default") {
            return Err(
                api.error("StageName", format!("only $default is emulated: {stage} would become part of the path"))
            );
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
            // SAM's short form allows every origin, method and header.
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
            return Err(api.error(
                "CorsConfiguration.AllowCredentials",
                "AllowOrigins may not be * when credentials are allowed",
            ));
        }
        Ok(Some(cors))
    }
}

impl Throttle {
    /// Reads `ThrottlingBurstLimit` and `ThrottlingRateLimit` below `prefix`. Where only one is given, the other is the
    /// account's: 5,000 and 10,000.
    pub(super) fn read(properties: &Properties<'_>, prefix: &str) -> Result<Option<Self>> {
        let number = |name: &str| -> Result<Option<f64>> {
            let path = format!("{prefix}{name}");
            let Some(text) = properties.text(&path)? else { return Ok(None) };
            match text.parse::<f64>() {
                Ok(number) if number >= 0.0 && number.is_finite() => Ok(Some(number)),
                _ => Err(properties.error(&path, "a number of requests is expected")),
            }
        };
        Ok(match (number("ThrottlingBurstLimit")?, number("ThrottlingRateLimit")?) {
            (None, None) => None,
            (burst, rate) => Some(Self { burst: burst.unwrap_or(5_000.0), rate: rate.unwrap_or(10_000.0) }),
        })
    }
}
