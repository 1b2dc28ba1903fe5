//! Words and signs to a condition.

use super::FilterError;
use super::condition::Condition;
use super::test::{self, Value};
use super::token::{Token, TokenKind, tokens};
use crate::query::Field;

/// Longer texts are refused: this is ten times what people write.
const MAX_CHARACTERS: usize = 4096;

/// Deeper nesting is refused, so that nobody overflows our stack or SQLite's.
const MAX_DEPTH: usize = 64;

/// Parses a whole filter.
pub(super) fn parse(text: &str) -> Result<Condition, FilterError> {
    if text.chars().nth(MAX_CHARACTERS).is_some() {
        return Err(FilterError {
            position: MAX_CHARACTERS,
            message: format!("too long; allowed are {MAX_CHARACTERS} characters"),
        });
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        depth: 0,
    };
    let condition = parser.any()?;
    match parser.peek() {
        TokenKind::End => Ok(condition),
        TokenKind::Close => Err(parser.unexpected("`)` without `(` before it")),
        TokenKind::Word(_)
        | TokenKind::Quoted(_)
        | TokenKind::Operator(_)
        | TokenKind::Open
        | TokenKind::Comma => Err(parser.expected("`and`, `or` or the end")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    /// Never beyond the last token, which is the end.
    next: usize,
    depth: usize,
}

impl Parser {
    fn any(&mut self) -> Result<Condition, FilterError> {
        let mut terms = vec![self.all()?];
        while self.take_word("or") {
            terms.push(self.all()?);
        }
        Ok(only_or(terms, Condition::Any))
    }

    fn all(&mut self) -> Result<Condition, FilterError> {
        let mut terms = vec![self.negation()?];
        while self.take_word("and") {
            terms.push(self.negation()?);
        }
        Ok(only_or(terms, Condition::All))
    }

    fn negation(&mut self) -> Result<Condition, FilterError> {
        if self.take_word("not") {
            return self.deeper(Self::negation).map(Condition::not);
        }
        if self.take(&TokenKind::Open) {
            let inner = self.deeper(Self::any)?;
            if !self.take(&TokenKind::Close) {
                return Err(self.expected("`and`, `or` or `)`"));
            }
            return Ok(inner);
        }
        self.test()
    }

    fn deeper(
        &mut self,
        parse: fn(&mut Self) -> Result<Condition, FilterError>,
    ) -> Result<Condition, FilterError> {
        if self.depth == MAX_DEPTH {
            return Err(self.unexpected(&format!(
                "nested too deep; allowed are {MAX_DEPTH} levels of `(` and `not`"
            )));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn test(&mut self) -> Result<Condition, FilterError> {
        let TokenKind::Word(word) = self.peek() else {
            let fields = Field::ALL.map(Field::name).join(", ");
            return Err(self.expected(&format!("a field ({fields}), `not` or `(`")));
        };
        let field = word
            .to_ascii_lowercase()
            .parse::<Field>()
            .map_err(|unknown| self.unexpected(&unknown.to_string()))?;
        self.next += 1;
        if self.take_word("not") {
            if !self.take_word("in") {
                return Err(self.expected("`in` after `not`"));
            }
            return self.inside(field).map(Condition::not);
        }
        if self.take_word("in") {
            return self.inside(field);
        }
        let &TokenKind::Operator(operator) = self.peek() else {
            return Err(self.expected(&format!(
                "an operator; `{field}` allows {}",
                test::allowed_operators(field)
            )));
        };
        if !test::allows(field, operator) {
            return Err(self.unexpected(&format!(
                "`{field}` has no `{}`; it allows {}",
                operator.sign(),
                test::allowed_operators(field)
            )));
        }
        self.next += 1;
        self.value(|value| test::compare(field, operator, &value))
    }

    /// What follows `in`: a value or a list of them.
    fn inside(&mut self, field: Field) -> Result<Condition, FilterError> {
        let one = |value| test::one_of(field, &value);
        if !self.take(&TokenKind::Open) {
            return self.value(one);
        }
        let mut alternatives = vec![self.value(one)?];
        while self.take(&TokenKind::Comma) {
            alternatives.push(self.value(one)?);
        }
        if !self.take(&TokenKind::Close) {
            return Err(self.expected("`,` or `)`"));
        }
        Ok(only_or(alternatives, Condition::Any))
    }

    /// Takes a value and makes something of it; if that fails, the value is to blame.
    fn value<T>(
        &mut self,
        make: impl FnOnce(Value) -> Result<T, String>,
    ) -> Result<T, FilterError> {
        let value = match self.peek() {
            TokenKind::Word(word) if word.eq_ignore_ascii_case("null") => Value::Unknown,
            TokenKind::Word(text) | TokenKind::Quoted(text) => Value::Text(text.clone()),
            TokenKind::Operator(_)
            | TokenKind::Open
            | TokenKind::Close
            | TokenKind::Comma
            | TokenKind::End => return Err(self.expected("a value: a word, or text in quotes")),
        };
        let made = make(value).map_err(|message| self.unexpected(&message))?;
        self.next += 1;
        Ok(made)
    }

    fn peek(&self) -> &TokenKind {
        &self.tokens[self.next].kind
    }

    fn position(&self) -> usize {
        self.tokens[self.next].position
    }

    fn take(&mut self, kind: &TokenKind) -> bool {
        let found = self.peek() == kind;
        self.next += usize::from(found);
        found
    }

    fn take_word(&mut self, keyword: &str) -> bool {
        let found =
            matches!(self.peek(), TokenKind::Word(word) if word.eq_ignore_ascii_case(keyword));
        self.next += usize::from(found);
        found
    }

    fn unexpected(&self, message: &str) -> FilterError {
        FilterError {
            position: self.position(),
            message: message.to_owned(),
        }
    }

    fn expected(&self, what: &str) -> FilterError {
        self.unexpected(&format!(
            "found {}, expected {what}",
            self.peek().describe()
        ))
    }
}

/// A single term stands for itself.
fn only_or(mut terms: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    if terms.len() == 1 {
        terms.remove(0)
    } else {
        join(terms)
    }
}
