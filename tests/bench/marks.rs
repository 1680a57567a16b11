//! What a key and an answer of the engine cost at a hundred, ten thousand and a hundred thousand objects:
//! `cargo bench --bench marks`.
//!
//! Times are medians of what the thread ran. The bounds are those of the promise "fast at any size" at
//! ten thousand images; a bound that is missed is named, and ends the program with a failure. Words behind
//! `--` choose what has one of them in its line, and leave out the other fleets.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that prints its table"
)]

#[path = "../support/large.rs"]
mod large;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use dtop::app::keys::Key;
use dtop::app::model::Model;
use dtop::app::msg::Msg;
use dtop::app::update::update;
use dtop::domain::bytes::Bytes;
use dtop::domain::inventory::{Inspected, Part, Progress, Stage};
use dtop::domain::item::VolumeName;
use dtop::ui::{Theme, view};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use large::{LARGE, Size, model, now};

/// How often each thing is measured: so many times, or fewer where that takes long.
const TIMES: usize = 15;
const LEAST: usize = 3;
const LONG: Duration = Duration::from_secs(1);

/// The fleets, and the pane that is opened in each: the one with the most rows.
const FLEETS: [(&str, Size, char); 3] = [
    (
        "100",
        Size {
            images: 40,
            records: 40,
            containers: 10,
            volumes: 10,
            ..LARGE
        },
        '1',
    ),
    ("10,000", LARGE, '1'),
    (
        "100,000",
        Size {
            images: 20_000,
            own_layers: 5,
            records: 100_000,
            ..LARGE
        },
        '4',
    ),
];

/// Which of the fleets is the one that the bounds are for.
const BOUND: usize = 1;

type Act = fn(&mut Bench);

/// A model, its screen, and the pane that is looked at.
struct Bench {
    model: Model,
    screen: Terminal<TestBackend>,
    pane: char,
}

/// Something that is measured: how it is made ready, what is done, and how long it may take in milliseconds.
struct Case {
    what: &'static str,
    bound: Option<u64>,
    ready: Act,
    act: Act,
}

const CASES: &[Case] = &[
    case("mark one (space)", Some(5), clear, |s| s.press(" ")),
    case(
        "mark one beside all others",
        Some(5),
        |s| {
            all_marked(s);
            s.press(" ");
            s.press("g");
        },
        |s| s.press(" "),
    ),
    case("mark all (a), with what they free", Some(50), clear, |s| {
        s.press("a");
    }),
    case("unmark all (c)", Some(8), all_marked, |s| s.press("c")),
    case("unlock (u), one marked", Some(8), one_marked, |s| {
        s.press("u");
    }),
    case("unlock (u), all marked", None, all_marked, |s| s.press("u")),
    case("open the plan (d), one marked", Some(8), one_marked, |s| {
        s.press("d");
        s.draw();
    }),
    case("open the plan (d), all marked", None, all_marked, |s| {
        s.press("d");
        s.draw();
    }),
    case("free 5 GB (f Enter)", Some(200), clear, |s| s.free("5gb")),
    case("free 500 GB", Some(200), clear, |s| s.free("500gb")),
    case("sort by the next column (s)", Some(16), clear, |s| {
        s.press("s");
    }),
    case("sort by name", Some(16), by_last_column, |s| s.press("s")),
    case("filter, a letter typed", Some(16), typed, |s| s.press("7")),
    case("cursor down, and its frame", Some(8), clear, |s| {
        s.press("j");
        s.draw();
    }),
    case("another pane, and its frame", Some(8), clear, |s| {
        s.press("2");
        s.draw();
    }),
    case("a full frame of 120x35", Some(8), clear, Bench::draw),
    case("a full frame, all marked", Some(8), all_marked, Bench::draw),
    case(
        "a full frame, filtered and marked",
        Some(8),
        filtered,
        Bench::draw,
    ),
    case("a scan's part: a volume's size", None, clear, |s| {
        s.scan(vec![volume_measured()]);
    }),
    case("a scan's part: a stage goes on", None, clear, |s| {
        let running = Progress::Done(now());
        s.scan(vec![Part::Stage(Stage::VolumeSizes, running)]);
    }),
    case(
        "a scan's part: a list is asked again",
        None,
        |s| {
            clear(s);
            s.scan(vec![Part::Stage(Stage::Containers, Progress::Done(now()))]);
        },
        |s| {
            let running = Progress::Running(now());
            s.scan(vec![Part::Stage(Stage::Containers, running)]);
        },
    ),
    case("a scan's part: layers", None, clear, |s| {
        let image = &s.model.survey.inventory().images[0];
        let layers = Inspected {
            id: image.id.clone(),
            content: image.content.clone(),
            last_tagged: image.last_tagged,
            source: None,
        };
        s.scan(vec![Part::Layers(vec![layers])]);
    }),
    case("a scan's part: the list of images", None, clear, |s| {
        let images = s.model.survey.inventory().images.clone();
        s.scan(vec![Part::Images(images)]);
    }),
];

const fn case(what: &'static str, bound: Option<u64>, ready: Act, act: Act) -> Case {
    Case {
        what,
        bound,
        ready,
        act,
    }
}

impl Bench {
    fn press(&mut self, keys: &str) {
        for letter in keys.chars() {
            black_box(update(&mut self.model, Msg::Key(Key::Char(letter))));
        }
    }

    /// Types how much is to be freed.
    fn free(&mut self, how_much: &str) {
        self.press("f");
        self.press(how_much);
        black_box(update(&mut self.model, Msg::Key(Key::Enter)));
        assert!(!self.model.marks.is_empty());
    }

