//! `/metrics` and `/health` over HTTP/1.1 (RFC 9112), as little of it as a scraper needs.

use super::{Health, Monitor};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Requests answered at once; who comes later waits.
const CONNECTIONS: usize = 8;
/// Bytes that a request may have, fields included.
const REQUEST_MAX: usize = 4 * 1024;
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait when no connection can be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers for a monitor until it is dropped: `/metrics` for Prometheus; `/health` with status 200, or 503 if nobody can
/// send.
///
/// It shows nothing secret, and protects itself from being kept busy, but belongs on a loopback address all the same.
pub async fn serve_monitor(listener: TcpListener, monitor: Monitor) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // Never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let monitor = monitor.clone();
                tokio::spawn(async move {
                    // Whether a scraper got its answer is for the scraper to tell.
                    let _ = tokio::time::timeout(TIMEOUT, answer(stream, &monitor)).await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn answer(mut stream: TcpStream, monitor: &Monitor) -> std::io::Result<()> {
    let Some(request) = request(&mut stream).await? else { return Ok(()) };
    let response = respond(&request, monitor);
    stream.write_all(response.as_bytes()).await?;
    stream.shutdown().await?;
    // A socket that is closed with unread input may throw away what was written.
    let mut rest = [0; 256];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// The request line, once all fields have come; `None` if there is no end to them.
async fn request(stream: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut head = Vec::with_capacity(512);
    loop {
        if stream.read_buf(&mut head).await? == 0 || head.len() > REQUEST_MAX {
            return Ok(None);
        }
        if head.windows(4).any(|end| end == b"\r\n\r\n") {
            let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
            return Ok(Some(String::from_utf8_lossy(line).into_owned()));
        }
    }
}

fn respond(request: &str, monitor: &Monitor) -> String {
    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let (status, kind, body) = match (method, path) {
        ("GET" | "HEAD", "/metrics") => ("200 OK", "text/plain; version=0.0.4; charset=utf-8", monitor.metrics()),
        ("GET" | "HEAD", "/health") => {
            let (health, alarms) = monitor.health();
            let (status, word) = match health {
                Health::Good => ("200 OK", "good"),
                Health::Warning => ("200 OK", "warning"),
                Health::Failing => ("503 Service Unavailable", "failing"),
            };
            (status, "application/json", format!("{}\n", serde_json::json!({"health": word, "alarms": alarms})))
        }
        ("GET" | "HEAD", _) => ("404 Not Found", "text/plain", "there are /metrics and /health\n".to_owned()),
        _ => ("405 Method Not Allowed", "text/plain", "only GET and HEAD\n".to_owned()),
    };
    let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
    let body_sent = if method == "HEAD" { "" } else { &body };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n{allow}Connection: close\r\n\r\n{body_sent}",
        body.len()
    )
}
