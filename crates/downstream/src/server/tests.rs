//! The whole room over real sockets, with a fake engine behind it.
//! Owns no protocol detail that a table elsewhere already pins.

mod back_pressure;
mod bounds;
mod event_stream;
mod over_http;
mod over_websocket;
mod random_order;
