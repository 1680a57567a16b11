//! A login that is made when it is needed, and made again when it has broken off.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, MutexGuard, Semaphore};

use super::master::Master;
use super::process::Ask;
use super::{SESSIONS, Target};
use crate::engine::transport::stream::Stream;

/// A login on a host, shared by its clones. It ends with the last of them.
#[derive(Clone, Debug)]
pub struct Login(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    target: Target,
    /// The terminal shows something else: ssh may not ask for a passphrase.
    hushed: AtomicBool,
    /// Why the first login failed, for whoever asks next: what ssh has asked and found wrong is not tried
    /// again in silence.
    failed: Mutex<Option<io::Error>>,
    master: Mutex<Option<Arc<Master>>>,
    sessions: Arc<Semaphore>,
}

impl Login {
    pub(in crate::engine::transport) fn new(target: Target) -> Self {
        Self(Arc::new(Inner {
            target,
            hushed: AtomicBool::new(false),
            failed: Mutex::default(),
            master: Mutex::default(),
            sessions: Arc::new(Semaphore::new(SESSIONS)),
        }))
    }

    /// Logs in, unless that is done.
    pub(in crate::engine::transport) async fn open(&self) -> io::Result<()> {
        if let Some(error) = self.0.failed.lock().await.take() {
            return Err(error);
        }
        self.master().await.map(drop)
    }

    /// Logs in while somebody can still be asked. What goes wrong is what [`Login::open`] says.
    pub(in crate::engine::transport) async fn prepare(&self) {
        if let Err(error) = self.master().await {
            *self.0.failed.lock().await = Some(error);
        }
        self.0.hushed.store(true, Ordering::Relaxed);
    }

    /// Returns a connection to the engine on the host. Where the login has broken off there is one try to log in
    /// anew: whoever asks tries again with time in between.
    pub(in crate::engine::transport) async fn dial(&self) -> io::Result<Box<dyn Stream>> {
        let master = self.master().await?;
        match master.dial(&self.0.sessions).await {
            Err(_) if !master.is_alive() => {}
            dialled => return dialled,
        }
        self.master().await?.dial(&self.0.sessions).await
    }

    /// Returns what a script for the host's shell prints, if the login has one. It waits while another is asked.
    ///
    /// # Errors
    /// The login has broken off.
    pub(in crate::engine) async fn ask(&self, script: &str) -> io::Result<Vec<String>> {
        self.master().await?.ask(script).await
    }

    async fn master(&self) -> io::Result<Arc<Master>> {
        let mut place: MutexGuard<'_, Option<Arc<Master>>> = self.0.master.lock().await;
        if let Some(master) = place.as_ref().filter(|master| master.is_alive()) {
            return Ok(Arc::clone(master));
        }
        // Its folder goes before the next is made.
        *place = None;
        let ask = if self.0.hushed.load(Ordering::Relaxed) {
            Ask::Nobody
        } else {
            Ask::Terminal
        };
        // Rare, and large: every request would have room for it.
        let start = Box::pin(Master::start(&self.0.target, ask, &self.0.sessions));
        let master = Arc::new(start.await?);
        *place = Some(Arc::clone(&master));
        Ok(master)
    }
}
