//! Text to words and signs.

use super::FilterError;

/// A word or sign, and the characters before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) position: usize,
    pub(super) kind: TokenKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Word(String),
    Quoted(String),
    Operator(Operator),
    Open,
    Close,
    Comma,
    End,
}

/// What stands between a field and a value, but `in`, which is a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Contains,
    ContainsNot,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Contains => "~",
            Self::ContainsNot => "!~",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

impl TokenKind {
    /// For messages.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Word(text) => format!("`{text}`"),
            Self::Quoted(text) => format!("the text `{text}`"),
            Self::Operator(operator) => format!("`{}`", operator.sign()),
            Self::Open => "`(`".to_owned(),
            Self::Close => "`)`".to_owned(),
            Self::Comma => "`,`".to_owned(),
            Self::End => "the end".to_owned(),
        }
    }
}

/// Cuts text up; the last token is always [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        if character.is_whitespace() {
            at += 1;
            continue;
        }
        let position = at;
        let followed_by = |sign| characters.get(position + 1) == Some(&sign);
        let (kind, length) = match character {
            '(' => (TokenKind::Open, 1),
            ')' => (TokenKind::Close, 1),
            ',' => (TokenKind::Comma, 1),
            '=' => (TokenKind::Operator(Operator::Equal), 1),
            '~' => (TokenKind::Operator(Operator::Contains), 1),
            '!' if followed_by('=') => (TokenKind::Operator(Operator::NotEqual), 2),
            '!' if followed_by('~') => (TokenKind::Operator(Operator::ContainsNot), 2),
            '!' => {
                return Err(FilterError {
                    position,
                    message: "`!` alone means nothing; allowed: !=, !~, not".to_owned(),
                });
            }
            '<' if followed_by('=') => (TokenKind::Operator(Operator::LessOrEqual), 2),
            '<' => (TokenKind::Operator(Operator::Less), 1),
            '>' if followed_by('=') => (TokenKind::Operator(Operator::GreaterOrEqual), 2),
            '>' => (TokenKind::Operator(Operator::Greater), 1),
            quote @ ('\'' | '"') => quoted(&characters, position, quote)?,
            _ => {
                let word: String = characters[at..]
                    .iter()
                    .take_while(|character| continues_word(**character))
                    .collect();
                let length = word.chars().count();
                (TokenKind::Word(word), length)
            }
        };
        tokens.push(Token { position, kind });
        at += length;
    }
    tokens.push(Token {
        position: characters.len(),
        kind: TokenKind::End,
    });
    Ok(tokens)
}

fn continues_word(character: char) -> bool {
    !character.is_whitespace() && !"()=!~<>,'\"".contains(character)
}

/// The text in quotes that begins at `start`, and its length with them.
fn quoted(
    characters: &[char],
    start: usize,
    quote: char,
) -> Result<(TokenKind, usize), FilterError> {
    let mut text = String::new();
    let mut at = start + 1;
    loop {
        match (characters.get(at), characters.get(at + 1)) {
            (Some('\\'), Some(&escaped)) => {
                text.push(escaped);
                at += 2;
            }
            (Some(&first), Some(&second)) if first == quote && second == quote => {
                text.push(quote);
                at += 2;
            }
            (Some(&character), _) if character == quote => {
                return Ok((TokenKind::Quoted(text), at + 1 - start));
            }
            (Some(&character), _) => {
                text.push(character);
                at += 1;
            }
            (None, _) => {
                return Err(FilterError {
                    position: start,
                    message: format!("the quote {quote} that begins here has no end"),
                });
            }
        }
    }
}
