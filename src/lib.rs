//! dtop: see what Docker keeps on a disk, mark it, and remove exactly what you confirmed.
//!
//! # The screen, and the file of each part
//!
//! ```text
//!  unix:///var/run/docker.sock · Docker 29.7.2   █████████░ 91 %  8.20 GB free    ui/header.rs
//!  images 1.33 GB   containers 3.69 MB   volumes 16.6 GB   build cache 1.20 GB    ui/header.rs
//!  1 Images 5  2 Containers 3  3 Volumes 5  4 Build cache 3                       ui/tabs.rs
//!     NAME                            ↓FREES        SIZE    SHARED     AGE        app/columns
//! ▸   postgres:13-beta1-alpine        154 MB      160 MB   5.60 MB    5 wk        ui/pane.rs
//!     nextcloud:latest +1                0 B †    750 MB   5.60 MB    5 wk        app/list.rs: which rows, in which order
//!
//!  80.0 MB held by nextcloud:latest and container web-1                           ui/why.rs
//!  space mark  d delete  u unlock  f free  / filter  s sort  ? help               ui/footer.rs, from app/keys
//! ```
//!
//! Over it lie, each in a file of its own in [`ui`]: details (`detail`), the plan (`plan_dialog`), a removal as it goes on
//! (`removing`), what Docker does not count (`unexplained`), presets, projects, history, help.
//!
//! # The rooms
//!
//! What stands below another knows nothing of it; `tests/structure` holds that.
//!
//! - [`commands`]: what a command line asks for: the full screen, or `report`, `plan`, `clean`, `history`, `restore`;
//! - [`tui`]: the one loop of the full screen, the terminal, and the thread that writes to it;
//! - [`report`]: what the text commands print, as text and as JSON;
//! - [`cli`]: the command line, read;
//! - [`ui`]: a picture of the model; it changes nothing;
//! - [`engine`]: the outside: sockets, ssh, the engine's own folder, the journal, removals; everything that waits;
//! - [`app`]: the model of the full screen, its keys, and `update`, the only place where it changes;
//! - [`domain`]: what is true of disks and Docker, as plain data and pure functions. Nothing in it waits, draws, or reads
//!   a clock.
//!
//! Begin with [`domain::item`] (what an engine keeps) and [`domain::inventory`] (one picture of all of it), then
//! [`domain::retention`] (who holds which bytes) and [`domain::plan`] (what may go, and what it frees).
//!
//! # Three trips of data
//!
//! **From the engine to the screen.** [`engine::scan`] asks the engine in stages. Each answer is read by
//! [`engine::wire`] and becomes a [`domain::inventory::Part`]. [`tui`] hands it to [`app::update`] as a message, which
//! puts it into the [`domain::survey::Survey`]: the inventory, and what follows of it. [`ui::view`] draws that.
//!
//! **From a key to a freed byte.** A key is looked up in [`app::keys`], and [`app::update`] marks, or makes a
//! [`domain::plan::Plan`] and shows it. A yes to the plan that was drawn becomes an effect with that very plan.
//! [`tui`] gives it to [`engine::removal`], which lists the engine again, lets the plan shrink where something changed,
//! writes to [`engine::journal`], and removes one object after the other. Each step's end is a message again.
//!
//! **From a folder to a figure.** Where [`engine::host`] can prove that an engine is on this machine and its folder can
//! be read, what the disk keeps is counted there in blocks, and the databases of containerd and BuildKit are read
//! by `engine::metadata`. Both become parts like any other answer; what they tell of images, the engine is not asked
//! for. [`domain::layers`] makes layers of them, and [`domain::retention`] units of bytes and their holders.
//!
//! # Words
//!
//! - **retained size**: what goes if a *set* of things goes: the bytes that nothing else holds. The screen says FREES.
//!   (Heap profilers have the same word for the same sum.) A thing's own size is SIZE, as the engine tells it.
//! - **item**: an image, a container, a volume, a build cache record or a log.
//! - **unit**: bytes that go together, as those of one layer. A **holder** keeps units from going.
//! - **exact**: the disk gives back so much, to the block; else a figure is a range (at least, at most), or an estimate
//!   by the lengths of files (`≈`).
//! - **plan**: ordered steps with their bytes, and what is refused and why. **Recheck**: the plan against what is there
//!   now; it may shrink, it never grows.
//! - **unexplained**: what lies in the engine's folder and is in none of the engine's own totals.
//! - **chain ID**: the name of a layer with all that it stands on. **Diff ID**: that of its contents alone, unpacked.
//! - **graph driver**, **containerd store**: the two ways in which Docker keeps layers.

pub mod app;
pub mod cli;
pub mod commands;
pub mod domain;
pub mod engine;
pub mod report;
pub mod tui;
pub mod ui;
