// `@urql/core` in every way its guide shows: subscriptions over fetch (event streams by its default Accept, multipart where
// asked for), and over graphql-ws and graphql-sse by subscriptionExchange.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient as createSse } from "graphql-sse";
import { createClient as createWs } from "graphql-ws";
import { onEnd, onPush, pipe, subscribe } from "wonka";
import WebSocket from "ws";
import { joined } from "../lib/clients.js";
import { messages, opened } from "../lib/real-clients/stream.js";
import { holdsFor } from "../lib/real-clients/suite.js";
import { TICKS, WHY, inWorld } from "../lib/real-clients/world.js";

const at = inWorld();
const patience = { retryAttempts: 200, shouldRetry: () => true };
const soon = () => new Promise((resolve) => setTimeout(resolve, 50));

/**
 * urql leaves a body without a look at how that went. Where the body was not at its end node calls that an unhandled
 * rejection, and ends the process; so here leaving never fails. The bytes are those of `fetch`.
 */
async function fetchThatCanBeLeft(url, request) {
  const response = await fetch(url, request);
  const reader = response.body.getReader();
  const body = new ReadableStream({
    async pull(into) {
      const { done, value } = await reader.read().catch(() => ({ done: true }));
      if (done) into.close();
      else into.enqueue(value);
    },
    cancel: () => reader.cancel().catch(() => {}),
  });
  return new Response(body, response);
}

function urql(router, options, dispose = () => {}) {
  const client = createClient({
    url: router.url,
    preferGetMethod: false,
    fetch: fetchThatCanBeLeft,
    exchanges: [fetchExchange],
    ...options,
  });
  return {
    async query(text) {
      const { data, error } = await (/^mutation/.test(text) ? client.mutation(text, {}) : client.query(text, {})).toPromise();
      return { data, errors: messages(error) };
    },
    subscribe(text, sink) {
      let isLeft = false, last;
      const running = pipe(
        client.subscription(text, {}),
        onPush((result) => {
          // urql repeats its last data beside an error, an error beside later data, and all of it at the end.
          if (result.data !== last) sink.next({ data: (last = result.data) });
          else if (result.error) sink.next({ error: result.error });
        }),
        onEnd(() => { if (!isLeft) sink.complete(); }),
        subscribe(() => {}),
      );
      return () => {
        isLeft = true;
        running.unsubscribe();
      };
    },
    dispose,
  };
}

/** `request.query` is a text by then, as both transports want it. */
const forwarded = (transport) => subscriptionExchange({
  forwardSubscription: (request) => ({
    subscribe: (sink) => ({ unsubscribe: transport.subscribe({ query: request.query, variables: request.variables }, sink) }),
  }),
});

function overWs(router) {
  const transport = createWs({ url: router.wsUrl, webSocketImpl: WebSocket, retryWait: soon, ...patience });
  return urql(router, { exchanges: [forwarded(transport), fetchExchange] }, () => transport.dispose());
}

function overSse(router, singleConnection) {
  const retryAttempts = singleConnection ? 0 : 200;
  const transport = createSse({ url: router.url, singleConnection, retry: soon, retryAttempts });
  return urql(router, { exchanges: [forwarded(transport), fetchExchange] }, () => transport.dispose());
}

const byFetch = (router, options) => urql(router, { fetchSubscriptions: true, ...options });
const accepting = (accept) => ({ fetchOptions: { headers: { accept } } });

holdsFor(at, { name: "urql over fetch", protocol: "sse", open: byFetch });
holdsFor(at, {
  name: "urql over fetch that accepts only multipart/mixed",
  protocol: "incremental",
  open: (router) => byFetch(router, accepting("multipart/mixed")),
});
holdsFor(at, { name: "urql over graphql-ws", protocol: "transport-ws", comesBack: true, open: overWs });
holdsFor(at, { name: "urql over graphql-sse", protocol: "sse", comesBack: true, open: (router) => overSse(router, false) });

test("urql over graphql-sse's single connection", async (t) => {
  const client = opened(t, overSse(at.router, true));
  const [ticks, updates] = [client.watch(TICKS), client.watch("subscription { employeeUpdated(employeeID: 1) { id } }")];
  await joined(at.router, 2);
  await at.tick(1, 2, 3);
  await at.publish({ id: 1 }, "employeeUpdated.1");
  await ticks.first(3);
  await updates.first(1);
  assert.deepEqual([ticks.sequences(), updates.results[0].employeeUpdated.id], [[1, 2, 3], 1]);
  ticks.leave();
  await joined(at.router, 1);
  updates.leave();
  await joined(at.router, 0);
});

test("urql's queries by GET", async () => {
  const { query } = urql(at.router, { preferGetMethod: "force" });
  assert.equal((await query("{ employees { id details { forename } } }")).data.employees.length, 3);
});

for (const [what, options] of [["an event stream", {}], ["the incremental form", accepting("multipart/mixed")]]) {
  test(`urql over fetch as ${what} is told why a restart ended it`, async (t) => {
    const ticks = opened(t, byFetch(at.router, options)).watch(TICKS);
    await joined(at.router, 1);
    await at.tick(1);
    await ticks.first(1);
    await at.restart();
    assert.match(await ticks.refusal(), WHY);
    assert.equal(ticks.sequences()[0], 1);
  });
}
