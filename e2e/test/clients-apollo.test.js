// `@apollo/client` 4 as its guide sets it up: multipart subscriptions over HttpLink, and GraphQLWsLink beside HttpLink.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { RetryLink } from "@apollo/client/link/retry";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode, parse } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { joined } from "../lib/clients.js";
import { overHttp2 } from "../lib/real-clients/http.js";
import { messages, opened } from "../lib/real-clients/stream.js";
import { comesBackAfterRestart, holdsFor } from "../lib/real-clients/suite.js";
import { TICKS, WHY, inWorld } from "../lib/real-clients/world.js";

// GraphQLWsLink asks for the constant of a browser's, which node 20 lacks.
globalThis.WebSocket ??= WebSocket;

const at = inWorld();

function apollo(link, dispose = () => {}) {
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  return {
    client,
    async query(text) {
      const document = parse(text);
      const { operation } = document.definitions[0];
      try {
        return await (operation === "mutation" ? client.mutate({ mutation: document }) : client.query({ query: document }));
      } catch (error) {
        return { errors: messages(error) };
      }
    },
    subscribe(text, sink) {
      const running = client.subscribe({ query: parse(text), fetchPolicy: "no-cache" }).subscribe(sink);
      return () => running.unsubscribe();
    },
    async dispose() {
      client.stop();
      await dispose();
    },
  };
}

/** What every response said it is, by the operation that asked for it. */
function recording(types, fetchFn = fetch) {
  return async (url, request) => {
    const response = await fetchFn(url, request);
    types.push([request.headers.accept, response.status, response.headers.get("content-type")]);
    return response;
  };
}

const again = () => new RetryLink({ attempts: { max: 200 }, delay: { initial: 50, max: 50, jitter: false } });

function overWs(router) {
  const socket = createClient({
    url: router.wsUrl,
    webSocketImpl: WebSocket,
    retryAttempts: 200,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
    shouldRetry: () => true,
  });
  const isStream = ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION;
  return apollo(ApolloLink.split(isStream, new GraphQLWsLink(socket), new HttpLink({ uri: router.url })), () => socket.dispose());
}

holdsFor(at, {
  name: "Apollo HttpLink",
  protocol: "multipart",
  open: (router) => apollo(new HttpLink({ uri: router.url })),
});
holdsFor(at, { name: "Apollo GraphQLWsLink", protocol: "transport-ws", comesBack: true, open: overWs });

test("Apollo HttpLink: its default Accept gets GraphQL's own type, and a subscription the multipart protocol", async (t) => {
  const types = [];
  const client = opened(t, apollo(new HttpLink({ uri: at.router.url, fetch: recording(types) })));
  assert.equal((await client.query("{ employees { id } }")).data.employees.length, 3);
  const ticks = client.watch(TICKS);
  await joined(at.router, 1);
  ticks.leave();
  await joined(at.router, 0);
  const [[askedOne, status, one], [askedMany, , many]] = types;
  assert.match(askedOne, /application\/graphql-response\+json/);
  assert.equal(status, 200);
  assert.match(one, /^application\/graphql-response\+json/);
  assert.match(askedMany, /subscriptionSpec=1\.0/);
  assert.match(many, /^multipart\/mixed; ?boundary="?graphql"?; ?subscriptionSpec="?1\.0"?$/);
});

test("Apollo HttpLink: queries by GET, while mutations stay with POST", async (t) => {
  const { query } = opened(t, apollo(new HttpLink({ uri: at.router.url, useGETForQueries: true })));
  assert.equal((await query("{ employees { id details { forename } } }")).data.employees[0].details.forename, "First1");
  assert.equal((await query("mutation { touchEmployee(id: 1) { success } }")).data.touchEmployee.success, true);
});

test("Apollo HttpLink with RetryLink comes back after a restart: the end says that it is one", async (t) => {
  const ticks = opened(t, apollo(ApolloLink.from([again(), new HttpLink({ uri: at.router.url })]))).watch(TICKS);
  await comesBackAfterRestart(at, ticks);
  assert.deepEqual(ticks.errors, []);
});

test("Apollo HttpLink without it sees why its subscription ended", async (t) => {
  const ticks = opened(t, apollo(new HttpLink({ uri: at.router.url }))).watch(TICKS);
  await joined(at.router, 1);
  await at.restart();
  assert.match(await ticks.refusal(), WHY);
  assert.deepEqual(ticks.results, []);
});

test("Apollo HttpLink over HTTP/2 by prior knowledge: ten subscriptions on one connection", async (t) => {
  const h2 = overHttp2(new URL(at.router.url).origin);
  const client = opened(t, apollo(new HttpLink({ uri: at.router.url, fetch: h2.fetch }), () => h2.destroy()));
  // A document each: Apollo would share one subscription among equal ones.
  const many = Array.from({ length: 10 }, (_, n) => client.watch(`subscription S${n} { ticks { sequence } }`));
  await joined(at.router, 10);
  await at.tick(1, 2, 3);
  for (const one of many) assert.deepEqual((await one.first(3)) && one.sequences(), [1, 2, 3]);
  assert.equal((await client.query("{ employees { id } }")).data.employees.length, 3);
  for (const one of many) one.leave();
  await joined(at.router, 0);
});
