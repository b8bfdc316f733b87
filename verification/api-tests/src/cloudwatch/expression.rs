//! Metric math, as far as the alarms use it: arithmetic, comparison, `IF`, `MAX` and `MIN` over a list.
//!
//! Meaning: Amazon CloudWatch user guide, "Using math expressions with CloudWatch metrics". An operation on a period in which one side was not
//! measured has no value there; a function over a list takes what was measured.

/// A value in one period.
type Number = Option<f64>;
/// Whether two values are as a comparison says.
type Relation = fn(&f64, &f64) -> bool;

/// Evaluates an expression in one period, with these values for its ids.
///
/// # Errors
/// What is expected where, if it cannot be read.
pub(super) fn evaluate(text: &str, value: &impl Fn(&str) -> Result<Number, String>) -> Result<Number, String> {
    let mut reader = Reader { rest: text.trim(), value };
    let number = reader.comparison()?;
    if reader.rest.is_empty() { Ok(number) } else { Err(format!("nothing is expected before `{}`", reader.rest)) }
}

struct Reader<'a, V> {
    rest: &'a str,
    value: &'a V,
}

impl<V: Fn(&str) -> Result<Number, String>> Reader<'_, V> {
    fn take(&mut self, mark: &str) -> bool {
        let taken = self.rest.strip_prefix(mark);
        self.rest = taken.unwrap_or(self.rest).trim_start();
        taken.is_some()
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
        match operators.into_iter().find(|(mark, _)| self.take(mark)) {
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
                () if self.take("+") => 1.0,
                () if self.take("-") => -1.0,
                () => return Ok(total),
            };
            total = total.zip(self.product()?).map(|(left, right)| left + sign * right);
        }
    }

    fn product(&mut self) -> Result<Number, String> {
        let mut total = self.atom()?;
        loop {
            if self.take("*") {
                total = total.zip(self.atom()?).map(|(left, right)| left * right);
            } else if self.take("/") {
                // A division by nought has no value.
                total = total.zip(self.atom()?).map(|(left, right)| left / right).filter(|value| value.is_finite());
            } else {
                return Ok(total);
            }
        }
    }

    fn atom(&mut self) -> Result<Number, String> {
        if self.take("(") {
            let inner = self.comparison()?;
            return self.expect(")").map(|()| inner);
        }
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        match word {
            "" => Err(format!("a value is expected before `{}`", self.rest)),
            "IF" => {
                self.expect("(")?;
                let condition = self.comparison()?;
                self.expect(",")?;
                let (yes, no) = (self.comparison()?, if self.take(",") { self.comparison()? } else { None });
                self.expect(")")?;
                Ok(condition.and_then(|condition| if condition != 0.0 { yes } else { no }))
            }
            "MAX" | "MIN" => {
                self.expect("(")?;
                self.expect("[")?;
                let mut values = vec![self.comparison()?];
                while self.take(",") {
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

    fn expect(&mut self, mark: &str) -> Result<(), String> {
        if self.take(mark) { Ok(()) } else { Err(format!("{mark} is expected before `{}`", self.rest)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Result<Number, String> {
        match name {
            "two" => Ok(Some(2.0)),
            "nought" => Ok(Some(0.0)),
            "missing" => Ok(None),
            _ => Err(format!("there is no {name}")),
        }
    }

    #[test]
    fn expressions_mean_what_the_guide_says() {
        for (text, expected) in [
            ("1 + two * 3 - 4 / two", Some(5.0)),
            ("(1 + two) * 3", Some(9.0)),
            ("two / nought", None),
            ("two + missing", None),
            ("two > 1", Some(1.0)),
            ("two <= 1", Some(0.0)),
            ("IF(two >= 2, 100 * two, 7)", Some(200.0)),
            ("IF(nought, 1, 7)", Some(7.0)),
            ("IF(nought > 0, 1)", None),
            ("IF(missing > 0, 1, 2)", None),
            ("MAX([1, missing, two])", Some(2.0)),
            ("MIN([3, two])", Some(2.0)),
            ("MAX([missing])", None),
        ] {
            assert_eq!(evaluate(text, &value), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for text in ["", "1 +", "(1", "MAX(1)", "IF(1)", "1 2", "unknown", "AVG([two])"] {
            assert!(evaluate(text, &value).is_err(), "{text}");
        }
    }
}
