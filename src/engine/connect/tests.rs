use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

use super::*;
use crate::engine::transport::ssh::Target;
use crate::engine::transport::tls::TlsFiles;

fn none() -> EngineOptions {
    EngineOptions::default()
}

/// Returns an environment with an empty home of its own.
fn empty(home: &TempDir) -> Env {
    Env {
        home: Some(home.path().to_owned()),
        uid: 1000,
        ..Env::default()
    }
}

fn write(path: PathBuf, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn context(home: &TempDir, folder: &str, name: &str, host: &str) {
    write(
        home.path()
            .join(".docker/contexts/meta")
            .join(folder)
            .join("meta.json"),
        &format!(
            r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}","SkipTLSVerify":false}}}}}}"#
        ),
    );
}

fn only(options: &EngineOptions, env: &Env) -> (String, String) {
    let mut places = places(options, env).unwrap();
    assert_eq!(places.len(), 1, "{places:?}");
    let place = places.remove(0);
    (place.url, place.why)
}

fn pair(url: &str, why: &str) -> (String, String) {
    (url.to_owned(), why.to_owned())
}

#[test]
fn what_stands_nearer_wins() {
    let home = TempDir::new().unwrap();
    context(&home, "aa", "staging", "unix:///staging.sock");
    context(&home, "bb", "prod", "unix:///prod.sock");
    context(&home, "cc", "lab", "tcp://lab:1");
    write(
        home.path().join(".docker/config.json"),
        r#"{"auths":{},"currentContext":"lab"}"#,
    );
    write(home.path().join(".docker/contexts/meta/zz/meta.json"), "{");
    let mut env = empty(&home);
    assert_eq!(only(&none(), &env), pair("tcp://lab:1", "context \"lab\""));
    env.context = Some("prod".into());
    assert_eq!(
        only(&none(), &env),
        pair("unix:///prod.sock", "context \"prod\"")
    );
    env.host = Some("tcp://10.0.0.1:99".into());
    assert_eq!(
        only(&none(), &env),
        pair("tcp://10.0.0.1:99", "DOCKER_HOST")
    );
    let options = EngineOptions {
        context: Some("staging".into()),
        look_further: true,
        ..none()
    };
    assert_eq!(
        only(&options, &env),
        pair("unix:///staging.sock", "context \"staging\"")
    );
    let options = EngineOptions {
        host: Some("unix:///mine.sock".into()),
        ..none()
    };
    assert_eq!(only(&options, &env), pair("unix:///mine.sock", "-H"));
    let options = EngineOptions {
        context: Some("prod".into()),
        ..options
    };
    assert_eq!(places(&options, &env), Err(ConnectError::HostAndContext));
}

#[test]
fn the_default_context_is_no_context() {
    let home = TempDir::new().unwrap();
    write(
        home.path().join(".docker/config.json"),
        r#"{"currentContext":"default"}"#,
    );
    let mut env = empty(&home);
    let system = pair("unix:///var/run/docker.sock", "default");
    assert_eq!(only(&none(), &env), system);
    let options = EngineOptions {
        context: Some("default".into()),
        look_further: true,
        ..none()
    };
    assert_eq!(only(&options, &env), system);
    env.host = Some("tcp://elsewhere".into());
    assert_eq!(
        only(&options, &env),
        pair("tcp://elsewhere:2375", "DOCKER_HOST")
    );
}

#[test]
fn only_where_nothing_is_named_it_looks_further() {
    let home = TempDir::new().unwrap();
    let mut env = empty(&home);
    env.runtime_dir = Some("/run/user/1000".into());
    let options = EngineOptions {
        look_further: true,
        ..none()
    };
    let urls: Vec<String> = places(&options, &env)
        .unwrap()
        .into_iter()
        .map(|place| place.url.replace(home.path().to_str().unwrap(), "~"))
        .collect();
    assert_eq!(
        urls,
        [
            "unix:///var/run/docker.sock",
            "unix:///run/user/1000/docker.sock",
            "unix://~/.docker/run/docker.sock",
            "unix://~/.docker/desktop/docker.sock",
            "unix://~/.colima/default/docker.sock",
            "unix://~/.orbstack/run/docker.sock",
            "unix:///run/user/1000/podman/podman.sock",
            "unix:///run/podman/podman.sock",
        ]
    );
    env.host = Some("unix:///x".into());
    assert_eq!(places(&options, &env).unwrap().len(), 1);
}

