//! The measured cases: functions on a certain path, and the baselines that they are compared with.

mod baseline;
mod chat;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::build::Binaries;
use super::event::Event;
use super::fixture::{Account, Fixture};
use super::response::Response;
use crate::accounts::credentials;
use crate::measurement::seed::Text;

/// The names of the baselines, in the table and in references.
pub(crate) const NOTHING: &str = "baseline: nothing";
pub(crate) const BOTH: &str = "baseline: both connections";
pub(crate) const REDIS_LIST: &str = "baseline: Redis, list";
pub(crate) const REDIS_PROFILE: &str = "baseline: Redis, profile";
pub(crate) const SELECT: &str = "baseline: SELECT 1";
pub(crate) const PAGE: &str = "baseline: page of rows";
pub(crate) const PROFILE: &str = "baseline: profile row";
pub(crate) const INSERT: &str = "baseline: INSERT";
pub(crate) const TURNS: &str = "baseline: two messages";
pub(crate) const REDIS_ONE: &str = "baseline: Redis, one record";
pub(crate) const REDIS_HISTORY: &str = "baseline: Redis, history";
pub(crate) const REDIS_INSIGHTS: &str = "baseline: Redis, insights";

pub(crate) const LIST_MISSES: [&str; 3] = ["list miss, 10² entries", "list miss", "list miss, 10⁶ entries"];
pub(crate) const LOGIN: &str = "login";

const LIST_ROUTE: &str = "GET /api/journal/entries";
const PROFILE_ROUTE: &str = "GET /api/users/{user_id}/profile";
const PAGE_QUERY: [(&str, &str); 2] = [("page", "1"), ("page_size", "20")];

/// A binary and the requests that it is measured with.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) binary: PathBuf,
    pub(crate) variables: BTreeMap<String, String>,
    /// The events, which are sent in turn.
    pub(crate) payloads: Vec<Vec<u8>>,
    /// The Redis keys that are deleted before each invocation.
    pub(crate) deleted_keys: Vec<String>,
    /// The status, and for cached reads the `X-Cache` header, of an invocation that took the
    /// measured path.
    pub(crate) expected: (u16, Option<&'static str>),
    /// The number of measured invocations in a round.
    pub(crate) per_round: usize,
    /// The references that the duration is compared with.
    pub(crate) references: Vec<Reference>,
}

impl Case {
    pub(crate) fn is_baseline(&self) -> bool {
        self.name.starts_with("baseline")
    }
}

/// A sum of baselines, and the target for a case as a multiple of that sum.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub(crate) label: &'static str,
    /// The names of the baselines that are added.
    pub(crate) plus: &'static [&'static str],
    /// The names of the baselines that are subtracted.
    pub(crate) minus: &'static [&'static str],
    /// The largest multiple that meets the target, if there is a target.
    pub(crate) target: Option<f64>,
}

impl Reference {
    const fn to(baseline: &'static [&'static str], label: &'static str, target: Option<f64>) -> Self {
        Self { label, plus: baseline, minus: &[], target }
    }

    const fn miss(plus: &'static [&'static str], label: &'static str) -> Self {
        Self { label, plus, minus: &[NOTHING], target: Some(1.3) }
    }
}

const LIST_MISS: [Reference; 2] = [
    Reference::miss(&[REDIS_LIST, SELECT], "Redis + SELECT 1 − nothing"),
    Reference::miss(&[REDIS_LIST, PAGE], "Redis + page of rows − nothing"),
];
const PROFILE_MISS: [Reference; 2] = [
    Reference::miss(&[REDIS_PROFILE, SELECT], "Redis + SELECT 1 − nothing"),
    Reference::miss(&[REDIS_PROFILE, PROFILE], "Redis + profile row − nothing"),
];

