//! Why something cannot go, in sentences that name what is in the way.

use crate::domain::item::{Container, Image, ItemId, Labels, Record, State, Text, Volume};
use crate::domain::survey::Item;

use super::draft::Draft;

/// Up to this many names are listed in full.
const NAMES: usize = 4;

/// What to do about a running container, as the command line says it; the screen has a key for it.
pub const STOP_IT: &str = "stop it with --stop";

impl Draft<'_> {
    /// Everything that keeps an item from going; empty when it can go.
    pub(super) fn obstacles(&self, id: &ItemId) -> Vec<String> {
        let mut found = Vec::new();
        if self.is_protected(id) {
            found.push("protected".to_owned());
        }
        match self.survey.find(id) {
            Some(Item::Container(container)) => found.extend(self.of_container(container)),
            Some(Item::Image(image)) => found.extend(self.of_image(image)),
            Some(Item::Volume(volume)) => found.extend(self.of_volume(volume)),
            Some(Item::Record(record)) => found.extend(self.of_record(record)),
            None => found.push("not there any more".to_owned()),
        }
        found
    }

    fn of_container(&self, container: &Container) -> Vec<String> {
        let mut found: Vec<String> = swarm_service(&container.labels).into_iter().collect();
        match &container.state {
            State::Created | State::Exited | State::Dead => {}
            State::Running | State::Paused if self.selection.stop => {}
            State::Running => found.push(format!("is running; {STOP_IT}")),
            State::Paused => found.push(format!("is paused; {STOP_IT}")),
            State::Restarting => found.push("is restarting".to_owned()),
            State::Removing => found.push("is being removed".to_owned()),
            State::Other(word) => found.push(format!("its state is not known: {word}")),
        }
        found.extend(self.vanishing(container).find_map(|volume| {
            let id = ItemId::Volume(volume.name.clone());
            let is_not_asked = self.closed && !self.going.contains_key(&id);
            let why = if self.is_protected(&id) {
                "is protected"
            } else if is_not_asked || self.selection.dropped.contains(&id) {
                "is to stay"
            } else {
                return None;
            };
            let name = Item::Volume(volume).name();
            Some(format!(
                "would take along its volume {name}, which {why} (--rm)"
            ))
        }));
        found
    }

    fn of_image(&self, image: &Image) -> Vec<String> {
        let survey = self.survey;
        let mut found = Vec::new();
        let users: Vec<&Container> = survey
            .users_of_image(&image.id)
            .filter(|user| self.stays(user))
            .collect();
        found.extend(used_by(&users));
        let services: Vec<Text> = survey.services_of_image(&image.id).cloned().collect();
        if !services.is_empty() {
            let word = plural("swarm service", services.len());
            found.push(format!("used by {word} {}", listed(&services)));
        }
        let children: Vec<Text> = survey
            .children_of_image(&image.id)
            .filter(|child| !self.image_goes(&child.id))
            .map(|child| Item::Image(child).name())
            .collect();
        if !children.is_empty() {
            let word = if children.len() == 1 {
                "child image"
            } else {
                "child images"
            };
            found.push(format!("has {word} {}", listed(&children)));
        }
        if let Some(names) = self.selection.unasked_names.get(&image.id)
            && !names.is_empty()
        {
            found.push(format!("also named {}", listed(names)));
        }
        found.extend(self.protected_follower(image));
        found
    }

    /// A protected parent that the engine would remove along, knowing nothing of dtop's label.
    fn protected_follower(&self, image: &Image) -> Option<String> {
        let mut at = image;
        // As many turns as there are followers, so that a circle of parents ends.
        for _ in 0..self.following.len() {
            let parent = at.parent.as_ref().filter(|id| self.following.contains(id));
            at = self.survey.image(parent?)?;
            if self.is_protected(&ItemId::Image(at.id.clone())) {
                let name = Item::Image(at).name();
                return Some(format!("would take along its protected parent {name}"));
            }
        }
        None
    }

    fn of_volume(&self, volume: &Volume) -> Option<String> {
        let users: Vec<&Container> = self
            .survey
            .users_of_volume(&volume.name)
            .filter(|user| self.stays(user))
            .collect();
        used_by(&users)
    }

    fn of_record(&self, record: &Record) -> Vec<String> {
        let mut found = Vec::new();
        if record.in_use {
            found.push("in use".to_owned());
        }
        let children: Vec<Text> = self
            .survey
            .children_of_record(&record.id)
            .filter(|child| !self.goes(&ItemId::Record(child.id.clone())))
            .map(|child| Item::Record(child).name())
            .collect();
        if !children.is_empty() {
            let words = if children.len() == 1 {
                "another record builds on it"
            } else {
                "other records build on it"
            };
            found.push(format!("{words}: {}", listed(&children)));
        }
        found
    }
}

/// A task of a swarm service comes back by itself and belongs to the swarm.
pub(super) fn swarm_service(labels: &Labels) -> Option<String> {
    const TASK: &str = "com.docker.swarm.task";
    const SERVICE: &str = "com.docker.swarm.service";
    labels
        .iter()
        .find(|(key, _)| key.starts_with(TASK) || key.starts_with(SERVICE))?;
    Some(match labels.value("com.docker.swarm.service.name") {
        Some(name) => format!("a task of swarm service {name}"),
        None => "a task of a swarm service".to_owned(),
    })
}

/// `used by running container web-1 and stopped containers job-1, job-2`.
fn used_by(users: &[&Container]) -> Option<String> {
    let mut groups: Vec<(&str, Vec<Text>)> = Vec::new();
    let mut users = users.to_vec();
    users.sort_by_key(|user| user.state.is_stopped());
    for user in users {
        let word = if user.state.is_stopped() {
            "stopped"
        } else {
            user.state.word()
        };
        let name = Item::Container(user).name();
        match groups.iter_mut().find(|(known, _)| *known == word) {
            Some((_, names)) => names.push(name),
            None => groups.push((word, vec![name])),
        }
    }
    let phrases: Vec<String> = groups
        .iter()
        .map(|(word, names)| {
            let container = plural("container", names.len());
            format!("{word} {container} {}", listed(names))
        })
        .collect();
    (!phrases.is_empty()).then(|| format!("used by {}", phrases.join(" and ")))
}

fn plural(word: &str, count: usize) -> String {
    if count == 1 {
        word.to_owned()
    } else {
        format!("{word}s")
    }
}

/// `a, b, c and 7 more`.
fn listed(names: &[Text]) -> String {
    let shown = if names.len() > NAMES {
        NAMES - 1
    } else {
        names.len()
    };
    let text = names[..shown].join(", ");
    if shown < names.len() {
        format!("{text} and {} more", names.len() - shown)
    } else {
        text
    }
}
