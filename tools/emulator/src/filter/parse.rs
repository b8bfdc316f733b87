//! The recursive descent parser of filter patterns.

use super::{Comparison, Expression, Operator, Selector, Step};

type Result<T> = std::result::Result<T, String>;

/// Parses `{ … }` and rejects any text after it.
pub(super) fn parse(text: &str) -> Result<Expression> {
    let mut parser = Parser(text.trim());
    parser.expect("{", "expected a JSON pattern in braces; other formats are not supported")?;
    let expression = parser.parse_any()?;
    parser.expect("}", "expected } at the end")?;
    if parser.0.is_empty() {
        Ok(expression)
    } else {
        Err(format!("expected the end of the pattern after the last }}, not {}", parser.0))
    }
}

/// A parser over the text that has not been consumed yet.
struct Parser<'a>(&'a str);

impl<'a> Parser<'a> {
    /// Skips white space, and consumes the token if it comes next. Returns `true` if it did.
    fn consume(&mut self, token: &str) -> bool {
        let rest = self.0.trim_start().strip_prefix(token);
        self.0 = rest.unwrap_or(self.0.trim_start());
        rest.is_some()
    }

    fn expect(&mut self, token: &str, rule: &str) -> Result<()> {
        if self.consume(token) { Ok(()) } else { Err(rule.to_owned()) }
    }

    fn parse_any(&mut self) -> Result<Expression> {
        let mut parts = vec![self.parse_all()?];
        while self.consume("||") {
            parts.push(self.parse_all()?);
        }
        Ok(Expression::Any(parts))
    }

    fn parse_all(&mut self) -> Result<Expression> {
        let mut parts = vec![self.parse_operand()?];
        while self.consume("&&") {
            parts.push(self.parse_operand()?);
        }
        Ok(Expression::All(parts))
    }

    fn parse_operand(&mut self) -> Result<Expression> {
        if self.consume("(") {
            let expression = self.parse_any()?;
            self.expect(")", "expected )")?;
            return Ok(expression);
        }
        self.expect("$", "expected a selector such as $.name")?;
        Ok(Expression::Compare(self.parse_selector()?, self.parse_comparison()?))
    }

    fn parse_selector(&mut self) -> Result<Selector> {
        let mut steps = Vec::new();
        loop {
            if let Some(rest) = self.0.strip_prefix('.') {
                self.0 = rest;
                let key = self.take_while(|c| c.is_alphanumeric() || c == '_' || c == '-');
                if key.is_empty() {
                    return Err("expected a name after . in a selector".to_owned());
                }
                steps.push(Step::Key(key.to_owned()));
            } else if let Some(rest) = self.0.strip_prefix('[') {
                self.0 = rest;
                let rule = "expected a position such as [0] in a selector";
                let index = self.take_while(|c| c.is_ascii_digit()).parse().map_err(|_| rule.to_owned())?;
                self.expect("]", rule)?;
                steps.push(Step::Index(index));
            } else if steps.is_empty() {
                return Err("expected . or [ after $".to_owned());
            } else {
                return Ok(steps);
            }
        }
    }

    fn parse_comparison(&mut self) -> Result<Comparison> {
        if self.consume("IS") {
            let keywords = [("NULL", Comparison::Null), ("TRUE", true.into()), ("FALSE", false.into())];
            let found = keywords.into_iter().find(|(keyword, _)| self.consume(keyword));
            return found.map(|(_, comparison)| comparison).ok_or("expected NULL, TRUE or FALSE after IS".to_owned());
        }
        if self.consume("NOT") {
            self.expect("EXISTS", "expected EXISTS after NOT")?;
            return Ok(Comparison::Absent);
        }
        let operators = [
            ("!=", Operator::Unequal),
            ("<=", Operator::AtMost),
            (">=", Operator::AtLeast),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let operator = operators.into_iter().find(|(token, _)| self.consume(token));
        let (_, operator) = operator.ok_or("expected a comparison such as = or IS NULL after a selector")?;
        self.parse_value(operator)
    }

    fn parse_value(&mut self, operator: Operator) -> Result<Comparison> {
        let (text, quoted) = if self.consume("\"") {
            let (text, rest) = self.0.split_once('"').ok_or("expected \" at the end of a text")?;
            self.0 = rest;
            (text, true)
        } else {
            self.0 = self.0.trim_start();
            (self.take_while(|c| !c.is_whitespace() && !"(){}&|\"".contains(c)), false)
        };
        if text.is_empty() && !quoted {
            return Err("expected a value after a comparison".to_owned());
        }
        match (operator, text.parse::<f64>()) {
            (operator, Ok(number)) if !quoted && number.is_finite() => Ok(Comparison::Number(operator, number)),
            (Operator::Equal | Operator::Unequal, _) => {
                Ok(Comparison::Text { pattern: text.to_owned(), equal: operator == Operator::Equal })
            }
            _ => Err("expected a number after <, <=, > or >=".to_owned()),
        }
    }

    fn take_while(&mut self, predicate: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !predicate(c)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }
}

impl From<bool> for Comparison {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}
