// One bare TCP or TLS connection to the router: what is sent to the byte, what came, and how it ended.
// Owns the reading of HTTP/1.1 answers out of those bytes; never sends anything of its own.

import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { until, within } from "./wait.js";

/** `tls`: options of `tls.connect`. A refused connection is an error; one that ends later has `ended`. */
export async function dial(port, { tls } = {}) {
  const place = { port, host: "127.0.0.1" };
  const socket = tls ? connectTls({ ...place, servername: "localhost", ...tls }) : connect(place);
  const raw = { socket, ended: false, error: undefined };
  let chunks = [];
  raw.bytes = () => {
    if (chunks.length > 1) chunks = [Buffer.concat(chunks)];
    return chunks[0] ?? Buffer.alloc(0);
  };
  raw.text = () => raw.bytes().toString("utf8");
  raw.write = (bytes) => { socket.write(bytes); };
  raw.destroy = () => { socket.destroy(); };
  const tail = () => JSON.stringify(raw.text().slice(-300));
  /** Waits until this is in what came, and returns all of it. */
  raw.until = async (pattern) => {
    await until(`${pattern} in ${tail()}`, () => raw.text().match(pattern) || raw.ended);
    if (!raw.text().match(pattern)) throw new Error(`ended without ${pattern}: ${tail()}`);
    return raw.text();
  };
  raw.end = () => until("the end of a raw connection", () => raw.ended);
  /** Waits for this many whole HTTP/1.1 answers. */
  raw.answers = async (count) => {
    await until(`${count} answers in ${tail()}`, () => whole(raw).length >= count || raw.ended);
    return whole(raw);
  };
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("error", (error) => { raw.error = error; });
  const over = new Promise((resolve) => {
    const end = () => resolve((raw.ended = true));
    socket.once("end", end).once("close", end);
  });
  const ready = new Promise((resolve) => socket.once(tls ? "secureConnect" : "connect", resolve));
  await within(`a connection to ${port}`, Promise.race([ready, over]));
  if (raw.error) throw raw.error;
  return raw;
}

const whole = (raw) => answers(raw.bytes()).filter((answer) => answer.isWhole || (answer.untilClose && raw.ended));

/** The HTTP/1.1 answers in these bytes: `{status, head, headers, body, isWhole}`, the last one maybe not whole. */
export function answers(bytes) {
  const found = [];
  for (let rest = bytes.toString("latin1"); rest.length > 0;) {
    const at = rest.indexOf("\r\n\r\n");
    if (at < 0) break;
    const [statusLine, ...lines] = rest.slice(0, at).split("\r\n");
    const pairs = lines.map((line) => /^([^:]*): *(.*)$/.exec(line) ?? [line, line, ""]);
    const headers = Object.fromEntries(pairs.map(([, name, value]) => [name.toLowerCase(), value]));
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1]);
    const { body, left, ...ended } = bodyOf(rest.slice(at + 4), headers, status);
    found.push({ status, statusLine, headers, body: Buffer.from(body, "latin1").toString("utf8"), ...ended });
    if (left === undefined) break;
    rest = left;
  }
  return found;
}

function bodyOf(rest, headers, status) {
  if (status < 200 || status === 204 || status === 304) return { body: "", left: rest, isWhole: true };
  if (/chunked/i.test(headers["transfer-encoding"] ?? "")) return chunked(rest);
  if (headers["content-length"] === undefined) return { body: rest, isWhole: false, untilClose: true };
  const length = Number(headers["content-length"]);
  if (rest.length < length) return { body: rest, isWhole: false };
  return { body: rest.slice(0, length), left: rest.slice(length), isWhole: true };
}

function chunked(rest) {
  let body = "";
  for (;;) {
    const size = /^([0-9a-f]+)[^\r\n]*\r\n/i.exec(rest);
    if (!size) return { body, isWhole: false };
    const length = Number.parseInt(size[1], 16);
    const data = rest.slice(size[0].length);
    if (length === 0 && data.startsWith("\r\n")) return { body, left: data.slice(2), isWhole: true };
    if (length === 0) return { body, isWhole: false };
    body += data.slice(0, length);
    if (data.length < length + 2) return { body, isWhole: false };
    rest = data.slice(length + 2);
  }
}

/** A request as text. `headers` is a list of lines or an object; a body's length is told unless a line says its end. */
export function request(method, path, headers = {}, body = "") {
  const lines = Array.isArray(headers) ? headers : Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const isFramed = lines.some((line) => /^(content-length|transfer-encoding)/i.test(line));
  if (body && !isFramed) lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
  return `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n${body}`;
}

/** A GraphQL request by POST as text. */
export const operation = (query, headers = {}) =>
  request("POST", "/graphql", { "Content-Type": "application/json", ...headers }, JSON.stringify({ query }));
