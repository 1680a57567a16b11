//! What others do to a real engine between the plan and the removal, and between two steps of it.

use std::collections::BTreeSet;
use std::fs;
use std::process::Output;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::stage::{Stage, clean, done};
use crate::support::engine::PrivateEngine;
use crate::support::meddler::Meddler;
use crate::support::random::Random;

/// All at once at either moment, and so many random interleavings.
const INTERLEAVINGS: usize = 20;
const SEED: u64 = 21;
const PRECIOUS: &str = "what somebody else has written\n";

/// What somebody else does to something that is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// A tag is moved to another image.
    MoveTag,
    /// A container is started from an image.
    Run,
    /// A container takes a volume.
    Attach,
    /// A volume is removed and made anew under its name, and written to.
    Recreate,
    /// A container that had ended is started.
    Start,
    /// A container that runs is restarted.
    Restart,
    /// An image gets another name.
    Name,
}

const DEEDS: [Deed; 7] = [
    Deed::MoveTag,
    Deed::Run,
    Deed::Attach,
    Deed::Recreate,
    Deed::Start,
    Deed::Restart,
    Deed::Name,
];

/// An engine's own requests, which do not pass the proxy.
struct Others {
    socket: std::path::PathBuf,
    volumes: std::path::PathBuf,
}

impl Others {
    fn try_to(&self, method: &str, path: &str, body: &Value) -> bool {
        // What asks for no body and gets one may close before it was sent.
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let kind = "application/json";
        let answer = crate::support::http::send(&self.socket, method, path, kind, body.as_bytes());
        answer.is_ok_and(|(status, _)| status < 300)
    }

    /// Does it, unless it comes too late; true if it was done.
    fn act(&self, deed: Deed) -> bool {
        let empty = Value::Null;
        let create = |name: &str, image: &str, volume: Option<&str>| {
            let mounts: Vec<_> = volume
                .map(|name| json!({"Type": "volume", "Source": name, "Target": "/v"}))
                .into_iter()
                .collect();
            let body = json!({
                "Image": image, "Cmd": ["sleep", "100000"], "StopSignal": "SIGKILL",
                "HostConfig": {"NetworkMode": "none", "Mounts": mounts},
            });
            self.try_to("POST", &format!("/containers/create?name={name}"), &body)
        };
        match deed {
            Deed::MoveTag => {
                self.try_to("POST", "/images/keep-base:1/tag?repo=go-pair&tag=2", &empty)
            }
            Deed::Name => {
                let path = "/images/go-three:1/tag?repo=own-precious&tag=1";
                self.try_to("POST", path, &empty)
            }
            Deed::Run => {
                create("own-run", "go-live:1", None)
                    && self.try_to("POST", "/containers/own-run/start", &empty)
            }
            // A volume that is gone would be made by this.
            Deed::Attach => {
                self.volumes.join("go-spare").exists()
                    && create("own-user", "keep-base:1", Some("go-spare"))
            }
            Deed::Recreate => {
                self.try_to("DELETE", "/volumes/go-more", &empty)
                    && self.try_to("POST", "/volumes/create", &json!({"Name": "go-more"}))
                    && fs::write(self.volumes.join("go-more/_data/precious"), PRECIOUS).is_ok()
            }
            Deed::Start => self.try_to("POST", "/containers/go-c7/start", &empty),
            Deed::Restart => self.try_to("POST", "/containers/go-run/restart?t=0", &empty),
        }
    }

    /// What must be there if the deed was done.
    fn owed(&self, deed: Deed, engine: &PrivateEngine) -> Result<(), String> {
        let is = |path: &str| engine.request("GET", path).0 == 200;
        let runs = |name: &str| {
            let path = format!("/containers/{name}/json");
            is(&path) && engine.get(&path)["State"]["Running"] == true
        };
        let means = |name: &str, image: &str| {
            let path = |name: &str| format!("/images/{name}/json");
            is(&path(name)) && engine.get(&path(name))["Id"] == engine.get(&path(image))["Id"]
        };
        let holds = match deed {
            Deed::MoveTag => means("go-pair:2", "keep-base:1"),
            Deed::Name => is("/images/own-precious:1/json"),
            Deed::Run => runs("own-run") && is("/images/go-live:1/json"),
            Deed::Attach => is("/containers/own-user/json") && is("/volumes/go-spare"),
            Deed::Recreate => {
                let file = self.volumes.join("go-more/_data/precious");
                fs::read_to_string(file).is_ok_and(|text| text == PRECIOUS)
            }
            Deed::Start => runs("go-c7"),
            Deed::Restart => runs("go-run"),
        };
        holds
            .then_some(())
            .ok_or_else(|| format!("{deed:?}: it is lost"))
    }
}

