//! The menu of presets.
//!
//! ```text
//!  Presets: Enter marks, nothing is removed
//!
//! ▸  12  3.20 GB  dangling images                          is:dangling is:unused
//!    48  9.81 GB  unused images                            is:unused
//! ```

use crate::app::keys::Place as KeyPlace;
use crate::app::model::{Model, PresetMenu};
use crate::app::presets::PRESETS;

use super::canvas::Canvas;
use super::footer;
use super::scroll::{self, Line, Place};
use super::text::{pad, width};
use super::theme::{Look, Theme};
use super::words::promised;

/// Below this width the keys take the whole last line.
const NARROW: u16 = 60;
/// Columns of the name where the filter stands beside it.
const NAME: usize = 41;

pub fn draw(model: &Model, menu: &PresetMenu, canvas: &mut Canvas<'_>) {
    let (wide, tall) = (model.layout.width, model.layout.height);
    canvas.pen(0, 0, wide).pieces(&[
        (" Presets".to_owned(), Look::Bold),
        (
            ": what each would mark and free now".to_owned(),
            Look::Plain,
        ),
    ]);
    let airy = u16::from(tall >= 16);
    let place = Place {
        x: 0,
        y: 1 + airy,
        width: wide,
        height: tall.saturating_sub(2 + 2 * airy),
    };
    let theme = canvas.theme;
    let write = |at: usize| vec![Line::head(row(menu, at, usize::from(wide), theme))];
    scroll::draw(menu.cursor, PRESETS.len(), write, place, canvas);
    // Where there is little room the keys say it.
    let usual = (wide >= NARROW).then_some("Enter marks, and removes nothing");
    let notice = model.notice.as_deref().or(usual);
    footer::keys_of(KeyPlace::Presets, notice, tall.saturating_sub(1), canvas);
}

fn row(menu: &PresetMenu, at: usize, wide: usize, theme: Theme) -> Vec<super::canvas::Piece> {
    let (Some(preset), Some(yields)) = (PRESETS.get(at), menu.yields.get(at)) else {
        return Vec::new();
    };
    let bytes = promised(&yields.frees, theme);
    let gap = " ".repeat(9_usize.saturating_sub(width(&bytes)));
    let mut pieces = vec![
        (format!("{:>5}", yields.count), Look::Plain),
        (format!("{gap}{bytes}  "), Look::Frees),
        (pad(preset.name, NAME), Look::Plain),
    ];
    if wide > 80 {
        let filters: Vec<String> = preset
            .filters
            .iter()
            .map(|(kind, text)| format!("--{} '{text}'", option(*kind)))
            .collect();
        pieces.push((filters.join(" "), Look::Faint));
    } else if wide > 70 {
        let filters = preset.filters.iter().map(|(_, text)| *text);
        pieces.push((filters.take(1).collect(), Look::Faint));
    }
    pieces
}

/// Returns the option of the command line that takes filters of a kind.
fn option(kind: crate::domain::item::Kind) -> &'static str {
    use crate::domain::item::Kind;
    match kind {
        Kind::Image => "images",
        Kind::Container => "containers",
        Kind::Volume => "volumes",
        Kind::BuildCache => "cache",
        Kind::Log => "logs",
    }
}
