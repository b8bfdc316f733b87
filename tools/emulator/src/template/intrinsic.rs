//! Resolves the intrinsic functions whose values the template alone determines.

use serde_json::{Map, Value};

/// The region that functions see.
pub(crate) const REGION: &str = "us-east-1";
/// The account that functions see.
pub(crate) const ACCOUNT: &str = "123456789012";

/// The template whose sections determine the values of intrinsic functions.
pub(super) struct Scope<'a> {
    document: &'a Value,
}

/// An expression whose value is unknown before deployment, such as `!GetAtt Table.Arn`.
#[derive(Debug, PartialEq)]
pub(super) struct Unresolved(pub(super) String);

impl Unresolved {
    /// Returns the rule that the expression breaks, for the text of an error.
    pub(super) fn rule(&self) -> String {
        format!("{} has no value before the stack is deployed", self.0)
    }
}

impl<'a> Scope<'a> {
    pub(super) fn new(document: &'a Value) -> Self {
        Self { document }
    }

    /// Replaces every intrinsic function with its value. Entries of maps and items of lists whose
    /// value is `AWS::NoValue` are removed.
    pub(super) fn resolve(&self, value: &Value) -> Result<Value, Unresolved> {
        match value {
            Value::Object(map) => {
                if let Some((name, argument)) = intrinsic(map) {
                    return self.call(name, argument);
                }
                let mut resolved = Map::new();
                for (key, value) in map {
                    let value = self.resolve(value)?;
                    if !value.is_null() {
                        resolved.insert(key.clone(), value);
                    }
                }
                Ok(Value::Object(resolved))
            }
            Value::Array(items) => {
                let items = items.iter().map(|item| self.resolve(item)).collect::<Result<Vec<_>, _>>()?;
                Ok(Value::Array(items.into_iter().filter(|item| !item.is_null()).collect()))
            }
            // CloudFormation reads dynamic references from Secrets Manager or Parameter Store at
            // deployment.
            Value::String(text) if text.contains("{{resolve:") => Err(Unresolved(text.clone())),
            plain => Ok(plain.clone()),
        }
    }

    /// Reports whether the stack contains a resource, because the condition of the resource holds
    /// or because it has none.
    pub(super) fn includes(&self, resource: &Value) -> Result<bool, Unresolved> {
        resource["Condition"].as_str().map_or(Ok(true), |name| self.condition(name))
    }

    fn call(&self, name: &str, argument: &Value) -> Result<Value, Unresolved> {
        let unresolved = || Unresolved(format!("!{} {}", name.trim_start_matches("Fn::"), plain(argument)));
        let arguments = || argument.as_array().map(Vec::as_slice).unwrap_or_default();
        match (name, arguments()) {
            ("Ref", _) => self.reference(argument.as_str().unwrap_or_default()).ok_or_else(unresolved),
            ("Fn::Sub", []) => self.substitute(argument.as_str().unwrap_or_default(), None),
            ("Fn::Sub", [Value::String(text), variables]) => self.substitute(text, variables.as_object()),
            ("Fn::If", [Value::String(condition), yes, no]) => {
                self.resolve(if self.condition(condition)? { yes } else { no })
            }
            ("Fn::FindInMap", [map, first, second]) => {
                let (map, first, second) = (self.text(map)?, self.text(first)?, self.text(second)?);
                let found = self.document["Mappings"].get(map).and_then(|map| map.get(first)?.get(second));
                self.resolve(found.ok_or_else(unresolved)?)
            }
            ("Fn::Join", [Value::String(separator), items]) => match self.resolve(items)? {
                Value::Array(items) => Ok(items.iter().map(plain).collect::<Vec<_>>().join(separator).into()),
                _ => Err(unresolved()),
            },
            ("Fn::Split", [Value::String(separator), text]) => {
                Ok(self.text(text)?.split(separator.as_str()).map(Value::from).collect())
            }
            ("Fn::Select", [index, items]) => {
                let index = self.text(index)?.parse::<usize>().map_err(|_| unresolved())?;
                self.resolve(items)?.get(index).cloned().ok_or_else(unresolved)
            }
            _ => Err(unresolved()),
        }
    }

    fn reference(&self, name: &str) -> Option<Value> {
        Some(match name {
            "AWS::NoValue" => Value::Null,
            "AWS::Region" => REGION.into(),
            "AWS::AccountId" => ACCOUNT.into(),
            "AWS::Partition" => "aws".into(),
            "AWS::URLSuffix" => "amazonaws.com".into(),
            "AWS::StackName" => "kai-local".into(),
            name => match self.document["Parameters"].get(name) {
                Some(parameter) => parameter.get("Default")?.clone(),
                // CloudFormation returns the physical id. This returns the logical id, as
                // `sam local` does.
                None => self.document["Resources"].get(name).map(|_| Value::from(name))?,
            },
        })
    }

