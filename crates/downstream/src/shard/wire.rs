//! What a connection's bytes go through: a socket, a socket under TLS, or the body of an HTTP/2 response.
//! Owns that all of them look like one non-blocking socket; never keeps what could not be written, but for the last
//! TLS records.

use crate::pipe::Inlet;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::ServerConnection;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

/// Plain bytes of one TLS record.
const RECORD_BYTES: usize = 16 << 10;

pub(crate) enum Wire {
    Tcp(TcpStream),
    Tls(Box<Tls>),
    Pipe(Inlet),
    /// A stream that is reserved, and that its client has not opened yet.
    Reserved,
}

pub(crate) struct Tls {
    stream: TcpStream,
    session: ServerConnection,
}

impl Wire {
    /// A connection whose handshake is done.
    pub(crate) fn tls(stream: TcpStream, session: ServerConnection) -> Wire {
        Wire::Tls(Box::new(Tls { stream, session }))
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self {
            Wire::Tcp(stream) => registry.register(stream, token, interest),
            Wire::Tls(tls) => registry.register(&mut tls.stream, token, interest),
            Wire::Pipe(_) | Wire::Reserved => Ok(()),
        }
    }

    pub(super) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Wire::Tcp(stream) => registry.deregister(stream),
            Wire::Tls(tls) => registry.deregister(&mut tls.stream),
            Wire::Pipe(_) | Wire::Reserved => Ok(()),
        }
    }

    /// Reads what is there; 0 = the client will send no more.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = || match self {
            Wire::Tcp(stream) => stream.read(buffer),
            Wire::Tls(tls) => tls.read(buffer),
            Wire::Pipe(inlet) if inlet.is_reader_gone() => Ok(0),
            Wire::Pipe(_) | Wire::Reserved => Err(ErrorKind::WouldBlock.into()),
        };
        uninterrupted(&mut read)
    }

    /// One non-blocking send; how much was taken, 0 where it would block.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut write = || match self {
            Wire::Tcp(stream) => stream.write(bytes),
            Wire::Tls(tls) => tls.write(bytes),
            Wire::Pipe(inlet) => inlet.write(bytes),
            Wire::Reserved => Err(ErrorKind::WouldBlock.into()),
        };
        match uninterrupted(&mut write) {
            Ok(0) if !bytes.is_empty() => Err(ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            outcome => outcome,
        }
    }

    /// Sends on what was taken and has not left yet; whether all has.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        match self {
            Wire::Tls(tls) => tls.flush(),
            Wire::Tcp(_) | Wire::Pipe(_) | Wire::Reserved => Ok(true),
        }
    }

    /// Nothing more will be written. Call once `flush` has said that all has left, and again when it says so again.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self {
            Wire::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Wire::Tls(tls) => {
                // So that the client can tell an end from a cut.
                tls.session.send_close_notify();
                match tls.flush()? {
                    true => tls.stream.shutdown(Shutdown::Write),
                    false => Ok(()),
                }
            }
            Wire::Pipe(inlet) => {
                inlet.finish();
                Ok(())
            }
            Wire::Reserved => Ok(()),
        }
    }

    /// Whether the client may still send bytes that must be read out before the end.
    pub(super) fn is_socket(&self) -> bool {
        matches!(self, Wire::Tcp(_) | Wire::Tls(_))
    }
}

impl Tls {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                outcome => return outcome,
            }
            if self.session.read_tls(&mut self.stream)? == 0 {
                return Ok(0);
            }
            let state = self.session.process_new_packets();
            // Alerts and key updates have to be answered, an error with its alert too.
            self.flush()?;
            state.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        }
    }

    /// Takes a record at a time, and none while the last has not left: what waits here is bounded by one.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut taken = 0;
        for record in bytes.chunks(RECORD_BYTES) {
            if !self.flush()? {
                break;
            }
            self.session.writer().write_all(record)?;
            taken += record.len();
        }
        self.flush()?;
        if taken == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<bool> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.stream) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

fn uninterrupted(work: &mut dyn FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match work() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
