//! The engine of the moment and what is under way with it. Effects come in; messages go out.

use std::any::Any;
use std::cell::Cell;
use std::future::pending;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::LocalBoxFuture;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::{AbortHandle, JoinSet};

use crate::app::model::Model;
use crate::app::msg::{Attempt, Effect, Msg, Restored};
use crate::domain::inventory::Part;
use crate::domain::item::ItemId;
use crate::domain::plan::Plan;
use crate::domain::removal::history::{Entry, Returned};
use crate::domain::text::Text;
use crate::engine::Engine;
use crate::engine::copies::restore::{ask_registries, restore};
use crate::engine::journal::{History, Journal};
use crate::engine::removal::{Confirmed, remove};
use crate::engine::scan::{First, Request, Update, watch};

/// How to get an engine, or why there is none.
pub type Opened = Result<Arc<dyn Engine>, Vec<Attempt>>;

/// What comes in beside keys and signals.
pub enum News {
    Msg(Msg),
    /// An engine answered.
    Found(Arc<dyn Engine>),
}

/// Opens engines: the one that was asked for, and the demo.
pub struct Opener {
    /// Looks for the engine of the command line.
    pub connect: Box<dyn Fn() -> LocalBoxFuture<'static, Opened>>,
    /// The embedded engine.
    pub demo: Box<dyn Fn() -> Arc<dyn Engine>>,
    /// Where removals from engines that are found are written down.
    pub journal: Journal,
}

/// What runs beside the screen.
pub struct Session {
    opener: Opener,
    news: UnboundedSender<News>,
    engine: Option<Arc<dyn Engine>>,
    /// That of the engine.
    journal: Journal,
    requests: Option<UnboundedSender<Request>>,
    tasks: JoinSet<()>,
    watching: Vec<AbortHandle>,
    /// Registries that are being asked.
    asking: Vec<AbortHandle>,
    cancel: Arc<AtomicBool>,
    /// It was said that the journal is not written.
    unwritten: Rc<Cell<bool>>,
}

impl Session {
    #[must_use]
    pub fn new(opener: Opener, news: UnboundedSender<News>) -> Self {
        Self {
            opener,
            news,
            engine: None,
            journal: Journal::default(),
            requests: None,
            tasks: JoinSet::new(),
            watching: Vec::new(),
            asking: Vec::new(),
            cancel: Arc::default(),
            unwritten: Rc::default(),
        }
    }

    /// Does what the model asked for. Quitting and suspending are the loop's.
    pub fn do_effect(&mut self, effect: Effect, model: &Model) {
        match effect {
            Effect::Connect => self.connect(),
            Effect::Demo => self.take_up((self.opener.demo)(), Journal::in_memory()),
            Effect::Rescan => self.request(Request::Rescan),
            Effect::LookFirst(images) => self.request(Request::LookFirst(images)),
            Effect::MeasureFirst(items, chains) => {
                self.request(Request::MeasureFirst(First { items, chains }));
            }
            Effect::BuildCacheVisible(visible) => {
                self.request(Request::BuildCacheVisible(visible));
            }
            Effect::Remove(plan, save) => self.remove(*plan, save, model),
            Effect::CancelRemoval => self.cancel.store(true, Ordering::SeqCst),
            Effect::AskRegistries(wanted) => self.ask_registries(wanted),
            Effect::StopAsking => self.stop_asking(),
            Effect::ReadHistory => self.read_history(),
            Effect::Restore(entry) => self.restore(*entry),
            Effect::Suspend | Effect::Quit => {}
        }
    }

    /// Takes in an engine that was found.
    pub fn open(&mut self, engine: Arc<dyn Engine>) {
        self.take_up(engine, self.opener.journal.clone());
    }

