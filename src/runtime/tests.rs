//! The loop as it is, with a screen that counts its frames.

use std::cell::{Cell, RefCell};
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

/// A screen, and how many frames it was given.
#[derive(Clone)]
struct Counted {
    screen: Rc<RefCell<TestBackend>>,
    frames: Rc<Cell<usize>>,
}

impl Backend for Counted {
    type Error = Infallible;

    fn draw<'a, I>(&mut self, content: I) -> Result<(), Infallible>
    where
        I: Iterator<Item = (u16, u16, &'a Symbol)>,
    {
        self.frames.set(self.frames.get() + 1);
        self.screen.borrow_mut().draw(content)
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

/// An engine that is being looked for and never found.
fn nowhere() -> Opener {
    Opener {
        connect: Box::new(|| std::future::pending::<Opened>().boxed_local()),
        demo: Box::new(|| Arc::new(DemoEngine::new(Timestamp::now())) as Arc<dyn Engine>),
        journal: Journal::default(),
    }
}

#[tokio::test]
async fn ten_thousand_answers_at_once_cost_a_handful_of_frames() {
    const ANSWERS: usize = 10_000;
    let (news, inbox) = unbounded_channel();
    let running = Part::Stage(Stage::VolumeSizes, Progress::Running(Timestamp::now()));
    for _ in 0..ANSWERS {
        let _ = news.send(News::Msg(Msg::Scan(vec![running.clone()])));
    }
    let last = EngineInfo {
        host: "unix:///the/last.sock".into(),
        ..EngineInfo::default()
    };
    let _ = news.send(News::Msg(Msg::Scan(vec![Part::Engine(Arc::new(last))])));
    let screen = Counted {
        screen: Rc::new(RefCell::new(TestBackend::new(80, 24))),
        frames: Rc::default(),
    };
    let program = Program {
        model: Model::new(Options::default(), 80, 24, Timestamp::now()),
        session: Session::new(nowhere(), news),
        inbox,
        theme: Theme::new(true, false),
        is_blind: false,
    };
    let (seen, frames) = (screen.screen.clone(), screen.frames.clone());
    let terminal = ratatui::Terminal::new(screen).unwrap();
    // Quits once the last answer is on the screen.
    let quit = stream::once(async move {
        while !seen.borrow().to_string().contains("the/last.sock") {
            sleep(Duration::from_millis(1)).await;
        }
        let key = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE);
        Ok(Input::Key(key))
    });
    let nobody = Terminal::of_nobody();
    let run = Box::pin(program.run(&nobody, terminal, quit));
    let local = tokio::task::LocalSet::new();
    let time = Duration::from_secs(60);
    local
        .run_until(Box::pin(tokio::time::timeout(time, run)))
        .await
        .expect("the last answer comes onto the screen")
        .unwrap();
    // A frame before anything came, one for each batch, and one a second that it may take.
    let most = ANSWERS / BATCH + 4;
    assert!(frames.get() <= most, "{} frames", frames.get());
}
