use super::*;

fn read(line: &str) -> Result<Cli, Ended> {
    Cli::read(std::iter::once("dtop").chain(line.split(' ').filter(|word| !word.is_empty())))
}

fn error_of(words: &[&str]) -> String {
    let ended =
        Cli::read(std::iter::once("dtop").chain(words.iter().copied())).expect_err("a usage error");
    assert!(ended.is_error, "{words:?}");
    assert_eq!(ended.text.lines().count(), 1, "{}", ended.text);
    ended.text
}

#[test]
fn the_definitions_fit_together() {
    Cli::command().debug_assert();
}

#[test]
fn global_options_stand_before_or_after_the_subcommand() {
    for line in [
        "-H tcp://h:1 --ascii --color never --read-only report --fast --json",
        "report --fast --json --read-only --color never --ascii -H tcp://h:1",
    ] {
        let cli = read(line).expect(line);
        assert_eq!(cli.global.host.as_deref(), Some("tcp://h:1"), "{line}");
        assert!(cli.global.screen.ascii && cli.global.engine.read_only);
        assert_eq!(cli.global.screen.color, Color::Never);
        assert!(matches!(
            cli.command,
            Some(Command::Report {
                fast: true,
                output: Output { json: true }
            })
        ));
    }
}

#[test]
fn filters_add_up_and_an_empty_one_is_one() {
    let words = [
        "dtop", "plan", "--images", "-is:used", "--images", "=a", "--cache", "", "--unlock",
    ];
    let cli = Cli::read(words).expect("a plan");
    let Some(Command::Plan { select, .. }) = cli.command else {
        panic!("not a plan");
    };
    let kinds: Vec<Kind> = select
        .filters(false)
        .expect("filters")
        .iter()
        .map(|chosen| chosen.kind)
        .collect();
    assert_eq!(kinds, [Kind::Image, Kind::Image, Kind::BuildCache]);
    assert!(select.unlock && !select.stop);
}

#[test]
fn every_mistake_is_one_line_that_says_what_to_try() {
    for (words, says) in [
        (&["plan"][..], "nothing is chosen; choose with --images"),
        (&["clean", "--yes"], "nothing is chosen"),
        (&["clean", "--images", "--yes"], "a filter stands here"),
        (&["plan", "--images"], "--images <FILTER>"),
        (
            &["plan", "--images", "web is:running"],
            "--images: at `is:running`: images have no is:running; try used",
        ),
        (
            &["clean", "--yes", "--volumes", "is:unused web"],
            "write =web or /web/",
        ),
        (&["plan", "--free", "much"], "write a size, as in 20gb"),
        (&["plan", "--until-free", "0%"], "as in 20gb or 20%"),
        (
            &["plan", "--free", "1gb", "--until-free", "1gb"],
            "cannot be used with",
        ),
        (
            &["plan", "--images", "", "--even-volumes"],
            "--even-volumes goes with",
        ),
        (&["clean", "--images", "", "--save"], "--save <DIR>"),
        (&["plan", "--networks", ""], "'--networks'"),
        (&["restore"], "<ID>"),
        (&["-H", "a", "report", "-c", "b"], "use one of them"),
        (&["--demo", "-c", "b"], "use one of them"),
        (&["--color", "pink"], "auto, always, never"),
        (&["repo\u{1b}[31m\nrt"], "unrecognized subcommand"),
    ] {
        let error = error_of(words);
        assert!(error.contains(says), "{words:?}: {error}");
        assert!(!error.contains('\u{1b}'), "{error:?}");
    }
}

#[test]
fn a_bare_word_may_choose_where_somebody_is_asked() {
    assert!(read("clean --images web").is_ok());
    assert!(read("plan --images web").is_ok());
    assert!(read("clean --yes --images =web").is_ok());
}

#[test]
fn help_version_completions_and_man_are_no_errors() {
    for line in ["--help", "-V", "clean --help"] {
        assert!(!read(line).expect_err(line).is_error);
    }
    assert!(String::from_utf8_lossy(&completions(Shell::Bash)).contains("dtop"));
    assert!(String::from_utf8_lossy(&man().expect("a page")).contains(".TH"));
}
