// The server cases of the Autobahn TestSuite, sections 1 to 7, 9.1 and 10.1, against the release binary's socket: our
// own table (lib/autobahn), each case on connections of its own: before connection_init, and once acknowledged.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { post } from "../lib/clients.js";
import { closing } from "../lib/autobahn/closing.js";
import { fragmentation } from "../lib/autobahn/fragmentation.js";
import { framing } from "../lib/autobahn/framing.js";
import { earliest, own } from "../lib/autobahn/own.js";
import { closed, tell } from "../lib/autobahn/row.js";
import { size } from "../lib/autobahn/size.js";
import { utf8 } from "../lib/autobahn/utf8.js";
import { BINARY, CLOSE, TEXT, encode, openWire } from "../lib/websocket-wire.js";
import { until, within } from "../lib/wait.js";
import { startWorld } from "../lib/world.js";

const TABLE = [...framing, ...fragmentation, ...utf8, ...closing, ...size];
/** How many cases the suite has in each of its sections; 9.2 is more than is promised. */
const CASES = {
  "1.1": 8, "1.2": 8, 2: 11, 3: 7, "4.1": 5, "4.2": 5, 5: 20,
  "6.1": 3, "6.2": 4, "6.3": 2, "6.4": 4, "6.5": 5, "6.6": 11, "6.7": 4, "6.8": 2, "6.9": 4, "6.10": 3, "6.11": 5,
  "6.12": 8, "6.13": 5, "6.14": 10, "6.15": 1, "6.16": 3, "6.17": 5, "6.18": 5, "6.19": 5, "6.20": 7, "6.21": 8,
  "6.22": 34, "6.23": 7,
  "7.1": 6, "7.3": 6, "7.5": 1, "7.7": 13, "7.9": 9, "7.13": 2, "9.1": 6, "9.2": 6, "10.1": 1,
};
/** Only so that a failure ends: most cases take milliseconds. */
const DEADLINE_MS = 10_000;

let world;
before(async () => {
  world = await startWorld({
    provider: "memory",
    config: {
      limits: { request_bytes_max: "20MiB", connection_init_bytes_max: "20MiB" },
      websocket: { connection_init_timeout: "60s", ping_interval: "60s" },
    },
  });
});
after(() => world?.stop());

/** Sends what a row says, in its chops. */
async function send(wire, { send: steps, chop }) {
  let waiting = [];
  const piece = async (bytes) => {
    await wire.write(bytes);
    await wire.taken();
  };
  const flush = async () => {
    if (waiting.length) await wire.write(Buffer.concat(waiting));
    waiting = [];
  };
  for (const step of steps) {
    if (step.heard) {
      await flush();
      await wire.heard(step.heard);
      continue;
    }
    const { only, pieces, ...options } = step.options;
    const bytes = encode(step.opcode, step.payload, options).subarray(0, only);
    const head = bytes.length - step.payload.length;
    if (pieces) {
      await flush();
      for (const [at, end] of pieces.entries()) await piece(bytes.subarray(at && head + pieces[at - 1], head + end));
    } else if (chop === undefined) {
      waiting.push(bytes);
    } else {
      const length = chop === "frame" ? bytes.length : chop;
      for (let at = 0; at < bytes.length; at += length) await piece(bytes.subarray(at, at + length));
    }
  }
  await flush();
}

/** Plays a row on a connection of its own, and compares all that is heard until the server ends the stream. */
async function play(row, isAcknowledged) {
  const wire = await within("the upgrade", openWire(world.router));
  const { hears, fails, answers } = row;
  const course = async () => {
    if (isAcknowledged) {
      await wire.write(encode(TEXT, '{"type":"connection_init"}'));
      await wire.heard(1);
      assert.equal(wire.events.shift()?.text?.toString(), '{"type":"connection_ack"}');
    }
    await send(wire, row);
    const code = Buffer.alloc(2);
    code.writeUInt16BE(fails ?? 1000);
    if (!fails && !answers) {
      await wire.heard(hears.length);
      await wire.write(encode(CLOSE, code));
    }
    await wire.closed();
    // What the server closes is answered, and in all cases it is the server that ends the stream.
    if (fails) await wire.write(encode(CLOSE, code));
    await wire.ended();
  };
  try {
    const isInTime = await Promise.race([course().then(() => true), sleep(DEADLINE_MS, false, { ref: false })]);
    const heard = [...wire.events.map(tell), isInTime ? wire.over : `nothing more within ${DEADLINE_MS} ms`];
    const when = isAcknowledged ? "acknowledged" : "before connection_init";
    assert.deepEqual(heard, [...hears, closed(fails ?? answers ?? 1000), "end"], `${row.what}, ${when}`);
  } finally {
    await wire.leave(true);
  }
}

for (const row of TABLE) {
  test(`${row.number} ${row.what}`, async () => {
    await play(row, false);
    await play(row, true);
  });
}

for (const row of own) {
  test(`beyond the suite: ${row.what}`, () => play(row, true));
}

test("beyond the suite: what is not UTF-8 in 6.5 to 6.23 is refused at the first byte that shows it", async () => {
  assert.equal(earliest.length, 69);
  for (const row of earliest) await play(row, true);
});

test("the table has every case of the suite's sections 1 to 7, 9.1 and 10.1", () => {
  const wanted = Object.entries(CASES)
    .flatMap(([section, count]) => Array.from({ length: count }, (_, at) => `${section}.${at + 1}`));
  const numbers = TABLE.map(({ number }) => number);
  assert.equal(wanted.length, 253 + CASES["9.2"]);
  assert.deepEqual([...new Set(numbers)].sort(), wanted.sort());
  const twins = ["3.6", "6.4.3", "6.4.4"];
  assert.deepEqual(numbers.filter((number, at) => numbers.indexOf(number) !== at), twins);
});

test("the router is alive, serves, and has no connection left", async () => {
  const census = async () => JSON.parse((await world.router.ask("/census")).text);
  await until("nobody is connected", async () => (await census()).connections === 0, 15_000);
  assert.deepEqual(await post(world.router, "{ __typename }"), { status: 200, data: { __typename: "Query" } });
  assert.equal((await world.router.ask("/health/live")).status, 200);
  assert.doesNotMatch(world.router.output(), /panic/);
});
