//! Why something cannot go, in sentences that name what is in the way.

use crate::domain::index::ItemNo;
use crate::domain::item::{Container, Image, Labels, State, Text};
use crate::domain::survey::Item;

use super::draft::Draft;

/// Up to this many names are listed in full.
const NAMES: usize = 4;

/// What to do about a running container, as the command line says it; the screen has a key for it.
pub const STOP_IT: &str = "stop it with --stop";

/// Something that keeps an item from going. What it is called is found out only where it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    Protected,
    /// A container of a swarm service.
    Task,
    /// What a container is doing.
    State,
    /// A volume that would go with its `--rm` container and must not, and why not.
    Volume(ItemNo, &'static str),
    /// Containers that stay.
    Users,
    Services,
    /// What was made on it and stays.
    Children,
    /// Names that nobody asked for.
    Names,
    /// A protected parent that the engine would remove along, knowing nothing of dtop's label.
    Parent(ItemNo),
    /// A record that a build uses.
    InUse,
    /// A log of which no file can be emptied, and why not.
    Log(&'static str),
}

impl Draft<'_> {
    /// Everything that keeps an item from going; empty when it can go.
    pub(super) fn obstacles(&self, number: ItemNo) -> Vec<Obstacle> {
        let mut found = Vec::new();
        let mut note = |is: bool, obstacle: Obstacle| {
            if is {
                found.push(obstacle);
            }
        };
        note(self.is_protected(number), Obstacle::Protected);
        match self.survey.numbered(number) {
            Item::Container(container) => {
                note(is_task(&container.labels), Obstacle::Task);
                note(!self.may_end(&container.state), Obstacle::State);
                found.extend(self.kept_volume(number));
            }
            Item::Image(image) => {
                note(self.staying_users(number).next().is_some(), Obstacle::Users);
                note(self.survey.services(number).len() > 0, Obstacle::Services);
                note(
                    self.staying_children(number).next().is_some(),
                    Obstacle::Children,
                );
                note(!self.unasked_names(image).is_empty(), Obstacle::Names);
                found.extend(self.protected_follower(number));
            }
            Item::Volume(_) => note(self.staying_users(number).next().is_some(), Obstacle::Users),
            Item::Record(record) => {
                note(record.in_use, Obstacle::InUse);
                note(
                    self.staying_children(number).next().is_some(),
                    Obstacle::Children,
                );
            }
            Item::Log(container) => found.extend(container.log_obstacle().map(Obstacle::Log)),
        }
        found
    }

    /// Obstacles in words.
    pub(super) fn words(&self, number: ItemNo, obstacles: &[Obstacle]) -> String {
        let item = self.survey.numbered(number);
        let words = obstacles.iter().filter_map(|obstacle| match obstacle {
            Obstacle::Protected => self.survey.number_protected_by(number),
            Obstacle::Task => match item {
                Item::Container(container) => swarm_service(&container.labels),
                _ => None,
            },
            Obstacle::State => match item {
                Item::Container(container) => Some(doing(&container.state)),
                _ => None,
            },
            Obstacle::Volume(volume, why) => {
                let name = self.survey.numbered(*volume).name();
                Some(format!(
                    "would take along its volume {name}, which {why} (--rm)"
                ))
            }
            Obstacle::Users => used_by(&self.staying_users(number).collect::<Vec<_>>()),
            Obstacle::Services => {
                let services = self.survey.services(number);
                let services: Vec<Text> = services.map(|service| service.name.clone()).collect();
                let word = plural("swarm service", services.len());
                Some(format!("used by {word} {}", listed(&services)))
            }
            Obstacle::Children => Some(self.children_in_words(item, number)),
            Obstacle::Names => match item {
                Item::Image(image) => {
                    Some(format!("also named {}", listed(self.unasked_names(image))))
                }
                _ => None,
            },
            Obstacle::Parent(parent) => {
                let name = self.survey.numbered(*parent).name();
                Some(format!("would take along its protected parent {name}"))
            }
            Obstacle::InUse => Some("in use".to_owned()),
            Obstacle::Log(why) => Some((*why).to_owned()),
        });
        words.collect::<Vec<_>>().join("; ")
    }

    fn may_end(&self, state: &State) -> bool {
        match state {
            State::Created | State::Exited | State::Dead => true,
            State::Running | State::Paused => self.selection.stop,
            State::Restarting | State::Removing | State::Other(_) => false,
        }
    }

    fn kept_volume(&self, container: ItemNo) -> Option<Obstacle> {
        self.vanishing(container).find_map(|volume| {
            let is_not_asked = self.closed && !self.is_step(volume);
            if self.is_protected(volume) {
                Some(Obstacle::Volume(volume, "is protected"))
            } else if is_not_asked || self.is_dropped(volume) {
                Some(Obstacle::Volume(volume, "is to stay"))
            } else {
                None
            }
        })
    }

    fn staying_users(&self, number: ItemNo) -> impl Iterator<Item = &Container> {
        let users = self.survey.users(number).iter();
        let staying = users.filter(|user| self.stays(**user));
        staying.filter_map(|user| match self.survey.numbered(*user) {
            Item::Container(container) => Some(container),
            _ => None,
        })
    }

    fn staying_children(&self, number: ItemNo) -> impl Iterator<Item = ItemNo> {
        let children = self.survey.children(number).iter().copied();
        children.filter(|child| self.stays(*child))
    }

    fn children_in_words(&self, of: Item<'_>, number: ItemNo) -> String {
        let names: Vec<Text> = self
            .staying_children(number)
            .map(|child| self.survey.numbered(child).name())
            .collect();
        match (of, names.len()) {
            (Item::Record(_), 1) => format!("another record builds on it: {}", listed(&names)),
            (Item::Record(_), _) => format!("other records build on it: {}", listed(&names)),
            (_, 1) => format!("has child image {}", listed(&names)),
            (_, _) => format!("has child images {}", listed(&names)),
        }
    }

    pub(super) fn unasked_names(&self, image: &Image) -> &[Text] {
        let names = self.selection.unasked_names.get(&image.id);
        names.map(Vec::as_slice).unwrap_or_default()
    }

    fn protected_follower(&self, image: ItemNo) -> Option<Obstacle> {
        let mut at = image;
        // As many turns as there are followers, so that a circle of parents ends.
        for _ in 0..self.followers().len() {
            at = self
                .survey
                .parent(at)
                .filter(|parent| self.follows(*parent))?;
            if self.is_protected(at) {
                return Some(Obstacle::Parent(at));
            }
        }
        None
    }
}

/// Why a container in such a state cannot go.
fn doing(state: &State) -> String {
    match state {
        State::Running => format!("is running; {STOP_IT}"),
        State::Paused => format!("is paused; {STOP_IT}"),
        State::Restarting => "is restarting".to_owned(),
        State::Removing => "is being removed".to_owned(),
        State::Created | State::Exited | State::Dead | State::Other(_) => {
            format!("its state is not known: {}", state.word())
        }
    }
}

const TASK: &str = "com.docker.swarm.task";
const SERVICE: &str = "com.docker.swarm.service";

/// A task of a swarm service comes back by itself and belongs to the swarm.
pub(in crate::domain) fn is_task(labels: &Labels) -> bool {
    labels
        .iter()
        .any(|(key, _)| key.starts_with(TASK) || key.starts_with(SERVICE))
}

fn swarm_service(labels: &Labels) -> Option<String> {
    is_task(labels).then(|| match labels.value("com.docker.swarm.service.name") {
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
