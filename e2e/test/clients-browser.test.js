// A browser's plain EventSource in headless Chromium, on a page of another origin: no library, nothing but listeners.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { certificate } from "../lib/certificates.js";
import { joined } from "../lib/clients.js";
import { freePort } from "../lib/ports.js";
import { launch, pageServer, tab } from "../lib/real-clients/browser.js";
import { TICKS, inWorld } from "../lib/real-clients/world.js";
import { until } from "../lib/wait.js";

let pages, strangers, browser, page;
const at = inWorld(async () => {
  [pages, strangers] = [await pageServer(), await pageServer()];
  return { cors: { origins: [pages.origin] } };
});
before(async () => {
  browser = await launch();
  page = await tab(await browser.newContext(), pages.origin);
});
after(async () => {
  await browser?.close();
  await pages?.close();
  await strangers?.close();
});

const address = (query, base = at.router.url) => `${base}?${new URLSearchParams({ query })}`;
const nexts = (seen) => seen.filter(({ type }) => type === "next");
const sequences = (seen) => nexts(seen).map(({ data }) => data?.ticks.sequence).filter((it) => it !== undefined);

/** Waits until the stream has seen what `holds` of it, and gives all it saw. */
const arrived = (name, what, holds) => until(`${what} of ${name}`, async () => {
  const seen = await page.seen(name);
  return holds(seen) && seen;
});

test("distinct: open before the first event, events in order, quiet through heartbeats, and close() leaves", async () => {
  await page.listen("ticks", address(TICKS));
  await arrived("ticks", "open", (seen) => seen.length === 1);
  await joined(at.router, 1);
  await at.tick(1, 2, 3);
  await arrived("ticks", "three events", (seen) => nexts(seen).length === 3);
  await sleep(1500); // the quiet itself
  await at.tick(4);
  const seen = await arrived("ticks", "the fourth", (seen) => nexts(seen).length === 4);
  assert.deepEqual(seen.map(({ type }) => type), ["open", "next", "next", "next", "next"]);
  assert.deepEqual(sequences(seen), [1, 2, 3, 4]);
  await page.close("ticks");
  await joined(at.router, 0);
});

test("distinct: a query is one next and one complete, whose data is empty", async () => {
  await page.listen("query", address("{ employees { id } }"));
  const seen = await arrived("query", "complete", (seen) => seen.some(({ type }) => type === "complete"));
  assert.deepEqual(seen.map(({ type }) => type), ["open", "next", "complete"]);
  assert.equal(seen[1].data.employees.length, 3);
  assert.equal(seen[2].data, "");
});

test("distinct: a refused operation is told in the stream, where a page can read it", async () => {
  for (const [name, query] of [["unknown", "subscription { nothing }"], ["syntax", "subscription {"]]) {
    await page.listen(name, address(query));
    const seen = await arrived(name, "complete", (seen) => seen.some(({ type }) => type === "complete"));
    assert.deepEqual(seen.map(({ type }) => type), ["open", "next", "complete"], name);
    assert.ok(nexts(seen)[0].errors[0].message.length > 0);
  }
  await joined(at.router, 0);
});

test("distinct: it comes back by itself after a restart, as a browser does", async () => {
  await page.listen("restarted", address(TICKS));
  await joined(at.router, 1);
  await at.tick(1);
  await arrived("restarted", "the first", (seen) => sequences(seen).length === 1);
  await at.restart();
  await joined(at.router, 1);
  await at.tick(2);
  const seen = await arrived("restarted", "the second", (seen) => sequences(seen).length === 2);
  assert.deepEqual(sequences(seen), [1, 2]);
  assert.ok(!seen.some(({ type }) => type === "complete"));
  await page.close("restarted");
  await joined(at.router, 0);
});

test("single connection: a token by PUT, one stream with it in the URL, operations by POST, and DELETE ends one", async () => {
  const url = at.router.url;
  const { status, body: token } = await page.fetch(url, { method: "PUT" });
  assert.equal(status, 201);
  await page.listen("shared", `${url}?token=${encodeURIComponent(token)}`, { endsItself: false });
  await arrived("shared", "open", (seen) => seen.length === 1);
  const headers = { "content-type": "application/json", "x-graphql-event-stream-token": token };
  const run = (query, operationId) =>
    page.fetch(url, { method: "POST", headers, body: JSON.stringify({ query, extensions: { operationId } }) });
  for (const id of ["one", "two"]) assert.equal((await run(TICKS, id)).status, 202);
  assert.equal((await run("{ employees { id } }", "query")).status, 202);
  await joined(at.router, 2);
  await at.tick(1, 2, 3);
  const of = (seen, id) => nexts(seen).filter((one) => one.id === id).map(({ payload }) => payload.data);
  let seen = await arrived("shared", "all of both", (seen) => of(seen, "one").length === 3 && of(seen, "two").length === 3);
  assert.deepEqual(of(seen, "one").map(({ ticks }) => ticks.sequence), [1, 2, 3]);
  assert.equal(of(seen, "query")[0].employees.length, 3);
  assert.ok(seen.some(({ type, data }) => type === "complete" && JSON.parse(data).id === "query"));
  assert.equal((await page.fetch(`${url}?operationId=one`, { method: "DELETE", headers })).status, 200);
  await joined(at.router, 1);
  await at.tick(4);
  seen = await arrived("shared", "the fourth", (seen) => of(seen, "two").length === 4);
  assert.equal(of(seen, "one").length, 3);
  assert.equal(seen.filter(({ type }) => type === "open").length, 1);
  await page.close("shared");
  await joined(at.router, 0);
});

test("a page of an origin that is not allowed gets nothing", async () => {
  const stranger = await tab(page.page.context(), strangers.origin);
  await stranger.listen("ticks", address(TICKS));
  await until("an error", async () => (await stranger.seen("ticks")).length > 0);
  assert.deepEqual(await stranger.seen("ticks"), [{ type: "error", state: 2 }]);
  await stranger.page.close();
  await joined(at.router, 0);
});

test("the router's own page may use EventSource as well", async () => {
  const own = await browser.newPage();
  await own.goto(at.router.page);
  const first = await own.evaluate((url) => new Promise((resolve) => {
    const source = new EventSource(url);
    source.addEventListener("next", ({ data }) => resolve(JSON.parse(data)));
    source.addEventListener("complete", () => source.close());
  }), address("{ __typename }"));
  assert.deepEqual(first, { data: { __typename: "Query" } });
  await own.close();
});

test("over TLS it is HTTP/2, so that one page can have more streams than the six of HTTP/1.1", async (t) => {
  const { ca, ...files } = await certificate(at.world.folder, "browser");
  const port = await freePort();
  const router = await at.beside({ http: { host: "127.0.0.1", port, tls: files } }, port);
  t.after(() => router.stop());
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  t.after(() => context.close());
  const secure = await tab(context, pages.origin);
  const names = Array.from({ length: 12 }, (_, n) => `stream ${n}`);
  for (const name of names) await secure.listen(name, address(TICKS, `https://127.0.0.1:${port}/graphql`));
  await joined(router, names.length);
  await fetch(`${router.admin}/publish?subject=ticks`, { method: "POST", body: '{"sequence":1}' });
  for (const name of names) {
    await until(`an event of ${name}`, async () => sequences(await secure.seen(name)).length === 1);
  }
  for (const name of names) await secure.close(name);
  await joined(router, 0);
});
