//! Why something cannot go, in sentences that name what is in the way.

use crate::domain::index::ItemNo;
use crate::domain::item::{Container, Image, Kind, Labels, State};
use crate::domain::outsider::OutsiderKind;
use crate::domain::reference::shown;
use crate::domain::survey::Item;
use crate::domain::text::Text;

use super::draft::Draft;
use super::obstacle::Obstacle;

/// Up to this many names are listed in full.
const NAMES: usize = 4;

/// Why a build cache record does not go that the engine calls in use. Builds use it; so does, for ever, a prune whose
/// client was cut off (seen on 28.5.2 with the containerd store): nothing but a restart of the engine ends that.
pub const IN_USE: &str =
    "in use: when no build runs and nothing uses it, a restart of the engine lets go of it";

impl Draft<'_> {
    /// Returns everything that keeps an item from going; empty when it can go.
    pub(super) fn obstacles(&self, number: ItemNo) -> Vec<Obstacle> {
        let unlisted = self.survey.unlisted_holders(number);
        let mut found: Vec<Obstacle> = unlisted.map(Obstacle::Unlisted).into_iter().collect();
        let mut note = |is: bool, obstacle: Obstacle| {
            if is {
                found.push(obstacle);
            }
        };
        note(self.is_protected(number), Obstacle::Protected);
        match self.survey.numbered(number) {
            Item::Container(container) => {
                note(self.survey.is_held_by_swarm(container), Obstacle::Task);
                note(!self.may_end(&container.state), Obstacle::State);
                found.extend(self.kept_volume(number));
            }
            Item::Image(image) => {
                note(self.staying_users(number).next().is_some(), Obstacle::Users);
                for kind in self.outsider_kinds(number) {
                    note(true, Obstacle::Outsiders(kind));
                }
                let may_stay = self.staying_mounts(number).next().is_some();
                note(may_stay, Obstacle::Mounts);
                note(
                    self.staying_children(number).next().is_some(),
                    Obstacle::Children,
                );
                note(!self.unasked_names(image).is_empty(), Obstacle::Names);
                found.extend(self.protected_follower(number));
            }
            Item::Volume(volume) => {
                let through_link = self.survey.link_obstacle(Kind::Volume);
                let through_link = through_link.filter(|_| volume.is_local());
                if let Some(why) = through_link {
                    note(true, Obstacle::Link(why));
                }
                note(self.staying_users(number).next().is_some(), Obstacle::Users);
                for kind in self.outsider_kinds(number) {
                    note(true, Obstacle::Outsiders(kind));
                }
                let damaged = self.survey.perhaps_outsiders(number).next();
                note(damaged.is_some(), Obstacle::Damaged);
                note(
                    self.staying_children(number).next().is_some(),
                    Obstacle::Children,
                );
                note(self.may_be_used(), Obstacle::Unresolved);
            }
            Item::Record(record) => {
                note(record.in_use, Obstacle::InUse);
                note(
                    self.staying_children(number).next().is_some(),
                    Obstacle::Children,
                );
            }
            Item::Log(container) => {
                found.extend(container.log_obstacle().map(Obstacle::Log));
                let through_link = self.survey.link_obstacle(Kind::Log);
                found.extend(through_link.map(Obstacle::Link));
            }
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
            Obstacle::Unresolved => self.survey.unresolved().map(|container| {
                let name = Item::Container(container).name();
                format!(
                    "may be used by container {name}: where its bind mounts lead is not known here"
                )
            }),
            Obstacle::Outsiders(kind) => {
                let outsiders = self.survey.outsiders(number);
                let of_kind = outsiders.filter(|outsider| outsider.kind == *kind);
                let names: Vec<Text> = of_kind.map(|outsider| outsider.name.clone()).collect();
                let words = kind.words(names.len());
                let used = format!("used by {words} {}", listed(&names));
                let cure = kind.cure(&names).map(|cure| format!(" ({cure})"));
                Some(used + &cure.unwrap_or_default())
            }
            Obstacle::Mounts => {
                let names: Vec<Text> = self.staying_mounts(number).collect();
                Some(format!(
                    "may be mounted by {} {}: what the name that was mounted meant then is told only on the \
                     engine's machine",
                    plural("container", names.len()),
                    listed(&names)
                ))
            }
            Obstacle::Damaged => {
                let outsiders = self.survey.perhaps_outsiders(number);
                let names: Vec<Text> = outsiders.map(|it| it.name.clone()).collect();
                Some(format!(
                    "may be of {} {}, whose settings cannot be read",
                    plural("container", names.len()),
                    listed(&names)
                ))
            }
            Obstacle::Children => Some(self.children_in_words(item, number)),
            Obstacle::Names => match item {
                Item::Image(image) => {
                    let names = self.unasked_names(image).iter();
                    let names: Vec<Text> = names.map(|name| (&*shown(name)).into()).collect();
                    Some(format!("also named {}", listed(&names)))
                }
                _ => None,
            },
            Obstacle::Parent(parent) => {
                let name = self.survey.numbered(*parent).name();
                Some(format!("would take along its protected parent {name}"))
            }
            Obstacle::InUse => Some(IN_USE.to_owned()),
            Obstacle::Unlisted(stage) => self.survey.unlisted_in_words(*stage),
            Obstacle::Log(why) | Obstacle::Link(why) => Some((*why).to_owned()),
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

    /// Returns the containers that stay and use an image or a volume, and whether it is a volume's path that they
    /// mount.
    fn staying_users(&self, number: ItemNo) -> impl Iterator<Item = (&Container, bool)> {
        let users = self.survey.users(number).iter();
        let staying = users.filter(|user| self.stays(**user));
        let by_path = self.survey.users_by_path(number);
        staying.filter_map(|user| match self.survey.numbered(*user) {
            Item::Container(container) => Some((container, by_path.contains(user))),
            _ => None,
        })
    }

    /// Returns true while a container stays of which nobody knows which volumes it mounts.
    fn may_be_used(&self) -> bool {
        let unresolved = self.survey.unresolved().map(|it| Item::Container(it).id());
        let number = unresolved.and_then(|id| self.survey.numbers().number_of(&id));
        number.is_some_and(|number| self.stays(number))
    }

    /// Containers that stay, of which it cannot be told whether they mount an image.
    fn staying_mounts(&self, image: ItemNo) -> impl Iterator<Item = Text> {
        let users = self.survey.perhaps_users(image).iter();
        let certain = self.survey.users(image);
        let staying = users.filter(|user| self.stays(**user) && !certain.contains(user));
        staying.map(|user| self.survey.numbered(*user).name())
    }

    /// Returns the kinds of the outsiders that hold an item.
    fn outsider_kinds(&self, number: ItemNo) -> impl Iterator<Item = OutsiderKind> {
        let holds = move |kind: &OutsiderKind| {
            let mut outsiders = self.survey.outsiders(number);
            outsiders.any(|outsider| outsider.kind == *kind)
        };
        OutsiderKind::ALL.into_iter().filter(holds)
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
            (Item::Volume(_), 1) => format!("used by volume {}, by its path", listed(&names)),
            (Item::Volume(_), _) => format!("used by volumes {}, by its path", listed(&names)),
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

/// Returns why a container in such a state cannot go.
fn doing(state: &State) -> String {
    match state {
        State::Running => "is running".to_owned(),
        State::Paused => "is paused".to_owned(),
        State::Restarting => "is restarting".to_owned(),
        State::Removing => "is being removed".to_owned(),
        State::Created | State::Exited | State::Dead | State::Other(_) => {
            format!("its state is not known: {}", state.word())
        }
    }
}

fn swarm_service(labels: &Labels) -> Option<String> {
    labels
        .is_swarm_task()
        .then(|| match labels.value("com.docker.swarm.service.name") {
            Some(name) => format!("a task of swarm service {name}"),
            None => "a task of a swarm service".to_owned(),
        })
}

/// `used by running container web-1 and stopped containers job-1, job-2`.
fn used_by(users: &[(&Container, bool)]) -> Option<String> {
    let mut groups: Vec<((&str, bool), Vec<Text>)> = Vec::new();
    let mut users = users.to_vec();
    users.sort_by_key(|(user, by_path)| (user.state.is_stopped(), *by_path));
    for (user, by_path) in users {
        let word = if user.state.is_stopped() {
            "stopped"
        } else {
            user.state.word()
        };
        let name = Item::Container(user).name();
        let group = (word, by_path);
        match groups.iter_mut().find(|(known, _)| *known == group) {
            Some((_, names)) => names.push(name),
            None => groups.push((group, vec![name])),
        }
    }
    let phrases: Vec<String> = groups
        .iter()
        .map(|((word, by_path), names)| {
            let container = plural("container", names.len());
            let way = if *by_path { ", by its path" } else { "" };
            format!("{word} {container} {}{way}", listed(names))
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
