// A WebSocket client that may break every rule: frames as bytes, written in whatever pieces a test wants.
// What the server writes is read by the letter of RFC 6455, and a rule it breaks is an event of its own.

import { isUtf8 } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";

export const MORE = 0x0, TEXT = 0x1, BINARY = 0x2, CLOSE = 0x8, PING = 0x9, PONG = 0xA;
const ACCEPT_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const CONTROL_BYTES_MAX = 125;

/** The bytes of one frame; `rsv` is the three bits as a number, `announced` the length its head tells. */
export function encode(opcode, payload, { fin = true, rsv = 0, isMasked = true, announced = payload.length } = {}) {
  const key = isMasked ? randomBytes(4) : Buffer.alloc(0);
  const head = headOf((fin ? 0x80 : 0) | (rsv << 4) | opcode, isMasked ? 0x80 : 0, announced);
  const masked = Buffer.from(payload);
  if (isMasked) for (let at = 0; at < masked.length; at++) masked[at] ^= key[at & 3];
  return Buffer.concat([head, key, masked]);
}

function headOf(first, maskBit, length) {
  if (length < 126) return Buffer.from([first, maskBit | length]);
  const head = Buffer.alloc(length < 65536 ? 4 : 10);
  head.set([first, maskBit | (length < 65536 ? 126 : 127)]);
  if (head.length === 4) head.writeUInt16BE(length, 2);
  else head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}

/** The frame at the front of what a server sent, or how many bytes it takes at least to know more. */
function decode(bytes) {
  const short = bytes[1] & 0x7f;
  const start = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
  if (bytes.length < start) return { needed: start };
  const length = { 4: () => bytes.readUInt16BE(2), 10: () => Number(bytes.readBigUInt64BE(2)) }[start]?.() ?? short;
  const [fin, opcode] = [bytes[0] >= 0x80, bytes[0] & 0x0f];
  const isControl = opcode >= CLOSE;
  if (bytes[0] & 0x70) throw new Error("a reserved bit is set");
  if (bytes[1] & 0x80) throw new Error("a server must not mask");
  if (![MORE, TEXT, BINARY, CLOSE, PING, PONG].includes(opcode)) throw new Error(`reserved opcode ${opcode}`);
  if (isControl && (!fin || length > CONTROL_BYTES_MAX)) throw new Error("a control frame is fragmented or too long");
  if (headOf(0, 0, length).length !== start) throw new Error("a length is not written in its shortest form");
  if (bytes.length < start + length) return { needed: start + length };
  return { frame: { fin, opcode, payload: bytes.subarray(start, start + length) }, used: start + length };
}

/** Opens a connection and upgrades it. `events` holds what came: `{text}`, `{binary}`, `{ping}`, `{pong}` with bytes,
 *  `{close, reason}`, `{violation}`; `over` is "end" once the server has ended the stream, or the code of its error. */
