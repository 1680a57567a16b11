//! An answer as it comes, for readers that wait for it.

use std::io::{self, Read};

use hyper::body::{Buf, Bytes};
use tokio::sync::mpsc::Receiver;

/// Reads what a connection gets. It waits for more, so it belongs on a thread of its own.
pub struct Frames {
    frames: Receiver<Bytes>,
    current: Bytes,
}

impl Frames {
    pub(super) fn new(frames: Receiver<Bytes>) -> Self {
        Self {
            frames,
            current: Bytes::new(),
        }
    }
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.frames.blocking_recv() {
                Some(frame) => self.current = frame,
                None => return Ok(0),
            }
        }
        let length = self.current.len().min(buffer.len());
        self.current.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
