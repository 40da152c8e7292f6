// Section 5: fragments, what may come between them, and what may not.

import { apart, echoed, heard, message, more, ping, pong, ponged, row, text } from "./row.js";

const PING = "ping payload";
const HELLO = message("Hello, world!");
const open = { fin: false };
const CHOPS = [["in one chop"], ["frame by frame", "frame"], ["octet by octet", 1]];

const [first, second] = apart("fragment1", "fragment2");
const TWO = echoed("fragment1fragment2");

const whole = CHOPS.map(([how, chop], at) => row(`5.${3 + at}`, `a text in two fragments, ${how}`, {
  send: [text(first, open), more(second)], chop, hears: [TWO],
}));
const between = CHOPS.map(([how, chop], at) => row(`5.${6 + at}`, `a ping between two fragments, ${how}`, {
  send: [text(first, open), ping(PING), more(second)], chop, hears: [ponged(PING), TWO],
}));
const orphans = [true, false].flatMap((fin, which) => CHOPS.map(([how, chop], at) =>
  row(`5.${9 + 3 * which + at}`, `a continuation of nothing with FIN = ${fin}, then a text, ${how}`, {
    send: [more("non-continuation payload", { fin }), text(HELLO)], chop, fails: 1002,
  })));
const repeated = [false, true].map((fin, at) =>
  row(`5.${16 + at}`, `twice: a continuation of nothing with FIN = ${fin}, a text in two fragments`, {
    send: [1, 2].flatMap(() => [more("fragment1", { fin }), text(first, open), more(second)]), fails: 1002,
  }));

const five = apart("fragment1", "fragment2", "fragment3", "fragment4", "fragment5");
const slow = [CHOPS[0], CHOPS[1]].map(([how, chop], at) => row(`5.${19 + at}`, `five fragments and two pings, ${how}`, {
  // The first ping is answered before the rest is sent.
  send: [
    text(five[0], open), more(five[1], open), ping("pongme 1!"), heard(1),
    more(five[2], open), more(five[3], open), ping("pongme 2!"), more(five[4]),
  ],
  chop,
  hears: [ponged("pongme 1!"), ponged("pongme 2!"), echoed("fragment1fragment2fragment3fragment4fragment5")],
}));

export const fragmentation = [
  row("5.1", "a ping in two fragments", { send: [ping("fragment1", open), more("fragment2")], fails: 1002 }),
  row("5.2", "a pong in two fragments", { send: [pong("fragment1", open), more("fragment2")], fails: 1002 }),
  ...whole,
  ...between,
  ...orphans,
  row("5.15", "a text in two fragments, a continuation of nothing, a text", {
    send: [text(first, open), more(second), more("fragment3", open), text(message("fragment4"))],
    hears: [TWO],
    fails: 1002,
  }),
  ...repeated,
  row("5.18", "two fragments, and both say text", { send: [text(first, open), text(second)], fails: 1002 }),
  ...slow,
];
