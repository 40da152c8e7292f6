// The clients people use, each as a stream whose arrivals are kept: graphql-ws, graphql-sse, HTTP POST,
// and many multiplexed subscriptions over bare WebSockets for the counting tests.

import { createClient as createSse } from "graphql-sse";
import { createClient as createWs } from "graphql-ws";
import WebSocket from "ws";
import { until, within } from "./wait.js";

export async function post(router, request, headers = {}) {
  const answer = await fetch(router.url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json", ...headers },
    body: JSON.stringify(typeof request === "string" ? { query: request } : request),
  });
  return { status: answer.status, ...(await answer.json()) };
}

/** A stream of results: `results` so far, `error`/`done` once it ended, `leave()` to end it. */
function stream(subscribe, what) {
  const seen = { results: [], error: undefined, done: false };
  seen.leave = subscribe({
    next: (result) => seen.results.push(result),
    error: (error) => Object.assign(seen, { error, done: true }),
    complete: () => { seen.done = true; },
  });
  /** Waits until this many results are there, and returns them. */
  seen.first = async (count) => {
    await until(`${count} results of ${what}, has ${seen.results.length}`, () => seen.results.length >= count || seen.done);
    if (seen.results.length < count) throw new Error(`${what} ended early: ${describe(seen.error)}`);
    return seen.results.slice(0, count);
  };
  /** Waits for the end, and gives the GraphQL errors of a subscription that was never begun. */
  seen.refusal = async () => {
    await seen.end();
    const errors = Array.isArray(seen.error) ? seen.error : seen.results[0]?.errors;
    if (!errors?.length) throw new Error(`no GraphQL errors, but: ${describe(seen.error)}`);
    return errors;
  };
  seen.end = async () => {
    await until(`the end of ${what}`, () => seen.done);
    return seen.error;
  };
  return seen;
}

/** What a sink's error says: GraphQL errors, a close event, or an Error. */
export function describe(error) {
  if (Array.isArray(error)) return error.map((one) => one.message).join("; ");
  if (error && typeof error.code === "number") return `close ${error.code} ${error.reason}`;
  return error?.message ?? "completed";
}

export function ws(router, connectionParams) {
  const client = createWs({ url: router.wsUrl, webSocketImpl: WebSocket, connectionParams, retryAttempts: 0, lazy: true });
  return {
    subscribe: (query, variables) => stream((sink) => client.subscribe({ query, variables }, sink), query),
    dispose: () => client.dispose(),
  };
}

export function sse(router, headers = {}) {
  const client = createSse({ url: router.url, headers, retryAttempts: 0, singleConnection: false });
  return {
    subscribe: (query, variables) => stream((sink) => client.subscribe({ query, variables }, sink), query),
    dispose: () => client.dispose(),
  };
}

/** One bare graphql-transport-ws connection; every message goes to `onMessage`. */
export async function rawWs(router, { init, onMessage = () => {} } = {}) {
  const socket = new WebSocket(router.wsUrl, "graphql-transport-ws");
  const connection = { socket, closed: null };
  const acked = new Promise((resolve, reject) => {
    socket.on("message", (data) => {
      const text = data.toString();
      if (text.includes('"connection_ack"')) return resolve();
      if (text.includes('"type":"ping"')) return socket.send('{"type":"pong"}');
      onMessage(text);
    });
    socket.once("error", reject);
    socket.once("close", (code, reason) => {
      connection.closed = { code, reason: reason.toString() };
      reject(new Error(`closed with ${code} ${reason}`));
    });
  });
  acked.catch(() => {});
  socket.once("open", () => socket.send(JSON.stringify({ type: "connection_init", payload: init })));
  await within("connection_ack", acked);
  connection.subscribe = (id, query, variables) =>
    socket.send(JSON.stringify({ type: "subscribe", id: String(id), payload: { query, variables } }));
  connection.close = () => new Promise((resolve) => {
    if (socket.readyState === WebSocket.CLOSED) return resolve();
    socket.once("close", resolve);
    socket.close(1000);
  });
  return connection;
}

/** connections × each subscriptions to one operation; `received` counts `next` frames, `failed` keeps others. */
export async function crowd(router, connections, each, query, { variables, onNext } = {}) {
  const crowd = { size: connections * each, received: 0, failed: [], members: [] };
  for (let c = 0; c < connections; c++) {
    const member = await rawWs(router, {
      onMessage(text) {
        if (!text.includes('"type":"next"')) return crowd.failed.push(text);
        crowd.received += 1;
        onNext?.(c, text);
      },
    });
    crowd.members.push(member);
  }
  for (const member of crowd.members) {
    for (let s = 0; s < each; s++) member.subscribe(s, query, variables);
  }
  await until(`${crowd.size} active subscriptions`, async () => {
    if (crowd.failed.length) throw Object.assign(new Error(`refused: ${crowd.failed[0]}`), { isFinal: true });
    return (await router.metric("subscriptions_active")) >= crowd.size;
  });
  crowd.leave = () => Promise.all(crowd.members.map((member) => member.close()));
  return crowd;
}

/** Waits until the router counts this many subscriptions, so that the next event finds them joined. */
export const joined = (router, count) =>
  until(`${count} active subscriptions`, async () => (await router.metric("subscriptions_active")) === count);
