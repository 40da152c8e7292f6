// What curl shows of every streaming form, byte by byte: heads before events, heartbeats, ends, the single connection by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { certificate } from "../lib/certificates.js";
import { joined } from "../lib/clients.js";
import { freePort } from "../lib/ports.js";
import { accept, byGet, curl, json } from "../lib/real-clients/curl.js";
import { QUICK, TICKS, inWorld } from "../lib/real-clients/world.js";
import { until } from "../lib/wait.js";

const at = inWorld();
const MULTIPART = "multipart/mixed;subscriptionSpec=1.0";

const events = {
  sent: "text/event-stream",
  told: /^content-type: text\/event-stream(;|\r?$)/m,
  opening: (got) => got.body.startsWith(":\n\n"),
  heartbeats: (got) => got.events().filter(({ comment }) => comment !== undefined).length,
  results: (got) => got.events().filter(({ event }) => event === "next").map(({ data }) => JSON.parse(data)),
  isComplete: (got) => got.events().at(-1)?.event === "complete" && got.events().at(-1).data === "",
};
const multipart = {
  sent: MULTIPART,
  told: /^content-type: multipart\/mixed; ?boundary="?graphql"?; ?subscriptionspec="?1\.0"?\r?$/m,
  opening: (got) => /^(\r\n)?--graphql/.test(got.body),
  heartbeats: (got) => got.parts().filter(({ body }) => body.trim() === "{}").length,
  results: (got) => bodies(got).filter((body) => "payload" in body).map(({ payload, errors }) => payload ?? { errors }),
  isComplete: (got) => got.parts().isOver,
};
const incremental = {
  sent: "multipart/mixed",
  told: /^content-type: multipart\/mixed; ?boundary="?-"?\r?$/m,
  opening: (got) => /^(\r\n)?---/.test(got.body),
  heartbeats: (got) => (/[ \t\r\n]*$/.exec(got.body.replace(/\r\n\r\n/g, ""))?.[0].length ?? 0),
  results: (got) => bodies(got).filter((body) => "data" in body || "errors" in body).map(({ data, errors }) => (data ? { data } : { errors })),
  isComplete: (got) => got.parts().isOver && bodies(got).at(-1).hasNext === false,
};
const forms = { "an event stream": events, "Apollo's multipart": multipart, "the incremental form": incremental };
const bodies = (got) => got.parts().map(({ body }) => JSON.parse(body));

/** The ways to connect, with the first line of the answer. */
const ways = {
  "HTTP/1.1": { line: /^http\/1\.1 200/, url: () => at.router.url, options: () => ["--http1.1"] },
  "HTTP/2 by prior knowledge": { line: /^http\/2 200/, url: () => at.router.url, options: () => ["--http2-prior-knowledge"] },
};

for (const [form, { sent, told, opening, heartbeats, results }] of Object.entries(forms)) {
  for (const [way, { line, url, options }] of Object.entries(ways)) {
    for (const [method, request] of [["POST", json], ["GET", byGet]]) {
      test(`${form} by ${method} over ${way}: head, opening and heartbeats before the first event, then every event`, async (t) => {
        const got = curl(...options(), ...accept(sent), ...request({ query: TICKS }), url());
        t.after(got.leave);
        await got.until("the opening", opening);
        assert.match(got.head, line);
        assert.match(got.head, told);
        assert.match(got.head, /^cache-control: .*no-(cache|store)/m);
        assert.match(got.head, /^x-accel-buffering: no\r?$/m);
        assert.doesNotMatch(got.head, /^content-length:/m);
        if (way === "HTTP/1.1") assert.match(got.head, /^transfer-encoding: chunked\r?$/m);
        await got.until("two heartbeats", () => heartbeats(got) >= 2);
        assert.deepEqual(results(got), []);
        await joined(at.router, 1);
        await at.tick(1, 2, 3);
        await got.until("three results", () => results(got).length === 3);
        assert.deepEqual(results(got).map(({ data }) => data.ticks.sequence), [1, 2, 3]);
        await got.leave();
        await joined(at.router, 0);
      });
    }
  }

  test(`${form}: a query is one result and the end, an operation refused within its errors and the end`, async () => {
    const ask = async (query) => curl(...accept(sent), ...json({ query }), at.router.url).end();
    const answered = await ask("{ employees { id } }");
    assert.deepEqual([answered.status, answered.running.code, results(answered).length], [200, 0, 1]);
    assert.equal(results(answered)[0].data.employees.length, 3);
    assert.ok(forms[form].isComplete(answered), answered.body);
    const refused = await ask('subscription { roomEntered(room: "a.>") { id } }');
    assert.equal(refused.status, 200);
    assert.match(results(refused)[0].errors[0].message, /room/);
    // Apollo's own errors beside a payload are for a stream that breaks off.
    assert.doesNotMatch(refused.body, /"payload":null/);
    assert.ok(forms[form].isComplete(refused), refused.body);
  });
}

