//! Loops of the `AWS::LanguageExtensions` transform.
//!
//! A loop has the form `Fn::ForEach::Name: [identifier, [values], {key: body}]`.

use super::intrinsic::plain;
use crate::error::{Error, Result};
use serde_json::{Map, Value};

const LOOP: &str = "Fn::ForEach::";

/// Replaces each loop with one copy of its body per value.
///
/// The identifier is substituted where CloudFormation substitutes it: in the keys of the body, in
/// `Ref` and in the text of `Fn::Sub`. Any other text stays unchanged.
pub(super) fn expand(value: Value) -> Result<Value> {
    Ok(match value {
        Value::Object(map) => expand_map(map)?.into(),
        Value::Array(items) => items.into_iter().map(expand).collect::<Result<Vec<_>>>()?.into(),
        scalar => scalar,
    })
}

fn expand_map(map: Map<String, Value>) -> Result<Map<String, Value>> {
    let mut expanded = Map::new();
    for (key, value) in map {
        if !key.starts_with(LOOP) {
            expanded.insert(key, expand(value)?);
            continue;
        }
        for (copy, value) in unroll(&key, &value)? {
            if expanded.insert(copy.clone(), value).is_some() {
                return Err(Error::template(key, copy, "the keys of a loop must be unique"));
            }
        }
    }
    Ok(expanded)
}

fn unroll(name: &str, definition: &Value) -> Result<Vec<(String, Value)>> {
    let malformed = |rule: &str| Error::template(name, "Fn::ForEach", rule);
    let Some([Value::String(identifier), Value::Array(values), Value::Object(body)]) =
        definition.as_array().map(Vec::as_slice)
    else {
        return Err(malformed("expected a list of an identifier, a list of values and a map"));
    };
    let mut entries = Vec::new();
    for value in values {
        if value.is_object() || value.is_array() {
            return Err(malformed("the values of a loop must be literals"));
        }
        entries.extend(expand_map(Pass { identifier, value: plain(value) }.body(body))?);
    }
    Ok(entries)
}

/// One iteration of a loop.
struct Pass<'a> {
    identifier: &'a str,
    value: String,
}

impl Pass<'_> {
    /// Returns the body of the loop, or of a nested loop, with the identifier substituted. `&{…}`
    /// omits characters that are invalid in a logical id.
    fn body(&self, body: &Map<String, Value>) -> Map<String, Value> {
        let logical = self.value.replace(|c: char| !c.is_ascii_alphanumeric(), "");
        let key = |key: &str| self.text(key).replace(&format!("&{{{}}}", self.identifier), &logical);
        body.iter().map(|(name, value)| (key(name), self.entry(name, value))).collect()
    }

    fn entry(&self, key: &str, value: &Value) -> Value {
        match (key.starts_with(LOOP), value.as_array().map(Vec::as_slice)) {
            (true, Some([identifier, values, Value::Object(body)])) => {
                vec![identifier.clone(), self.substitute(values), self.body(body).into()].into()
            }
            _ => self.substitute(value),
        }
    }

    fn substitute(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.substitute(item)).collect(),
            Value::Object(map) => match map.iter().next().filter(|_| map.len() == 1) {
                Some((name, Value::String(target))) if name == "Ref" && target == self.identifier => {
                    self.value.clone().into()
                }
                Some((name, Value::String(text))) if name == "Fn::Sub" => match self.text(text) {
                    text if text.contains("${") => Map::from_iter([(name.clone(), text.into())]).into(),
                    text => text.into(),
                },
                _ => map.iter().map(|(key, value)| (key.clone(), self.entry(key, value))).collect(),
            },
            scalar => scalar.clone(),
        }
    }

    fn text(&self, text: &str) -> String {
        text.replace(&format!("${{{}}}", self.identifier), &self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_identifier_is_substituted_only_in_keys_ref_and_sub() {
        let body = json!({"${Name}Alarm": {
            "Name": {"Ref": "Name"},
            "Function": {"Ref": {"Fn::Sub": "${Name}Function"}},
            "Attribute": {"Fn::GetAtt": [{"Fn::Sub": "${Name}Function"}, "Arn"]},
            "Text": {"Fn::Sub": "${Name} in ${AWS::Region}"},
            "${Name}": {"Ref": "${Name}Function"},
        }});
        let document = json!({"Resources": {"Topic": {}, "Fn::ForEach::Alarms": ["Name", ["Docs", "Chat"], body]}});
        let copy = |name: &str| {
            json!({
                "Name": name,
                "Function": {"Ref": format!("{name}Function")},
                "Attribute": {"Fn::GetAtt": [format!("{name}Function"), "Arn"]},
                "Text": {"Fn::Sub": format!("{name} in ${{AWS::Region}}")},
                "${Name}": {"Ref": "${Name}Function"},
            })
        };
        let expected = json!({"Resources": {"Topic": {}, "DocsAlarm": copy("Docs"), "ChatAlarm": copy("Chat")}});
        assert_eq!(expand(document).unwrap(), expected);
    }

    #[test]
    fn a_loop_within_a_loop_and_within_properties_is_expanded() {
        let inner = json!({"Zone${Zone}&{Net}": {"Net": {"Ref": "Net"}, "Zone": {"Ref": "Zone"}}});
        let document = json!({
            "Fn::ForEach::Nets": ["Net", ["a-1"], {"Fn::ForEach::Zones": ["Zone", [1, {"Ref": "Net"}], inner]}],
            "Properties": {"Fn::ForEach::Tags": ["Tag", ["x"], {"${Tag}": true}]},
        });
        let zone = |zone: &str| json!({"Net": "a-1", "Zone": zone});
        let expected = json!({"Zone1a1": zone("1"), "Zonea-1a1": zone("a-1"), "Properties": {"x": true}});
        assert_eq!(expand(document).unwrap(), expected);
    }

    #[test]
    fn a_malformed_loop_is_reported_by_its_name() {
        for (definition, part) in [
            (json!(["Name", ["a"]]), "an identifier"),
            (json!(["Name", {"Ref": "Names"}, {}]), "a list of values"),
            (json!(["Name", [{"Ref": "First"}], {"${Name}": 1}]), "must be literals"),
            (json!(["Name", ["a", "b"], {"Same": 1}]), "must be unique"),
        ] {
            let error = expand(json!({"Fn::ForEach::Names": definition})).unwrap_err().to_string();
            assert!(error.starts_with("Fn::ForEach::Names: ") && error.contains(part), "{error}");
        }
    }
}