    /// An engine is scanned from now on.
    fn take_up(&mut self, engine: Arc<dyn Engine>, journal: Journal) {
        for task in self.watching.drain(..) {
            task.abort();
        }
        let (requests, wanted) = unbounded_channel();
        let (out, mut sights) = unbounded_channel();
        self.engine = Some(engine.clone());
        self.journal = journal;
        self.requests = Some(requests);
        let news = self.news.clone();
        let (journal, asked, told) = (self.journal.clone(), engine.clone(), news.clone());
        // What was in hand can wait until there is something to see: the journal may be long.
        let mut resolving = Some(async move {
            if let Some(resolved) = journal.resolve(&*asked).await {
                let _ = told.send(News::Msg(Msg::WasInHand(resolved)));
            }
        });
        // Nobody listens any more only when the program ends.
        let _ = news.send(News::Msg(Msg::Connected));
        let helped = Arc::clone(&engine);
        let sweeping = Rc::new(Cell::new(false));
        let watching = self.begin(watch(engine, wanted, out));
        let telling = self.begin(async move {
            while let Some(sight) = sights.recv().await {
                let shows = matches!(&sight, Update::Parts(parts) if parts.iter().any(is_images));
                let _ = news.send(News::Msg(match sight {
                    Update::Parts(parts) => Msg::Scan(parts),
                    Update::Lost { why, again } => Msg::Lost { why, again },
                    Update::Back => Msg::Connected,
                }));
                // What a dtop that was killed has left; where the lists show none it costs nothing.
                if shows && let Some(resolving) = resolving.take() {
                    tokio::task::spawn_local(resolving);
                }
                if !sweeping.replace(true) {
                    let (engine, sweeping) = (Arc::clone(&helped), Rc::clone(&sweeping));
                    tokio::task::spawn_local(async move {
                        let _ = engine.sweep().await;
                        sweeping.set(false);
                    });
                }
            }
        });
        self.watching.extend([watching, telling]);
    }

    /// Starts a task. In a box they are all of one kind, which is compiled once.
    fn begin(&mut self, task: impl Future<Output = ()> + 'static) -> AbortHandle {
        let task: LocalBoxFuture<'static, ()> = Box::pin(task);
        self.tasks.spawn_local(task)
    }

    fn connect(&mut self) {
        let opening = (self.opener.connect)();
        let news = self.news.clone();
        self.begin(async move {
            let _ = news.send(match opening.await {
                Ok(engine) => News::Found(engine),
                Err(attempts) => News::Msg(Msg::NoEngine(attempts)),
            });
        });
    }

    fn request(&self, request: Request) {
        if let Some(requests) = &self.requests {
            let _ = requests.send(request);
        }
    }

    fn remove(&mut self, plan: Plan, save: Option<String>, model: &Model) {
        let Some(engine) = self.engine.clone() else {
            return;
        };
        self.cancel = Arc::default();
        let order = Confirmed {
            plan,
            base: model.survey.inventory().clone(),
            journal: self.journal.clone(),
            save: save.map(PathBuf::from),
            until: model.until,
        };
        let cancel = self.cancel.clone();
        let news = self.news.clone();
        let unwritten = Rc::clone(&self.unwritten);
        self.begin(async move {
            let journal = order.journal.clone();
            // What it ended with has been told as events.
            let _ = remove(engine, order, cancel, |event| {
                let _ = news.send(News::Msg(Msg::Removal(event)));
            })
            .await;
            if let Some(trouble) = journal.trouble()
                && !unwritten.replace(true)
            {
                let _ = news.send(News::Msg(Msg::Unwritten(trouble)));
            }
        });
    }

    fn ask_registries(&mut self, wanted: Vec<(ItemId, Vec<Text>)>) {
        let Some(engine) = self.engine.clone() else {
            return;
        };
        let news = self.news.clone();
        let asking = self.begin(async move {
            ask_registries(&*engine, wanted, |id, answer| {
                let _ = news.send(News::Msg(Msg::ComesBack(id, answer)));
            })
            .await;
        });
        self.asking.push(asking);
    }

    fn stop_asking(&mut self) {
        for task in self.asking.drain(..) {
            task.abort();
        }
    }

    fn read_history(&mut self) {
        let (journal, news) = (self.journal.clone(), self.news.clone());
        self.begin(async move {
            let read = journal.history().await.map(History::into_entries);
            let _ = news.send(News::Msg(Msg::History(read)));
        });
    }

    fn restore(&mut self, entry: Entry) {
        let Some(engine) = self.engine.clone() else {
            return;
        };
        let news = self.news.clone();
        self.begin(async move {
            let tell = |words| {
                let _ = news.send(News::Msg(Msg::Restored(Restored::Still(words))));
            };
            let end = restore(&*engine, &entry, &tell).await;
            let words = Returned { entry, end }.words();
            let _ = news.send(News::Msg(Msg::Restored(Restored::Ended(words))));
        });
    }

    /// Waits until a task panics. Tasks that end, or are ended, are forgotten.
    pub async fn next_panic(&mut self) -> Box<dyn Any + Send> {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended
                && let Ok(panic) = error.try_into_panic()
            {
                return panic;
            }
        }
        pending().await
    }
}

fn is_images(part: &Part) -> bool {
    matches!(part, Part::Images(_))
}
