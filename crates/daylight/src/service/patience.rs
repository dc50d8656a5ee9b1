//! A start that meets a log which is starting, too: what passes by itself is waited for, and said. Whoever ended instead would be started
//! again, read everything once more, and meet the same.

use std::time::{Duration, Instant};

use broker::{AppendError, ConsumeError, OpenError};
use runtime::{Backoff, Component, Shutdown};

use super::refused::Refused;

/// How long a start waits. What is still so then is nothing that passes, and the process ends with it.
const START_WITHIN: Duration = Duration::from_secs(600);
/// The first wait before the next try, and the longest.
const WAIT_FIRST: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Asks again while the answer is one that passes; nothing when somebody asks to stop meanwhile.
pub(super) async fn patiently<T>(
    what: &str,
    shutdown: &Shutdown,
    component: Option<&Component>,
    mut ask: impl AsyncFnMut() -> anyhow::Result<T>,
) -> anyhow::Result<Option<T>> {
    let (deadline, mut backoff) = (Instant::now() + START_WITHIN, Backoff::new(WAIT_FIRST, WAIT_MAX, 5));
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(Some(answer)),
            Err(error) if passes(&error) && Instant::now() < deadline => error,
            Err(error) => return Err(error),
        };
        let reason = format!("{what}: {error:#}");
        tracing::warn!(reason, tries = backoff.attempts() + 1, "the start waits");
        component.into_iter().for_each(|component| component.not_ready(reason.clone()));
        tokio::select! {
            () = tokio::time::sleep(backoff.next_wait()) => {}
            () = shutdown.requested() => return Ok(None),
        }
    }
}

/// Is it the log that is away, or not there yet?
fn passes(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        matches!(cause.downcast_ref(), Some(OpenError::Away { .. }))
            || matches!(cause.downcast_ref(), Some(ConsumeError::Unavailable { .. }))
            || matches!(cause.downcast_ref(), Some(AppendError::Unavailable { .. } | AppendError::QueueFull { .. }))
            || matches!(cause.downcast_ref(), Some(Refused::Unavailable(_)))
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    fn away() -> anyhow::Error {
        let error = sink::DigestError::Consume(ConsumeError::Unavailable { reason: "no leader".to_owned() });
        anyhow::Error::from(error).context("cannot read what was decided")
    }

    #[tokio::test]
    async fn a_start_waits_for_what_passes_says_so_and_ends_with_what_does_not() {
        let (health, shutdown) = (runtime::Health::new(), Shutdown::new());
        let (component, mut tries) = (health.component("start"), 0);
        let answer = patiently("the ledger", &shutdown, Some(&component), async || {
            tries += 1;
            if tries < 4 { Err(away()) } else { Ok(tries) }
        });
        assert_eq!(answer.await.unwrap(), Some(4));
        assert!(health.reasons().iter().any(|(_, reason)| reason.contains("no leader")), "{:?}", health.reasons());
        let opened: anyhow::Result<Option<()>> = patiently("the log", &shutdown, None, async || {
            Err(OpenError::Failed { place: "here".to_owned(), reason: "no".to_owned() })
                .context("cannot make the topics")
        })
        .await;
        assert!(opened.is_err(), "what stays so ends the start at once");
    }

    #[tokio::test]
    async fn a_start_that_waits_ends_when_it_is_asked_to() {
        let shutdown = Shutdown::new();
        shutdown.request();
        let answer: Option<()> = patiently("the log", &shutdown, None, async || Err(away())).await.unwrap();
        assert_eq!(answer, None);
    }
}