#[test]
fn a_context_that_leads_nowhere_is_an_error_and_not_the_default_engine() {
    let home = TempDir::new().unwrap();
    let env = empty(&home);
    let ask = |name: &str| {
        places(
            &EngineOptions {
                context: Some(name.into()),
                ..none()
            },
            &env,
        )
    };
    let folder = home.path().join(".docker/contexts/meta");
    assert_eq!(
        ask("gone"),
        Err(ConnectError::Context(ContextError::NotFound {
            name: "gone".into(),
            folder
        }))
    );
    write(
        home.path().join(".docker/contexts/meta/k/meta.json"),
        r#"{"Name":"kube","Endpoints":{"kubernetes":{"Host":"https://k"}}}"#,
    );
    assert_eq!(
        ask("kube"),
        Err(ConnectError::Context(ContextError::NoEndpoint {
            name: "kube".into()
        }))
    );
    write(home.path().join(".docker/config.json"), "{oops");
    let error = places(&none(), &env).unwrap_err().to_string();
    assert!(
        error.contains("config.json") && error.contains("-H"),
        "{error}"
    );
    // The configuration is not even looked at where the host is named.
    let options = EngineOptions {
        host: Some("unix:///x".into()),
        ..none()
    };
    assert!(places(&options, &env).is_ok());
}

#[test]
fn addresses_read_as_docker_reads_them() {
    let home = TempDir::new().unwrap();
    let env = empty(&home);
    let url = |host: &str| {
        let options = EngineOptions {
            host: Some(host.into()),
            ..none()
        };
        places(&options, &env).map(|mut places| {
            let place = places.remove(0);
            (place.url, place.address)
        })
    };
    let behind = |host: &str, port, prefix: &str| {
        Ok(Address::Tcp {
            host: host.into(),
            port,
            prefix: prefix.into(),
        })
    };
    let tcp = |host: &str, port| behind(host, port, "");
    for (given, shown, address) in [
        ("tcp://a:1", "tcp://a:1", tcp("a", 1)),
        ("tcp://a", "tcp://a:2375", tcp("a", 2375)),
        ("a:7", "tcp://a:7", tcp("a", 7)),
        (":7", "tcp://localhost:7", tcp("localhost", 7)),
        ("tcp://", "tcp://localhost:2375", tcp("localhost", 2375)),
        ("tcp://[::1]:5", "tcp://[::1]:5", tcp("::1", 5)),
        ("tcp://a:1/", "tcp://a:1", tcp("a", 1)),
        ("tcp://a:1/x/", "tcp://a:1/x", behind("a", 1, "/x")),
        (
            "http://a:1//x/y%20z",
            "tcp://a:1/x/y%20z",
            behind("a", 1, "/x/y%20z"),
        ),
        ("a/v1", "tcp://a:2375/v1", behind("a", 2375, "/v1")),
        (
            "tcp://[fe80::1]",
            "tcp://[fe80::1]:2375",
            tcp("fe80::1", 2375),
        ),
        (
            "unix://",
            "unix:///var/run/docker.sock",
            Ok(Address::Unix("/var/run/docker.sock".into())),
        ),
        (
            "ssh://me@web-3/",
            "ssh://me@web-3",
            Ok(Address::Ssh(Target::parse("me@web-3").unwrap())),
        ),
        (
            "npipe:////./pipe/x",
            "npipe:////./pipe/x",
            Err(Unsupported::NamedPipe),
        ),
        ("fd://3", "fd://3", Err(Unsupported::FileDescriptor)),
    ] {
        assert_eq!(url(given), Ok((shown.to_owned(), address)), "{given}");
    }
    for bad in [
        "tcp://a:0",
        "tcp://a:70000",
        "tcp://a:b",
        "tcp://a/..",
        "tcp://a/v1?x=y",
        "tcp://a/v1#x",
        "tcp://a/v 1",
        "tcp://a/\"x",
        "tcp:///run/docker.sock",
        "gopher://a",
        "tcp://[::1",
        "ssh://",
        "ssh://-oProxyCommand=x",
        "ssh://-l@web-3",
        "ssh://me:secret@web-3",
    ] {
        assert!(
            matches!(url(bad), Err(ConnectError::BadUrl { .. })),
            "{bad}"
        );
    }
    // A socket's path alone is one to everybody but docker.
    let here = std::env::current_dir().unwrap();
    for (path, whole) in [
        ("/run/docker.sock", "/run/docker.sock".into()),
        ("/run/user/1000/docker", "/run/user/1000/docker".into()),
        ("./x.sock", here.join("x.sock")),
        ("run/docker.sock", here.join("run/docker.sock")),
    ] {
        let words = url(path).unwrap_err().to_string();
        let proposal = format!("try unix://{}", whole.display());
        assert!(words.ends_with(&proposal), "{words}");
    }
    // A password in an address is not repeated.
    for bad in ["ssh://me:se@cret@web-3", "tcp://me:se@cret@web-3:2376"] {
        let words = url(bad).unwrap_err().to_string();
        assert!(words.contains("://me:…@web-3"), "{words}");
        assert!(!words.contains("cret"), "{words}");
    }
}