    fn substitute(&self, text: &str, variables: Option<&Map<String, Value>>) -> Result<Value, Unresolved> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or_else(|| Unresolved(format!("!Sub {text}")))?;
            out.push_str(before);
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str(&format!("${{{literal}}}"));
            } else if let Some(value) = variables.and_then(|variables| variables.get(name)) {
                out.push_str(&self.text(value)?);
            } else {
                let value = self.reference(name).ok_or_else(|| Unresolved(format!("!Sub ${{{name}}}")))?;
                out.push_str(&plain(&value));
            }
            rest = after;
        }
        out.push_str(rest);
        self.resolve(&Value::from(out))
    }

    fn condition(&self, name: &str) -> Result<bool, Unresolved> {
        let condition =
            self.document["Conditions"].get(name).ok_or_else(|| Unresolved(format!("!Condition {name}")))?;
        self.holds(condition)
    }

    fn holds(&self, condition: &Value) -> Result<bool, Unresolved> {
        let unresolved = || Unresolved(format!("condition {condition}"));
        let (name, argument) = condition.as_object().and_then(intrinsic).ok_or_else(unresolved)?;
        match (name, argument.as_array().map(Vec::as_slice).unwrap_or_default()) {
            ("Condition", _) => self.condition(argument.as_str().unwrap_or_default()),
            ("Fn::Equals", [left, right]) => Ok(self.text(left)? == self.text(right)?),
            ("Fn::Not", [inner]) => self.holds(inner).map(|holds| !holds),
            ("Fn::And", all) => all.iter().try_fold(true, |held, inner| Ok(held & self.holds(inner)?)),
            ("Fn::Or", any) => any.iter().try_fold(false, |held, inner| Ok(held | self.holds(inner)?)),
            _ => Err(unresolved()),
        }
    }

    fn text(&self, value: &Value) -> Result<String, Unresolved> {
        self.resolve(value).map(|value| plain(&value))
    }
}

fn intrinsic(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = map.iter().next().filter(|_| map.len() == 1)?;
    (name == "Ref" || name == "Condition" || name.starts_with("Fn::")).then_some((name, argument))
}

/// Returns the text of a value when CloudFormation inserts it into a string.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resolve(value: &Value) -> Result<Value, Unresolved> {
        let document = json!({
            "Parameters": {"Stage": {"Default": "dev"}, "Key": {"Type": "String"}},
            "Conditions": {
                "Prod": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
                "NotProd": {"Fn::Not": [{"Condition": "Prod"}]},
            },
            "Mappings": {"Sizes": {"dev": {"memory": 256}}},
            "Resources": {"Table": {}},
        });
        Scope::new(&document).resolve(value)
    }

    #[test]
    fn values_that_the_template_determines_are_resolved() {
        for (value, expected) in [
            (json!({"Ref": "Stage"}), json!("dev")),
            (json!({"Ref": "Table"}), json!("Table")),
            (json!({"Fn::Sub": "a-${Stage}-${AWS::Region}-${!Stage}"}), json!("a-dev-us-east-1-${Stage}")),
            (json!({"Fn::Sub": ["${x}/${Stage}", {"x": {"Ref": "Table"}}]}), json!("Table/dev")),
            (json!({"Fn::If": ["Prod", 1, 2]}), json!(2)),
            (json!({"Fn::If": ["NotProd", 1, 2]}), json!(1)),
            (json!({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "memory"]}), json!(256)),
            (json!({"Fn::Join": ["-", ["a", {"Ref": "Stage"}, 1]]}), json!("a-dev-1")),
            (json!({"Fn::Select": [1, {"Fn::Split": [",", "a,b"]}]}), json!("b")),
            (json!({"a": {"Ref": "AWS::NoValue"}, "b": 1}), json!({"b": 1})),
        ] {
            assert_eq!(resolve(&value).unwrap(), expected, "{value}");
        }
    }

    #[test]
    fn the_error_of_an_unresolved_value_contains_the_expression() {
        assert_eq!(resolve(&json!({"Fn::GetAtt": "Table.Arn"})), Err(Unresolved("!GetAtt Table.Arn".into())));
        assert_eq!(resolve(&json!({"Ref": "Key"})), Err(Unresolved("!Ref Key".into())));
        assert_eq!(resolve(&json!("{{resolve:ssm:/a}}")), Err(Unresolved("{{resolve:ssm:/a}}".into())));
        assert_eq!(resolve(&json!({"Fn::Sub": "x${Table.Arn}"})), Err(Unresolved("!Sub ${Table.Arn}".into())));
    }
}
