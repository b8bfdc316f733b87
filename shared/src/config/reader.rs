//! A reader of variables that collects all of their errors.

use super::ConfigError;

pub(super) struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    errors: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, errors: Vec::new() }
    }

    /// Returns the value if there were no errors, and all errors otherwise.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, ConfigError> {
        value.filter(|_| self.errors.is_empty()).ok_or(ConfigError(self.errors))
    }

    /// Parses a variable. If it is missing or malformed, returns the default, if there is one.
    pub(super) fn read<T>(
        &mut self,
        name: &str,
        default: Option<&str>,
        rule: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = match self.text(name) {
            Some(text) => self.check(name, rule, parse(&text)),
            None if default.is_none() => self.check(name, "is missing", None),
            None => None,
        };
        value.or_else(|| parse(default?))
    }

    /// Records an error that begins with a variable's name, unless there is a value.
    pub(super) fn check<T>(&mut self, name: &str, rule: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.errors.push(format!("{name} {rule}"));
        }
        value
    }

    /// Returns a variable's text. An empty one counts as missing.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|text| !text.is_empty())
    }
}
