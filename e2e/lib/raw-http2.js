// An HTTP/2 client without manners: frames as bytes, windows that never open, floods. Reads frames, decodes no headers.

import { dial } from "./raw-socket.js";
import { until } from "./wait.js";

export const DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4;
export const PING = 6, GOAWAY = 7, WINDOW_UPDATE = 8, CONTINUATION = 9;
export const END_STREAM = 1, ACK = 1, END_HEADERS = 4;
export const REFUSED_STREAM = 7, CANCEL = 8;
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export function frame(type, flags, stream, payload = Buffer.alloc(0)) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const number = (value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** HPACK (RFC 7541 §6.2.2): each a literal without indexing, its name written out. */
export function headerBlock(pairs) {
  const string = (text) => {
    const bytes = Buffer.from(text);
    if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
    const length = [127];
    let rest = bytes.length - 127;
    for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
    return Buffer.concat([Buffer.from([...length, rest]), bytes]);
  };
  const literal = ([name, value]) => [Buffer.from([0]), string(name), string(value)];
  return Buffer.concat(Object.entries(pairs).flatMap(literal));
}

/** The header block of a request that is whole without a body. */
export const get = (query, headers = {}) => headerBlock({
  ":method": "GET", ":scheme": "http", ":authority": "localhost",
  ":path": `/graphql?query=${encodeURIComponent(query)}`, accept: "text/event-stream", ...headers,
});

/** Connects without TLS; `settings` are `[id, value]` pairs. What the server sends is in `frames`. */
export async function rawHttp2(port, settings = []) {
  const raw = await dial(port);
  const connection = { raw, frames: [] };
  let rest = Buffer.alloc(0);
  raw.socket.on("data", (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const length = rest.readUIntBE(0, 3);
      const payload = rest.subarray(9, 9 + length);
      const one = { type: rest[3], flags: rest[4], stream: rest.readUInt32BE(5), payload };
      rest = rest.subarray(9 + length);
      connection.frames.push(one);
      if (one.type === SETTINGS && !(one.flags & ACK)) raw.write(frame(SETTINGS, ACK, 0));
    }
  });
  const pairs = settings.map(([id, value]) => Buffer.concat([number(id).subarray(2), number(value)]));
  raw.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, Buffer.concat(pairs))]));
  /** The frames of a type, of one stream or of all. */
  connection.of = (type, stream) =>
    connection.frames.filter((one) => one.type === type && (stream === undefined || one.stream === stream));
  /** What a stream was sent as its body. */
  connection.body = (stream) => Buffer.concat(connection.of(DATA, stream).map(({ payload }) => payload)).toString();
  connection.ping = async () => {
    const count = connection.of(PING).length;
    raw.write(frame(PING, 0, 0, Buffer.alloc(8)));
    await until("an answer to a ping, or the end", () => connection.of(PING).length > count || raw.ended);
  };
  await until("the settings of the server", () => connection.of(SETTINGS).length > 0 || raw.ended);
  return connection;
}
