//! YAML with CloudFormation's tags, as plain JSON: `!Ref X` becomes `{"Ref": "X"}`, and `!Sub y`
//! becomes `{"Fn::Sub": "y"}`. The rest of the emulator thus handles only the long form of
//! intrinsic functions.

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value};

/// Parses one YAML document. The error of malformed YAML names the line and the column.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
    match documents.as_slice() {
        [document] => json(document),
        documents => Err(format!("expected one document, not {}", documents.len())),
    }
}

fn json(yaml: &Yaml<'_>) -> Result<Value, String> {
    Ok(match yaml {
        Yaml::Value(scalar) => match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(value) => Value::from(*value),
            Scalar::Integer(value) => Value::from(*value),
            Scalar::FloatingPoint(value) => Value::from(value.into_inner()),
            Scalar::String(value) => Value::from(value.as_ref()),
        },
        Yaml::Sequence(items) => Value::Array(items.iter().map(json).collect::<Result<_, _>>()?),
        Yaml::Mapping(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                map.insert(key_text(key)?, json(value)?);
            }
            Value::Object(map)
        }
        Yaml::Tagged(tag, inner) => {
            let name = match tag.suffix.as_str() {
                name @ ("Ref" | "Condition") => name.to_owned(),
                name => format!("Fn::{name}"),
            };
            Value::Object(Map::from_iter([(name, json(inner)?)]))
        }
        Yaml::Representation(text, ..) => Value::from(text.as_ref()),
        Yaml::Alias(_) | Yaml::BadValue => return Err("expected a scalar, a list or a map".to_owned()),
    })
}

fn key_text(key: &Yaml<'_>) -> Result<String, String> {
    match json(key)? {
        Value::String(text) => Ok(text),
        scalar @ (Value::Number(_) | Value::Bool(_)) => Ok(scalar.to_string()),
        _ => Err("expected a scalar as the key of a map".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn tags_become_the_long_form_at_any_depth() {
        let text = "a: !Ref X\nb: [!Sub '${X}', !GetAtt A.B]\nc: !If [Prod, {k: !Ref Y}, !Ref 'AWS::NoValue']\nd: !Join\n  - ','\n  - [1, true, null]\n";
        let expected = json!({
            "a": {"Ref": "X"},
            "b": [{"Fn::Sub": "${X}"}, {"Fn::GetAtt": "A.B"}],
            "c": {"Fn::If": ["Prod", {"k": {"Ref": "Y"}}, {"Ref": "AWS::NoValue"}]},
            "d": {"Fn::Join": [",", [1, true, null]]},
        });
        assert_eq!(super::parse(text).unwrap(), expected);
    }

    #[test]
    fn the_error_of_malformed_yaml_names_the_line() {
        let error = super::parse("a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
        assert!(error.contains("line"), "{error}");
    }
}