pub fn hold(engine: &PrivateEngine) {
    let stage = Stage::on(engine);
    let meddler = Meddler::before(&engine.socket(), engine.folder());
    // An undisturbed one, to see when what is asked.
    set(&stage);
    meddler.arm(|_, _| None);
    let undisturbed = clean(&meddler.host());
    assert!(undisturbed.status.success(), "{undisturbed:?}");
    let requests = meddler.requests();
    let lists = |it: &crate::support::proxy::Request| it.path.contains("/images/json");
    let again = requests.iter().rposition(lists).map(|last| {
        // The first list of the recheck is the second that there is.
        let all: Vec<usize> = (0..=last).filter(|at| lists(&requests[*at])).collect();
        all[1] + 1
    });
    let again = again.expect("it is listed again");
    let writes = |it: &crate::support::proxy::Request| it.method == "DELETE";
    let first = requests.iter().position(writes).expect("a removal") + 1;

    // Between the plan and the yes, and between two steps.
    let everything: Vec<Deed> = DEEDS.to_vec();
    for moment in [again, first] {
        let moments = everything.iter().map(|deed| (moment, *deed)).collect();
        let acted = hold_one(&stage, &meddler, moments);
        assert_eq!(acted, DEEDS, "all of them were in time");
    }
    let mut random = Random::new(SEED);
    let mut deeds = 0;
    for _ in 2..INTERLEAVINGS {
        let count = 1 + random.below(3);
        let moments = (0..count).map(|_| {
            let moment = again + random.below(requests.len() - again);
            (moment, DEEDS[random.below(DEEDS.len())])
        });
        deeds += hold_one(&stage, &meddler, moments.collect()).len();
    }
    println!("{INTERLEAVINGS} interleavings, {deeds} deeds in time besides all at once, twice");
}

/// What the deeds are done to, and little more.
fn set(stage: &Stage<'_>) {
    stage.set_some();
    stage.send_json("/commit?container=keep-one&repo=go-live&tag=1", &json!({}));
}

/// Returns the deeds that were done.
fn hold_one(stage: &Stage<'_>, meddler: &Meddler, moments: Vec<(usize, Deed)>) -> Vec<Deed> {
    let engine = stage.engine;
    set(stage);
    let others = Arc::new(Others {
        socket: engine.socket(),
        volumes: engine.root().join("volumes"),
    });
    let acted = Arc::new(Mutex::new(Vec::new()));
    let case = format!("{moments:?}");
    let (them, did, mut due) = (Arc::clone(&others), Arc::clone(&acted), moments);
    let answering = meddler.answering();
    meddler.arm(move |number, request| {
        // Between a last look and the removal that follows it only the engine could see more.
        if request.method == "GET" {
            due.retain(|(moment, deed)| {
                if *moment <= number {
                    let _others_wait = answering.write();
                    if them.act(*deed) {
                        did.lock().unwrap().push(*deed);
                    }
                }
                *moment > number
            });
        }
        None
    });
    let output = clean(&meddler.host());
    let acted = acted.lock().unwrap().clone();
    let case = format!("{case}, of which {acted:?}: {}", said(&output));
    for deed in &acted {
        if let Err(lost) = others.owed(*deed, engine) {
            panic!("{lost}: {case}");
        }
    }
    let left = stage.left();
    for (id, outcome) in done(&output) {
        let is_away = outcome == "removed" || outcome == "gone";
        assert_eq!(is_away, !left.contains(&id), "{id} {outcome}: {case}");
    }
    tidy(stage, meddler, &case);
    acted
}

fn said(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    format!("{out}{}", String::from_utf8_lossy(&output.stderr))
}

/// Takes back what others did, and lets a second run finish the job.
fn tidy(stage: &Stage<'_>, meddler: &Meddler, case: &str) {
    meddler.arm(|_, _| None);
    for path in [
        "/containers/own-run?force=1",
        "/containers/own-user?force=1",
        "/images/own-precious:1?noprune=1",
    ] {
        stage.engine.request("DELETE", path);
    }
    let moved = stage.engine.get("/images/json");
    let base = stage.engine.get("/images/keep-base:1/json")["Id"].clone();
    let moved = moved
        .as_array()
        .into_iter()
        .flatten()
        .find(|it| it["Id"] == base);
    if moved.is_some_and(|it| it["RepoTags"].to_string().contains("go-pair:2")) {
        stage.act("DELETE", "/images/go-pair:2");
    }
    let second = clean(&meddler.host());
    assert!(second.status.success(), "{}: {case}", said(&second));
    assert_eq!(stage.left(), BTreeSet::new(), "{case}");
    stage.assert_kept(case);
}
