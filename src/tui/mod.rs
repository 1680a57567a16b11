//! The one loop: what happens becomes messages, messages change the model, the model is drawn, effects are done.
//!
//! ```text
//! keys, signals, time, engine ─> Msg ─> update(&mut Model) ─┬─> ui::view ─> frame
//!          ^                                                └─> Effect ─> Session ─> engine
//!          └───────────────────────────── outcome Msg ──────────────────────────────┘
//! ```
//!
//! - `ending`: how signals end the program: within a second, whatever it is doing.
//! - `input`: what the terminal sends, as messages.
//! - `keyboard`: what the terminal sends, with nothing of it left lying.
//! - `line`: the line to the terminal, with a thread of its own that writes to it.
//! - `screen`: what a frame costs on a slow line: only what differs is sent, and that in as few bytes as it takes.
//! - `session`: the engine of the moment and what is under way with it.
//! - `terminal`: the terminal: taken for a full-screen program, and always given back as it was.

// Who adds a key, a message or a screen is told by the compiler where it is not handled yet.
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]

use std::io;
use std::iter::Peekable;
use std::pin::pin;

use color_eyre::Result;
use crossterm::event::Event as Input;
use futures_util::{Stream, StreamExt};
use ratatui::backend::Backend;
use ratatui::layout::Rect;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, channel, unbounded_channel};
use tokio::task::yield_now;
use tokio::time::{Duration, Instant, sleep, sleep_until};

use crate::app::keys::Key;
use crate::app::model::{Model, Options, Screen};
use crate::app::msg::{Effect, Msg};
use crate::app::update::update;
use crate::domain::inventory::Inventory;
use crate::domain::protect::Protection;
use crate::domain::survey::Survey;
use crate::domain::time::Timestamp;
use crate::engine::copies::save::usual_folder;
use crate::engine::port::clock;
use crate::ui::{Theme, view};

pub mod ending;
mod input;
mod keyboard;
mod line;
mod screen;
mod session;
mod terminal;

use ending::{Ending, GRACE, Signals};
use keyboard::Keyboard;
use line::Line;
use session::{News, Session};
pub use session::{Opened, Opener};
use terminal::Terminal;

/// At most this many messages are taken in before the model is drawn again.
const BATCH: usize = 4096;

/// What the terminal sends is read so far ahead. The rest stays with the terminal, which holds back whoever types.
const AHEAD: usize = 1024;

/// Opens the full screen, runs until somebody quits, and returns the exit code. Everything shares one thread, where what waits for an
/// engine gives way to the keys: it must be called within a [`tokio::task::LocalSet`].
///
/// # Errors
/// When the terminal cannot be used, or a task panicked.
pub async fn run(
    opener: Opener,
    options: Options,
    protection: Protection,
    theme: Theme,
) -> Result<u8> {
    let terminal = Terminal::take(options.mouse)?;
    let (news, inbox) = unbounded_channel();
    let size = crossterm::terminal::size()?;
    let mut model = Model::new(options, size.0, size.1, clock::now());
    model.survey = Survey::new(Inventory::under(protection));
    model.save_to = usual_folder().to_string_lossy().into_owned();
    let program = Program {
        model,
        session: Session::new(opener, news),
        inbox,
        theme,
        line: terminal.line().clone(),
        picture: Picture::Old,
        is_blind: false,
        ending: None,
    };
    program
        .run(&terminal, terminal.screen()?, Keyboard::new())
        .await
}

struct Program {
    model: Model,
    session: Session,
    inbox: UnboundedReceiver<News>,
    theme: Theme,
    line: Line,
    picture: Picture,
    /// The terminal is gone. What is in hand is finished all the same.
    is_blind: bool,
    /// What ends the program, and until when what is in hand may take.
    ending: Option<(Ending, Instant)>,
}

/// How much of the model is on the screen.
enum Picture {
    /// Something happened since it was drawn.
    Old,
    /// All of it was drawn, and is on its way to the terminal.
    Sent {
        /// As in [`Msg::Drawn`].
        furthest: usize,
    },
    Shown,
}