fn papers(folder: &Path, has_ca: bool, has_pair: bool, verify: bool) -> TlsFiles {
    TlsFiles {
        ca: has_ca.then(|| folder.join("ca.pem")),
        pair: has_pair.then(|| (folder.join("cert.pem"), folder.join("key.pem"))),
        verify,
    }
}

fn tls(host: &str, port: u16, papers: TlsFiles) -> Address {
    let host = host.to_owned();
    Address::Tls {
        host,
        port,
        prefix: String::new(),
        papers,
    }
}

#[test]
fn a_contexts_certificates_are_its_own() {
    let home = TempDir::new().unwrap();
    context(&home, "hash", "safe", "tcp://a:2376");
    let folder = home.path().join(".docker/contexts/tls/hash/docker");
    let mut env = empty(&home);
    env.context = Some("safe".into());
    // Those of the environment are for engines that it names itself.
    env.tls = true;
    env.tls_verify = true;
    let address = |env: &Env| places(&none(), env).unwrap().remove(0).address.unwrap();
    let plain = Address::Tcp {
        host: "a".into(),
        port: 2376,
        prefix: String::new(),
    };
    assert_eq!(address(&env), plain);
    write(folder.join("ca.pem"), "pem");
    assert_eq!(
        address(&env),
        tls("a", 2376, papers(&folder, true, false, true))
    );
    // Half a pair is none.
    write(folder.join("key.pem"), "pem");
    assert_eq!(
        address(&env),
        tls("a", 2376, papers(&folder, true, false, true))
    );
    write(folder.join("cert.pem"), "pem");
    assert_eq!(
        address(&env),
        tls("a", 2376, papers(&folder, true, true, true))
    );
    let meta = home.path().join(".docker/contexts/meta/hash/meta.json");
    let text = std::fs::read_to_string(&meta).unwrap();
    write(
        meta,
        &text.replace("\"SkipTLSVerify\":false", "\"SkipTLSVerify\":true"),
    );
    assert_eq!(
        address(&env),
        tls("a", 2376, papers(&folder, true, true, false))
    );
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(
        address(&env),
        tls("a", 2376, papers(&folder, false, false, false))
    );
}

