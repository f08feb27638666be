//! What the first bytes of a visit tell: that it is a WebSocket, and nothing about the program.

use crate::patience;
use crate::relay_support::{Rig, some_source};
use cssr_client::transport::Dialer;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

#[tokio::test]
async fn the_upgrade_request_has_the_fields_of_the_protocol_and_no_others() {
    let rig = Rig::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let request = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        String::from_utf8(request).unwrap()
    });
    let addresses = [format!("ws://127.0.0.1:{port}").parse().unwrap()];
    let keys = some_source();
    let (outcome, _) = crate::send(&rig, (&keys, "text"), &addresses, &Dialer::default(), &patience(1)).await;
    outcome.unwrap_err();
    let request = request.await.unwrap();
    let key = request.split("Sec-WebSocket-Key: ").nth(1).unwrap().trim_end();
    assert_eq!(key.len(), 24, "sixteen random bytes in base 64");
    let expected = [
        "GET / HTTP/1.1",
        &format!("Host: 127.0.0.1:{port}"),
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        &format!("Sec-WebSocket-Key: {key}"),
        "",
        "",
    ];
    assert_eq!(request, expected.join("\r\n"));
}
