// Plays every row of a table in every state, all at once and in step, so that hundreds of connections take a second.
// Owns what is sent when; what must come back is the tables'.

import { setTimeout as sleep } from "node:timers/promises";
import { joined } from "../clients.js";
import { publish } from "../streams.js";
import { CLOSE, PING, TEXT as TEXT_FRAME, BINARY, encode, openWire } from "../websocket-wire.js";
import { STATES, TEXT, TICKS } from "./outcomes.js";

const PATIENCE_MS = 3_000;
const NORMAL = Buffer.from([0x03, 0xe8]);

/** Messages that should come within a moment; where they do not, what did come is looked at. */
const soon = (promise) => Promise.race([promise, sleep(PATIENCE_MS, null, { ref: false })]);

/** The frame of a message: an object, a text, or bytes for a binary one. */
export const encoded = (message) => {
  if (Buffer.isBuffer(message)) return encode(BINARY, message);
  return encode(TEXT_FRAME, Buffer.from(typeof message === "string" ? message : JSON.stringify(message)));
};

/** By row and state what came: `{answers, close, later, alive}`, `alive` being the ids that still get events. */
export async function play(router, dialect) {
  const players = dialect.rows.flatMap((row) => STATES.map((state) => ({ row, state, expected: row[state] })));
  await Promise.all(players.map(async (player) => { player.wire = await openWire(router, dialect.subprotocol); }));
  await reachStates(router, dialect, players);
  await Promise.all(players.map(send));
  const open = players.filter(({ close }) => !close);
  await Promise.all(open.map((player) => probe(dialect, player)));
  await joined(router, open.reduce((sum, player) => sum + 1 + idsAlive(player).length, 0)).catch(() => {});
  for (const sequence of [1, 2]) await publish(router, { sequence });
  await Promise.all(open.map((player) => soon(until(player, (texts) => texts.filter(isProbe).length >= 2))));
  for (const player of players) collect(dialect, player);
  await Promise.all(players.map(({ wire }) => wire.leave(true)));
  await joined(router, 0);
  return players;
}

/** The ids under which events are expected to come at the end, beside the probe's. */
export const idsAlive = ({ state, expected }) =>
  [...(state === "live" && !expected.endsLive ? ["1"] : []), ...(expected.begins ? [expected.begins] : [])];

const isProbe = ({ id, payload }) => id === "probe" && payload?.data?.ticks;
const texts = ({ wire }) => wire.events.filter(({ text }) => text).map(({ text }) => JSON.parse(text));

/** Waits for something among the messages. */
async function until(player, isThere) {
  const { wire } = player;
  while (!isThere(texts(player)) && !wire.over) await wire.heard(wire.events.length + 1);
}

/** What the server had to say at once is there after it. */
async function roundTrip({ wire }) {
  const pongs = () => wire.events.filter(({ pong }) => pong).length;
  const before = pongs();
  await wire.write(encode(PING, Buffer.from("?")));
  const isOver = () => wire.over || wire.events.some((event) => "close" in event);
  while (pongs() === before && !isOver()) await wire.heard(wire.events.length + 1);
}

async function reachStates(router, dialect, players) {
  const inState = (...states) => players.filter(({ state }) => states.includes(state));
  const all = (some, work) => Promise.all(some.map(work));
  await all(inState("acknowledged", "live", "completed", "closing"), async ({ wire }) => {
    await wire.write(encoded(dialect.init));
    await wire.heard(dialect.acknowledgement.length);
  });
  await all(inState("live", "completed", "closing"), ({ wire }) => wire.write(encoded(dialect.start("1", TICKS))));
  await joined(router, inState("live", "completed", "closing").length);
  await all(inState("completed"), async (player) => {
    await player.wire.write(encoded(dialect.stop("1")));
    await player.wire.heard(dialect.acknowledgement.length + dialect.stopped.length);
  });
  await joined(router, inState("live", "closing").length);
}

async function send(player) {
  const { row, state, expected, wire } = player;
  player.mark = wire.events.length;
  const message = encoded(row.message);
  await wire.write(state === "closing" ? Buffer.concat([encode(CLOSE, NORMAL), message]) : message);
  if (expected.code) await soon(wire.closed());
  else await soon(wire.heard(player.mark + expected.messages.length));
  if (!wire.over && state !== "closing") await soon(roundTrip(player));
  const came = wire.events.slice(player.mark);
  player.answers = came.filter(({ text }) => text).map(({ text }) => JSON.parse(text));
  player.close = came.find((event) => "close" in event) ?? (wire.over && { close: wire.over });
  player.violation = came.find((event) => "violation" in event);
  player.mark = wire.events.length;
}

/** Another subscription on the same connection, which shows that it works, and when events of the others are there. */
async function probe(dialect, player) {
  const isAcknowledged = () => texts(player).some(({ type }) => type === "connection_ack");
  if (!isAcknowledged()) {
    await player.wire.write(encoded(dialect.init));
    await soon(until(player, isAcknowledged));
  }
  await player.wire.write(encoded(dialect.start("probe", TICKS)));
}

function collect(dialect, player) {
  const later = player.wire.events.slice(player.mark).filter((event) => !("pong" in event));
  const messages = later.map((event) => (event.text ? JSON.parse(event.text) : event));
  const isTick = ({ type, payload }) => type === dialect.dataType && payload?.data?.ticks;
  // The first event's deliveries are all there once the probe has the second.
  const isFirst = (message) => isTick(message) && message.payload.data.ticks.sequence === 1;
  player.alive = messages.filter(isFirst).map(({ id }) => id).sort();
  const own = dialect.acknowledgement.map(({ type }) => type);
  player.later = messages.filter((message) => !isTick(message) && !own.includes(message.type));
}

/** What came, with each text that may be any replaced, and without what errors may hold beside their message. */
export function masked(actual, expected) {
  if (expected === TEXT) return typeof actual === "string" && actual !== "" ? TEXT : actual;
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return actual;
    const all = actual.map((one, at) => masked(one, expected[at] ?? expected[0]));
    // A document may have more than one fault.
    return expected[0]?.message === TEXT && all.every((one) => one.message === TEXT) ? all.slice(0, 1) : all;
  }
  if (typeof expected !== "object" || expected === null || typeof actual !== "object" || actual === null) return actual;
  const kept = Object.keys(actual).filter((key) => expected.message !== TEXT || key === "message");
  return Object.fromEntries(kept.map((key) => [key, masked(actual[key], expected[key])]));
}
