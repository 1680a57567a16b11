//! A shell on the host, asked one thing after another.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};

/// No answer is longer; what goes on beyond it is no shell's.
const LONGEST: u64 = 256 * 1024;

/// A shell that reads from us. It ends when its input does.
#[derive(Debug)]
pub(super) struct Shell {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    asked: u32,
    was_greeted: bool,
}

impl Shell {
    pub(super) fn new(input: ChildStdin, output: ChildStdout) -> Self {
        Self {
            input,
            output: BufReader::new(output),
            asked: 0,
            was_greeted: false,
        }
    }

    /// Returns true if something was printed before the first answer: a login there greets even those who run a
    /// command.
    pub(super) fn was_greeted(&self) -> bool {
        self.was_greeted
    }

    /// Returns what a script prints, line by line. Dropped before its end it leaves an answer behind, which the next
    /// question passes over: each has a first and a last line of its own.
    pub(super) async fn ask(&mut self, script: &str) -> io::Result<Vec<String>> {
        self.asked += 1;
        let (first, last) = (
            format!("dtop: answer {}", self.asked),
            format!("dtop: end {}", self.asked),
        );
        let text = format!("printf '%s\\n' '{first}'\n{script}\nprintf '%s\\n' '{last}'\n");
        self.input.write_all(text.as_bytes()).await?;
        self.input.flush().await?;
        let mut lines = None::<Vec<String>>;
        let mut output = (&mut self.output).take(LONGEST);
        loop {
            let mut line = Vec::new();
            if output.read_until(b'\n', &mut line).await? == 0 {
                break;
            }
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            match &mut lines {
                // Whatever a login greets with, which may end without a line's end.
                None if line.ends_with(&first) => {
                    self.was_greeted |= self.asked == 1 && line != first;
                    lines = Some(Vec::new());
                }
                None => self.was_greeted |= self.asked == 1,
                Some(lines) if line == last => return Ok(std::mem::take(lines)),
                Some(lines) => lines.push(line.to_owned()),
            }
        }
        Err(if output.limit() == 0 {
            io::ErrorKind::InvalidData.into()
        } else {
            io::ErrorKind::UnexpectedEof.into()
        })
    }
}

#[cfg(test)]
mod tests;
