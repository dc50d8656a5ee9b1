//! The embedded server itself: it starts, it is one to a folder, it says why it ended, and it ends with us.

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use store::{EmbeddedServer, HostCommand, ServerError, ServerOptions};
use support::host_command;

/// Polls until a process is gone.
fn ends(process_id: u32) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        // A process that ended and was not waited for is still listed; its state is Z.
        match std::fs::read_to_string(format!("/proc/{process_id}/stat")) {
            Ok(stat) if !stat.contains(") Z ") => std::thread::yield_now(),
            _ => return true,
        }
    }
    false
}

#[tokio::test]
async fn a_folder_belongs_to_one_server_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = EmbeddedServer::start(host_command(), ServerOptions::new(folder.path().into())).await.unwrap();
    let result = EmbeddedServer::start(host_command(), ServerOptions::new(folder.path().into())).await;
    let Err(error @ ServerError::Exited { .. }) = result else { panic!("a second server started on the same folder") };
    assert!(error.to_string().contains("lock"), "{error}");
    let (process_id, began) = (first.process_id(), Instant::now());
    first.stop().await;
    assert!(ends(process_id));
    assert!(began.elapsed() < Duration::from_secs(10), "it ends when its stdin is closed, and need not be killed");
    let again = EmbeddedServer::start(host_command(), ServerOptions::new(folder.path().into())).await.unwrap();
    let process_id = again.process_id();
    drop(again);
    assert!(ends(process_id), "dropping a server ends it");
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = host_command();
    command.prefix = vec!["/nowhere/libchdb.so".into()];
    let result = EmbeddedServer::start(command, ServerOptions::new(folder.path().into())).await;
    let Err(error @ ServerError::Exited { .. }) = result else { panic!("it started without its library") };
    assert!(error.to_string().contains("make stack"), "{error}");

    let command = HostCommand { program: "/nowhere/daylight".into(), prefix: Vec::new() };
    let result = EmbeddedServer::start(command, ServerOptions::new(folder.path().into())).await;
    assert!(matches!(&result, Err(ServerError::Spawn { program, .. }) if program == Path::new("/nowhere/daylight")));
}

#[tokio::test]
async fn a_child_that_never_answers_is_given_up_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let command = HostCommand { program: "/bin/sh".into(), prefix: vec!["-c".into(), "exec cat".into()] };
    let options =
        ServerOptions { start_timeout: Duration::from_millis(200), ..ServerOptions::new(folder.path().into()) };
    let result = EmbeddedServer::start(command, options).await;
    assert!(matches!(result, Err(ServerError::NotReady { .. })));
}
