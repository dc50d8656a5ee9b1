//! How a process is asked to stop: one token that every loop watches.

use std::{
    thread,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

/// How soon a sleeping thread notices that it is asked to stop.
const NOTICED_WITHIN: Duration = Duration::from_millis(50);

/// The wish to stop. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Nobody wishes to stop yet.
    #[must_use]
    pub fn new() -> Shutdown {
        Shutdown::default()
    }

    /// Asks everybody to stop.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Has somebody asked? For loops on threads.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Resolves when somebody asks. For async loops.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// Sleeps on this thread, but wakes when somebody asks. For loops on threads that wait before they try again.
    pub fn sleep(&self, wait: Duration) {
        let deadline = Instant::now() + wait;
        while !self.is_requested() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(NOTICED_WITHIN));
        }
    }

    /// Asks everybody to stop at SIGTERM or SIGINT.
    ///
    /// # Errors
    /// When the signals cannot be watched.
    pub fn request_at_signals(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
                _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
                () = shutdown.requested() => {}
            }
            shutdown.request();
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleeping_thread_wakes_when_somebody_asks() {
        let (shutdown, began) = (Shutdown::new(), Instant::now());
        shutdown.sleep(Duration::from_millis(1));
        assert!(began.elapsed() >= Duration::from_millis(1));
        let sleeper = shutdown.clone();
        let slept = thread::spawn(move || sleeper.sleep(Duration::from_secs(3_600)));
        shutdown.request();
        slept.join().unwrap();
    }
}