/// What `docker context create` of 28.5.2 has written (tests/recorded/README.md).
#[test]
fn contexts_as_docker_has_written_them() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/context-store");
    let folder = "44575cf5b28512d75644bf54a517dcef304ff809fd511747621b4d64f19aac66";
    let folder = config.join("contexts/tls").join(folder).join("docker");
    let env = Env {
        config: Some(config.clone()),
        ..Env::default()
    };
    let in_context = |name: Option<&str>| {
        let options = EngineOptions {
            context: name.map(str::to_owned),
            ..none()
        };
        let place = places(&options, &env).unwrap().remove(0);
        (place.why, place.address.unwrap())
    };
    let build = tls("build.example", 2376, papers(&folder, true, true, true));
    assert_eq!(
        in_context(None),
        ("context \"build\"".to_owned(), build.clone())
    );
    assert_eq!(in_context(Some("build")).1, build);
    let lab = tls("lab.example", 2376, papers(&folder, false, false, false));
    assert_eq!(in_context(Some("lab")).1, lab);
    let web = Address::Ssh(Target::parse("deploy@web-3:2222").unwrap());
    assert_eq!(in_context(Some("web-3")).1, web);
    let local = Address::Unix("/run/user/1000/docker.sock".into());
    assert_eq!(in_context(Some("local")).1, local);
}

#[test]
fn the_environment_turns_tls_on_for_tcp() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join(".docker");
    let mut env = empty(&home);
    let only = |env: &Env| {
        let mut places = places(
            &EngineOptions {
                look_further: true,
                ..none()
            },
            env,
        )
        .unwrap();
        assert_eq!(places.len(), 1, "{places:?}");
        places.remove(0)
    };
    env.tls = true;
    // As for docker, the system's socket is then not the default.
    assert_eq!(
        only(&env).address,
        Ok(tls("localhost", 2376, papers(&folder, true, false, false)))
    );
    env.host = Some("tcp://a:2376".into());
    env.tls_verify = true;
    let place = only(&env);
    assert_eq!(
        (place.url.as_str(), place.why.as_str()),
        ("tcp://a:2376", "DOCKER_HOST")
    );
    assert_eq!(
        place.address,
        Ok(tls("a", 2376, papers(&folder, true, false, true)))
    );
    let elsewhere = home.path().join("certs");
    write(elsewhere.join("cert.pem"), "pem");
    write(elsewhere.join("key.pem"), "pem");
    env.certificates = Some(elsewhere.clone());
    assert_eq!(
        only(&env).address,
        Ok(tls("a", 2376, papers(&elsewhere, true, true, true)))
    );
    env.host = Some("unix:///a.sock".into());
    assert_eq!(only(&env).address, Ok(Address::Unix("/a.sock".into())));
    env.host = Some("https://a".into());
    env.tls = false;
    assert_eq!(
        only(&env).address,
        Ok(tls("a", 2375, papers(&folder, false, false, true)))
    );
}

fn at(path: &Path) -> Place {
    Place {
        url: format!("unix://{}", path.display()),
        why: "test".into(),
        address: Ok(Address::Unix(path.to_owned())),
        start: None,
    }
}

/// Returns a socket that reads a request and says one thing.
fn answering(folder: &TempDir, name: &str, answer: &'static str) -> Place {
    let path = folder.path().join(name);
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    at(&path)
}

const DOCKER: &str = "HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nServer: Docker/28.5.2 (linux)\r\nContent-Length: 2\r\n\r\nOK";

/// Dialling always fails here, so that what was reached can be told from what was not.
async fn reasons(places: Vec<Place>) -> Vec<ConnectFailure> {
    let no_engine = first(places, &Dials::default(), async |_, _| Err(reached()))
        .await
        .err()
        .expect("nothing to open");
    no_engine
        .attempts
        .into_iter()
        .map(|attempt| attempt.reason)
        .collect()
}

fn reached() -> EngineError {
    EngineError::NotSupported("reached".into())
}

