//! The plan before it is confirmed: what goes in which order, what stays and why, what must be known.
//!
//! ```text
//!  Remove from unix:///var/run/docker.sock (Docker 29.7.2)?
//!
//!  goes, in this order
//! ▸     0 B  container  job-1
//!    154 MB  image      postgres:13, pg:latest · built here: does not come back
//!            1.20 GB more if 3 build cache records go too
//!  refused
//!            image      nextcloud:latest: used by running container web-1
//!
//!  Frees 154 MB · removes 1 container and 1 image
//!  Default is No   y remove   n no   space drop
//! ```

use std::cell::OnceCell;

use crate::app::keys::Place as KeyPlace;
use crate::app::model::{LINE_FULL, Model, PlanLine, PlanScreen};
use crate::domain::item::{ItemId, Kind};
use crate::domain::plan::{AddedBy, ComesBack, Cure, Plan, Step};
use crate::domain::reference;
use crate::domain::retention::Simulation;

use super::canvas::{Canvas, Piece, columns, cut_middle, wrap};
use super::filter_line::typed;
use super::footer;
use super::header::engine_and_host;
use super::scroll::{self, Line, Place};
use super::text::sanitise;
use super::theme::{Look, Theme};
use super::words::{
    count, disks_after, does, doubts, figure, freed, holders, kind_word, name, of_step, promised,
    why_it_may_go,
};

/// Columns of the bytes, and of the kind behind them.
const BYTES: usize = 9;
const KIND: usize = 11;
/// Below this width the kind stands with the name.
const NARROW: u16 = 60;

pub fn draw(model: &Model, screen: &PlanScreen, canvas: &mut Canvas<'_>) {
    let (wide, tall) = (model.layout.width, model.layout.height);
    let room = usize::from(wide).saturating_sub(15);
    let host = cut_middle(&sanitise(&engine_and_host(model)), room);
    canvas.pen(0, 0, wide).pieces(&[
        (" Remove from ".to_owned(), Look::Bold),
        (host, Look::Bold),
        ("?".to_owned(), Look::Bold),
    ]);
    let space = tall.saturating_sub(2);
    let most = usize::from(space.saturating_sub(3).max(2));
    let summary = summary(model, screen, (usize::from(wide), most), canvas.theme);
    let below = columns(summary.len());
    let airy = u16::from(tall >= 16);
    let place = Place {
        x: 0,
        y: 1 + airy,
        width: wide,
        height: space.saturating_sub(below + 2 * airy),
    };
    list(model, screen, place, canvas);
    for (line, y) in summary.iter().zip(tall.saturating_sub(1 + below)..) {
        canvas.pen(0, y, wide).pieces(line);
    }
    if let Some(line) = &screen.line {
        if line.is_full {
            let mut pen = canvas.pen(1, tall.saturating_sub(1), wide.saturating_sub(1));
            pen.put(LINE_FULL, Look::Danger);
            return;
        }
        let keys = [
            footer::key("Enter", "copies there"),
            footer::key("Esc", "none"),
        ];
        footer::line(&[], &keys, tall.saturating_sub(1), canvas);
        return;
    }
    let message = model.notice.as_deref().unwrap_or("Default is No");
    footer::keys_that(
        KeyPlace::Plan,
        |action| screen.applies(action),
        Some(message),
        tall.saturating_sub(1),
        canvas,
    );
}

fn list(model: &Model, screen: &PlanScreen, place: Place, canvas: &mut Canvas<'_>) {
    let lines = screen.lines();
    if lines.is_empty() {
        canvas
            .pen(1, place.y, place.width)
            .put("nothing to remove: it is all gone already", Look::Plain);
        return;
    }
    let writer = Writer {
        model,
        screen,
        lines: &lines,
        grouped: screen
            .plan
            .steps
            .iter()
            .any(|step| step.added_by != AddedBy::Selection),
        carried_out: OnceCell::new(),
        theme: canvas.theme,
        width: usize::from(place.width),
    };
    let write = |at: usize| writer.lines_of(at);
    scroll::draw(screen.cursor, lines.len(), write, place, canvas);
}

/// Writes the lines of the plan, each when it comes into sight.
struct Writer<'a> {
    model: &'a Model,
    screen: &'a PlanScreen,
    lines: &'a [PlanLine],
    /// Some steps were not chosen by hand.
    grouped: bool,
    /// What is left after the plan: made for all steps in sight at once.
    carried_out: OnceCell<Simulation<'a>>,
    theme: Theme,
    width: usize,
}

