//! How light dtop is on a terminal and on an engine: measured through a real pty, on a real engine.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::archive;
use super::engine::{PrivateEngine, run};
use super::proxy::{Manner, Proxy, Request};
use super::pty::Screen;

/// What dtop is measured at: rows and columns.
const SIZE: (u16, u16) = (35, 120);
/// The kernel's clock ticks a second, in which it counts a process's time (`USER_HZ`, 100 on every Linux).
const TICKS: u64 = 100;

/// What was measured, all in one run on one machine.
pub struct Pace {
    pub images: usize,
    /// `GET /images/json` on the engine's socket.
    pub raw_list: Duration,
    pub docker_images: Duration,
    pub docker_df: Duration,
    /// From the start to the first byte on the terminal.
    pub first_byte: Duration,
    /// From the start to a screen with an image's name.
    pub first_screen: Duration,
    /// The same, on an engine that never answers `/system/df`.
    pub first_screen_without_df: Duration,
    /// Bytes to the terminal for a cursor key within the page, and for one that turns it.
    pub key: usize,
    pub page: usize,
    pub idle: Idle,
    /// `dtop report --json`, from its start to its end.
    pub report: Duration,
    /// The largest resident set, in bytes.
    pub memory: u64,
}

/// How the program was built: a debug build is neither fast nor small.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Build {
    Debug,
    Release,
}

const MEBIBYTE: u64 = 1 << 20;

impl Pace {
    /// What was measured, to be read; times beside the bare request's.
    pub fn table(&self) -> String {
        let bare = self.raw_list.as_secs_f64();
        let time = |what: &str, time: Duration| {
            let (ms, ratio) = (time.as_secs_f64() * 1000.0, time.as_secs_f64() / bare);
            format!("{what:<38}{ms:>9.1} ms  {ratio:>5.2} x")
        };
        let figure = |what: &str, figure: String| format!("{what:<38}{figure:>12}");
        let idle = &self.idle;
        let seconds = idle.time.as_secs();
        [
            format!("{} images, 120x35", self.images),
            time("GET /images/json, bare", self.raw_list),
            time("docker images", self.docker_images),
            time("docker system df -v", self.docker_df),
            time("dtop report --json", self.report),
            time("dtop: first byte on the terminal", self.first_byte),
            time("dtop: first screen with names", self.first_screen),
            time(
                "dtop: the same, df never answers",
                self.first_screen_without_df,
            ),
            figure(
                "dtop: a cursor key within the page",
                format!("{} B", self.key),
            ),
            figure("dtop: a page", format!("{} B", self.page)),
            figure(
                &format!("dtop: {seconds} s idle"),
                format!("{} B", idle.bytes),
            ),
            figure("      processor", format!("{} ms", idle.cpu.as_millis())),
            figure("      requests", idle.requests.len().to_string()),
            figure(
                "dtop: memory at its peak",
                format!("{} KiB", self.memory / 1024),
            ),
        ]
        .join("\n")
    }

    /// The bounds that do not hold.
    pub fn missed(&self, build: Build) -> Vec<&'static str> {
        let soon = self.raw_list.mul_f64(1.3) + Duration::from_millis(20);
        let is_df = |request: &Request| request.path.contains("/system/df");
        let always = [
            (self.key <= 400, "a cursor key: 400 bytes"),
            (self.page <= 6_000, "a page: 6,000 bytes"),
            (self.idle.bytes == 0, "idle: no byte"),
            (!self.idle.requests.iter().any(is_df), "idle: no df"),
        ];
        let built_well = [
            (
                self.idle.cpu * 1000 <= self.idle.time.max(Duration::from_secs(10)),
                "idle: 0.1 % of a processor",
            ),
            (
                self.first_screen <= soon,
                "first screen: 1.3 x the bare list + 20 ms",
            ),
            (
                self.first_screen_without_df <= soon,
                "first screen without df: the same",
            ),
            (
                self.first_byte <= Duration::from_millis(10),
                "first byte: 10 ms",
            ),
            (self.memory <= 16 * MEBIBYTE, "memory: 16 MiB"),
        ];
        let built_well = built_well.into_iter().filter(|_| build == Build::Release);
        let bounds = always.into_iter().chain(built_well);
        bounds
            .filter(|(holds, _)| !holds)
            .map(|(_, bound)| bound)
            .collect()
    }
}

/// The bounds of an engine that keeps the containerd store where dtop can read it, beside those that always hold: the
/// engine takes seconds for its list there.
pub fn missed_in_store(pace: &Pace) -> Vec<&'static str> {
    let first = pace.raw_list.mul_f64(0.1) + Duration::from_millis(30);
    let bounds = [
        (
            pace.first_screen <= first,
            "first screen: 0.1 x the bare list + 30 ms",
        ),
        (
            pace.report <= pace.docker_df.mul_f64(0.6),
            "report --json: 0.6 x docker system df -v",
        ),
    ];
    let missed = bounds.into_iter().filter(|(holds, _)| !holds);
    missed.map(|(_, bound)| bound).collect()
}