test("a mutation is not carried out by GET, whatever form is accepted", async () => {
  const published = () => at.metric("publishes");
  const before = await published();
  for (const type of [...Object.values(forms).map(({ sent }) => sent), "application/json"]) {
    const got = await curl(...accept(type), ...byGet({ query: "mutation { touchEmployee(id: 1) { success } }" }), at.router.url).end();
    assert.doesNotMatch(got.body, /"success"/, type);
    assert.match(got.body, /"errors"/, type);
  }
  assert.equal(await published(), before);
});

test("SIGTERM ends every form with a last frame that says why, and curl with 0", async () => {
  const router = await at.beside({ shutdown: { spread: "0s" } });
  const running = Object.entries(forms).map(([form, { sent }]) => [form, curl(...accept(sent), ...json({ query: TICKS }), router.url)]);
  await joined(router, 3);
  assert.equal((await router.stop("SIGTERM")).code, 0);
  for (const [form, got] of running) {
    await got.end();
    assert.equal(got.running.code, 0, `${form}: ${got.running.stderr}`);
    const [{ errors }] = forms[form].results(got);
    assert.equal(errors[0].extensions.code, "SUBSCRIPTION_SERVER_DRAIN", form);
    assert.ok(forms[form].isComplete(got), `${form}: ${got.body}`);
  }
});

test("with event_streams: reconnect an event stream ends without complete", async () => {
  const router = await at.beside({ shutdown: QUICK.shutdown });
  const got = curl(...accept("text/event-stream"), ...json({ query: TICKS }), router.url);
  await joined(router, 1);
  await router.stop("SIGTERM");
  await got.end();
  assert.equal(got.running.code, 0, got.running.stderr);
  assert.equal(got.events().filter(({ event }) => event === "complete").length, 0);
});

test("over TLS: HTTP/2 by ALPN, HTTP/1.1 where the client wants it, and every form", async (t) => {
  const { ca, ...files } = await certificate(at.world.folder, "curl");
  const port = await freePort();
  const router = await at.beside({ http: { host: "127.0.0.1", port, tls: files } }, port);
  t.after(() => router.stop());
  const url = `https://localhost:${port}/graphql`;
  const trust = ["--cacert", files.cert_file];
  for (const [version, option] of [["2", "--http2"], ["1.1", "--http1.1"]]) {
    for (const [form, { sent, results }] of Object.entries(forms)) {
      const got = curl(...trust, option, ...accept(sent), ...json({ query: TICKS }), url);
      await joined(router, 1);
      await fetch(`${router.admin}/publish?subject=ticks`, { method: "POST", body: '{"sequence":1}' });
      await got.until("an event", () => results(got).length === 1);
      assert.ok(got.head.startsWith(`http/${version} 200`), `${form}: ${got.head}`);
      await got.leave();
      await joined(router, 0);
    }
  }
  await until("plain HTTP at the TLS port is no GraphQL", async () => {
    const got = curl("http://localhost:" + port + "/graphql?query={__typename}");
    await got.end();
    return !got.body.includes("Query");
  });
});