impl Writer<'_> {
    fn lines_of(&self, at: usize) -> Vec<Line> {
        let heading = self.heading(self.lines[at]);
        let before = at.checked_sub(1).map(|at| self.heading(self.lines[at]));
        let mut lines = Vec::new();
        if before != Some(heading) {
            if at > 0 {
                lines.push(Line::more(Vec::new()));
            }
            lines.push(Line::more(vec![(heading.to_owned(), Look::Faint)]));
        }
        lines.extend(match self.lines[at] {
            PlanLine::Step(at) => self.step(&self.screen.plan.steps[at]),
            PlanLine::Dropped(at) => self.dropped(at),
            PlanLine::Stays(at) => {
                let stays = &self.screen.plan.stays[at];
                let text = format!("{} · left by {}", stays.name, stays.left_by);
                self.entry(&figure(stays.size, self.theme), &stays.id, &text)
            }
            PlanLine::Refused(at) => {
                let refusal = &self.screen.plan.refused[at];
                let hint = match refusal.cure {
                    Some(Cure::Unlock(_)) => " · u unlocks",
                    Some(Cure::Stop) => "; s stops it first",
                    None => "",
                };
                let text = format!("{}: {}{hint}", refusal.name, refusal.why);
                self.entry("", &refusal.id, &text)
            }
        });
        lines
    }

    fn heading(&self, line: PlanLine) -> &'static str {
        match line {
            PlanLine::Step(at) => match self.screen.plan.steps[at].added_by {
                AddedBy::Selection if self.grouped => "goes, marked by you",
                AddedBy::Selection => "goes, in this order",
                AddedBy::Unlock => "goes, added by unlock",
                AddedBy::Free => "goes, chosen to free space",
            },
            PlanLine::Dropped(_) => "dropped here: stays (space takes it back)",
            PlanLine::Stays(_) => "left behind: stays (space removes it too)",
            PlanLine::Refused(_) => "refused: stays",
        }
    }

    fn step(&self, step: &Step) -> Vec<Line> {
        let mut text = if step.names().len() > 1 {
            reference::listed(step.names())
        } else {
            step.name.to_string()
        };
        for note in notes(step) {
            text.push_str(" · ");
            text.push_str(&note);
        }
        let mut lines = self.entry(&promised(&step.frees, self.theme), &step.id, &text);
        if step.added_by == AddedBy::Free
            && let Some(why) = why_it_may_go(
                &step.id,
                Some(step.comes_back),
                &self.model.survey,
                self.model.now,
            )
        {
            lines.extend(self.below(&why, Look::Faint));
        }
        let release = || self.screen.plan.carried_out(&self.model.survey);
        if let Some(held) = step.held_back(self.carried_out.get_or_init(release)) {
            let by = holders(&held.by, &self.model.survey);
            let text = format!("{} more if not held by {by}", held.bytes);
            lines.extend(self.below(&text, Look::Faint));
        }
        lines
    }

    fn dropped(&self, at: usize) -> Vec<Line> {
        let Some(id) = self.screen.selection.dropped.iter().nth(at) else {
            return Vec::new();
        };
        self.entry("", id, &name(id, &self.model.survey))
    }

    /// Bytes, kind and a text that goes on below itself.
    fn entry(&self, bytes: &str, id: &ItemId, text: &str) -> Vec<Line> {
        let kind = kind_word(id.kind());
        let narrow = self.is_narrow();
        let text = if narrow {
            format!("{kind} {text}")
        } else {
            text.to_owned()
        };
        let mut lines = wrap(&text, self.room()).into_iter();
        let pad = BYTES.saturating_sub(super::text::width(bytes));
        let mut head = vec![(format!("{}{bytes}  ", " ".repeat(pad)), Look::Frees)];
        if !narrow {
            head.push((format!("{kind:KIND$}"), Look::Plain));
        }
        head.push((lines.next().unwrap_or_default(), Look::Plain));
        let mut entry = vec![Line::head(head)];
        entry.extend(lines.map(|line| self.indented(line, Look::Plain)));
        entry
    }

    fn below(&self, text: &str, look: Look) -> Vec<Line> {
        wrap(text, self.room())
            .into_iter()
            .map(|line| self.indented(line, look))
            .collect()
    }

    fn indented(&self, text: String, look: Look) -> Line {
        let indent = " ".repeat(self.indent());
        Line::more(vec![(indent, Look::Plain), (text, look)])
    }

    fn is_narrow(&self) -> bool {
        self.width < usize::from(NARROW)
    }

    fn indent(&self) -> usize {
        BYTES + 2 + if self.is_narrow() { 0 } else { KIND }
    }

    fn room(&self) -> usize {
        self.width.saturating_sub(1 + self.indent() + 1).max(8)
    }
}

