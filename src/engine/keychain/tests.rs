use serde_json::json;
use tempfile::TempDir;

use super::*;

async fn header(config: &Value, name: &str) -> (Option<Value>, Option<String>) {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("config.json"), config.to_string()).expect("settings");
    let key = Keychain::new(Some(folder.path().to_owned()))
        .key(name)
        .await;
    let header = key.header.map(|header| {
        let text = decode(&header.replace('-', "+").replace('_', "/")).expect("base64");
        serde_json::from_slice(&text).expect("JSON")
    });
    (header, key.trouble)
}

#[test]
fn base64_is_that_of_the_standard() {
    for (plain, coded) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
        ("\u{0}\u{7f}~?>", "AH9+Pz4="),
    ] {
        assert_eq!(encode(plain.as_bytes()), coded);
        assert_eq!(decode(coded).as_deref(), Some(plain.as_bytes()));
    }
    assert_eq!(decode("Zg!="), None);
}

#[test]
fn a_name_leads_to_its_registry() {
    for (name, registry) in [
        ("postgres@sha256:1", HUB),
        ("team/app:1", HUB),
        ("docker.io/library/a:1", HUB),
        ("localhost/a", "localhost"),
        ("127.0.0.1:5000/a@sha256:1", "127.0.0.1:5000"),
        ("ghcr.io/a/b:1", "ghcr.io"),
    ] {
        assert_eq!(registry_of(name), registry, "{name}");
    }
}

#[tokio::test]
async fn credentials_of_the_settings_are_taken_for_their_registry_alone() {
    let config = json!({"auths": {
        "https://reg.example/v2/": {"auth": encode(b"ann:p:w")},
        HUB: {"auth": encode(b"hub:x"), "identitytoken": "t"},
        "empty.example": {},
    }});
    let (found, trouble) = header(&config, "reg.example/a@sha256:1").await;
    let wanted = json!({"username": "ann", "password": "p:w", "serveraddress": "reg.example"});
    assert_eq!((found, trouble), (Some(wanted), None));
    let (found, _) = header(&config, "postgres@sha256:1").await;
    assert_eq!(found.expect("a key")["identitytoken"], "t");
    for name in ["other.example/a", "empty.example/a", "reg.example.evil/a"] {
        assert_eq!(header(&config, name).await, (None, None), "{name}");
    }
    assert!(Keychain::default().key("a").await.header.is_none());
}

#[tokio::test]
async fn a_helper_that_is_no_plain_name_is_not_run() {
    for name in ["../x", "a/b", "x;touch y", "", "-", "$(x)"] {
        let config = json!({"credHelpers": {"reg.example": name}});
        let (found, trouble) = header(&config, "reg.example/a").await;
        assert_eq!(found, None, "{name:?}");
        // The empty one is none; the others are said, or are no program that there is.
        assert_eq!(trouble.is_some(), !name.is_empty(), "{name:?}");
    }
    let config = json!({"credsStore": "dtop-test-absent"});
    let (_, trouble) = header(&config, "a").await;
    assert!(trouble.is_some_and(|words| words.starts_with("docker-credential-dtop-test-absent")));
}
