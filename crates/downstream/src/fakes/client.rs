//! For tests: a plain client over a blocking socket that shows every byte.
//! Owns a client-side frame encoder of its own, so that the codec is not tested against itself.

use super::PATIENCE;
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What a server sends over a WebSocket.
#[derive(Debug, PartialEq)]
pub(crate) enum Received {
    Text(Value),
    Ping,
    Pong(Vec<u8>),
    Close(u16, String),
    Eof,
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
}

pub(crate) fn handshake(headers: &str) -> String {
    format!(
        "GET /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}

const OFFER: &str = "sec-websocket-protocol: graphql-transport-ws\r\n";

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream }
    }

    /// Connects and sends bytes.
    pub(crate) fn send_to(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Client {
        let mut client = Client::connect(address);
        client.send(bytes);
        client
    }

    /// A WebSocket after its handshake.
    pub(crate) fn websocket(address: SocketAddr) -> Client {
        let mut client = Client::send_to(address, handshake(OFFER));
        assert!(client.head().starts_with("HTTP/1.1 101"));
        client
    }

    /// A WebSocket after `connection_ack`.
    pub(crate) fn acknowledged(address: SocketAddr) -> Client {
        let mut client = Client::websocket(address);
        client.text(r#"{"type":"connection_init"}"#);
        assert_eq!(client.receive(), Received::Text(serde_json::json!({ "type": "connection_ack" })));
        client
    }

    pub(crate) fn subscribe(&mut self, id: &str, query: &str) {
        let message = serde_json::json!({ "type": "subscribe", "id": id, "payload": { "query": query } });
        self.text(&message.to_string());
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.send(frame(0x81, text.as_bytes()));
    }

    /// A response head.
    pub(crate) fn head(&mut self) -> String {
        self.until(b"\r\n\r\n")
    }

    pub(crate) fn until(&mut self, end: &[u8]) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end) {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            bytes.extend(byte);
        }
        String::from_utf8(bytes).unwrap()
    }

    /// Everything up to the end of the connection.
    pub(crate) fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    pub(crate) fn hears_nothing_for(&mut self, time: Duration) {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let heard = self.stream.read(&mut [0]);
        assert_eq!(heard.map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    pub(crate) fn receive(&mut self) -> Received {
        let mut head = [0; 2];
        if self.stream.read_exact(&mut head).is_err() {
            return Received::Eof;
        }
        assert_eq!(head[1] & 0x80, 0, "a server never masks");
        let mut len = u64::from(head[1]);
        if len >= 126 {
            let mut bytes = [0; 8];
            let size = if len == 126 { 2 } else { 8 };
            self.stream.read_exact(&mut bytes[8 - size..]).unwrap();
            len = u64::from_be_bytes(bytes);
        }
        let mut payload = vec![0; usize::try_from(len).unwrap()];
        self.stream.read_exact(&mut payload).unwrap();
        match head[0] {
            0x81 => Received::Text(serde_json::from_slice(&payload).unwrap()),
            0x88 => {
                let code = u16::from_be_bytes([payload[0], payload[1]]);
                Received::Close(code, String::from_utf8(payload[2..].to_vec()).unwrap())
            }
            0x89 => Received::Ping,
            0x8A => Received::Pong(payload),
            other => panic!("unexpected frame head {other:#x}"),
        }
    }

    pub(crate) fn message(&mut self) -> Value {
        match self.receive() {
            Received::Text(value) => value,
            other => panic!("expected a message, not {other:?}"),
        }
    }

    pub(crate) fn close_code(&mut self) -> u16 {
        match self.receive() {
            Received::Close(code, _) => code,
            other => panic!("expected a close, not {other:?}"),
        }
    }
}

/// A masked client frame with this first byte.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [7, 11, 13, 17];
    let mut out = vec![first];
    match payload.len() {
        short @ 0..126 => out.push(0x80 | short as u8),
        medium @ 126..65_536 => {
            out.push(0x80 | 126);
            out.extend((medium as u16).to_be_bytes());
        }
        long => {
            out.push(0x80 | 127);
            out.extend((long as u64).to_be_bytes());
        }
    }
    out.extend(mask);
    out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
    out
}

/// Sends one HTTP request and reads the whole answer: status, head, body.
pub(crate) fn exchange(address: SocketAddr, request: &str) -> (u16, String, String) {
    let mut client = Client::send_to(address, request);
    let answer = client.rest();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), head.to_ascii_lowercase(), body.to_owned())
}
