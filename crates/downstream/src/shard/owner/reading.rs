//! From readable socket to protocol step.
//! Owns how much is read at once and what waits for more bytes; never keeps a buffer for an idle connection.

use super::Owner;
use crate::frame::{self, Close, Message, Opcode};
use crate::shard::ConnectionId;
use crate::shard::Work;
use crate::shard::protocol::{Protocol, text};
use crate::websocket::{self, Phase, Step};
use std::io::ErrorKind;

/// Reads of one connection before the others get their turn: 1 MiB.
const READS_MAX: usize = 16;

/// Messages of one connection before they do. Each may cost an answer and so a system call: a megabyte of pings would
/// hold up the shard for a tenth of a second.
const MESSAGES_MAX: usize = 128;

impl Owner {
    pub(super) fn read(&mut self, id: ConnectionId) {
        let mut buffer = std::mem::take(&mut self.reading);
        let has_more = self.read_some(id, &mut buffer);
        self.reading = buffer;
        if has_more {
            self.unfinished.push(id);
        }
    }

    /// A turn of one connection; whether there may be more.
    fn read_some(&mut self, id: ConnectionId, buffer: &mut [u8]) -> bool {
        for _ in 0..READS_MAX {
            // Readiness comes once per change, so a paused connection is read again when it is resumed.
            let Some(connection) = self.find(id).filter(|connection| !connection.is_paused) else {
                return false;
            };
            if !connection.incoming.is_empty() {
                let mut waiting = std::mem::take(&mut connection.incoming);
                self.received(id, &mut waiting);
            } else {
                match connection.wire.read(buffer) {
                    Ok(0) => self.lose(id, "client_gone"),
                    Ok(read) => self.received(id, &mut buffer[..read]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                    Err(_) => self.lose(id, "connection_lost"),
                }
            }
            if self.find(id).is_some_and(|connection| !connection.incoming.is_empty()) {
                return true;
            }
        }
        true
    }

    /// Takes in bytes; what comes behind the last message of a turn, or the one that paused the connection, is kept.
    pub(super) fn received(&mut self, id: ConnectionId, bytes: &mut [u8]) {
        let Some(connection) = self.find(id) else { return };
        let Protocol::WebSocket(web_socket) = &mut connection.protocol else { return };
        web_socket.pings_unanswered = 0;
        let used = self.consume(id, bytes);
        self.uncork(id);
        if let Some(connection) = self.find(id).filter(|_| used < bytes.len()) {
            connection.incoming = bytes[used..].to_vec();
        }
    }

    /// Goes on where a pause stopped.
    pub(super) fn resume(&mut self, id: ConnectionId) {
        let Some(connection) = self.find(id) else { return };
        connection.is_paused = false;
        self.unfinished.push(id);
    }

    /// Acts on whole messages; returns how many bytes were taken in, all but for a pause or a turn's end.
    fn consume(&mut self, id: ConnectionId, bytes: &mut [u8]) -> usize {
        let limits = self.around.limits.clone();
        let (mut at, mut messages) = (0, 0);
        while at < bytes.len() && messages < MESSAGES_MAX {
            let Some(connection) = self.find(id) else { return bytes.len() };
            if connection.is_paused {
                return at;
            }
            if connection.closing.as_ref().is_some_and(|closing| closing.is_deaf) {
                return bytes.len();
            }
            let Protocol::WebSocket(web_socket) = &mut connection.protocol else { return bytes.len() };
            let payload_max = match web_socket.phase {
                Phase::Acknowledged => limits.request_bytes_max,
                Phase::Opened | Phase::Authenticating => limits.connection_init_bytes_max,
            };
            match web_socket.reader.take(&mut bytes[at..], payload_max) {
                Ok((used, message)) => {
                    at += used;
                    if let Some(message) = message {
                        messages += 1;
                        if messages == 2 {
                            // What all but the first are answered shares a write.
                            connection.is_corked = true;
                        }
                        self.react(id, message);
                    }
                }
                Err(close) => {
                    self.close(id, close, false);
                    self.stop_listening(id);
                    return bytes.len();
                }
            }
        }
        at
    }

    fn uncork(&mut self, id: ConnectionId) {
        let corked = self.find(id).filter(|connection| connection.is_corked);
        if let Some(connection) = corked {
            connection.is_corked = false;
            self.flush(id);
        }
    }

    fn react(&mut self, id: ConnectionId, message: Message) {
        let Some(connection) = self.find(id) else { return };
        let is_closing = connection.closing.is_some();
        match message {
            Message::Close(code) => {
                // RFC 6455 §5.5.1: the answer repeats the code.
                self.close(id, Close::new(code.unwrap_or(1000), "", "client_closed"), false);
                self.expect_nothing_more(id);
            }
            _ if is_closing => {}
            Message::Ping(payload) => self.send(id, frame::encode(Opcode::Pong, &payload).into()),
            Message::Pong => {}
            Message::Binary => {
                self.close(
                    id,
                    websocket::invalid_message("Binary messages are not part of the protocol"),
                    false,
                );
            }
            Message::Text(message) => self.step(id, &message),
        }
    }

    pub(super) fn step(&mut self, id: ConnectionId, message: &str) {
        let id_bytes_max = self.around.limits.operation_id_bytes_max;
        let Some(connection) = self.find(id) else { return };
        let Protocol::WebSocket(web_socket) = &mut connection.protocol else { return };
        let (dialect, phase) = (web_socket.dialect, web_socket.phase);
        let operations = &connection.operations;
        match dialect.receive(phase, message, id_bytes_max, |id| operations.contains_key(id)) {
            Step::Nothing => {}
            Step::Authenticate(payload) => {
                web_socket.phase = Phase::Authenticating;
                web_socket.identity.init_payload = payload.into();
                let identity = web_socket.identity.clone();
                self.authenticate(id, identity);
            }
            Step::Reply(reply) => self.send(id, text(&reply)),
            Step::Hold => {
                web_socket.held = Some(message.to_owned());
                connection.is_paused = true;
            }
            Step::Start { id: client_id, request } => {
                let identity = web_socket.identity.clone();
                self.leave(id, &client_id, None);
                self.start(id, &client_id, Work::Request { request, identity, allows_mutation: true });
            }
            Step::Leave { id: client_id, reply } => self.leave(id, &client_id, reply),
            Step::Close(close) => self.close(id, close, false),
        }
    }
}
