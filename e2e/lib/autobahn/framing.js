// Sections 1 to 4: whole messages, pings and pongs, reserved bits, reserved opcodes.

import {
  binary, close, echoed, filling, message, ping, pong, ponged, reserved, row, sized, text,
} from "./row.js";

const HELLO = "Hello, world!";
const NOT_TEXT = Buffer.from("00fffefdfcfb00ff", "hex");

const SIZES = [0, 125, 126, 127, 128, 65535, 65536];
const inChops = (chop) => (chop ? ` in chops of ${chop}` : "");
const whole = (number, bytes, chop) => (bytes === 0
  // No JSON is empty. That the router calls it no message, and not a fault of the framing, says that it came as text.
  ? row(number, "an empty text is no message", { send: [text("")], fails: 4400 })
  : row(number, `a text of ${bytes} bytes${inChops(chop)}`, {
    send: [text(sized(bytes))], chop, hears: [echoed(filling(bytes))],
  }));
// The protocol is text only: a binary message is assembled and then refused as a message.
const refused = (number, bytes, chop) => row(number, `a binary message of ${bytes} bytes${inChops(chop)}`, {
  send: [binary(Buffer.alloc(bytes, 0xfe))], chop, fails: 4400,
});

const messages = [
  ...SIZES.map((bytes, at) => whole(`1.1.${at + 1}`, bytes)),
  whole("1.1.8", 65536, 997),
  ...SIZES.map((bytes, at) => refused(`1.2.${at + 1}`, bytes)),
  refused("1.2.8", 65536, 997),
];

const answered = (number, what, payload, chop) =>
  row(number, what, { send: [ping(payload)], chop, hears: [ponged(payload)] });
const UNASKED = pong("unsolicited pong payload");
const TEN = Array.from({ length: 10 }, (_, at) => `payload-${at}`);
const ten = (number, chop) => row(number, `ten pings with payload${chop ? ", octet by octet" : ""}`, {
  send: TEN.map((payload) => ping(payload)), chop, hears: TEN.map(ponged),
});

const pings = [
  answered("2.1", "a ping without payload", ""),
  answered("2.2", "a ping with text", HELLO),
  answered("2.3", "a ping with bytes that are not UTF-8", NOT_TEXT),
  answered("2.4", "a ping of 125 bytes", Buffer.alloc(125, 0xfe)),
  row("2.5", "a ping of 126 bytes", { send: [ping(Buffer.alloc(126, 0xfe))], fails: 1002 }),
  answered("2.6", "a ping of 125 bytes, octet by octet", Buffer.alloc(125, 0xfe), 1),
  row("2.7", "a pong nobody asked for, without payload", { send: [pong(), close(1000)], answers: 1000 }),
  row("2.8", "a pong nobody asked for, with payload", { send: [UNASKED, close(1000)], answers: 1000 }),
  row("2.9", "a pong nobody asked for, then a ping", {
    send: [UNASKED, ping("ping payload")], hears: [ponged("ping payload")],
  }),
  ten("2.10"),
  ten("2.11", 1),
];

/** A text that is echoed, then what is wrong, then a ping that nobody answers any more. */
const afterText = (number, what, wrong, chop) => row(number, `a text, ${what}, a ping`, {
  send: [text(message(HELLO)), wrong, ping()], chop, hears: [echoed(HELLO)], fails: 1002,
});
const failed = (number, what, frame) => row(number, what, { send: [frame], fails: 1002 });

const bits = [
  failed("3.1", "a text with RSV 1", text(message(HELLO), { rsv: 1 })),
  afterText("3.2", "one with RSV 2", text(message(HELLO), { rsv: 2 })),
  afterText("3.3", "one with RSV 3, frame by frame", text(message(HELLO), { rsv: 3 }), "frame"),
  afterText("3.4", "one with RSV 4, octet by octet", text(message(HELLO), { rsv: 4 }), 1),
  failed("3.5", "a binary message with RSV 5", binary(NOT_TEXT, { rsv: 5 })),
  // The suite's text says ping, its code sends a binary message.
  failed("3.6", "a ping with RSV 6", ping(HELLO, { rsv: 6 })),
  failed("3.6", "a binary message with RSV 6", binary(HELLO, { rsv: 6 })),
  failed("3.7", "a close frame with RSV 7", close(undefined, "", { rsv: 7 })),
];

const opcodes = [
  failed("4.1.1", "opcode 3", reserved(3)),
  failed("4.1.2", "opcode 4 with payload", reserved(4, "reserved opcode payload")),
  afterText("4.1.3", "opcode 5", reserved(5)),
  afterText("4.1.4", "opcode 6 with payload", reserved(6, HELLO)),
  afterText("4.1.5", "opcode 7 with payload, octet by octet", reserved(7, HELLO), 1),
  failed("4.2.1", "opcode 11", reserved(11)),
  failed("4.2.2", "opcode 12 with payload", reserved(12, "reserved opcode payload")),
  afterText("4.2.3", "opcode 13", reserved(13)),
  afterText("4.2.4", "opcode 14 with payload", reserved(14, HELLO)),
  afterText("4.2.5", "opcode 15 with payload, octet by octet", reserved(15, HELLO), 1),
];

export const framing = [...messages, ...pings, ...bits, ...opcodes];
