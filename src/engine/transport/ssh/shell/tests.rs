use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use super::*;

fn shell() -> (Child, Shell) {
    let mut child = Command::new("sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let shell = Shell::new(child.stdin.take().unwrap(), child.stdout.take().unwrap());
    (child, shell)
}

#[tokio::test]
async fn answers_belong_to_their_questions() {
    let (_child, mut shell) = shell();
    assert_eq!(shell.ask("echo a; echo b").await.unwrap(), ["a", "b"]);
    let slow = shell.ask("sleep 0.3; echo late");
    let left = tokio::time::timeout(Duration::from_millis(50), slow).await;
    assert!(left.is_err());
    assert_eq!(shell.ask("echo c").await.unwrap(), ["c"]);
    assert_eq!(shell.ask("true").await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_greeting_is_passed_over_and_known() {
    for (greeting, was_greeted) in [("", false), ("hello\n", true), ("hello", true)] {
        let mut child = Command::new("sh")
            .args(["-c", &format!("printf '{greeting}'; exec sh")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut shell = Shell::new(input, output);
        assert_eq!(shell.ask("echo a").await.unwrap(), ["a"]);
        assert_eq!(shell.was_greeted(), was_greeted, "{greeting}");
    }
}

#[tokio::test]
async fn a_shell_that_ends_is_an_error() {
    let (_child, mut shell) = shell();
    let error = shell.ask("exit 0").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert!(shell.ask("echo a").await.is_err());
}

/// What talks without end, be it in one line, is heard only so long.
#[tokio::test]
async fn an_endless_line_is_not_read_to_its_end() {
    let (_child, mut shell) = shell();
    let endless = shell.ask("while :; do printf '%s' aaaaaaaaaaaaaaaa; done");
    let error = tokio::time::timeout(Duration::from_secs(20), endless).await;
    assert_eq!(
        error.unwrap().unwrap_err().kind(),
        io::ErrorKind::InvalidData
    );
}
