// Section 6: UTF-8, whole and in fragments, and how early what is no UTF-8 is refused.
//
// What is UTF-8 travels as the `x` of a message and must come back byte for byte. What is not is sent as the suite
// sends it, bare: it is no message at all, and only a router that looks at its UTF-8 first ends with 1007 and not 4400.

import { SURROGATE, WORD, apart, echoed, fragments, heard, message, more, ping, ponged, row, text } from "./row.js";
import { sequences } from "./utf8-sequences.js";

const open = { fin: false };
const MIDDLE = "middle frame payload";
const HALVES = ["Hello-µ@ßöä", "üàá-UTF-8!!"];
const BOTH = HALVES.join("");

const fragmented = [
  // No JSON is empty; see 1.1.1.
  row("6.1.1", "an empty text is no message", { send: [text("")], fails: 4400 }),
  row("6.1.2", "three empty fragments are no message", {
    send: [text("", open), more("", open), more("")], fails: 4400,
  }),
  row("6.1.3", "a text between two empty fragments", {
    send: [text("", open), more(message(MIDDLE), open), more("")], hears: [echoed(MIDDLE)],
  }),
  row("6.2.1", "two-byte characters in one frame", { send: [text(message(BOTH))], hears: [echoed(BOTH)] }),
  row("6.2.2", "two fragments that meet between characters", {
    send: [text(apart(...HALVES)[0], open), more(apart(...HALVES)[1])], hears: [echoed(BOTH)],
  }),
  row("6.2.3", "fragments of one byte", { send: fragments(message(BOTH), 1), hears: [echoed(BOTH)] }),
  row("6.2.4", "fragments of one byte, characters of two and three", {
    send: fragments(message(WORD), 1), hears: [echoed(WORD)],
  }),
];

// Its thirteenth byte, 90 behind f4, is the first that cannot be: a character over U+10FFFF.
const BEYOND = Buffer.concat([WORD, Buffer.from("f4908080", "hex"), Buffer.from("edited")]);
const CUTS = [WORD.length, WORD.length + 4];
const FIRST_WRONG = WORD.length + 1;

/** The first fragment is taken, as a ping's answer says; with the second it is over: no third is sent. */
const inFrames = (number, what, from, to) => row(number, `UTF-8 breaks in the second of three frames${what}`, {
  send: [text(BEYOND.subarray(0, from), open), ping("still here"), heard(1), more(BEYOND.subarray(from, to), open)],
  hears: [ponged("still here")],
  fails: 1007,
});
/** The same in one frame. No ping fits there: that a chop may end at this byte says its twin, which goes on well. */
const inChops = (number, what, from, to) => [
  row(number, `UTF-8 breaks in the second of three chops of a frame${what}`, {
    send: [text(BEYOND, { pieces: [from, to] })], fails: 1007,
  }),
  row(number, `a chop of a frame ends at the same byte${what}, and UTF-8 does not break`, goingOn(from)),
];
function goingOn(from) {
  const rest = from > WORD.length ? "8fbfbf" : "";
  const well = Buffer.concat([BEYOND.subarray(0, from), Buffer.from(rest, "hex")]);
  const whole = message(well);
  const lead = whole.indexOf(well);
  return { send: [text(whole, { pieces: [lead + from, whole.length] })], hears: [echoed(well)] };
}

const broken = [
  row("6.3.1", "a surrogate in one frame", { send: [text(SURROGATE)], fails: 1007 }),
  row("6.3.2", "a surrogate in fragments of one byte", { send: fragments(SURROGATE, 1), fails: 1007 }),
  inFrames("6.4.1", "", ...CUTS),
  inFrames("6.4.2", ", with that byte", FIRST_WRONG, FIRST_WRONG + 1),
  ...inChops("6.4.3", "", ...CUTS),
  ...inChops("6.4.4", ", with that byte", FIRST_WRONG, FIRST_WRONG + 1),
];

const whole = ({ number, bytes, what, isValid, isJson = true }) => {
  const sent = `${what}: ${bytes.length > 12 ? `${bytes.length} bytes` : bytes.toString("hex")}`;
  if (!isValid) return row(number, sent, { send: [text(bytes)], fails: 1007 });
  // JSON wants control characters escaped. 4400 and not 1007: it was taken for UTF-8.
  if (!isJson) return row(number, `${sent}, which is UTF-8 and no JSON`, { send: [text(message(bytes))], fails: 4400 });
  return row(number, sent, { send: [text(message(bytes))], hears: [echoed(bytes)] });
};

export const utf8 = [...fragmented, ...broken, ...sequences.map(whole)];
