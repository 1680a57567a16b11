//! Everything that an engine keeps, asked of the engine itself: what went, and what else did.

use std::collections::BTreeMap;

use serde_json::Value;

use super::engine::PrivateEngine;

/// All objects by ID, with what a person calls them. Intermediate images are counted too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    pub images: BTreeMap<String, Vec<String>>,
    pub containers: BTreeMap<String, String>,
    pub volumes: BTreeMap<String, String>,
    pub records: BTreeMap<String, String>,
}

impl Census {
    pub fn of(engine: &PrivateEngine) -> Self {
        let df = df(engine);
        Self {
            images: rows(&engine.get("/images/json?all=1"))
                .map(|image| (text(&image["Id"]), names(&image["RepoTags"])))
                .collect(),
            containers: rows(&engine.get("/containers/json?all=1"))
                .map(|it| (text(&it["Id"]), names(&it["Names"]).join(" ")))
                .collect(),
            volumes: rows(&engine.get("/volumes")["Volumes"])
                .map(|volume| (text(&volume["Name"]), text(&volume["Driver"])))
                .collect(),
            records: rows(&df["BuildCache"])
                .map(|record| (text(&record["ID"]), text(&record["Description"])))
                .collect(),
        }
    }

    /// What is here and not there.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        rest.images.retain(|id, _| !other.images.contains_key(id));
        rest.containers
            .retain(|id, _| !other.containers.contains_key(id));
        rest.volumes
            .retain(|name, _| !other.volumes.contains_key(name));
        rest.records.retain(|id, _| !other.records.contains_key(id));
        rest
    }

    /// The ID of the record whose description holds this text; fails the test unless there is exactly one.
    pub fn record(&self, text: &str) -> String {
        let mut found = self
            .records
            .iter()
            .filter(|(_, description)| description.contains(text));
        let (id, _) = found
            .next()
            .unwrap_or_else(|| panic!("no record {text:?}: {:?}", self.records));
        assert!(
            found.next().is_none(),
            "several records {text:?}: {:?}",
            self.records
        );
        id.clone()
    }
}

/// Asked again where a snapshot that the engine made for a moment went while it walked: 28.5 fails its whole
/// answer then.
fn df(engine: &PrivateEngine) -> Value {
    const PATH: &str = "/system/df?type=image&type=build-cache";
    for _ in 0..20 {
        let (status, body) = engine.request("GET", PATH);
        if status != 404 {
            break;
        }
        assert!(body.contains("snapshot"), "GET {PATH}: {body}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    engine.get(PATH)
}

fn rows(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn names(list: &Value) -> Vec<String> {
    rows(list)
        .map(text)
        .filter(|name| name != "<none>:<none>")
        .collect()
}
