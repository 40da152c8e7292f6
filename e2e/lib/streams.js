// One subscription over any of the six forms that the router serves, read alike: results, other frames, the end.
// Owns the parsing of event streams and multipart bodies; `ws`, node:http, node:https and node:http2 own the rest.

import http from "node:http";
import { constants } from "node:http2";
import https from "node:https";
import WebSocket from "ws";
import { until, within } from "./wait.js";

export const TICKS = "subscription { ticks { sequence text } }";

const ACCEPT = {
  sse: "text/event-stream",
  "sse-single": "text/event-stream",
  multipart: "multipart/mixed;subscriptionSpec=1.0",
  incremental: "multipart/mixed",
};

/** What `protocol` is called in the router's metrics. */
export const KINDS = ["transport-ws", "graphql-ws", ...Object.keys(ACCEPT)];

/**
 * Opens one. `place` is `{port, tls?, session?}`: `session` is an http2 session to use in place of a connection.
 * `digest` says what is kept of a result with data; every other frame is kept whole in `others`.
 * The stream has `results`, `others`, `beats`, `ended` (once it did: how) and `leave()` and `cut()` to end it.
 */
export async function openStream(kind, place, { query = TICKS, digest = (result) => result } = {}) {
  const stream = { kind, results: [], others: [], beats: 0, ended: undefined };
  let waiting = [];
  stream.onResult = (result) => {
    if (result?.data) stream.results.push(digest(result));
    else stream.others.push(result);
    waiting = waiting.filter(({ count, resolve }) => stream.results.length < count || resolve());
  };
  /** As `first`, but without polling: for paces of many events. */
  stream.reach = async (count) => {
    if (stream.results.length >= count) return;
    await within(`${count} results of ${kind}`, new Promise((resolve) => waiting.push({ count, resolve })));
  };
  stream.first = async (count) => {
    await until(`${count} results of ${kind}, has ${stream.results.length}, others ${JSON.stringify(stream.others)}`,
      () => stream.results.length >= count || stream.ended);
    if (stream.results.length >= count) return stream.results.slice(0, count);
    throw new Error(`${kind} ended early: ${JSON.stringify([stream.others, stream.ended])}`);
  };
  stream.end = () => until(`the end of ${kind}, others ${JSON.stringify(stream.others)}`, () => stream.ended);
  const open = kind.endsWith("-ws") ? webSocket : kind === "sse-single" ? single : distinct;
  await open(stream, place, query);
  return stream;
}

/** Publishes to the router's embedded broker. */
export async function publish(router, event, subject = "ticks") {
  const body = typeof event === "string" ? event : JSON.stringify(event);
  const answer = await fetch(`${router.admin}/publish?subject=${subject}`, { method: "POST", body });
  if (answer.status !== 200) throw new Error(`publish: ${answer.status} ${await answer.text()}`);
}

// ---- WebSocket

async function webSocket(stream, place, query) {
  const isLegacy = stream.kind === "graphql-ws";
  const url = `${place.tls ? "wss" : "ws"}://127.0.0.1:${place.port}/graphql`;
  const socket = new WebSocket(url, isLegacy ? "graphql-ws" : "graphql-transport-ws", place.tls);
  stream.socket = socket;
  stream.send = (message) => socket.send(JSON.stringify(message));
  let isAcknowledged = false;
  socket.on("message", (data) => {
    const message = JSON.parse(data.toString());
    if (message.type === "connection_ack") isAcknowledged = true;
    else if (message.type === "ka") stream.beats += 1;
    else if (message.type === "next" || message.type === "data") stream.onResult(message.payload);
    else stream.others.push(message);
  });
  socket.on("open", () => stream.send({ type: "connection_init" }));
  socket.on("error", (error) => { stream.error = error; });
  socket.on("close", (code, reason) => { stream.ended = { close: code, reason: reason.toString() }; });
  await until(`an acknowledgement of ${stream.kind}`, () => isAcknowledged || stream.ended);
  stream.send({ id: "1", type: isLegacy ? "start" : "subscribe", payload: { query } });
  stream.leave = () => stream.send({ id: "1", type: isLegacy ? "stop" : "complete" });
  stream.close = () => socket.close(1000);
  stream.cut = () => socket.terminate();
  stream.inject = (bytes) => socket._socket.write(bytes);
}

// ---- HTTP

/** A request over HTTP/1.1, TLS or HTTP/2; gives `{status, headers, body, cut}` once the head is there. */
export function ask(place, { method = "POST", path = "/graphql", headers = {}, body } = {}) {
  const typed = body === undefined ? headers : { "content-type": "application/json", ...headers };
  return new Promise((resolve, reject) => {
    if (place.session) {
      const request = place.session.request({ ":method": method, ":path": path, ...typed });
      request.on("error", reject);
      const cut = () => request.close(constants.NGHTTP2_CANCEL);
      request.on("response", (headers) => resolve({ status: headers[":status"], headers, body: request, cut }));
      return request.end(body);
    }
    const options = { host: "127.0.0.1", port: place.port, method, path, headers: typed, agent: place.agent ?? false };
    const request = (place.tls ? https : http).request({ ...options, ...place.tls, servername: "localhost" });
    request.on("error", reject);
    request.on("response", (got) => {
      const cut = () => request.destroy();
      resolve({ status: got.statusCode, headers: got.headers, body: got, socket: got.socket, cut });
    });
    request.end(body);
  });
}