/// What happened while nobody pressed a key and nothing happened on the engine.
pub struct Idle {
    pub time: Duration,
    pub bytes: usize,
    pub cpu: Duration,
    pub requests: Vec<Request>,
}

/// Fills an engine with images.
pub fn fill(engine: &PrivateEngine, images: usize) {
    let path = engine.folder().join("fleet.tar");
    archive::write(&path, images).expect("an archive");
    engine.docker(&["load", "--quiet", "--input", &path.to_string_lossy()]);
    fs::remove_file(&path).expect("the archive goes");
}

/// Measures dtop on an engine that was filled with so many images.
pub fn measure(engine: &PrivateEngine, images: usize, times: usize, idle: Duration) -> Pace {
    let raw_list = median(times, || time(|| drop(engine.get("/images/json"))));
    let (first_byte, first_screen) = starts(&engine.host(), times);
    let stalled = Proxy::with_manner(
        &engine.socket(),
        engine.folder(),
        Manner {
            hides: Some("/system/df"),
            ..Manner::default()
        },
    );
    let (_, first_screen_without_df) = starts(&stalled.host(), times);
    drop(stalled);
    let docker_images = median(times.min(3), || time(|| drop(engine.docker(&["images"]))));
    let docker_df = median(times.min(3), || {
        time(|| drop(engine.docker(&["system", "df", "-v"])))
    });
    let report = median(times.min(3), || {
        let mut report = Command::new(super::dtop());
        report.args(["-H", &engine.host(), "report", "--json"]);
        time(|| drop(run(&mut report)))
    });
    let proxy = Proxy::before(&engine.socket(), engine.folder());
    let mut screen = start(&proxy.host());
    screen.wait_for(" Images ");
    screen.wait_until("the end of the scan", |shown| {
        let picture = shown.contents();
        picture.contains("fleet-") && !picture.contains("measuring") && !picture.contains("waiting")
    });
    // A new order is taken 2 s after the scan, which draws once more.
    thread::sleep(Duration::from_secs(3));
    screen.settle();
    let key = bytes_of(&mut screen, "down", 15);
    let page = bytes_of(&mut screen, "pgdn", 7);
    let idle = rest(&screen, &proxy, idle);
    let memory = screen.memory().peak;
    screen.keys("q");
    screen.end();
    Pace {
        images,
        raw_list,
        docker_images,
        docker_df,
        first_byte,
        first_screen,
        first_screen_without_df,
        key,
        page,
        idle,
        report,
        memory,
    }
}

fn start(host: &str) -> Screen {
    Screen::start(&["-H", host], &[], SIZE)
}

/// Medians from the start to the first byte, and to the first image's name.
fn starts(host: &str, times: usize) -> (Duration, Duration) {
    let mut bytes = Vec::new();
    let screens = median(times, || {
        let begin = Instant::now();
        let mut screen = start(host);
        while screen.raw_len() == 0 {
            thread::sleep(Duration::from_micros(200));
        }
        bytes.push(begin.elapsed());
        screen.wait_for("fleet-");
        let shown = begin.elapsed();
        screen.keys("q");
        screen.end();
        shown
    });
    (middle(bytes), screens)
}

/// The median of the bytes that a key costs.
fn bytes_of(screen: &mut Screen, key: &str, times: usize) -> usize {
    let mut counts = Vec::new();
    for _ in 0..times {
        let before = screen.raw_len();
        screen.keys(key);
        screen.wait_for_bytes(before);
        screen.settle();
        counts.push(screen.raw_len() - before);
    }
    counts.sort_unstable();
    counts[counts.len() / 2]
}

fn rest(screen: &Screen, proxy: &Proxy, time: Duration) -> Idle {
    let (bytes, cpu, requests) = (screen.raw_len(), cpu(screen), proxy.requests().len());
    thread::sleep(time);
    Idle {
        time,
        bytes: screen.raw_len() - bytes,
        cpu: self::cpu(screen).saturating_sub(cpu),
        requests: proxy.requests().split_off(requests),
    }
}

/// The processor time that the program has used.
fn cpu(screen: &Screen) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", screen.process())).expect("its stat");
    // The name, which may hold anything, stands in parentheses.
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let ticks = |at: usize| {
        fields
            .split_whitespace()
            .nth(at)
            .and_then(|it| it.parse().ok())
    };
    let both: u64 = [11, 12].into_iter().map(|at| ticks(at).unwrap_or(0)).sum();
    Duration::from_millis(both * 1000 / TICKS)
}

fn time(act: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    act();
    begin.elapsed()
}

fn median(times: usize, mut act: impl FnMut() -> Duration) -> Duration {
    middle((0..times).map(|_| act()).collect())
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
