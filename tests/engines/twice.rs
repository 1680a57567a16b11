//! Two dtops at once: what one of them removed the other counts as gone.

use std::collections::BTreeMap;
use std::process::Stdio;

use serde_json::Value;

use crate::support::engine::PrivateEngine;
use crate::support::scene::Scene;

use super::reports::at;

/// So many of each sort, so that the two meet at some.
const EACH: usize = 6;

/// Whatever both wanted gone is gone, and whose bytes are counted are counted once.
pub fn two_at_once_count_an_object_once(engine: &PrivateEngine) {
    let scene = Scene::on(engine);
    for at in 0..EACH {
        let name = format!("twin-{at}:1");
        let fill = vec![u8::try_from(at).expect("a few") + 1; 40_000];
        scene.import(&name, |root| {
            std::fs::create_dir(root.join("bin")).expect("a folder");
            std::fs::copy(engine.busybox(), root.join("bin/sh")).expect("a shell");
            std::fs::write(root.join("file"), fill).expect("a file");
        });
        scene.tag(&name, &format!("twin-{at}:2"));
        scene.volume(&format!("twin-{at}"), 30_000);
        let mount = format!("twin-{at}:/data");
        let create = ["create", "--network", "none", "--name"];
        let container = format!("twin-{at}");
        engine.docker(
            &[
                &create[..],
                &[&container, "--volume", &mount, &name, "/bin/sh"],
            ]
            .concat(),
        );
    }
    let twin = || {
        let mut command = at(&engine.host());
        command.args(["clean", "--yes", "--json"]);
        for option in ["--containers", "--images", "--volumes"] {
            command.args([option, "/twin-/"]);
        }
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("dtop runs")
    };
    let twins = [twin(), twin()];
    let mut counted: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for twin in twins {
        let output = twin.wait_with_output().expect("dtop ends");
        let said = String::from_utf8_lossy(&output.stdout);
        let report: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"));
        for done in report["done"].as_array().expect("a list") {
            let word = |key: &str| done[key].as_str().unwrap_or_default().to_owned();
            let outcome = word("outcome");
            assert_ne!(outcome, "failed", "{done}");
            if outcome == "removed" && done["freed"] != 0 {
                let row = counted.entry((word("kind"), word("id"))).or_default();
                row.push(done.to_string());
            }
        }
    }
    assert!(!counted.is_empty());
    for rows in counted.values() {
        assert_eq!(rows.len(), 1, "counted twice: {rows:#?}");
    }
}
