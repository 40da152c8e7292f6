// The words of the table: what a case sends, and what must come back from a router that echoes no text but by its ping.
//
// A case of the Autobahn TestSuite is about an echo server. Ours speaks graphql-transport-ws, whose message
// {"type":"ping","payload":{"x":…}} is answered with the same payload. So a text of the suite is sent as the `x` of
// such a message (raw bytes, no escapes), and where the length is the point, that message has exactly the length.

import { createHash } from "node:crypto";
import { BINARY, CLOSE, MORE, PING, PONG, TEXT } from "../websocket-wire.js";

const LEAD = '{"type":"ping","payload":{"x":"';
const TAIL = '"}}';
/** An answer by either order of its keys. */
const ANSWERS = [['{"type":"pong","payload":{"x":"', '"}}'], ['{"payload":{"x":"', '"},"type":"pong"}']];

/** The suite's favourite word; its second letter is the one of the Greek Extended block, of three bytes. */
export const WORD = Buffer.from("\u03ba\u1f79\u03c3\u03bc\u03b5");
/** That word, a surrogate, "edited": no UTF-8 from the thirteenth byte on. */
export const SURROGATE = Buffer.concat([WORD, Buffer.from("eda080", "hex"), Buffer.from("edited")]);

const buffer = (bytes) => (typeof bytes === "string" ? Buffer.from(bytes) : bytes);

/** A message that the router echoes. */
export const message = (x) => Buffer.concat([Buffer.from(LEAD), buffer(x), Buffer.from(TAIL)]);
/** Such a message of exactly so many bytes, and the `x` in it. */
export const filling = (bytes) => "*".repeat(bytes - LEAD.length - TAIL.length);
export const sized = (bytes) => message(filling(bytes));
/** The payloads of a message's fragments whose `x` is these texts one behind the other. */
export const apart = (...texts) => texts.map((text, at) =>
  Buffer.concat([Buffer.from(at === 0 ? LEAD : ""), buffer(text), Buffer.from(at === texts.length - 1 ? TAIL : "")]));

/** A frame to send. Besides what `encode` knows: `pieces` are ends of payload parts that are sent apart, and nothing
 *  behind the last one is sent; `only` is how many bytes of the frame are sent. */
const frame = (opcode, payload = "", options = {}) => ({ opcode, payload: buffer(payload), options });
export const text = (payload, options) => frame(TEXT, payload, options);
export const binary = (payload, options) => frame(BINARY, payload, options);
export const more = (payload, options) => frame(MORE, payload, options);
export const ping = (payload, options) => frame(PING, payload, options);
export const pong = (payload, options) => frame(PONG, payload, options);
export const close = (code, reason = "", options = {}) => {
  const bytes = Buffer.concat([Buffer.alloc(code === undefined ? 0 : 2), buffer(reason)]);
  if (code !== undefined) bytes.writeUInt16BE(code);
  return frame(CLOSE, bytes, options);
};
export const reserved = frame;

/** One message in frames of at most so many bytes. */
export function fragments(payload, bytes) {
  const frames = [];
  for (let at = 0; at < payload.length; at += bytes) {
    const fin = at + bytes >= payload.length;
    frames.push((at === 0 ? text : more)(payload.subarray(at, at + bytes), { fin }));
  }
  return frames;
}

/** In `send`: goes on only when so many events are there. */
export const heard = (count) => ({ heard: count });

/** One case. `send`: frames, in one chop, or in chops as `chop` says: "frame", or so many bytes each.
 *  `hears`: everything that comes before the close frame, in order.
 *  `fails`: the code with which the router must end it by itself.
 *  `answers`: the code with which it must answer the close frame that is among what is sent.
 *  Neither: the client closes with 1000 after `hears`, and is answered so. */
export const row = (number, what, { send, chop, hears = [], fails, answers }) =>
  ({ number, what, send, chop, hears, fails, answers });

/** What was heard, in words that can be compared and read. */
export const echoed = (x) => `echo ${show(buffer(x))}`;
export const ponged = (payload = "") => `pong ${show(buffer(payload))}`;
export const closed = (code) => `close ${code}`;
export function tell(event) {
  const [kind, value] = Object.entries(event)[0];
  if (kind === "close") return closed(value);
  if (kind !== "text") return `${kind} ${Buffer.isBuffer(value) ? show(value) : value}`;
  for (const [lead, tail] of ANSWERS) {
    const end = value.length - tail.length;
    if (end < lead.length) continue;
    if (value.toString("latin1", 0, lead.length) === lead && value.toString("latin1", end) === tail) {
      return echoed(value.subarray(lead.length, end));
    }
  }
  return `text ${show(value)}`;
}

const show = (bytes) => (bytes.length <= 80
  ? JSON.stringify(bytes.toString("latin1"))
  : `${bytes.length} bytes ${createHash("sha256").update(bytes).digest("hex")}`);
