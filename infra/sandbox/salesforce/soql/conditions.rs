//! WHERE and HAVING: conditions and the literals in them.

use super::{Condition, Days, Literal, Operand, Operator, Parser, Token};
use crate::salesforce::answer::Refused;

impl Parser<'_> {
    /// AND and OR don't mix without parentheses.
    pub(super) fn conditions(&mut self) -> Result<Condition, Refused> {
        let first = self.condition()?;
        for (word, make) in [("AND", Condition::And as fn(_) -> _), ("OR", Condition::Or)] {
            if self.is_word(word) {
                let mut all = vec![first];
                while self.word(word) {
                    all.push(self.condition()?);
                }
                return if self.is_word("AND") || self.is_word("OR") {
                    Err(self.unexpected())
                } else {
                    Ok(make(all))
                };
            }
        }
        Ok(first)
    }

    fn condition(&mut self) -> Result<Condition, Refused> {
        if self.word("NOT") {
            let inner = self.deeper(Self::condition)?;
            return Ok(Condition::Not(Box::new(inner)));
        }
        if self.sign("(") {
            let inner = self.deeper(Self::conditions)?;
            self.expect(")")?;
            return Ok(inner);
        }
        let left = self.expression()?;
        let operator = self.operator()?;
        let operand = match operator {
            Operator::In | Operator::NotIn | Operator::Includes | Operator::Excludes => self.several()?,
            _ => Operand::One(self.literal()?),
        };
        Ok(Condition::Test { left, operator, operand })
    }

    fn operator(&mut self) -> Result<Operator, Refused> {
        const WORDS: [(&str, Operator); 4] = [
            ("LIKE", Operator::Like),
            ("IN", Operator::In),
            ("INCLUDES", Operator::Includes),
            ("EXCLUDES", Operator::Excludes),
        ];
        const SIGNS: [(&str, Operator); 7] = [
            ("=", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<>", Operator::NotEqual),
            ("<", Operator::Less),
            ("<=", Operator::LessOrEqual),
            (">", Operator::Greater),
            (">=", Operator::GreaterOrEqual),
        ];
        if let Some((_, operator)) = SIGNS.iter().find(|(sign, _)| self.sign(sign)) {
            return Ok(*operator);
        }
        if let Some((_, operator)) = WORDS.iter().find(|(word, _)| self.word(word)) {
            return Ok(*operator);
        }
        self.expect_word("NOT")?;
        self.expect_word("IN").map(|()| Operator::NotIn)
    }

    fn several(&mut self) -> Result<Operand, Refused> {
        self.expect("(")?;
        let operand = if self.is_word("SELECT") {
            Operand::Query(Box::new(self.deeper(Self::select)?))
        } else {
            Operand::List(self.list(Self::literal)?)
        };
        self.expect(")")?;
        Ok(operand)
    }

    fn literal(&mut self) -> Result<Literal, Refused> {
        let unexpected = self.unexpected();
        match self.take() {
            Token::Text(text) => Ok(Literal::Text(text)),
            Token::Literal(text) if text.contains('T') => Ok(Literal::DateTime(text)),
            Token::Literal(text) if text.len() == 10 && text.matches('-').count() == 2 => {
                Ok(Literal::Date(text))
            }
            Token::Literal(text) => Ok(Literal::Number(text)),
            Token::Word(word) => match word.to_ascii_uppercase().as_str() {
                "NULL" => Ok(Literal::Null),
                "TRUE" => Ok(Literal::Bool(true)),
                "FALSE" => Ok(Literal::Bool(false)),
                upper => self.relative(upper).and_then(|days| days.map(Literal::Days).ok_or(unexpected)),
            },
            _ => Err(unexpected),
        }
    }

    /// `TODAY`, `LAST_N_DAYS:7`
    fn relative(&mut self, word: &str) -> Result<Option<Days>, Refused> {
        match Days::named(word) {
            Some(days) => Ok(Some(days)),
            None if Days::counted(word, 0).is_some() => {
                self.expect(":")?;
                let count = i32::try_from(self.count()?).unwrap_or(i32::MAX);
                Ok(Days::counted(word, count))
            }
            None => Ok(None),
        }
    }
}
