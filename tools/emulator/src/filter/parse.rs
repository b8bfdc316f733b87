//! Reading a pattern, from left to right.

use super::{Comparison, Order, Selector, Step, Term};

type Parsed<T> = Result<T, String>;

/// Reads `{ … }` and nothing after it.
pub(super) fn pattern(text: &str) -> Parsed<Term> {
    let mut rest = Rest(text.trim());
    rest.expect("{", "a JSON pattern in braces is expected: lines in other formats are not selected here")?;
    let term = rest.any()?;
    rest.expect("}", "a } is expected at the end")?;
    if rest.0.is_empty() { Ok(term) } else { Err(format!("nothing is expected after the last }}, not {}", rest.0)) }
}

struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Takes a mark away if it is the next one.
    fn take(&mut self, mark: &str) -> bool {
        let taken = self.0.trim_start().strip_prefix(mark);
        self.0 = taken.unwrap_or(self.0.trim_start());
        taken.is_some()
    }

    fn expect(&mut self, mark: &str, rule: &str) -> Parsed<()> {
        if self.take(mark) { Ok(()) } else { Err(rule.to_owned()) }
    }

    fn any(&mut self) -> Parsed<Term> {
        let mut terms = vec![self.all()?];
        while self.take("||") {
            terms.push(self.all()?);
        }
        Ok(Term::Any(terms))
    }

    fn all(&mut self) -> Parsed<Term> {
        let mut terms = vec![self.one()?];
        while self.take("&&") {
            terms.push(self.one()?);
        }
        Ok(Term::All(terms))
    }

    fn one(&mut self) -> Parsed<Term> {
        if self.take("(") {
            let term = self.any()?;
            self.expect(")", "a ) is expected")?;
            return Ok(term);
        }
        self.expect("$", "a selector such as $.name is expected")?;
        Ok(Term::Compare(self.selector()?, self.comparison()?))
    }

    fn selector(&mut self) -> Parsed<Selector> {
        let mut steps = Vec::new();
        loop {
            if let Some(rest) = self.0.strip_prefix('.') {
                self.0 = rest;
                let name = self.while_true(|c| c.is_alphanumeric() || c == '_' || c == '-');
                if name.is_empty() {
                    return Err("a name is expected after a . of a selector".to_owned());
                }
                steps.push(Step::Name(name.to_owned()));
            } else if let Some(rest) = self.0.strip_prefix('[') {
                self.0 = rest;
                let rule = "a position such as [0] is expected in a selector";
                let position = self.while_true(|c| c.is_ascii_digit()).parse().map_err(|_| rule.to_owned())?;
                self.expect("]", rule)?;
                steps.push(Step::Position(position));
            } else if steps.is_empty() {
                return Err("a . or a [ is expected after $".to_owned());
            } else {
                return Ok(steps);
            }
        }
    }

    fn comparison(&mut self) -> Parsed<Comparison> {
        if self.take("IS") {
            let known = [("NULL", Comparison::Null), ("TRUE", true.into()), ("FALSE", false.into())];
            let found = known.into_iter().find(|(word, _)| self.take(word));
            return found
                .map(|(_, comparison)| comparison)
                .ok_or("NULL, TRUE or FALSE is expected after IS".to_owned());
        }
        if self.take("NOT") {
            self.expect("EXISTS", "EXISTS is expected after NOT")?;
            return Ok(Comparison::Absent);
        }
        let orders = [
            ("!=", Order::Unequal),
            ("<=", Order::AtMost),
            (">=", Order::AtLeast),
            ("=", Order::Equal),
            ("<", Order::Less),
            (">", Order::Greater),
        ];
        let order = orders.into_iter().find(|(mark, _)| self.take(mark));
        let (_, order) = order.ok_or("a comparison such as = or IS NULL is expected after a selector")?;
        self.value(order)
    }

    fn value(&mut self, order: Order) -> Parsed<Comparison> {
        let (text, quoted) = if self.take("\"") {
            let (text, rest) = self.0.split_once('"').ok_or("a \" is expected at the end of a text")?;
            self.0 = rest;
            (text, true)
        } else {
            self.0 = self.0.trim_start();
            (self.while_true(|c| !c.is_whitespace() && !"(){}&|\"".contains(c)), false)
        };
        if text.is_empty() && !quoted {
            return Err("a value is expected after a comparison".to_owned());
        }
        match (order, text.parse::<f64>()) {
            (order, Ok(number)) if !quoted && number.is_finite() => Ok(Comparison::Number(order, number)),
            (Order::Equal | Order::Unequal, _) => {
                Ok(Comparison::Text { pattern: text.to_owned(), equal: order == Order::Equal })
            }
            _ => Err("a number is expected after <, <=, > and >=".to_owned()),
        }
    }

    fn while_true(&mut self, is_meant: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !is_meant(c)).unwrap_or(self.0.len());
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
