//! Serving HTTP within limits. `axum::serve` has none: whoever connects and says nothing, or says it byte by byte, keeps a socket for good.
//!
//! There is no limit by address: what listens stands behind a proxy that speaks TLS, and everybody comes from its address.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::Shutdown;

/// How long a listener rests that cannot take anybody: there may be too many open files.
const REST: Duration = Duration::from_secs(1);

/// What everybody together may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Connections at once, those that say nothing among them; at least one. The next ones wait in the system's queue.
    pub connections_max: usize,
    /// How long a request's line and headers may take to come, and how long a connection may say nothing.
    pub head_within: Duration,
}

/// Serves until asked to stop, and then what is under way. HTTP/1.
pub async fn serve_http(listener: TcpListener, router: Router, limits: HttpLimits, shutdown: &Shutdown) {
    let room = Arc::new(Semaphore::new(limits.connections_max.clamp(1, Semaphore::MAX_PERMITS)));
    let under_way = GracefulShutdown::new();
    let mut server = Builder::new(TokioExecutor::new()).http1_only();
    server.http1().timer(TokioTimer::new()).header_read_timeout(limits.head_within);
    loop {
        let (place, stream) = tokio::select! {
            taken = next(&listener, &room) => taken,
            () = shutdown.requested() => break,
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = under_way.watch(connection);
        tokio::spawn(async move {
            // It ends as its client wants it to, or by a limit: neither is news.
            connection.await.ok();
            drop(place);
        });
    }
    drop(listener);
    under_way.shutdown().await;
}

/// The next connection, once there is room for it.
async fn next(listener: &TcpListener, room: &Arc<Semaphore>) -> (Option<OwnedSemaphorePermit>, TcpStream) {
    // Nobody closes the semaphore.
    let place = Arc::clone(room).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (place, stream),
            Err(error) if is_of_one(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot take connections, trying again");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// Did one client go while he came?
fn is_of_one(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const SOON: Duration = Duration::from_secs(30);
    const QUESTION: &[u8] = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n";

    /// A server within limits; its address, and what stops it.
    async fn start(connections_max: usize, head_within: Duration) -> (std::net::SocketAddr, Shutdown) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, shutdown) = (listener.local_addr().unwrap(), Shutdown::new());
        let (router, stop) = (Router::new().route("/", get(|| async { "here" })), shutdown.clone());
        tokio::spawn(async move {
            serve_http(listener, router, HttpLimits { connections_max, head_within }, &stop).await;
        });
        (address, shutdown)
    }

    /// A connection that was answered and stays open.
    async fn answered(address: std::net::SocketAddr) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(QUESTION).await.unwrap();
        stream.read_u8().await.unwrap();
        stream
    }

    /// What the server says until it closes, or within so long.
    async fn heard(stream: &mut TcpStream, within: Duration) -> Option<String> {
        let mut bytes = Vec::new();
        tokio::time::timeout(within, stream.read_to_end(&mut bytes)).await.ok()?.unwrap();
        Some(String::from_utf8(bytes).unwrap())
    }

    #[tokio::test]
    async fn whoever_does_not_finish_a_head_and_whoever_says_nothing_more_is_closed() {
        let (address, _shutdown) = start(8, Duration::from_millis(200)).await;
        for (said, answers) in [(&b"GET / HTTP/1.1\r\nhost:"[..], 0), (b"", 0), (QUESTION, 1)] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(said).await.unwrap();
            let heard = heard(&mut stream, SOON).await.expect("it is closed");
            assert_eq!(heard.matches("200 OK").count(), answers, "{heard:?}");
        }
    }

    #[tokio::test]
    async fn one_too_many_waits_until_another_goes() {
        let (address, _shutdown) = start(1, SOON).await;
        let first = answered(address).await;
        let mut second = TcpStream::connect(address).await.unwrap();
        second.write_all(b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").await.unwrap();
        assert_eq!(heard(&mut second, Duration::from_millis(300)).await, None, "there is no room for it");
        drop(first);
        assert!(heard(&mut second, SOON).await.is_some_and(|heard| heard.contains("200 OK")));
    }

    #[tokio::test]
    async fn a_stop_closes_who_says_nothing_and_takes_nobody_more() {
        let (address, shutdown) = start(8, SOON).await;
        let mut idle = answered(address).await;
        shutdown.request();
        assert!(heard(&mut idle, SOON).await.is_some());
        assert!(TcpStream::connect(address).await.is_err());
    }
}
