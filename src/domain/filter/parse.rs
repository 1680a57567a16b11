//! Reads the text of a filter. Every mistake points at its term and says what to write instead.

use std::ops::Range;

use regex_lite::Regex;

use super::super::item::Kind;
use super::measure::{Order, StateTerm};
use super::term::{Term, Test};
use super::terms::{MEASURES, PROPERTIES};
use super::{Filter, FilterError};

type Answer<T> = Result<T, FilterError>;

/// A term as it is written.
struct Word {
    at: Range<usize>,
    negated: bool,
    form: Form,
}

enum Form {
    /// Words and quoted parts, the quotes taken off.
    Plain(String),
    /// It began with a quote: a word, whatever it holds.
    Quoted(String),
    /// What stands between slashes, or why that is no regular expression.
    Slashed(Result<Regex, String>),
}

/// The words of a filter, which mean something of their own for each kind.
pub struct Words {
    words: Vec<Word>,
    /// What comes behind them and is no word.
    mistake: Option<FilterError>,
}

impl Words {
    pub fn read(text: &str) -> Self {
        let mut words = Vec::new();
        let mut at = 0;
        let mistake = loop {
            match next_word(text, at) {
                Ok(Some(word)) => {
                    at = word.at.end;
                    words.push(word);
                }
                Ok(None) => break None,
                Err(mistake) => break Some(mistake),
            }
        };
        Self { words, mistake }
    }

    /// Returns the filter for a kind, or the first mistake in it.
    pub fn filter(&self, kind: Kind) -> Answer<Filter> {
        let terms = self.words.iter().map(|word| term(word, kind));
        let terms = terms.collect::<Answer<Vec<Term>>>()?;
        match &self.mistake {
            Some(mistake) => Err(mistake.clone()),
            None => Ok(Filter { terms }),
        }
    }
}

fn next_word(text: &str, from: usize) -> Answer<Option<Word>> {
    let skipped = text[from..].len() - text[from..].trim_start().len();
    let start = from + skipped;
    let rest = &text[start..];
    if rest.is_empty() {
        return Ok(None);
    }
    let negated = rest.starts_with('-');
    let body = start + usize::from(negated);
    let (form, length) = if let Some(slashed) = text[body..].strip_prefix('/') {
        read_slashed(slashed, start..text.len())?
    } else {
        read_plain(&text[body..], start..text.len())?
    };
    let at = start..body + length;
    Ok(Some(Word { at, negated, form }))
}

/// Reads up to the closing slash; `\/` is a slash, every other backslash is the expression's own.
fn read_slashed(text: &str, at: Range<usize>) -> Answer<(Form, usize)> {
    let mut pattern = String::new();
    let mut letters = text.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '/' => {
                let length = 1 + place + 1;
                let ends = text[place + 1..]
                    .chars()
                    .next()
                    .is_none_or(char::is_whitespace);
                if !ends {
                    let message = "nothing may follow the closing slash; write \\/ for a slash";
                    return Err(error(at, message));
                }
                let pattern = Regex::new(&pattern).map_err(|cause| cause.to_string());
                return Ok((Form::Slashed(pattern), length));
            }
            '\\' => match letters.next() {
                Some((_, '/')) => pattern.push('/'),
                Some((_, other)) => pattern.extend(['\\', other]),
                None => pattern.push('\\'),
            },
            other => pattern.push(other),
        }
    }
    Err(error(at, "the regular expression has no closing /"))
}

fn read_plain(text: &str, at: Range<usize>) -> Answer<(Form, usize)> {
    let mut plain = String::new();
    let mut quoted = false;
    let mut end = text.len();
    for (place, letter) in text.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            letter if letter.is_whitespace() && !quoted => {
                end = place;
                break;
            }
            letter => plain.push(letter),
        }
    }
    if quoted {
        return Err(error(at, "the quote has no end"));
    }
    let form = if text.starts_with('"') {
        Form::Quoted(plain)
    } else {
        Form::Plain(plain)
    };
    Ok((form, end))
}

fn term(word: &Word, kind: Kind) -> Answer<Term> {
    let at = word.at.clone();
    let test = match &word.form {
        Form::Slashed(Ok(pattern)) => Test::Pattern(pattern.clone()),
        Form::Slashed(Err(cause)) => {
            let message = format!("the regular expression cannot be read: {cause}");
            return Err(error(at, message));
        }
        Form::Quoted(text) => Test::Word(text.to_lowercase()),
        Form::Plain(text) => plain(text, at, kind)?,
    };
    Ok(Term {
        negated: word.negated,
        test,
    })
}

fn plain(text: &str, at: Range<usize>, kind: Kind) -> Answer<Test> {
    if text.is_empty() {
        return Err(error(
            at,
            "nothing stands here; quote a word that begins with -",
        ));
    }
    if let Some(name) = text.strip_prefix('=') {
        if name.is_empty() {
            return Err(error(at, "write the whole name after ="));
        }
        return Ok(Test::Whole(name.to_owned()));
    }
    if let Some(sign) = text.find(['<', '>']) {
        return comparison(&text[..sign], &text[sign..], at, kind);
    }
    let Some((key, value)) = text.split_once(':') else {
        return measure_without_sign(text, at);
    };
    if key == "is" {
        return is(value, at, kind);
    }
    let Some(property) = PROPERTIES.iter().find(|it| it.key == key) else {
        return measure_without_sign(text, at);
    };
    must_be_one(property.kinds, kind, property.why, &at)?;
    (property.test)(value).ok_or_else(|| {
        let message = format!("write {} after the colon", property.what);
        error(at, message)
    })
}

