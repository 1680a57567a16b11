//! How much is to be freed, while it is typed, waited for or asked about.

use crate::app::model::{Asking, FreeError, FreeScreen, LINE_FULL, Model};
use crate::domain::disk::Disk;
use crate::domain::triage::is_small;

use super::canvas::{Canvas, Piece, length};
use super::footer;
use super::text::width;
use super::theme::Look;

/// ` Free 10.0 GB▌  8.20 GB of 91.0 GB are free`, in the place of the line that says why.
pub fn draw(screen: &FreeScreen, model: &Model, canvas: &mut Canvas<'_>) {
    let at = model.layout;
    let mut pen = canvas.pen(at.inset, at.why, at.inner_width());
    let (text, notes) = match screen.asking {
        Asking::Target => (typed(screen), notes(screen, model)),
        Asking::Wait(_) => (
            vec![(format!(" Free {}", screen.text), Look::Bold)],
            waiting(model),
        ),
        Asking::More(..) => (
            vec![(format!(" The disk still lacks {}", screen.text), Look::Bold)],
            waiting(model),
        ),
        Asking::Volumes {
            wanted,
            without,
            with,
            ..
        } => {
            let long = format!(
                " No more than {without} of {wanted} without named volumes that nothing uses, {with} with them. Take them?"
            );
            let middle = format!(" At most {without}, {with} with named volumes. Take them?");
            let short = format!(" Named volumes too: {with}?");
            return fitting(&[long, middle, short], Look::Warn, &mut pen);
        }
    };
    let error = screen.error.map(error);
    let room = usize::from(at.inner_width());
    if let Some(error) = &error
        && !fits(error, room, length(&text))
    {
        // It is why nothing happens: the text can wait.
        pen.put(" ", Look::Plain);
        fitting(error, Look::Warn, &mut pen);
        return;
    }
    pen.pieces(&text);
    let gap = pen.room().min(3);
    pen.put(&" ".repeat(gap), Look::Plain);
    match error {
        Some(error) => fitting(&error, Look::Warn, &mut pen),
        None => fitting(&notes, Look::Plain, &mut pen),
    }
}

fn fits(texts: &[String], room: usize, taken: usize) -> bool {
    texts.iter().any(|text| taken + 3 + width(text) <= room)
}

/// Why what was typed is no target, ever shorter.
fn error(error: FreeError) -> Vec<String> {
    let texts = match error {
        FreeError::Unreadable => ["write a size or a share: 20gb, 20%", "write 20gb or 20%"],
        FreeError::NoDisk => [
            "nobody knows how full the disk is: write a size",
            "no disk known: write 20gb",
        ],
        FreeError::TooLong => [LINE_FULL, "4 kB at most"],
    };
    texts.map(str::to_owned).into()
}

/// The first text that there is room for.
fn fitting(texts: &[String], look: Look, pen: &mut super::canvas::Pen<'_>) {
    if let Some(text) = texts.iter().find(|text| width(text) <= pen.room()) {
        pen.put(text, look);
    }
}

fn typed(screen: &FreeScreen) -> Vec<Piece> {
    vec![
        (" Free ".to_owned(), Look::Bold),
        (screen.text.clone(), Look::Plain),
        ("▌".to_owned(), Look::Bold),
    ]
}

/// Returns what the disk has, and what would be enough.
fn notes(screen: &FreeScreen, model: &Model) -> Vec<String> {
    let disks = model.survey.inventory().disks.iter();
    let Some(disk) = disks.max_by_key(|disk| disk.tightness()) else {
        return vec![
            "how full the engine's disk is cannot be asked here".to_owned(),
            "disk not known".to_owned(),
        ];
    };
    let Disk { total, free, .. } = disk;
    let short = format!("{free} free");
    let has = format!("{free} of {total} are free now");
    let mut notes = vec![has.clone()];
    if disk.lacks_inodes() {
        notes.insert(
            0,
            format!("{has} · its inodes are scarcer: what goes gives some back"),
        );
    }
    if !disk.owed.is_zero() {
        let owed = format!("{has} · about {} refill what root has", disk.owed);
        notes.insert(0, format!("{owed}, before anybody gets any"));
    }
    if screen.is_proposal {
        let longest = notes[0].clone();
        let disks = model.survey.inventory().disks.iter();
        let largest = disks.map(|disk| disk.total).max().unwrap_or_default();
        let least = if screen.text.ends_with('%') {
            ""
        } else if is_small(largest) {
            ", at least a tenth"
        } else {
            ", at least 5 GB"
        };
        notes.insert(
            0,
            format!("{longest} · proposed: what brings it to 20 %{least}"),
        );
    }
    notes.push(short);
    notes
}

fn waiting(model: &Model) -> Vec<String> {
    let stages = model.still_measured();
    let words: Vec<&str> = stages.iter().map(|stage| stage.word()).collect();
    if words.is_empty() {
        return vec![
            "what is left is being listed: planned as soon as that is done".to_owned(),
            "being listed …".to_owned(),
        ];
    }
    let long = format!(
        "still measuring {}: chosen as soon as that is done",
        words.join(", ")
    );
    vec![long, "still measuring …".to_owned()]
}

/// The keys of the line.
pub fn keys(screen: &FreeScreen, model: &Model, canvas: &mut Canvas<'_>) {
    let keys = match screen.asking {
        Asking::Target => vec![
            footer::key("Enter", "mark the safest"),
            footer::key("Esc", "back"),
            footer::key("", "20gb to free, 20% to be free"),
        ],
        Asking::Wait(_) | Asking::More(..) => vec![footer::key("Esc", "back")],
        Asking::Volumes { .. } => vec![
            footer::key("y", "take named volumes too"),
            footer::key("n", "leave them"),
        ],
    };
    footer::line(&[], &keys, model.layout.footer, canvas);
}