impl Program {
    async fn run<B>(
        mut self,
        terminal: &Terminal,
        mut screen: ratatui::Terminal<B>,
        inputs: impl Stream<Item = io::Result<Input>> + 'static,
    ) -> Result<u8>
    where
        B: Backend,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let mut inputs = queue(inputs);
        let mut signals = Signals::new()?;
        self.session.do_effect(Effect::Connect, &self.model);
        loop {
            // A terminal that cannot be written to is gone, as after a lost SSH line.
            self.is_blind |= self.draw(&mut screen).is_err() || self.line.is_cut();
            let batch = if self.is_blind && self.ending.is_none() {
                vec![self.end_by(Ending::HangUp)]
            } else {
                let Some(batch) = self.next_batch(&mut inputs, &mut signals).await else {
                    continue;
                };
                self.picture = Picture::Old;
                batch
            };
            if self.ending.is_some_and(|(_, last)| last <= Instant::now()) {
                return Ok(self.code());
            }
            for effect in self.take_in(batch) {
                #[expect(
                    clippy::wildcard_enum_match_arm,
                    reason = "the session handles all others"
                )]
                match effect {
                    Effect::Quit => return Ok(self.code()),
                    Effect::Suspend => {
                        suspend(terminal, &mut screen).await?;
                        let (width, height) = crossterm::terminal::size()?;
                        update(&mut self.model, Msg::Resize { width, height });
                    }
                    effect => self.session.do_effect(effect, &self.model),
                }
            }
        }
    }

    /// Changes the model by what happened, and returns what is to be done about it.
    fn take_in(&mut self, batch: Vec<Msg>) -> Vec<Effect> {
        let mut effects = update(&mut self.model, Msg::Now(clock::now()));
        let mut batch = batch.into_iter().peekable();
        while let Some(msg) = batch.next() {
            let msg = self.joined(msg, &mut batch);
            effects.extend(update(&mut self.model, msg));
        }
        effects
    }

    /// Takes note of what ends the program.
    fn end_by(&mut self, ending: Ending) -> Msg {
        self.ending.get_or_insert((ending, Instant::now() + GRACE));
        Msg::Terminate
    }

    fn code(&self) -> u8 {
        self.ending.map_or(0, |(ending, _)| ending.code())
    }

    /// Makes one message of letters for the filter that follow each other: a terminal without bracketed paste sends
    /// a pasted text as keys, and each would have all rows filtered.
    fn joined(&self, msg: Msg, batch: &mut Peekable<impl Iterator<Item = Msg>>) -> Msg {
        let Msg::Key(Key::Char(first)) = msg else {
            return msg;
        };
        let is_letter = |msg: &Msg| matches!(msg, Msg::Key(Key::Char(_)));
        if !matches!(self.model.screen, Screen::Filter(_)) || !batch.peek().is_some_and(is_letter) {
            return msg;
        }
        let mut text = String::from(first);
        while let Some(Msg::Key(Key::Char(letter))) = batch.next_if(is_letter) {
            text.push(letter);
        }
        Msg::Typed(text)
    }

    /// Draws the model as it is now, unless the terminal has not taken the frame before yet: a slow one is not
    /// flooded, and what it shows next is the newest. A model is on the screen only once its frame was taken.
    fn draw<B>(&mut self, screen: &mut ratatui::Terminal<B>) -> Result<()>
    where
        B: Backend,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        if matches!(self.picture, Picture::Old) && self.line.is_free() {
            let mut furthest = 0;
            screen.draw(|frame| furthest = view(&self.model, frame, &self.theme))?;
            self.picture = Picture::Sent { furthest };
        }
        if let Picture::Sent { furthest } = self.picture
            && self.line.is_free()
        {
            update(&mut self.model, Msg::Drawn { furthest });
            self.picture = Picture::Shown;
        }
        Ok(())
    }

    /// Waits for something to happen and takes in all that has. What the terminal sent goes alone: a key means what
    /// was drawn before the answers that came with it, and its own frame does not wait for them. A signal goes before
    /// keys, which may come without an end. Nothing if the terminal has taken a frame; keys that have come by then go
    /// first, as nobody has seen it who typed them.
    async fn next_batch(
        &mut self,
        inputs: &mut Receiver<io::Result<Input>>,
        signals: &mut Signals,
    ) -> Option<Vec<Msg>> {
        // While one answer follows the other nothing here waits: what was typed meanwhile gets into its queue.
        yield_now().await;
        let mut batch = Vec::new();
        tokio::select! {
            biased;
            ending = signals.next(), if self.ending.is_none() => batch.push(self.end_by(ending)),
            () = last(self.ending) => {}
            input = inputs.recv(), if !self.is_blind => {
                self.read(input, &mut batch);
                while let Ok(input) = inputs.try_recv() {
                    self.read(Some(input), &mut batch);
                }
            }
            () = self.line.taken() => return None,
            Some(news) = self.inbox.recv() => self.take(news, &mut batch),
            panicked = self.session.next_panic() => std::panic::resume_unwind(panicked),
            () = alarm(self.model.wakes_at()) => {}
        }
        Some(batch)
    }

    /// What the terminal sent; nothing or an error when it is gone.
    fn read(&mut self, input: Option<io::Result<Input>>, batch: &mut Vec<Msg>) {
        match input {
            Some(Ok(input)) => batch.extend(input::message(input)),
            Some(Err(_)) | None => self.is_blind = true,
        }
    }

    /// Takes in what came beside keys, so much at a time that a frame is drawn now and then. An engine that answered
    /// is opened at once; what that means for the model follows as a message. Parts of a scan that follow each other
    /// become one message: the model works out what they mean once, however many they are.
    fn take(&mut self, first: News, batch: &mut Vec<Msg>) {
        let mut news = Some(first);
        let mut left = BATCH;
        while let Some(it) = news {
            match (it, batch.last_mut()) {
                (News::Found(engine), _) => self.session.open(engine),
                (News::Msg(Msg::Scan(parts)), Some(Msg::Scan(before))) => before.extend(parts),
                (News::Msg(msg), _) => batch.push(msg),
            }
            left -= 1;
            news = (left > 0).then(|| self.inbox.try_recv().ok()).flatten();
        }
    }
}