    fn draw(&mut self) {
        let theme = Theme::new(true, false);
        let model = &self.model;
        self.screen
            .draw(|frame| {
                black_box(view(model, frame, &theme));
            })
            .expect("a frame");
    }

    fn scan(&mut self, parts: Vec<Part>) {
        black_box(update(&mut self.model, Msg::Scan(parts)));
    }

    /// The median of some tries, each made ready first.
    fn measure(&mut self, case: &Case) -> Duration {
        let begin = Instant::now();
        let mut times: Vec<Duration> = Vec::new();
        while times.len() < LEAST || times.len() < TIMES && begin.elapsed() < LONG {
            (case.ready)(self);
            let start = used(begin);
            (case.act)(self);
            times.push(used(begin).saturating_sub(start));
        }
        times.sort_unstable();
        times[times.len() / 2]
    }
}

/// No marks, no filter, the first row, sorted by what items free.
fn clear(stage: &mut Bench) {
    for _ in 0..2 {
        update(&mut stage.model, Msg::Key(Key::Esc));
    }
    let pane = stage.pane;
    stage.press(&format!("{pane}cg"));
    while stage.model.pane().sort != 1 {
        stage.press("s");
    }
}

fn one_marked(stage: &mut Bench) {
    clear(stage);
    stage.press(" ");
}

fn all_marked(stage: &mut Bench) {
    clear(stage);
    stage.press("a");
}

/// The last column sorts: the next is the first.
fn by_last_column(stage: &mut Bench) {
    clear(stage);
    while stage.model.pane().sort != 0 {
        stage.press("s");
    }
    for _ in 0..7 {
        stage.press("s");
    }
}

fn typed(stage: &mut Bench) {
    clear(stage);
    stage.press("/e-3");
}

fn filtered(stage: &mut Bench) {
    all_marked(stage);
    stage.press("/3");
    update(&mut stage.model, Msg::Key(Key::Enter));
}

fn volume_measured() -> Part {
    Part::VolumeSizes {
        sizes: vec![(VolumeName::new("volume-7"), Some(Bytes(1_000)))],
        complete: false,
    }
}

/// How long this thread has run, where the system tells it: what else the machine does is no cost of a key.
/// Else how long it is since it began.
fn used(began: Instant) -> Duration {
    // The system brings the number up to date when it looks at who runs next.
    std::thread::yield_now();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let told = told.and_then(|text| text.split_whitespace().next()?.parse().ok());
    told.map_or_else(|| began.elapsed(), Duration::from_nanos)
}

/// The most memory that this process has had at once, in MiB, where the system tells it.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let number: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(number / 1024)
}

fn main() -> ExitCode {
    // Cargo gives an option of its own.
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<String> = words
        .into_iter()
        .filter(|word| !word.starts_with('-'))
        .collect();
    if !words.is_empty() {
        return some(&words);
    }
    let mut columns: Vec<Vec<Duration>> = Vec::new();
    let mut peaks: Vec<Option<u64>> = Vec::new();
    for (_, size, pane) in FLEETS {
        let model = model(size, 120, 35);
        peaks.push(peak());
        let screen = Terminal::new(TestBackend::new(120, 35)).expect("a screen");
        let stage = &mut Bench {
            model,
            screen,
            pane,
        };
        columns.push(CASES.iter().map(|case| stage.measure(case)).collect());
    }
    table(&columns, &peaks)
}

/// Measures only what has one of these words in its line, in the fleet of the bounds.
fn some(words: &[String]) -> ExitCode {
    let (_, size, pane) = FLEETS[BOUND];
    let mut bench = Bench {
        model: model(size, 120, 35),
        screen: Terminal::new(TestBackend::new(120, 35)).expect("a screen"),
        pane,
    };
    let is_asked = |case: &&Case| words.iter().any(|word| case.what.contains(word));
    for case in CASES.iter().filter(is_asked) {
        let time = bench.measure(case).as_secs_f64() * 1_000.0;
        println!("{:<36}{time:>12.2} ms", case.what);
    }
    ExitCode::SUCCESS
}

/// Prints the table; fails where a bound is missed.
fn table(columns: &[Vec<Duration>], peaks: &[Option<u64>]) -> ExitCode {
    println!("100: 40 images, 600 layers, 40 records, 10 containers, 10 volumes");
    println!(
        "10,000: so many images, 100,500 layers, 50,000 records, 2,000 containers, 2,000 volumes"
    );
    println!(
        "100,000: so many records, 20,000 images, 100,500 layers, 2,000 containers, 2,000 volumes"
    );
    println!();
    let heads = cells(FLEETS.iter().map(|(head, ..)| (*head).to_owned()));
    println!("{:<36}{heads}{:>10}", "", "bound");
    let mut missed = 0;
    for (at, case) in CASES.iter().enumerate() {
        let times = columns.iter().map(|column| column[at]);
        let times = cells(times.map(|time| format!("{:.2} ms", time.as_secs_f64() * 1_000.0)));
        let bound = case
            .bound
            .map(|bound| format!("{bound} ms"))
            .unwrap_or_default();
        let late = case
            .bound
            .is_some_and(|bound| columns[BOUND][at] > Duration::from_millis(bound));
        missed += usize::from(late);
        let word = if late { "  MISSED" } else { "" };
        println!("{:<36}{times}{bound:>10}{word}", case.what);
    }
    let peak = |peak: &Option<u64>| peak.map_or_else(|| "?".to_owned(), |it| format!("{it} MiB"));
    let peaks = cells(peaks.iter().map(peak));
    println!("{:<36}{peaks}", "the most memory so far, once shown");
    if missed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Columns of the table, side by side.
fn cells(texts: impl Iterator<Item = String>) -> String {
    texts.fold(String::new(), |row, text| row + &format!("{text:>12}"))
}
