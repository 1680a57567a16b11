//! What must stand in a text for a regular expression to match it.

/// Returns the longest run of plain letters that each match of a pattern holds, in small letters; `None` where no
/// run can be named without understanding more of the pattern than this does. A pattern that the library does not
/// read is none of its cases.
pub fn required(pattern: &str) -> Option<String> {
    let mut runs = Runs::default();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '|' => return None,
            '\\' => match letters.next()? {
                // The digits that follow are not letters of the text.
                'x' | 'u' | 'U' => return None,
                escaped if escaped.is_ascii_alphanumeric() => runs.end(),
                escaped => runs.push(escaped),
            },
            '(' => {
                if !skip_group(&mut letters)? {
                    return None;
                }
                runs.end();
            }
            '[' => {
                skip_class(&mut letters)?;
                runs.end();
            }
            '*' | '?' => runs.drop_last(),
            '{' => {
                runs.drop_last();
                letters.by_ref().find(|letter| *letter == '}')?;
            }
            '+' | '.' | '^' | '$' => runs.end(),
            plain => runs.push(plain),
        }
    }
    runs.end();
    (!runs.longest.is_empty()).then_some(runs.longest)
}

#[derive(Default)]
struct Runs {
    run: String,
    longest: String,
}

impl Runs {
    /// Only ASCII: of other letters a small form may depend on what stands beside them.
    fn push(&mut self, letter: char) {
        if letter.is_ascii() {
            self.run.push(letter.to_ascii_lowercase());
        } else {
            self.end();
        }
    }

    /// What repeats may be there no time at all.
    fn drop_last(&mut self) {
        self.run.pop();
        self.end();
    }

    fn end(&mut self) {
        if self.run.len() > self.longest.len() {
            self.longest.clone_from(&self.run);
        }
        self.run.clear();
    }
}

/// Goes behind a group. False where it holds a flag that changes how all that follows is read.
fn skip_group(letters: &mut std::str::Chars<'_>) -> Option<bool> {
    if let Some(flags) = letters.as_str().strip_prefix('?') {
        let end = flags.find([':', ')', '<', '>'])?;
        if flags[..end].contains('x') && !flags[..end].contains('P') {
            return Some(false);
        }
    }
    let mut depth = 1;
    while depth > 0 {
        match letters.next()? {
            '\\' => {
                letters.next()?;
            }
            '[' => skip_class(letters)?,
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
    }
    Some(true)
}

/// Goes behind a class: a `]` at its beginning is one of its letters, and so may be a class in it.
fn skip_class(letters: &mut std::str::Chars<'_>) -> Option<()> {
    let rest = letters.as_str();
    let rest = rest.strip_prefix('^').unwrap_or(rest);
    let rest = rest.strip_prefix(']').unwrap_or(rest);
    *letters = rest.chars();
    loop {
        match letters.next()? {
            '\\' => {
                letters.next()?;
            }
            '[' => return None,
            ']' => return Some(()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
