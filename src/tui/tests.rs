//! The loop as it is, with a screen that counts its frames.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use futures_util::FutureExt;
use futures_util::stream;
use ratatui::backend::{ClearType, TestBackend, WindowSize};
use ratatui::buffer::Cell as Symbol;
use ratatui::layout::{Position, Size};

use super::*;
use crate::domain::inventory::{EngineInfo, Part, Progress, Stage};
use crate::engine::Engine;
use crate::engine::demo::DemoEngine;
use crate::engine::journal::Journal;

/// A screen, and the frames that it was given: one above the other, as text.
#[derive(Clone)]
struct Counted {
    screen: Rc<RefCell<TestBackend>>,
    frames: Rc<RefCell<Vec<String>>>,
}

impl Counted {
    fn new() -> Self {
        Self {
            screen: Rc::new(RefCell::new(TestBackend::new(80, 24))),
            frames: Rc::default(),
        }
    }
}

impl Backend for Counted {
    type Error = Infallible;

    fn draw<'a, I>(&mut self, content: I) -> Result<(), Infallible>
    where
        I: Iterator<Item = (u16, u16, &'a Symbol)>,
    {
        let mut screen = self.screen.borrow_mut();
        let drawn = screen.draw(content);
        self.frames.borrow_mut().push(screen.to_string());
        drawn
    }

    fn hide_cursor(&mut self) -> Result<(), Infallible> {
        self.screen.borrow_mut().hide_cursor()
    }

    fn show_cursor(&mut self) -> Result<(), Infallible> {
        self.screen.borrow_mut().show_cursor()
    }

    fn get_cursor_position(&mut self) -> Result<Position, Infallible> {
        self.screen.borrow_mut().get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> Result<(), Infallible> {
        self.screen.borrow_mut().set_cursor_position(position)
    }

    fn clear(&mut self) -> Result<(), Infallible> {
        self.screen.borrow_mut().clear()
    }

    fn clear_region(&mut self, part: ClearType) -> Result<(), Infallible> {
        self.screen.borrow_mut().clear_region(part)
    }

    fn size(&self) -> Result<Size, Infallible> {
        self.screen.borrow().size()
    }

    fn window_size(&mut self) -> Result<WindowSize, Infallible> {
        self.screen.borrow_mut().window_size()
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        self.screen.borrow_mut().flush()
    }
}

/// Returns an engine that is being looked for and never found.
fn nowhere() -> Opener {
    Opener {
        connect: Box::new(|| std::future::pending::<Opened>().boxed_local()),
        demo: Box::new(|| Arc::new(DemoEngine::new(clock::now())) as Arc<dyn Engine>),
        journal: Journal::default(),
    }
}

/// Returns the program with this in its inbox; its session sends to nobody.
fn with_news(told: Vec<Msg>) -> Program {
    let (news, inbox) = unbounded_channel();
    for msg in told {
        let _ = news.send(News::Msg(msg));
    }
    Program {
        model: Model::new(Options::default(), 80, 24, clock::now()),
        session: Session::new(nowhere(), news),
        inbox,
        theme: Theme::new(true, false),
        line: Line::over(io::sink()).unwrap(),
        picture: Picture::Old,
        is_blind: false,
        ending: None,
    }
}

/// Returns the parts that tell of an engine at this address.
fn engine_at(host: &str) -> Vec<Part> {
    let engine = EngineInfo {
        host: host.into(),
        ..EngineInfo::default()
    };
    vec![Part::Engine(Arc::new(engine))]
}

/// Runs the program until it quits.
async fn run(
    program: Program,
    screen: Counted,
    inputs: impl Stream<Item = io::Result<Input>> + 'static,
) {
    let terminal = ratatui::Terminal::new(screen).unwrap();
    let nobody = Terminal::of_nobody(program.line.clone());
    let run = Box::pin(program.run(&nobody, terminal, inputs));
    let local = tokio::task::LocalSet::new();
    let time = Duration::from_secs(60);
    local
        .run_until(Box::pin(tokio::time::timeout(time, run)))
        .await
        .expect("it quits")
        .unwrap();
}

/// Quits, whatever is open, once these words are on the screen.
async fn quit_at(seen: Rc<RefCell<TestBackend>>, words: &str) -> io::Result<Input> {
    while !seen.borrow().to_string().contains(words) {
        sleep(Duration::from_millis(1)).await;
    }
    let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    Ok(Input::Key(key))
}

#[tokio::test]
async fn ten_thousand_answers_at_once_cost_a_handful_of_frames() {
    const ANSWERS: usize = 10_000;
    let running = Part::Stage(Stage::VolumeSizes, Progress::Running(clock::now()));
    let mut told = vec![Msg::Scan(vec![running]); ANSWERS];
    told.push(Msg::Scan(engine_at("unix:///the/last.sock")));
    let screen = Counted::new();
    let (seen, frames) = (screen.screen.clone(), screen.frames.clone());
    let quit = stream::once(quit_at(seen, "the/last.sock"));
    run(with_news(told), screen, quit).await;
    // A frame before anything came, one for each batch, and one a second that it may take.
    let (drawn, most) = (frames.borrow().len(), ANSWERS / BATCH + 4);
    assert!(drawn <= most, "{drawn} frames");
}

#[tokio::test]
async fn a_key_is_drawn_before_the_answers_that_wait_are_taken_in() {
    const HELP: &str = "In the lists";
    let help = Input::Key(KeyEvent::new(KeyCode::Char('?'), KeyModifiers::NONE));
    let screen = Counted::new();
    let (seen, frames) = (screen.screen.clone(), screen.frames.clone());
    let first = stream::once(async { Ok(help) });
    let quit = stream::once(quit_at(seen, "the/last.sock"));
    let told = vec![
        Msg::Connected,
        Msg::Scan(engine_at("unix:///the/last.sock")),
    ];
    run(with_news(told), screen, first.chain(quit)).await;
    let frames = frames.borrow();
    let answer = |frame: &String| frame.contains("the/last.sock");
    let help = frames.iter().position(|frame| frame.contains(HELP));
    let help = help.expect("the key was drawn");
    assert!(!answer(&frames[help]), "{}", frames[help]);
    assert!(frames[help..].iter().any(answer), "and then the answer");
}

#[tokio::test]
async fn parts_that_wait_side_by_side_are_worked_out_together() {
    let part = || Msg::Scan(engine_at("unix:///an/engine.sock"));
    let mut told = vec![part(); 10];
    told.push(Msg::Connected);
    told.extend(vec![part(); BATCH]);
    let mut program = with_news(told);
    // Held open, as by a terminal where nobody types.
    let (_keyboard, mut inputs) = channel(1);
    let mut signals = Signals::new().unwrap();
    let mut parts = Vec::new();
    for _ in 0..2 {
        let batch = program.next_batch(&mut inputs, &mut signals).await;
        for msg in batch.expect("nothing was drawn") {
            parts.push(match msg {
                Msg::Scan(parts) => parts.len(),
                msg => {
                    assert!(matches!(msg, Msg::Connected), "{msg:?}");
                    0
                }
            });
        }
    }
    assert_eq!(parts, [10, 0, BATCH - 11, 11]);
}

/// A terminal that takes nothing before it is let, and remembers what it took.
#[derive(Clone, Default)]
struct Stuck {
    took: Arc<std::sync::Mutex<Vec<u8>>>,
    reads: Arc<(std::sync::Mutex<bool>, std::sync::Condvar)>,
}

impl io::Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (reads, changed) = &*self.reads;
        drop(changed.wait_while(reads.lock().unwrap(), |reads| !*reads));
        self.took.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_model_counts_as_drawn_once_the_terminal_took_it_and_no_later_one_does() {
    let terminal = Stuck::default();
    let mut program = with_news(Vec::new());
    program.line = Line::over(terminal.clone()).unwrap();
    let mut screen = ratatui::Terminal::new(Counted::new()).unwrap();
    let (_keyboard, mut inputs) = channel(1);
    let mut signals = Signals::new().unwrap();
    program.draw(&mut screen).unwrap();
    assert!(
        matches!(program.picture, Picture::Shown),
        "nothing was sent"
    );
    program.line.send(b"the frame");
    program.picture = Picture::Sent { furthest: 0 };
    program.draw(&mut screen).unwrap();
    assert!(matches!(program.picture, Picture::Sent { .. }), "not taken");
    // Something happens meanwhile: what is on its way is not the model any more, and nothing is drawn over it.
    program.picture = Picture::Old;
    program.draw(&mut screen).unwrap();
    assert!(matches!(program.picture, Picture::Old));
    *terminal.reads.0.lock().unwrap() = true;
    terminal.reads.1.notify_all();
    let batch = program.next_batch(&mut inputs, &mut signals).await;
    assert!(batch.is_none(), "the terminal has taken it");
    program.draw(&mut screen).unwrap();
    assert!(matches!(program.picture, Picture::Shown));
    assert_eq!(*terminal.took.lock().unwrap(), b"the frame");
}

/// Takes in all of this, and returns the program, how long that took and the longest batch.
async fn after(inputs: Vec<Input>) -> (Program, Duration, usize) {
    let inputs = stream::iter(inputs.into_iter().map(Ok)).chain(stream::pending());
    let mut inputs = queue(inputs);
    let mut signals = Signals::new().unwrap();
    let mut program = with_news(Vec::new());
    let mut screen = ratatui::Terminal::new(Counted::new()).unwrap();
    let (mut took, mut most) = (Duration::ZERO, 0);
    let quiet = Duration::from_millis(200);
    loop {
        let start = Instant::now();
        let next = program.next_batch(&mut inputs, &mut signals);
        let Ok(next) = tokio::time::timeout(quiet, next).await else {
            return (program, took, most);
        };
        let batch = next.expect("something happened");
        most = most.max(batch.len());
        program.take_in(batch);
        program.draw(&mut screen).unwrap();
        took += start.elapsed();
    }
}

fn key(letter: char) -> Input {
    Input::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE))
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_pasted_by_mistake_costs_little_and_is_said() {
    let local = tokio::task::LocalSet::new();
    let pasted = || "0123456789".repeat(20_000);
    local
        .run_until(async {
            let keys = pasted().chars().map(key).collect();
            // A terminal without bracketed paste sends keys; with it, one text.
            for text in [keys, vec![Input::Paste(pasted())]] {
                let inputs = std::iter::once(key('/')).chain(text).collect();
                let (program, took, most) = after(inputs).await;
                let Screen::Filter(line) = &program.model.screen else {
                    panic!("the line is open");
                };
                assert_eq!((line.text.len(), line.at, line.is_full), (4096, 4096, true));
                assert!(most <= AHEAD, "{most} keys in memory");
                assert!(took < Duration::from_secs(5), "{took:?}");
            }
        })
        .await;
}
