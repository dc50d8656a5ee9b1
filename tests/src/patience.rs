//! Waiting for what another process does: asked again and again until a deadline, never slept for luck.

use std::time::{Duration, Instant};

/// Time between two questions.
const ASK_INTERVAL: Duration = Duration::from_millis(25);

/// Asks until the answer is `Ok`, and gives it.
///
/// # Errors
/// When `within` has passed: what was waited for, and the last answer, which should say what was there instead.
pub fn poll<T>(within: Duration, what: &str, mut ask: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let deadline = Instant::now() + within;
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(error) if Instant::now() >= deadline => {
                return Err(error.context(format!("waited {} s in vain until {what}", within.as_secs_f32())));
            }
            Err(_) => std::thread::sleep(ASK_INTERVAL),
        }
    }
}