/** The whole body as text. */
export async function whole(answer) {
  let text = "";
  for await (const chunk of answer.body) text += chunk;
  return text;
}

async function distinct(stream, place, query) {
  const answer = await ask(place, { headers: { accept: ACCEPT[stream.kind] }, body: JSON.stringify({ query }) });
  const isEvents = stream.kind === "sse";
  read(stream, answer, isEvents ? eventStream(onEvent(stream, (data) => data)) : multipart(stream, answer.headers));
  stream.leave = stream.cut;
}

async function single(stream, place, query) {
  const reserved = await ask(place, { method: "PUT" });
  const token = await whole(reserved);
  if (reserved.status !== 201) throw new Error(`no reservation: ${reserved.status} ${token}`);
  const headers = { "x-graphql-event-stream-token": token };
  const answer = await ask(place, { method: "GET", headers: { ...headers, accept: ACCEPT[stream.kind] } });
  read(stream, answer, eventStream(onEvent(stream, (data) => data.payload)));
  const body = JSON.stringify({ query, extensions: { operationId: "1" } });
  const accepted = await ask(place, { headers, body });
  if (accepted.status !== 202) throw new Error(`not accepted: ${accepted.status} ${await whole(accepted)}`);
  accepted.body.resume();
  stream.leave = async () => {
    const left = await ask(place, { method: "DELETE", path: "/graphql?operationId=1", headers });
    left.body.resume();
  };
}

function read(stream, answer, parse) {
  Object.assign(stream, { status: answer.status, headers: answer.headers, body: answer.body, cut: answer.cut });
  stream.inject = (bytes) => answer.socket.write(bytes);
  stream.close = answer.cut;
  let rest = Buffer.alloc(0);
  const end = (how) => { stream.ended ??= { how, terminal: stream.terminal, rest: rest.toString("utf8", 0, 200) }; };
  answer.body.on("data", (chunk) => { rest = parse(Buffer.concat([rest, chunk])); });
  answer.body.on("end", () => end("whole"));
  answer.body.on("error", (error) => end(error.code ?? error.message));
  answer.body.on("close", () => end("closed"));
}

const onEvent = (stream, resultOf) => (event, data) => {
  if (event === "next") return stream.onResult(resultOf(JSON.parse(data)));
  if (event === "complete") stream.terminal = data === "" ? "complete" : JSON.parse(data);
  else if (event === undefined) stream.beats += 1;
  else stream.others.push({ event, data });
};

/** A parser of `text/event-stream`: is given all bytes that were not taken yet, and gives what is left. */
export const eventStream = (onOne) => (bytes) => {
  for (;;) {
    const at = bytes.indexOf("\n\n");
    if (at < 0) return bytes;
    const lines = bytes.subarray(0, at).toString().split(/\r\n|\n|\r/).filter((line) => !line.startsWith(":"));
    const field = (name) => lines.filter((line) => line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).replace(/^ /, ""));
    onOne(field("event")[0], lines.length === 0 ? undefined : field("data").join("\n"));
    bytes = bytes.subarray(at + 2);
  }
};

function multipart(stream, headers) {
  const boundary = /boundary="?([^";]+)"?/.exec(headers["content-type"])?.[1];
  const delimiter = `\r\n--${boundary}`;
  let isInPart = false;
  // RFC 2046 §5.1.1: the first delimiter needs no line break before it where there is no preamble.
  return (bytes) => {
    for (;;) {
      // A delimiter with `--` behind it ends the body.
      if (isInPart && bytes.subarray(0, 2).toString() === "--") stream.terminal = "terminator";
      const isBare = !isInPart && bytes.subarray(0, delimiter.length - 2).equals(Buffer.from(delimiter.slice(2)));
      const at = isBare ? 0 : bytes.indexOf(delimiter);
      if (at < 0 || stream.terminal) return bytes;
      if (isInPart) onPart(stream, bytes.subarray(0, at).toString());
      isInPart = true;
      bytes = bytes.subarray(at + delimiter.length - (isBare ? 2 : 0));
    }
  };
}

function onPart(stream, part) {
  const at = part.indexOf("\r\n\r\n");
  stream.partHead = part.slice(0, at).trim();
  const { hasNext, ...content } = JSON.parse(part.slice(at + 4));
  if (stream.kind === "incremental") {
    if (hasNext === false) stream.isLast = true;
    if (Object.keys(content).length > 0) stream.onResult(content);
  } else if (content.payload) stream.onResult(content.payload);
  else if (Object.keys(content).length === 0) stream.beats += 1;
  else stream.others.push(content);
}
