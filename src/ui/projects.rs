//! Projects of compose, and stacks, each as one thing to mark.
//!
//! ```text
//!  Projects: space marks all of one, volumes too
//!
//!       FREES  PROJECT
//! ▸● 3.20 GB   shop (down)               4 volumes
//!       0 B †  blog                      3 containers, 2 of them running · 1 image
//! ```

use crate::app::keys::Place as KeyPlace;
use crate::app::model::{Model, ProjectList};
use crate::app::projects::Project;
use crate::domain::item::Kind;

use super::canvas::{Canvas, Piece};
use super::footer;
use super::scroll::{self, Line, Place};
use super::text::{fit, sanitise, width};
use super::theme::{Look, Theme};
use super::words::{count, freed, promised};

/// Columns of the name where there is room for more than it.
const NAME: usize = 28;

pub fn draw(model: &Model, screen: &ProjectList, canvas: &mut Canvas<'_>) {
    let (wide, tall) = (model.layout.width, model.layout.height);
    canvas.pen(0, 0, wide).pieces(&[
        (" Projects".to_owned(), Look::Bold),
        (": all of one, volumes too".to_owned(), Look::Plain),
    ]);
    let airy = u16::from(tall >= 16);
    let place = Place {
        x: 0,
        y: 1 + airy,
        width: wide,
        height: tall.saturating_sub(2 + 2 * airy),
    };
    let theme = canvas.theme;
    let write = |at: usize| {
        let project = screen.list.get(at);
        let row = project.map(|project| row(model, project, usize::from(wide), theme));
        vec![Line::head(row.unwrap_or_default())]
    };
    scroll::draw(screen.cursor, screen.list.len(), write, place, canvas);
    let marked = (!model.marks.is_empty()).then(|| {
        let frees = freed(&model.marked, theme);
        format!("{} marked · frees {frees}", model.marks.len())
    });
    let notice = model.notice.clone().or(marked);
    let y = tall.saturating_sub(1);
    footer::keys_of(KeyPlace::Projects, notice.as_deref(), y, canvas);
}

fn row(model: &Model, project: &Project, wide: usize, theme: Theme) -> Vec<Piece> {
    let mut members = project.members.iter();
    let is_marked = members.any(|number| model.tally.is_marked(*number));
    let all = project.members.iter().all(|number| {
        let facts = model.survey.facts_of_number(*number);
        facts.flags.protected || model.tally.is_marked(*number)
    });
    let mark = match (is_marked, all) {
        (true, true) => "●",
        (true, false) => "·",
        (false, _) => " ",
    };
    let bytes = promised(&project.frees, theme);
    let refused = if project.running > 0 { " †" } else { "  " };
    let gap = " ".repeat(9_usize.saturating_sub(width(&bytes)));
    let down = if project.down { " (down)" } else { "" };
    let room = NAME.min(wide.saturating_sub(18)).saturating_sub(down.len());
    let name = fit(&sanitise(&project.name), room) + down;
    let fill = " ".repeat((NAME + 2).saturating_sub(width(&name)));
    vec![
        (mark.to_owned(), Look::Mark),
        (format!("{gap}{bytes}{refused} "), Look::Frees),
        (format!("{name}{fill}"), Look::Plain),
        (parts(model, project), Look::Faint),
    ]
}

/// `3 containers, 2 of them running · 1 image · 4 volumes`
fn parts(model: &Model, project: &Project) -> String {
    let mut words = Vec::new();
    for kind in [Kind::Container, Kind::Image, Kind::Volume] {
        let numbers = model.survey.numbers().numbers(kind);
        let members = project.members.iter();
        let number = members.filter(|it| numbers.contains(it)).count();
        if number == 0 {
            continue;
        }
        let mut word = count(number, kind.word());
        if kind == Kind::Container && project.running > 0 {
            word = format!("{word}, {} of them running", project.running);
        }
        words.push(word);
    }
    words.join(" · ")
}
