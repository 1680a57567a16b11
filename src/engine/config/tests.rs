use super::*;

fn read(text: &str) -> Result<Config, String> {
    Config::parse(text).map_err(|mistake| mistake.shown(Path::new("c.toml"), text))
}

#[test]
fn the_sample_is_read_as_it_stands_and_with_every_line_of_it_in_force() {
    let sample = include_str!("../../../assets/config.toml");
    assert!(read(sample).is_ok_and(|config| config.protect.is_empty()));
    let in_force: Vec<&str> = sample
        .lines()
        .map(|line| line.strip_prefix("#: ").unwrap_or(line))
        .collect();
    let config = read(&in_force.join("\n")).expect("a config");
    assert!(config.protect.len() > 2);
    assert!(config.read_only && config.ascii && config.mouse);
}

#[test]
fn nothing_is_said_by_a_file_that_is_not_there_or_empty() {
    for text in ["", "# nothing\n", "protect = []\nread_only = false\n"] {
        let config = read(text).expect(text);
        assert!(config.protect.is_empty() && !config.read_only);
    }
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("dtop/config.toml");
    assert!(Config::at(&missing).is_ok());
}

#[test]
fn what_cannot_be_used_names_its_line_and_what_to_try() {
    for (text, says) in [
        (
            "read_only = true\nprotct = []",
            "c.toml:2: there is no key protct; try protect",
        ),
        (
            "\n\nprotect = \"a\"",
            "c.toml:3: protect is a list of filters",
        ),
        (
            "protect = [\n  \"a\",\n  7,\n]",
            "c.toml:3: protect is a list of filters",
        ),
        (
            "protect = [\n\n\"=a\",\n\"size>big\"]",
            "c.toml:4: protect: at `size>big`: \"big\" is not a size",
        ),
        (
            "mouse = \"yes\"",
            "c.toml:1: mouse is true or false; write mouse = true",
        ),
        ("ascii = true\nascii = true", "c.toml:2: "),
        ("protect = [", "c.toml:1: "),
        (
            "[protect]\nimages = []",
            "c.toml:1: protect is a list of filters",
        ),
    ] {
        let error = read(text).expect_err(text);
        assert!(error.starts_with(says), "{error}");
    }
}

#[test]
fn what_is_there_and_cannot_be_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let as_folder = folder.path().join("config.toml");
    fs::create_dir(&as_folder).unwrap();
    let link = folder.path().join("link.toml");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    let bytes = folder.path().join("bytes.toml");
    fs::write(&bytes, b"ascii = true # \xff").unwrap();
    let pipe = folder.path().join("pipe.toml");
    let mode = rustix::fs::Mode::RUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let linked = |name: &str, to: &Path| {
        let link = folder.path().join(name);
        std::os::unix::fs::symlink(to, &link).unwrap();
        link
    };
    let long = folder.path().join("long.toml");
    fs::write(&long, "#".repeat(1_000_001)).unwrap();
    for (path, says) in [
        (as_folder, "it is a folder"),
        (link, "No such file"),
        (bytes, "UTF-8"),
        (
            linked("zero.toml", Path::new("/dev/zero")),
            "it is a device",
        ),
        (linked("to_pipe.toml", &pipe), "it is a pipe"),
        (pipe, "it is a pipe"),
        (long.clone(), "it is larger than 1 MB"),
    ] {
        let error = Config::at(&path).expect_err("an error");
        assert!(error.contains("may protect things"), "{error}");
        assert!(error.contains(says), "{error}");
    }
    fs::write(&long, "#".repeat(1_000_000)).unwrap();
    assert!(Config::at(&linked("to_long.toml", &long)).is_ok());
}

#[test]
fn the_place_is_the_users_own() {
    let of = |config: &str, home: &str| {
        path(|name| match name {
            "XDG_CONFIG_HOME" => Some(config.into()),
            _ => Some(home.into()),
        })
    };
    let file = |text: &str| Ok(Some(PathBuf::from(text)));
    assert_eq!(of("/c", "/h"), file("/c/dtop/config.toml"));
    assert_eq!(of("", "/h"), file("/h/.config/dtop/config.toml"));
    assert!(of("c", "/h").is_err());
    let without_home = path(|_| None).unwrap().expect("a home");
    assert!(without_home.is_absolute(), "{without_home:?}");
}