/// Returns what is unusual about a step.
fn notes(step: &Step) -> Vec<String> {
    let mut notes = Vec::new();
    match (step.stop, step.unpause) {
        (true, true) => notes.push("unpaused and stopped first".to_owned()),
        (true, false) => notes.push("stopped first".to_owned()),
        (false, _) => {}
    }
    if step.vanishes {
        notes.push(match step.id.kind() {
            Kind::Image => "goes with the image made from it".to_owned(),
            Kind::Container | Kind::Volume | Kind::BuildCache | Kind::Log => {
                "vanishes with its container".to_owned()
            }
        });
    }
    notes.extend(step.way_back().map(str::to_owned));
    notes.extend(super::words::parents(step).map(|parents| format!("with {parents}")));
    notes.extend(of_step(step));
    notes
}

/// Returns what stays in sight below the list: the total, what is unusual, the word that is asked for. Where there is
/// little room, reasons go first; the total and the word never do.
fn summary(
    model: &Model,
    screen: &PlanScreen,
    (wide, most): (usize, usize),
    theme: Theme,
) -> Vec<Vec<Piece>> {
    let plan = &screen.plan;
    let mut lines = vec![total(plan, theme)];
    if screen.recomputed {
        let text = " The engine changed, and the plan with it: look again.";
        lines.push(vec![(text.to_owned(), Look::Warn)]);
    }
    let mut say = |text: &str, look: Look| {
        for line in wrap(text, wide.saturating_sub(2)) {
            lines.push(vec![(format!(" {line}"), look)]);
        }
    };
    say(&facts(plan).join(" · "), Look::Warn);
    say(&doubts(&plan.frees, &model.survey), Look::Plain);
    if !plan.steps.is_empty() && model.layout.height >= 16 {
        let disks = &model.survey.inventory().disks;
        for line in disks_after(disks, &plan.frees) {
            say(&line, Look::Plain);
        }
    }
    if let Some(line) = &screen.line {
        lines.truncate(most - 1);
        let mut pieces = vec![(" Copies first to: ".to_owned(), Look::Bold)];
        pieces.extend(typed(line, wide.saturating_sub(20)));
        lines.push(pieces);
        return lines;
    }
    if let Some(folder) = &screen.save {
        let folder = cut_middle(&sanitise(folder), wide.saturating_sub(20));
        lines.insert(1, vec![(format!(" Copies first to: {folder}"), Look::Bold)]);
    }
    if plan.needs_word() {
        lines.truncate(most - 1);
        lines.push(word(screen));
    } else {
        lines.truncate(most);
    }
    lines
}

fn word(screen: &PlanScreen) -> Vec<Piece> {
    let typed = screen.typed.as_deref().unwrap_or_default();
    vec![
        (" Type ".to_owned(), Look::Plain),
        ("delete".to_owned(), Look::Bold),
        (" to allow it: ".to_owned(), Look::Plain),
        (format!("{typed}▌"), Look::Bold),
    ]
}

/// `Frees 154 MB · removes 1 container and 2 images`: what is cut on a narrow screen is not the promise.
fn total(plan: &Plan, theme: Theme) -> Vec<Piece> {
    if plan.steps.is_empty() {
        return vec![(" Nothing goes.".to_owned(), Look::Bold)];
    }
    vec![
        (format!(" Frees {}", freed(&plan.frees, theme)), Look::Bold),
        (format!(" · {}", does(plan)), Look::Plain),
    ]
}

/// Returns what must be known before a yes.
fn facts(plan: &Plan) -> Vec<String> {
    let number = |is: &dyn Fn(&Step) -> bool| plan.steps.iter().filter(|step| is(step)).count();
    let mut facts = Vec::new();
    let stopped = number(&|step| step.stop);
    if stopped > 0 {
        let verb = if stopped == 1 { "is" } else { "are" };
        facts.push(format!(
            "{} {verb} stopped first",
            count(stopped, "running container")
        ));
    }
    let local = number(&|step| step.id.kind() == Kind::Image && step.comes_back == ComesBack::No);
    if local > 0 {
        let verb = if local == 1 { "does" } else { "do" };
        facts.push(format!("{} {verb} not come back", count(local, "image")));
    }
    let tails = number(&|step| step.tail_waits);
    if tails > 0 {
        facts.push(format!(
            "docker logs --tail waits until {} restarted",
            if tails == 1 {
                "its container is"
            } else {
                "their containers are"
            }
        ));
    }
    let volumes = number(&Step::loses_data);
    if volumes > 0 {
        let verb = if volumes == 1 { "does" } else { "do" };
        facts.push(format!(
            "{} with data {verb} not come back",
            count(volumes, "volume")
        ));
    }
    facts
}
