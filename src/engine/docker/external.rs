//! Podman's external containers: those of builds that run or were killed, of `buildah from`, of CRI-O.
//!
//! No list of Docker's API has them, yet the images below them cannot be removed. Podman's own API names them when
//! asked to; where that is not served, the number of containers that an image is said to have shows that there are
//! some.

use std::collections::HashMap;
use std::sync::PoisonError;

use super::{DockerEngine, LIST};
use crate::domain::item::{Container, ImageId};
use crate::domain::outsider::{Outsider, OutsiderKind, UNNAMED};
use crate::engine::{EngineError, wire};

/// What every Podman with such a list takes.
const OLDEST: &str = "4.0.0";

/// How many containers use each image.
#[derive(Debug, Default)]
pub struct Uses {
    /// As the list of images has it.
    pub told: HashMap<ImageId, u32>,
    /// Of those that are listed.
    listed: HashMap<ImageId, u32>,
}

impl Uses {
    pub fn list(&mut self, containers: &[Container]) {
        self.listed.clear();
        for image in containers.iter().filter_map(|it| it.image_id.as_ref()) {
            *self.listed.entry(image.clone()).or_default() += 1;
        }
    }

    /// Images that more containers use than are listed.
    fn unlisted(&self) -> impl Iterator<Item = &ImageId> {
        let listed = |image| self.listed.get(image).copied().unwrap_or_default();
        let more = self
            .told
            .iter()
            .filter(move |(image, told)| **told > listed(*image));
        more.map(|(image, _)| image)
    }
}

impl DockerEngine {
    /// Takes note of who uses what, of an engine that has a use for it.
    pub(super) fn count_uses(&self, note: impl FnOnce(&mut Uses)) {
        if self.terms().dialect.podman {
            let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
            note(&mut uses);
        }
    }

    pub(super) async fn list_external(&self) -> Result<Vec<Outsider>, EngineError> {
        let terms = self.terms();
        if !terms.dialect.podman {
            return Ok(Vec::new());
        }
        let is_plain = |it: &&str| it.bytes().all(|it| it.is_ascii_digit() || it == b'.');
        let version = terms.libpod.as_deref().filter(is_plain);
        let version = version.unwrap_or(OLDEST);
        let path = format!("/v{version}/libpod/containers/json?all=true&external=true");
        match self.transport.get(&path, LIST).await {
            Ok(answer) => {
                let list = wire::parse_list(&format!("GET {path}"), &answer)?;
                Ok(wire::external(&list))
            }
            Err(error @ EngineError::TimedOut { .. }) => Err(error),
            // Refused, or cut: it costs the names, as any list costs only itself.
            Err(_) => Ok(self.unnamed()),
        }
    }

    /// External containers that only a number shows.
    fn unnamed(&self) -> Vec<Outsider> {
        let mut found = Vec::new();
        self.count_uses(|uses| {
            let images = uses.unlisted().map(|image| image.text().clone());
            let images: Vec<_> = images.collect();
            if !images.is_empty() {
                found.push(Outsider {
                    images,
                    ..Outsider::new(OutsiderKind::External, UNNAMED)
                });
            }
        });
        found
    }
}