/// Reads what the terminal sends into a queue, so that all that has come can be taken at once. (crossterm's
/// stream forgets who waits for it when it is asked without waiting.)
fn queue(inputs: impl Stream<Item = io::Result<Input>> + 'static) -> Receiver<io::Result<Input>> {
    let (sender, queue) = channel(AHEAD);
    tokio::task::spawn_local(async move {
        let mut inputs = pin!(inputs);
        while let Some(input) = inputs.next().await {
            if sender.send(input).await.is_err() {
                return;
            }
        }
    });
    queue
}

/// Waits until what is in hand has had its time, once something ends the program.
async fn last(ending: Option<(Ending, Instant)>) {
    match ending {
        Some((_, last)) => sleep_until(last).await,
        None => std::future::pending().await,
    }
}

/// Waits until a time, or for ever.
async fn alarm(at: Option<Timestamp>) {
    let Some(at) = at else {
        return std::future::pending().await;
    };
    let left = at.duration_since(clock::now());
    sleep(Duration::try_from(left).unwrap_or_default()).await;
}

/// Stops the job and, once it is in the foreground again, draws all anew.
async fn suspend<B>(terminal: &Terminal, screen: &mut ratatui::Terminal<B>) -> Result<()>
where
    B: Backend,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    let mut resumed = signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?;
    Terminal::suspend()?;
    // The stop may come a moment after the call; a shell that cannot stop us never continues us either.
    let _ = tokio::time::timeout(Duration::from_millis(200), resumed.recv()).await;
    terminal.resume()?;
    // Not `clear`: that asks the terminal where its cursor is, and the answer is taken by whoever reads the keys.
    let (width, height) = crossterm::terminal::size()?;
    screen.resize(Rect::new(0, 0, width, height))?;
    Ok(())
}

#[cfg(test)]
mod tests;
