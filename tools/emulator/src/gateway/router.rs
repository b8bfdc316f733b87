//! Routing of requests to functions.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::Method;

use crate::pool::Pool;
use crate::template::Template;

/// The routes of the API, most specific first.
pub(super) struct Router(Vec<RouteTarget>);

pub(super) struct RouteTarget {
    pub(super) route_key: String,
    pub(super) timeout: Duration,
    pub(super) pool: Arc<Pool>,
    method: Option<String>,
    /// The segments of the path, or `None` for `$default`, which matches every request.
    pattern: Option<Vec<Segment>>,
}

/// A segment of a path. The variants are in the order of precedence.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Variable(String),
    Greedy(String),
}

impl Router {
    pub(super) fn new(template: &Template, pools: &[Arc<Pool>]) -> Self {
        let mut targets: Vec<RouteTarget> = template
            .functions
            .iter()
            .zip(pools)
            .flat_map(|(function, pool)| {
                function.routes.iter().map(|route| RouteTarget {
                    route_key: route.key(),
                    timeout: route.timeout,
                    pool: Arc::clone(pool),
                    method: route.method.clone(),
                    pattern: route.path.as_deref().map(parse),
                })
            })
            .collect();
        targets.sort_by(|a, b| precedence(&a.pattern, &a.method).cmp(&precedence(&b.pattern, &b.method)));
        Self(targets)
    }

    /// Finds the route for a decoded path. Returns it with the values of the path's variables.
    pub(super) fn find(&self, method: &Method, path: &str) -> Option<(&RouteTarget, BTreeMap<String, String>)> {
        self.0.iter().find_map(|target| {
            if target.method.as_ref().is_some_and(|wanted| wanted != method.as_str()) {
                return None;
            }
            let parameters = match &target.pattern {
                Some(pattern) => match_path(pattern, path)?,
                None => BTreeMap::new(),
            };
            Some((target, parameters))
        })
    }
}

/// Returns a sort key that puts paths before `$default`, literal segments before variables,
/// variables before greedy variables, and methods before `ANY`.
fn precedence<'a>(pattern: &'a Option<Vec<Segment>>, method: &Option<String>) -> impl Ord + use<'a> {
    (pattern.is_none(), pattern, method.is_none())
}

fn parse(path: &str) -> Vec<Segment> {
    let segment = |text: &str| match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        None => Segment::Literal(text.to_owned()),
        Some(name) => match name.strip_suffix('+') {
            Some(name) => Segment::Greedy(name.to_owned()),
            None => Segment::Variable(name.to_owned()),
        },
    };
    path.trim_start_matches('/').split('/').map(segment).collect()
}

/// Returns the values of the pattern's variables, or `None` if the path does not match.
fn match_path(pattern: &[Segment], path: &str) -> Option<BTreeMap<String, String>> {
    let mut rest = Some(path.strip_prefix('/')?);
    let mut found = BTreeMap::new();
    for segment in pattern {
        let text = rest?;
        let (head, tail) = text.split_once('/').map_or((text, None), |(head, tail)| (head, Some(tail)));
        match segment {
            Segment::Literal(literal) if literal == head => {}
            Segment::Variable(name) if !head.is_empty() => drop(found.insert(name.clone(), head.to_owned())),
            Segment::Greedy(name) if !text.is_empty() => {
                found.insert(name.clone(), text.to_owned());
                return Some(found);
            }
            _ => return None,
        }
        rest = tail;
    }
    rest.is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the routes in the order in which they are tried.
    fn ordered(routes: &[(&str, &str)]) -> Vec<String> {
        let mut targets: Vec<_> = routes
            .iter()
            .map(|(method, path)| {
                let pattern = (*path != "$default").then(|| parse(path));
                ((*method != "ANY").then(|| (*method).to_owned()), pattern, format!("{method} {path}"))
            })
            .collect();
        targets.sort_by(|a, b| precedence(&a.1, &a.0).cmp(&precedence(&b.1, &b.0)));
        targets.into_iter().map(|target| target.2).collect()
    }

    #[test]
    fn the_most_specific_route_is_tried_first() {
        let expected = [
            "GET /pets/dog/1",
            "GET /pets/dog/{id}",
            "ANY /pets/dog/{id}",
            "GET /pets/{proxy+}",
            "ANY /{proxy+}",
            "ANY $default",
        ];
        let mut shuffled = [
            ("ANY", "/{proxy+}"),
            ("ANY", "$default"),
            ("ANY", "/pets/dog/{id}"),
            ("GET", "/pets/{proxy+}"),
            ("GET", "/pets/dog/{id}"),
            ("GET", "/pets/dog/1"),
        ];
        assert_eq!(ordered(&shuffled), expected);
        shuffled.reverse();
        assert_eq!(ordered(&shuffled), expected);
    }

    #[test]
    fn a_variable_matches_one_segment_and_a_greedy_one_matches_the_rest() {
        let captured = |pattern: &str, path: &str| {
            match_path(&parse(pattern), path)
                .map(|found| found.into_iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>())
        };
        assert_eq!(captured("/a/{x}/c", "/a/b/c"), Some(vec!["x=b".to_owned()]));
        assert_eq!(captured("/a/{rest+}", "/a/b/c/"), Some(vec!["rest=b/c/".to_owned()]));
        assert_eq!(captured("/", "/"), Some(vec![]));
        for (pattern, path) in
            [("/a/{x}", "/a"), ("/a/{x}", "/a/"), ("/a/{x}", "/a/b/c"), ("/a", "/a/"), ("/a", "/A"), ("/{rest+}", "/")]
        {
            assert_eq!(captured(pattern, path), None, "{pattern} {path}");
        }
    }
}
