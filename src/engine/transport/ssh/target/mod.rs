//! `ssh://[user@]host[:port][/path]`, read as docker reads it.

use std::fmt;

/// Whom to log in as, where, and the engine's socket there if it is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    user: Option<String>,
    /// A name that ssh's own settings may know.
    host: String,
    port: Option<u16>,
    path: Option<String>,
}

impl Target {
    /// Reads what stands behind `ssh://`.
    ///
    /// # Errors
    /// Why it is no place to log in. What begins with `-` would be an option of ssh, and what a shell
    /// reads as more than a word could become a command by `ProxyCommand`; ssh refuses both since 9.6.
    pub fn parse(rest: &str) -> Result<Self, &'static str> {
        if rest.contains(['?', '#']) {
            return Err("it may not have a query or a fragment");
        }
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(decoded(user)?), place),
            None => (None, authority),
        };
        if authority
            .split('@')
            .next()
            .is_some_and(|user| authority.contains('@') && user.contains(':'))
        {
            return Err("a password may not stand in it");
        }
        let (host, port) = host_and_port(place)?;
        let user = user.filter(|user| !user.is_empty());
        for word in user.iter().map(String::as_str).chain([host]) {
            if word.starts_with('-') {
                return Err("neither user nor host may begin with -");
            }
            if !word.chars().all(is_plain) {
                return Err("its user or host has a character that ssh does not take");
            }
        }
        let path = decoded(path)?;
        if path.chars().any(char::is_control) {
            return Err("its path has a control character");
        }
        Ok(Self {
            user,
            host: host.to_owned(),
            port,
            path: Some(path).filter(|path| !path.trim_matches('/').is_empty()),
        })
    }

    /// Returns the engine's socket, if it is named.
    pub(super) fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Returns what ssh is told: options, and the host behind `--`.
    pub(super) fn options(&self) -> Vec<String> {
        let mut options = Vec::new();
        if let Some(user) = &self.user {
            options.extend(["-l".to_owned(), user.clone()]);
        }
        if let Some(port) = self.port {
            options.extend(["-p".to_owned(), port.to_string()]);
        }
        options
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Returns how a person logs in: `ssh -p 2222 me@web-3`.
    pub(super) fn command_line(&self) -> String {
        let port = self
            .port
            .map_or(String::new(), |port| format!("-p {port} "));
        let user = self
            .user
            .as_ref()
            .map_or(String::new(), |user| format!("{user}@"));
        format!("ssh {port}{user}{}", self.host)
    }

    /// The host's name in `known_hosts`.
    pub(super) fn known_as(&self) -> String {
        match self.port {
            None | Some(22) => self.host.clone(),
            Some(port) => format!("'[{}]:{port}'", self.host),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ssh://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(self.path.as_deref().unwrap_or_default())
    }
}

fn is_plain(letter: char) -> bool {
    !letter.is_control() && !letter.is_whitespace() && !"'`\"$\\;&<>|(){}*!~".contains(letter)
}

fn host_and_port(place: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = if let Some(rest) = place.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("a ] is missing")?;
        let port = match rest {
            "" => None,
            rest => Some(rest.strip_prefix(':').ok_or("a : is missing behind ]")?),
        };
        (host, port)
    } else {
        match place.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err("an address of version 6 stands in brackets: [::1]");
            }
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        }
    };
    if host.is_empty() {
        return Err("it names no host");
    }
    let port = match port {
        None | Some("") => None,
        Some(port) => Some(
            port.parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or("its port is not a number from 1 to 65535")?,
        ),
    };
    Ok((host, port))
}

/// `%2F` and its like, as in any URL.
fn decoded(text: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = rest
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let number = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(number.ok_or("a % stands without two hexadecimal digits")?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|_| "it is not text")
}

#[cfg(test)]
mod tests;
