// Section 7: close frames and what surrounds them.

import { SURROGATE, close, echoed, filling, message, more, ping, row, sized, text } from "./row.js";

const HELLO = "Hello World!";
const HELLO_TEXT = text(message(HELLO));
const LONG = 256 * 1024;

const VALID = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
const INVALID = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
/** The suite leaves open what happens to these. No RFC defines them, so they are refused like the rest. */
const BEYOND = [5000, 65535];

/** What follows a close frame is not heard: no echo, no pong, no second answer. */
const after = (number, what, frames) => row(number, what, { send: frames, answers: 1000 });
const coded = (section, code, at, answers) =>
  row(`${section}.${at + 1}`, `a close frame with code ${code}`, { send: [close(code)], answers });

export const closing = [
  row("7.1.1", "a text, then the close frame", { send: [HELLO_TEXT], hears: [echoed(HELLO)] }),
  after("7.1.2", "two close frames", [close(1000), close()]),
  after("7.1.3", "a ping behind the close frame", [close(1000), ping()]),
  after("7.1.4", "a text behind the close frame", [close(1000), HELLO_TEXT]),
  after("7.1.5", "a close frame between two fragments", [
    text(message(HELLO).subarray(0, 40), { fin: false }), close(1000), more(message(HELLO).subarray(40)),
  ]),
  // The suite leaves open how much of this is echoed. The router works in order, so it is all of it.
  row("7.1.6", "256 KiB, a text, a close frame and a ping at once", {
    send: [text(sized(LONG)), HELLO_TEXT, close(1000), ping()],
    hears: [echoed(filling(LONG)), echoed(HELLO)],
    answers: 1000,
  }),
  row("7.3.1", "a close frame without payload", { send: [close()], answers: 1000 }),
  row("7.3.2", "a close frame of one byte", { send: [close(undefined, "a")], answers: 1002 }),
  row("7.3.3", "a close frame of two bytes", { send: [close(1000)], answers: 1000 }),
  row("7.3.4", "a close frame with a reason", { send: [close(1000, HELLO)], answers: 1000 }),
  row("7.3.5", "a close frame with the longest reason", { send: [close(1000, "*".repeat(123))], answers: 1000 }),
  row("7.3.6", "a reason that is one byte too long", { send: [close(1000, "*".repeat(124))], answers: 1002 }),
  row("7.5.1", "a reason that is not UTF-8", { send: [close(1000, SURROGATE)], answers: 1007 }),
  // The suite would take 1000 as well; ours repeats the code.
  ...VALID.map((code, at) => coded("7.7", code, at, code)),
  ...INVALID.map((code, at) => coded("7.9", code, at, 1002)),
  ...BEYOND.map((code, at) => coded("7.13", code, at, 1002)),
];
