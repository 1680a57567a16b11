//! What the terminal sends, with nothing of it left lying.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crossterm::event::{Event, EventStream, poll};
use futures_util::Stream;

/// How long is looked for more after each key. It must be some time: asked for none, crossterm (0.29, `use-dev-tty`)
/// does not look at what it has read already.
const LOOK: Duration = Duration::from_micros(500);

/// Events of the terminal. Keys that came together are all there at once: one that was typed before a plan was drawn
/// must not be told after it, where it would confirm the plan.
pub(super) struct Keyboard {
    events: EventStream,
    /// More may have come with the last event.
    has_more: bool,
}

impl Keyboard {
    /// Begins to read what the terminal sends.
    pub(super) fn new() -> Self {
        Self {
            events: EventStream::new(),
            has_more: false,
        }
    }
}

impl Stream for Keyboard {
    type Item = io::Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.has_more {
            // What it finds is kept, and told by the stream. No thread reads meanwhile: one does only while the
            // stream is waited for.
            self.has_more = poll(LOOK).unwrap_or(false);
        }
        let next = Pin::new(&mut self.events).poll_next(context);
        self.has_more |= matches!(next, Poll::Ready(Some(Ok(_))));
        next
    }
}