#[tokio::test]
async fn an_engine_is_told_from_whatever_else_listens() {
    let folder = TempDir::new().unwrap();
    let places = vec![
        answering(&folder, "docker", DOCKER),
        answering(
            &folder,
            "bare",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
        ),
        answering(
            &folder,
            "refusing",
            "HTTP/1.1 403 Forbidden\r\nApi-Version: 1.51\r\n\r\nno",
        ),
        answering(
            &folder,
            "nginx",
            "HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n<html>",
        ),
        answering(&folder, "ssh", "SSH-2.0-OpenSSH_9.2\r\n"),
        answering(&folder, "mute", ""),
        answering(
            &folder,
            "tls",
            "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
        ),
        answering(
            &folder,
            "forbidding",
            "HTTP/1.1 403 Forbidden\r\n\r\n<html>by administrative rules</html>",
        ),
        answering(
            &folder,
            "elsewhere",
            "HTTP/1.1 404 Not Found\r\n\r\n<html>no such page</html>",
        ),
    ];
    assert_eq!(
        reasons(places).await,
        [
            ConnectFailure::Engine(reached()),
            ConnectFailure::Engine(reached()),
            ConnectFailure::Engine(reached()),
            ConnectFailure::NotDocker,
            ConnectFailure::NotDocker,
            ConnectFailure::NotDocker,
            ConnectFailure::WantsTls,
            ConnectFailure::Forbidden(403),
            ConnectFailure::NotDocker,
        ]
    );
}

#[tokio::test]
async fn the_first_that_answers_is_the_only_one_dialled() {
    let folder = TempDir::new().unwrap();
    let places = vec![
        at(&folder.path().join("absent")),
        answering(&folder, "a", DOCKER),
        answering(&folder, "b", DOCKER),
    ];
    let dialled = AtomicUsize::new(0);
    let engine = first(places, &Dials::default(), async |place, _| {
        dialled.fetch_add(1, Ordering::Relaxed);
        assert!(place.url.ends_with("/a"), "{}", place.url);
        Ok(Arc::new(crate::engine::scan::fake::Fake::default()) as Arc<dyn Engine>)
    })
    .await;
    assert!(engine.is_ok());
    assert_eq!(dialled.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_is_in_the_way_is_said_with_what_to_try() {
    let folder = TempDir::new().unwrap();
    let dead = folder.path().join("dead");
    drop(UnixListener::bind(&dead).unwrap());
    let port = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let tcp = Place {
        address: Ok(Address::Tcp {
            host: "127.0.0.1".into(),
            port,
            prefix: String::new(),
        }),
        ..at(&dead)
    };
    let pipe = Place {
        url: "npipe:////./pipe/x".into(),
        address: Err(Unsupported::NamedPipe),
        ..at(&dead)
    };
    let absent = at(&folder.path().join("absent"));
    let below_a_file = at(&dead.join("x"));
    let no_engine = first(
        vec![absent, below_a_file, at(&dead), tcp, pipe],
        &Dials::default(),
        async |_, _| Err(reached()),
    )
    .await
    .err()
    .unwrap();
    let reasons: Vec<&ConnectFailure> = no_engine.attempts.iter().map(|a| &a.reason).collect();
    assert_eq!(
        reasons,
        [
            &ConnectFailure::NoSocket,
            &ConnectFailure::NoSocket,
            &ConnectFailure::Refused,
            &ConnectFailure::Refused,
            &ConnectFailure::Unsupported(Unsupported::NamedPipe),
        ]
    );
    for attempt in &no_engine.attempts {
        assert!(attempt.advice().is_some(), "{attempt}");
        assert_eq!(attempt.to_string().lines().count(), 1, "{attempt}");
    }
    assert_eq!(
        no_engine.foremost().unwrap().reason,
        ConnectFailure::Refused
    );
}

#[tokio::test]
async fn the_docker_group_is_advised_for_the_system_socket_only() {
    let denied = |path: &str| Attempt {
        place: at(Path::new(path)),
        reason: ConnectFailure::PermissionDenied,
    };
    let advice = denied("/var/run/docker.sock").advice().unwrap();
    assert!(
        advice.contains("usermod") && advice.contains("sudo"),
        "{advice}"
    );
    let advice = denied("/home/a/x.sock").advice().unwrap();
    assert!(!advice.contains("docker group"), "{advice}");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_hangs_is_left_after_ten_seconds() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("hangs");
    // It takes connections into its backlog and never answers.
    let listener = UnixListener::bind(&path).unwrap();
    let before = tokio::time::Instant::now();
    assert_eq!(
        reasons(vec![at(&path)]).await,
        [ConnectFailure::TimedOut(PING)]
    );
    assert_eq!(before.elapsed().as_secs(), 10);
    drop(listener);
}
