//! Reads the properties of a resource. Errors name the resource, the property and the rule.

use super::intrinsic::{Scope, Unresolved, plain};
use crate::error::{Error, Result};
use serde_json::{Map, Value};

/// The properties of one resource, or of one part of it below `prefix`.
pub(super) struct Properties<'a> {
    pub(super) resource: &'a str,
    prefix: String,
    value: Value,
    scope: &'a Scope<'a>,
}

impl<'a> Properties<'a> {
    pub(super) fn new(resource: &'a str, value: Value, scope: &'a Scope<'a>) -> Self {
        Self { resource, prefix: String::new(), value, scope }
    }

    /// Returns an error about `property`.
    pub(super) fn error(&self, property: &str, rule: impl Into<String>) -> Error {
        Error::template(self.resource, format!("{}{property}", self.prefix), rule)
    }

    /// Returns the value at `path` (`A.B`) with unresolved intrinsic functions.
    pub(super) fn raw(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(&self.value, |value, key| value.get(key))
    }

    /// Returns the value at `path` with resolved intrinsic functions. Returns `None` if the value
    /// is absent or `AWS::NoValue`.
    pub(super) fn get(&self, path: &str) -> Result<Option<Value>> {
        let Some(raw) = self.raw(path) else { return Ok(None) };
        match self.scope.resolve(raw) {
            Ok(Value::Null) => Ok(None),
            Ok(value) => Ok(Some(value)),
            Err(unresolved) => Err(self.error(path, unresolved.rule())),
        }
    }

    /// Returns the entries of a map. They are resolved individually, so that one unresolved entry
    /// does not hide the others.
    pub(super) fn entries(&self, path: &str) -> Result<Vec<(String, Result<String, Unresolved>)>> {
        match self.raw(path) {
            None => Ok(Vec::new()),
            Some(Value::Object(map)) => {
                let entries = map.iter().map(|(key, value)| (key.clone(), self.scope.resolve(value)));
                let present = entries.filter(|(_, value)| *value != Ok(Value::Null));
                Ok(present.map(|(key, value)| (key, value.map(|value| plain(&value)))).collect())
            }
            Some(_) => Err(self.error(path, "expected a map")),
        }
    }

    pub(super) fn text(&self, path: &str) -> Result<Option<String>> {
        match self.get(path)? {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(value.to_string())),
            Some(_) => Err(self.error(path, "expected a string")),
        }
    }

    /// Returns a whole number within `range`. As in CloudFormation, it may also be a string.
    pub(super) fn integer(&self, path: &str, range: std::ops::RangeInclusive<u64>) -> Result<Option<u64>> {
        let Some(text) = self.text(path)? else { return Ok(None) };
        match text.parse::<u64>() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => Err(self.error(path, format!("expected a whole number from {} to {}", range.start(), range.end()))),
        }
    }

    pub(super) fn boolean(&self, path: &str) -> Result<Option<bool>> {
        match self.text(path)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(self.error(path, "expected true or false")),
        }
    }

    pub(super) fn texts(&self, path: &str) -> Result<Vec<String>> {
        match self.get(path)? {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items.iter().map(plain).collect()),
            Some(_) => Err(self.error(path, "expected a list")),
        }
    }

    /// Returns the entries of a map of parts, such as `Events`.
    pub(super) fn parts(&self, path: &str) -> Result<Vec<(String, Properties<'a>)>> {
        match self.raw(path) {
            None => Ok(Vec::new()),
            Some(Value::Object(map)) => {
                Ok(map.iter().map(|(key, value)| (key.clone(), self.part(&format!("{path}.{key}"), value))).collect())
            }
            Some(_) => Err(self.error(path, "expected a map")),
        }
    }

    fn part(&self, path: &str, value: &Value) -> Properties<'a> {
        Properties {
            resource: self.resource,
            prefix: format!("{}{path}.", self.prefix),
            value: value.clone(),
            scope: self.scope,
        }
    }
}

/// Merges `specific` over `global` as SAM merges `Globals`. Maps are merged, lists are appended,
/// and other values are replaced.
pub(super) fn merge(global: &Value, specific: &Value) -> Value {
    match (global, specific) {
        (Value::Object(global), Value::Object(specific)) if !intrinsic(global) && !intrinsic(specific) => {
            let mut merged = global.clone();
            for (key, value) in specific {
                let value = global.get(key).map_or_else(|| value.clone(), |global| merge(global, value));
                merged.insert(key.clone(), value);
            }
            Value::Object(merged)
        }
        (Value::Array(global), Value::Array(specific)) => global.iter().chain(specific).cloned().collect(),
        (global, Value::Null) => global.clone(),
        (_, specific) => specific.clone(),
    }
}

fn intrinsic(map: &Map<String, Value>) -> bool {
    map.keys().any(|key| key == "Ref" || key.starts_with("Fn::"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn globals_are_merged_as_sam_does() {
        let global = json!({"Timeout": 3, "Environment": {"Variables": {"A": "1", "B": {"Ref": "X"}}}, "Layers": [1]});
        let specific = json!({"Timeout": 9, "Environment": {"Variables": {"B": "2", "C": "3"}}, "Layers": [2]});
        assert_eq!(
            super::merge(&global, &specific),
            json!({"Timeout": 9, "Environment": {"Variables": {"A": "1", "B": "2", "C": "3"}}, "Layers": [1, 2]})
        );
    }
}