/// Returns an error for a kind that is none of those that have a term.
fn must_be_one(kinds: &[Kind], kind: Kind, why: &str, at: &Range<usize>) -> Answer<()> {
    if kinds.contains(&kind) {
        return Ok(());
    }
    Err(error(at.clone(), why.replace("{kind}", kind.word())))
}

/// Keys of so many letters are meant by what is one letter off.
const LONG: usize = 4;

/// Finds a term that is a word only because of its spelling: one that is one letter off a key of four letters and
/// more. What is quoted, or written with `=`, is what it says.
///
/// # Errors
/// Where there is one, with what to write instead.
pub fn check_spelling(text: &str) -> Answer<()> {
    let mut at = 0;
    while let Some(word) = next_word(text, at)? {
        at = word.at.end;
        let Form::Plain(term) = &word.form else {
            continue;
        };
        let Some((key, rest)) = term.split_once(':').filter(|(key, _)| !key.contains('=')) else {
            continue;
        };
        let is_meant = |meant: &str| meant.len() >= LONG && is_one_off(key, meant);
        let measure = MEASURES.iter().find(|it| is_meant(it.key));
        let property = PROPERTIES.iter().find(|it| is_meant(it.key));
        let right = measure.map(|it| it.about.example.to_owned());
        let right = right.or_else(|| Some(format!("{}:{rest}", property?.key)));
        if let Some(right) = right {
            let message = format!("{key} is no key; write {right}, or ={term} for a name");
            return Err(error(word.at, message));
        }
    }
    Ok(())
}

/// Returns true for a word that is another but for its case, or for one letter: wrong, missing, too many, or in the
/// other order with the next.
fn is_one_off(word: &str, meant: &str) -> bool {
    if word == meant || !word.is_ascii() {
        return false;
    }
    let word = word.to_ascii_lowercase();
    let (word, meant) = (word.as_bytes(), meant.as_bytes());
    let pairs = || word.iter().zip(meant);
    let start = pairs().take_while(|(one, other)| one == other).count();
    let (one, other) = (&word[start..], &meant[start..]);
    match (one, other) {
        ([], []) => true,
        ([a, b, one @ ..], [c, d, other @ ..]) if (a, b) == (d, c) && one == other => true,
        _ => {
            let after = |part: &[u8], number: usize| part.get(number..).map(<[u8]>::to_vec);
            [(1, 1), (1, 0), (0, 1)]
                .into_iter()
                .any(|(skipped, passed)| {
                    let rest = after(one, skipped);
                    rest.is_some() && rest == after(other, passed)
                })
        }
    }
}

/// A word, unless it looks like a comparison with the wrong sign.
fn measure_without_sign(text: &str, at: Range<usize>) -> Answer<Test> {
    let key = text.split([':', '=']).next().unwrap_or_default();
    let measure = MEASURES.iter().find(|it| it.key == key);
    if let Some(measure) = measure.filter(|_| key.len() < text.len()) {
        let example = measure.about.example;
        let message = format!("compare {key} with one of < <= > >=, as in {example}");
        return Err(error(at, message));
    }
    Ok(Test::Word(text.to_lowercase()))
}

fn comparison(key: &str, rest: &str, at: Range<usize>, kind: Kind) -> Answer<Test> {
    let (order, value) = if let Some(value) = rest.strip_prefix("<=") {
        (Order::AtMost, value)
    } else if let Some(value) = rest.strip_prefix(">=") {
        (Order::AtLeast, value)
    } else if let Some(value) = rest.strip_prefix('<') {
        (Order::Less, value)
    } else {
        (Order::More, &rest[1..])
    };
    let Some(measure) = MEASURES.iter().find(|it| it.key == key) else {
        let keys: Vec<&str> = MEASURES.iter().map(|it| it.key).collect();
        let keys = keys.join(", ");
        let message = format!("only {keys} can be compared; quote a word with < or >");
        return Err(error(at, message));
    };
    must_be_one(measure.kinds, kind, measure.why, &at)?;
    let Some((order, wanted)) = (measure.read)(order, value) else {
        let (what, example) = (measure.what, measure.about.example);
        let message = format!("{value:?} is not {what}; write {example}");
        return Err(error(at, message));
    };
    Ok(Test::Compared(measure, order, wanted))
}

fn is(word: &str, at: Range<usize>, kind: Kind) -> Answer<Test> {
    if let Some(state) = StateTerm::of(kind).find(|state| state.word == word) {
        return Ok(Test::Is(state));
    }
    let names: Vec<&str> = StateTerm::of(kind).map(|state| state.word).collect();
    let message = format!(
        "{}s have no is:{word}; try {}",
        kind.word(),
        names.join(", ")
    );
    Err(error(at, message))
}

fn error(at: Range<usize>, message: impl Into<String>) -> FilterError {
    FilterError {
        at,
        message: message.into(),
    }
}
