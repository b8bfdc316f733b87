//! The part of metric math that the alarms use: arithmetic, comparison, `IF`, and `MAX` and `MIN`
//! over a list.
//!
//! Source: Amazon CloudWatch user guide, "Using math expressions with CloudWatch metrics". An
//! operation has no value in a period in which one side is missing. A function over a list ignores
//! missing values.

/// A value in one period, if there is one.
type Number = Option<f64>;
/// A comparison of two values.
type Relation = fn(&f64, &f64) -> bool;

/// Evaluates an expression in one period. `value` returns the value of a query by its id.
///
/// # Errors
/// The expression is invalid. The error states which token was expected.
pub(super) fn evaluate(text: &str, value: &impl Fn(&str) -> Result<Number, String>) -> Result<Number, String> {
    let mut parser = Parser { rest: text.trim(), value };
    let number = parser.comparison()?;
    if parser.rest.is_empty() {
        Ok(number)
    } else {
        Err(format!("expected the end of the expression before `{}`", parser.rest))
    }
}

struct Parser<'a, V> {
    rest: &'a str,
    value: &'a V,
}

impl<V: Fn(&str) -> Result<Number, String>> Parser<'_, V> {
    fn accept(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest).trim_start();
        rest.is_some()
    }

    fn comparison(&mut self) -> Result<Number, String> {
        let left = self.sum()?;
        let operators: [(&str, Relation); 6] = [
            (">=", |a, b| a >= b),
            ("<=", |a, b| a <= b),
            ("==", |a, b| a == b),
            ("!=", |a, b| a != b),
            (">", |a, b| a > b),
            ("<", |a, b| a < b),
        ];
        match operators.into_iter().find(|(token, _)| self.accept(token)) {
            Some((_, holds)) => {
                let right = self.sum()?;
                Ok(left.zip(right).map(|(left, right)| f64::from(u8::from(holds(&left, &right)))))
            }
            None => Ok(left),
        }
    }

    fn sum(&mut self) -> Result<Number, String> {
        let mut total = self.product()?;
        loop {
            let sign = match () {
                () if self.accept("+") => 1.0,
                () if self.accept("-") => -1.0,
                () => return Ok(total),
            };
            total = total.zip(self.product()?).map(|(left, right)| left + sign * right);
        }
    }

    fn product(&mut self) -> Result<Number, String> {
        let mut total = self.atom()?;
        loop {
            if self.accept("*") {
                total = total.zip(self.atom()?).map(|(left, right)| left * right);
            } else if self.accept("/") {
                // A division by zero has no value.
                total = total.zip(self.atom()?).map(|(left, right)| left / right).filter(|value| value.is_finite());
            } else {
                return Ok(total);
            }
        }
    }

    fn atom(&mut self) -> Result<Number, String> {
        if self.accept("(") {
            let inner = self.comparison()?;
            return self.expect(")").map(|()| inner);
        }
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        match word {
            "" => Err(format!("expected a value before `{}`", self.rest)),
            "IF" => {
                self.expect("(")?;
                let condition = self.comparison()?;
                self.expect(",")?;
                let (yes, no) = (self.comparison()?, if self.accept(",") { self.comparison()? } else { None });
                self.expect(")")?;
                Ok(condition.and_then(|condition| if condition != 0.0 { yes } else { no }))
            }
            "MAX" | "MIN" => {
                self.expect("(")?;
                self.expect("[")?;
                let mut values = vec![self.comparison()?];
                while self.accept(",") {
                    values.push(self.comparison()?);
                }
                self.expect("]")?;
                self.expect(")")?;
                let choose = if word == "MAX" { f64::max } else { f64::min };
                Ok(values.into_iter().flatten().reduce(choose))
            }
            word => match word.parse::<f64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => (self.value)(word),
            },
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.accept(token) { Ok(()) } else { Err(format!("expected {token} before `{}`", self.rest)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Result<Number, String> {
        match name {
            "two" => Ok(Some(2.0)),
            "zero" => Ok(Some(0.0)),
            "missing" => Ok(None),
            _ => Err(format!("unknown query {name}")),
        }
    }

    #[test]
    fn expressions_evaluate_as_documented() {
        for (text, expected) in [
            ("1 + two * 3 - 4 / two", Some(5.0)),
            ("(1 + two) * 3", Some(9.0)),
            ("two / zero", None),
            ("two + missing", None),
            ("two > 1", Some(1.0)),
            ("two <= 1", Some(0.0)),
            ("IF(two >= 2, 100 * two, 7)", Some(200.0)),
            ("IF(zero, 1, 7)", Some(7.0)),
            ("IF(zero > 0, 1)", None),
            ("IF(missing > 0, 1, 2)", None),
            ("MAX([1, missing, two])", Some(2.0)),
            ("MIN([3, two])", Some(2.0)),
            ("MAX([missing])", None),
        ] {
            assert_eq!(evaluate(text, &value), Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_invalid_expression_is_an_error() {
        for text in ["", "1 +", "(1", "MAX(1)", "IF(1)", "1 2", "unknown", "AVG([two])"] {
            assert!(evaluate(text, &value).is_err(), "{text}");
        }
    }
}