export async function openWire(router, subprotocol = "graphql-transport-ws") {
  const socket = createConnection({ port: router.port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
  const wire = { events: [], over: undefined };
  let waiters = [];
  const wake = () => {
    const ready = waiters.filter(({ isReady }) => isReady());
    waiters = waiters.filter((waiter) => !ready.includes(waiter));
    for (const { resolve } of ready) resolve();
  };
  const when = (isReady) => new Promise((resolve) => {
    waiters.push({ isReady, resolve });
    wake();
  });
  const ended = (how) => {
    wire.over ??= how;
    wake();
  };
  socket.on("end", () => ended("end")).on("error", ({ code }) => ended(code)).on("close", () => ended("close"));

  /** Writes at once, and returns when the bytes are with the kernel. */
  wire.write = (bytes) => new Promise((resolve) => { socket.write(bytes, () => resolve()); });
  /** Waits for so many events, or for the stream's end. */
  wire.heard = (count) => when(() => wire.events.length >= count || wire.over);
  /** Waits for the server's close frame, or for the stream's end. */
  wire.closed = () => when(() => wire.events.some((event) => "close" in event || "violation" in event) || wire.over);
  wire.ended = () => when(() => wire.over);
  wire.taken = () => taken(router.port, socket.localPort);
  /** Leaves, whatever the state is. */
  wire.leave = async (isAbrupt = false) => {
    if (isAbrupt) socket.destroy();
    else socket.end();
    if (!socket.closed) await new Promise((resolve) => { socket.once("close", resolve); });
  };

  const key = randomBytes(16).toString("base64");
  const offered = subprotocol ? `sec-websocket-protocol: ${subprotocol}\r\n` : "";
  socket.write(`GET ${new URL(router.wsUrl).pathname} HTTP/1.1\r\nhost: 127.0.0.1:${router.port}\r\n` +
    "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n" +
    `sec-websocket-key: ${key}\r\n${offered}\r\n`);
  let head = Buffer.alloc(0);
  const read = reader((event) => {
    wire.events.push(event);
    wake();
  });
  socket.on("data", (bytes) => {
    if (wire.head !== undefined) return read(bytes);
    head = Buffer.concat([head, bytes]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    wire.head = head.toString("latin1", 0, end);
    wake();
    read(head.subarray(end + 4));
  });
  await when(() => wire.head !== undefined || wire.over);
  const accept = createHash("sha1").update(key + ACCEPT_GUID).digest("base64");
  const [first, ...rest] = (wire.head ?? "").split("\r\n");
  const lines = rest.map((line) => line.replace(/^[^:]+: */, (name) => `${name.trim().toLowerCase()} `));
  const wanted = [`sec-websocket-accept: ${accept}`];
  if (subprotocol) wanted.push(`sec-websocket-protocol: ${subprotocol}`);
  if (!first.startsWith("HTTP/1.1 101 ") || !wanted.every((line) => lines.includes(line))) {
    await wire.leave(true);
    throw new Error(`the handshake was answered with: ${wire.head ?? wire.over}`);
  }
  return wire;
}

/** Turns bytes into events. */
function reader(tell) {
  let [waiting, size, needed, opened, parts, isOver] = [[], 0, 2, undefined, [], false];
  const take = ({ fin, opcode, payload }) => {
    if (isOver) throw new Error("a frame after the close frame");
    if (opcode === PING) return tell({ ping: payload });
    if (opcode === PONG) return tell({ pong: payload });
    if (opcode === CLOSE) {
      isOver = true;
      const reason = payload.subarray(2);
      if (payload.length === 1 || !isUtf8(reason)) throw new Error("a close frame that is not one");
      return tell({ close: payload.length ? payload.readUInt16BE(0) : undefined, reason: reason.toString() });
    }
    if ((opcode === MORE) !== (opened !== undefined)) throw new Error("fragments out of order");
    opened ??= opcode;
    parts.push(payload);
    if (!fin) return;
    const [whole, isText] = [Buffer.concat(parts), opened === TEXT];
    [opened, parts] = [undefined, []];
    if (isText && !isUtf8(whole)) throw new Error("text that is not UTF-8");
    tell(isText ? { text: whole } : { binary: whole });
  };
  return (bytes) => {
    waiting.push(bytes);
    size += bytes.length;
    try {
      while (size >= needed) {
        const all = waiting.length === 1 ? waiting[0] : Buffer.concat(waiting);
        const { frame, used = 0, needed: more = 2 } = decode(all);
        [waiting, size, needed] = [[all.subarray(used)], size - used, more];
        if (frame) take(frame);
      }
    } catch (error) {
      needed = Infinity;
      tell({ violation: error.message });
    }
  };
}

/** Waits until the server has read all that is with the kernel, so that what is written next comes to it apart. */
async function taken(serverPort, clientPort) {
  const address = (port) => `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const row = new RegExp(`\\w+${address(serverPort)} \\w+${address(clientPort)} \\w\\w \\w+:(\\w+)`);
  const end = Date.now() + 10_000;
  while (Date.now() < end) {
    let sockets;
    try {
      sockets = readFileSync("/proc/net/tcp", "latin1");
    } catch {
      return sleep(5); // Not Linux: apart most of the time is the best there is.
    }
    if (!Number.parseInt(row.exec(sockets)?.[1] ?? "0", 16)) return;
    await turn();
  }
  throw new Error("the server does not read");
}
