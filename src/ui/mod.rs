//! A picture of the model. Nothing here changes anything, asks anybody or knows the time.
//!
//! - `canvas`: where text enters the screen: sanitised, cut to its place, with a look.
//! - `detail`: the details of one item: its names and figures, who uses it, what it is made of.
//! - `filter_line`: the filter while it is typed, with what is wrong with it.
//! - `footer`: the last line: what is marked and what it frees, then the keys that apply now.
//! - `free_line`: how much is to be freed, while it is typed, waited for or asked about.
//! - `header`: the lines above the pane: engine and disk, totals and what is being measured.
//! - `help`: the engine in full, all keys by place, the signs on the screen, and the filter language in short.
//! - `history`: the history of removals: the newest first, with how what is under the cursor comes back.
//! - `no_engine`: the screen where no engine answers: each place that was tried, why, and what to do about it.
//! - `pane`: the open pane: a title, headings, the rows in sight, and a line that says why.
//! - `plan_dialog`: the plan before it is confirmed: what goes in which order, what stays and why, what must be known.
//! - `presets`: the menu of presets.
//! - `projects`: projects of compose, and stacks, each as one thing to mark.
//! - `removing`: a removal as it goes on, and what came of it.
//! - `scroll`: lists whose items take several lines: only what is in sight is written.
//! - `tabs`: the panes' titles with their counts and totals.
//! - `text`: strings of an engine, made safe for a terminal and cut to columns.
//! - `theme`: how things look: a few roles in the terminal's own 16 colours, and plain forms for terminals without
//!   UTF-8.
//! - `unexplained`: what Docker does not count, by cause: the largest first, with what can be done about what is under
//!   the cursor.
//! - `why`: the pane's last line: why the row under the cursor frees what it frees, or an answer to the last key.
//! - `words`: figures and counts as the screen writes them.

// Who adds a key, a message or a screen is told by the compiler where it is not handled yet.
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]

mod canvas;
mod detail;
mod filter_line;
mod footer;
mod free_line;
mod header;
mod help;
mod history;
mod no_engine;
mod pane;
mod plan_dialog;
mod presets;
mod projects;
mod removing;
mod scroll;
mod tabs;
pub mod text;
mod theme;
mod unexplained;
mod why;
pub(crate) mod words;

#[cfg(test)]
mod tests;

use ratatui::Frame;

use crate::app::layout::SMALLEST;
use crate::app::model::{Model, Screen};

use canvas::Canvas;
use theme::Look;

pub(crate) use canvas::{cut_middle, wrap};
pub use theme::Theme;

/// Draws the model, and returns how far the page on the screen can be scrolled. What it costs depends on the
/// size of the screen, not on how much the engine keeps.
pub fn view(model: &Model, frame: &mut Frame<'_>, theme: &Theme) -> usize {
    let buffer = frame.buffer_mut();
    let mut canvas = Canvas::new(buffer, *theme);
    let area = canvas.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let (wide, tall) = SMALLEST;
        let text = format!("too small: {wide}x{tall} at least");
        canvas.pen(0, 0, area.width).put(&text, Look::Plain);
    } else {
        screen(model, &model.screen, &mut canvas);
    }
    let furthest = canvas.furthest;
    theme.plain_forms(buffer);
    furthest
}

fn screen(model: &Model, which: &Screen, canvas: &mut Canvas<'_>) {
    match which {
        Screen::NoEngine(attempts) => no_engine::draw(model, attempts, canvas),
        Screen::Browse => {
            browse(model, canvas);
            footer::browse(model, canvas);
        }
        Screen::Filter(line) => {
            browse(model, canvas);
            filter_line::keys(line, model, canvas);
        }
        Screen::Free(free) => {
            browse(model, canvas);
            free_line::keys(free, model, canvas);
        }
        Screen::Projects(list) => projects::draw(model, list, canvas),
        Screen::Presets(menu) => presets::draw(model, menu, canvas),
        Screen::Detail(detail) => detail::draw(model, detail, canvas),
        Screen::Plan(plan) => plan_dialog::draw(model, plan, canvas),
        Screen::Removing(removing) => removing::draw(model, removing, canvas),
        Screen::Outcome(removing) => removing::outcome(model, removing, canvas),
        Screen::History(past) => history::draw(model, past, canvas),
        Screen::Unexplained(cursor) => unexplained::draw(model, *cursor, canvas),
        Screen::Help(cursor, _) => help::draw(model, *cursor, canvas),
        Screen::Quit(before) => {
            screen(model, before, canvas);
            quit_question(model, canvas);
        }
    }
}

fn browse(model: &Model, canvas: &mut Canvas<'_>) {
    header::engine_line(model, canvas);
    if let Some(y) = model.layout.totals {
        header::totals_line(model, y, canvas);
    }
    tabs::tabs_line(model, canvas);
    pane::draw(model, canvas);
}

fn quit_question(model: &Model, canvas: &mut Canvas<'_>) {
    let (y, wide) = (model.layout.height.saturating_sub(1), model.layout.width);
    canvas
        .pen(0, y, wide)
        .put(&" ".repeat(usize::from(wide)), Look::Plain);
    canvas.pen(0, y, wide).pieces(&[
        (
            format!(" {} marked: quit? ", model.marks.len()),
            Look::Reverse,
        ),
        ("  y".to_owned(), Look::Bold),
        (" quit   ".to_owned(), Look::Plain),
        ("n".to_owned(), Look::Bold),
        (" stay".to_owned(), Look::Plain),
    ]);
}
