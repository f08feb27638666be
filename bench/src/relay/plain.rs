//! The load of a client without its session, for the plain WebSocket server.

use super::client::{WebSocket, receive, send, websocket};
use super::failure::RelayFailure;
use super::helper::{Helper, Plain};
use super::load::Worker;
use super::program::Program;
use std::net::SocketAddr;

/// A plain server, in a process of its own.
pub(super) struct PlainServer {
    pub(super) program: Program,
    pub(super) address: SocketAddr,
}

impl PlainServer {
    /// [`Helper::Plain`] or [`Helper::Tuned`].
    pub(super) async fn start(server: Helper) -> Result<Self, RelayFailure> {
        let mut program = Program::helper(server, &[])?;
        let address = program.listening().await?;
        Ok(Self { program, address })
    }

    /// So many clients that send messages of so many bytes and ask for the same thing.
    pub(super) async fn clients(
        &self,
        count: usize,
        bytes: usize,
        plain: Plain,
    ) -> Result<Vec<PlainClient>, RelayFailure> {
        let mut clients = Vec::new();
        for _ in 0..count {
            clients.push(PlainClient { socket: websocket(self.address).await?, message: plain.message(bytes), plain });
        }
        Ok(clients)
    }
}

pub(super) struct PlainClient {
    socket: WebSocket,
    message: Vec<u8>,
    plain: Plain,
}

impl Worker for PlainClient {
    /// Counts messages of the answer.
    async fn work(&mut self) -> Result<u64, RelayFailure> {
        send(&mut self.socket, self.message.clone()).await?;
        let count = match self.plain {
            Plain::Echo | Plain::Small => 1,
            Plain::Large(count) => count,
        };
        for _ in 0..count {
            receive(&mut self.socket).await?;
        }
        Ok(count.into())
    }
}
