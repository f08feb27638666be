//! Visits by way of a forwarder.

use crate::relay_support::{Rig, some_source};
use crate::{arrived, nobody, patience, send};
use cssr_client::transport::Dialer;
use cssr_relay::{ForwardConfig, ForwardLimits, forward};
use tokio::net::TcpListener;

#[tokio::test]
async fn a_visit_by_way_of_two_forwarders_and_past_a_dead_relay_succeeds() {
    let rig = Rig::open().await;
    let mut port = rig.port;
    for _ in 0..2 {
        let relays = [nobody().await, port].map(|port| format!("127.0.0.1:{port}").parse().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        port = listener.local_addr().unwrap().port();
        let config =
            ForwardConfig { relays: relays.to_vec(), forwarders: Vec::new(), limits: ForwardLimits::default() };
        tokio::spawn(forward(listener, config, std::future::pending()));
    }
    let address = format!("ws://127.0.0.1:{port}").parse().unwrap();
    let visit = send(&rig, (&some_source(), "from afar"), &[address], &Dialer::default(), &patience(1)).await;
    assert_eq!(visit.0.unwrap().sent[0].stored, Ok(()));
    assert_eq!(arrived(&rig).await, (vec!["from afar".to_owned()], 1));
}
