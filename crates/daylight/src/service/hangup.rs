//! SIGHUP: read the catalogue and the directories again, as `daylight reload` does.
//!
//! Not where a person sits at the terminal: there the signal means that the window was closed, and the process should end with it.

use std::io::IsTerminal;

use runtime::Shutdown;
use tokio::signal::unix::{SignalKind, signal};

use super::{admin::now, noted::Noter};

/// Reloads at each SIGHUP, until somebody asks to stop.
pub(crate) async fn watch(noter: Noter, shutdown: Shutdown) -> anyhow::Result<()> {
    if std::io::stdin().is_terminal() {
        shutdown.requested().await;
        return Ok(());
    }
    let mut hangups = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            () = shutdown.requested() => return Ok(()),
            _ = hangups.recv() => {}
        }
        match noter.reload(now()).await {
            Ok(reloaded) => {
                let (own_apps, directories) =
                    (reloaded.catalogue.map_or(0, |catalogue| catalogue.apps), reloaded.directories.len());
                tracing::info!(own_apps, directories, "SIGHUP: the catalogue and the directories were read again");
            }
            Err(refused) => tracing::error!(%refused, "SIGHUP: nothing was taken over"),
        }
    }
}
