// What the suite does not ask and our router promises: a fault ends the connection at the first byte that shows it, and
// a message is refused as a message only when it is whole.

import { BINARY, MORE, PING, TEXT } from "../websocket-wire.js";
import { binary, heard, message, more, ping, ponged, reserved, row, text } from "./row.js";
import { sequences } from "./utf8-sequences.js";

const open = { fin: false };
const MIB = 1024 * 1024;
/** More than `limits.request_bytes_max` of the test. */
const TOO_MUCH = 64 * MIB;

/** Fragments with an answered ping behind each but the last; what they are together is no message of the protocol. */
const late = (what, frames) => row("own", `${what} in fragments is refused with its last one`, {
  send: frames.flatMap((frame, at) => (at < frames.length - 1 ? [frame, ping(`${at}`), heard(at + 1)] : [frame])),
  hears: frames.slice(1).map((_, at) => ponged(`${at}`)),
  fails: 4400,
});

/** Nothing but (a part of) a head is sent, so nothing but the head can be the reason. */
const byHead = (what, opcode, options, fails = 1002, before = []) =>
  row("own", `${what} is refused by its head`, { send: [...before, reserved(opcode, "", options)], fails });
const opened = [text("{", open), ping("opened"), heard(1)];
const inside = (what, opcode) =>
  ({ ...byHead(what, opcode, { announced: 100 }, 1002, opened), hears: [ponged("opened")] });

/** How many bytes it takes to see that this is no UTF-8; none = that takes the end. */
function wrongAt(bytes) {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (let at = 0; at < bytes.length; at++) {
    try {
      decoder.decode(bytes.subarray(at, at + 1), { stream: true });
    } catch {
      return at;
    }
  }
  return undefined;
}

/** A fragment up to the byte before the wrong one is taken, as a ping's answer says, and that byte alone is too much:
 *  the frame it is in goes on, and the message after it. */
function early({ number, bytes }) {
  const wrong = wrongAt(bytes);
  const announced = bytes.length - wrong + 8;
  const [good, bad] = wrong === undefined
    ? [bytes, more("")]
    : [bytes.subarray(0, wrong), more(bytes.subarray(wrong, wrong + 1), { fin: false, announced })];
  const how = wrong === undefined ? "with its last frame" : `at byte ${wrong + 1}`;
  return row("own", `what ${number} sends is refused ${how}`, {
    send: [text(good, open), ping("so far"), heard(1), bad], hears: [ponged("so far")], fails: 1007,
  });
}

export const own = [
  late("a binary message", [binary("{", open), more('"type":', open), more('"ping"}')]),
  late("an empty text", [text("", open), more("", open), more("")]),
  row("own", "a frame without mask", { send: [text(message("bare"), { isMasked: false })], fails: 1002 }),
  byHead("a ping of 126 bytes", PING, { announced: 126, only: 2 }),
  byHead("a ping that is not final", PING, { fin: false, only: 2 }),
  byHead("a text with a reserved bit", TEXT, { rsv: 4, only: 2 }),
  byHead("a reserved opcode", 3, { announced: 100, only: 2 }),
  byHead("a continuation of nothing", MORE, { announced: 100 }),
  inside("a text within a text", TEXT),
  inside("a binary message within a text", BINARY),
  byHead("a text that is too large", TEXT, { announced: TOO_MUCH }, 1009),
  byHead("a text of 2^62 bytes", TEXT, { announced: 2 ** 62 }, 1009),
  byHead("a text of 2^64 - 1 bytes", TEXT, { announced: 2n ** 64n - 1n }, 1009),
];

export const earliest = sequences.filter(({ isValid }) => !isValid).map(early);