/// Returns every case, functions first, and fills the cache for them.
///
/// # Errors
/// A function does not respond as expected.
pub(crate) fn all(fixture: &Fixture, binaries: &Binaries) -> Result<Vec<Case>> {
    let [hundred, reader, million] = &fixture.readers;
    let list = fixture.invoke(binaries, "journal-list", &list_event(reader, None))?;
    let profile = fixture.invoke(binaries, "profile-get", &profile_event(reader, None))?;
    let etag = |response: &Response| response.header("etag").map(str::to_owned).context("the response has no ETag");
    let (list_etag, profile_etag) = (etag(&list)?, etag(&profile)?);
    let (list_key, profile_key) = (list_key(reader), format!("user:profile:{}", reader.user_id));
    let session_key = format!("session:{}", reader.token_hash);

    let case =
        |name: &'static str, function: &str, event: &Event<'_>, expected, references: &[Reference]| -> Result<Case> {
            Ok(Case {
                name,
                binary: binaries.get(function)?.to_owned(),
                variables: fixture.variables.clone(),
                payloads: vec![event.payload()],
                deleted_keys: Vec::new(),
                expected,
                per_round: 50,
                references: references.to_vec(),
            })
        };
    let (hit, miss) = ((200, Some("hit")), (200, Some("miss")));
    let list_case = |name, account: &Account, etag, expected, references: &[Reference]| {
        case(name, "journal-list", &list_event(account, etag), expected, references)
    };
    let profile_case = |name, etag, expected, references: &[Reference]| {
        case(name, "profile-get", &profile_event(reader, etag), expected, references)
    };
    let list_miss = |name, account, deleted_keys: Vec<String>, references| -> Result<Case> {
        Ok(Case { deleted_keys, ..list_case(name, account, None, miss, references)? })
    };
    let on_redis = [Reference::to(&[REDIS_LIST], "Redis", Some(1.2))];
    let on_redis_profile = [Reference::to(&[REDIS_PROFILE], "Redis", Some(1.2))];
    let unmodified = [Reference::to(&[REDIS_LIST], "Redis, body included", Some(1.0))];
    let unmodified_profile = [Reference::to(&[REDIS_PROFILE], "Redis, body included", Some(1.0))];
    let [few, many, most] = LIST_MISSES;

    let create = Reference::to(&[INSERT], "INSERT", None);
    let payloads: Vec<Vec<u8>> =
        fixture.texts.iter().map(|text| create_event(&fixture.writer, text).payload()).collect();
    let create = case("create", "journal-create", &Event::default(), (201, None), &[create])?;
    let login =
        Event { route: "POST /api/auth/login", body: Some(credentials(&fixture.writer.email)), ..Event::default() };
    let health = Event { route: "GET /health", ..Event::default() };
    // The health check queries Redis as well. On one processor the two queries cannot overlap.
    let on_both =
        Reference { target: None, ..Reference::miss(&[SELECT, REDIS_PROFILE], "Redis + SELECT 1 − nothing") };
    let on_select = [Reference::to(&[SELECT], "SELECT 1", Some(1.2)), on_both];

    let mut cases = vec![
        list_case("list hit", reader, None, hit, &on_redis)?,
        list_case("list 304", reader, Some(&list_etag), (304, Some("hit")), &unmodified)?,
        list_miss(many, reader, vec![list_key.clone()], &LIST_MISS)?,
        list_miss("list miss, session too", reader, vec![session_key, list_key], &LIST_MISS)?,
        list_miss(few, hundred, vec![self::list_key(hundred)], &LIST_MISS)?,
        list_miss(most, million, vec![self::list_key(million)], &LIST_MISS)?,
        profile_case("profile hit", None, hit, &on_redis_profile)?,
        profile_case("profile 304", Some(&profile_etag), (304, Some("hit")), &unmodified_profile)?,
        Case { deleted_keys: vec![profile_key], ..profile_case("profile miss", None, miss, &PROFILE_MISS)? },
        Case { payloads, ..create },
        case("health", "health", &health, (200, None), &on_select)?,
        // Hashing a password costs as much as forty pages. Two invocations in a round are enough
        // for a median.
        Case { per_round: 2, ..case(LOGIN, "auth-login", &login, (200, None), &[])? },
    ];
    cases.extend(chat::cases(fixture, binaries, case)?);
    cases.extend(baseline::cases(fixture, binaries, &list, &profile)?);
    Ok(cases)
}

fn list_key(account: &Account) -> String {
    format!("journal:list:{}:page:1:size:20", account.user_id)
}

fn list_event<'a>(account: &'a Account, if_none_match: Option<&'a str>) -> Event<'a> {
    Event { route: LIST_ROUTE, query: &PAGE_QUERY, token: Some(&account.token), if_none_match, ..Event::default() }
}

fn profile_event<'a>(account: &'a Account, if_none_match: Option<&'a str>) -> Event<'a> {
    let (user_id, token) = (Some(account.user_id.as_str()), Some(account.token.as_str()));
    Event { route: PROFILE_ROUTE, user_id, token, if_none_match, ..Event::default() }
}

fn create_event<'a>(account: &'a Account, text: &Text) -> Event<'a> {
    let (token, body) = (Some(account.token.as_str()), Some(text.to_json()));
    Event { route: "POST /api/journal/entries", token, body, ..Event::default() }
}
