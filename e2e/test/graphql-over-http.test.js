// GraphQL over HTTP: graphql-http's audits, every one of them, and the specification's table of status codes and media types;
// both over HTTP/1.1 and over HTTP/2 under TLS.

import assert from "node:assert/strict";
import { test } from "node:test";
import { serverAudits } from "graphql-http";
import { certificate } from "../lib/certificates.js";
import { freePort } from "../lib/ports.js";
import { bareFetch, overHttp2 } from "../lib/real-clients/http.js";
import { GRAPHQL_TYPE, JSON_TYPE, accepts, requests } from "../lib/real-clients/over-http.js";
import { inWorld } from "../lib/real-clients/world.js";

const at = inWorld({ limits: { request_bytes_max: "64KiB" } });

test("over HTTP/1.1", async (t) => {
  await audits(t, at.router.url, fetch);
  await table(t, at.router.url, bareFetch);

  await t.test("Status Codes: too long a URI → 414", async () => {
    const long = new URLSearchParams({ query: `#${"x".repeat(100_000)}\n{ __typename }` });
    assert.equal((await bareFetch(`${at.router.url}?${long}`, { headers: { accept: JSON_TYPE } })).status, 414);
  });
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`x-${n}`, "1"]));
  for (const [what, more] of [["too many headers", many], ["too large a header", { "x-large": "x".repeat(600_000) }]]) {
    await t.test(`Status Codes: ${what} → 431`, async () => {
      const headers = { "content-type": JSON_TYPE, ...more };
      assert.equal((await bareFetch(at.router.url, { method: "POST", headers, body: '{"query":"{ __typename }"}' })).status, 431);
    });
  }
});

test("over HTTP/2 and TLS", async (t) => {
  const { ca, ...files } = await certificate(at.world.folder, "over-http");
  const port = await freePort();
  const router = await at.beside({ http: { host: "127.0.0.1", port, tls: files } }, port);
  t.after(() => router.stop());
  const origin = `https://localhost:${port}`;
  const h2 = overHttp2(origin, { ca });
  t.after(() => h2.destroy());
  await audits(t, `${origin}/graphql`, h2.fetch);
  assert.equal(h2.protocol, "h2");
  await table(t, `${origin}/graphql`, h2.fetch);
});

async function audits(t, url, fetchFn) {
  const all = serverAudits({ url, fetchFn });
  assert.ok(all.length >= 60, `${all.length} audits`);
  for (const audit of all) {
    await t.test(`audit ${audit.id}: ${audit.name}`, async () => {
      const { status, reason } = await audit.fn();
      assert.equal(status, "ok", reason);
    });
  }
}

async function table(t, url, fetchFn) {
  const ask = (request, accept) => {
    const { search, headers = {}, ...rest } = request;
    return fetchFn(search ? `${url}?${search}` : url, { ...rest, headers: { ...headers, ...(accept === null ? {} : { accept }) } });
  };

  for (const [what, accept, type] of accepts) {
    await t.test(`${what} [${accept ?? "-"}] → ${type ?? 406}`, async () => {
      const answer = await ask({ method: "POST", headers: { "content-type": JSON_TYPE }, body: '{"query":"{ employees { id } }"}' }, accept);
      assert.equal(answer.status, type ? 200 : 406);
      const body = await answer.text();
      if (!type) return assert.ok(!isOf(answer, GRAPHQL_TYPE));
      holds(answer, type);
      assert.equal(JSON.parse(body).data.employees.length, 3);
    });
  }

  for (const [what, request, withJson, withGraphql] of requests) {
    for (const [accept, status] of [[JSON_TYPE, withJson], [GRAPHQL_TYPE, withGraphql]]) {
      await t.test(`${what} [${accept}] → ${status}`, async () => {
        const answer = await ask(request, accept);
        const body = await answer.text();
        assert.equal(answer.status, status, body);
        if (status === 405) allows(answer, request.method);
        if (isOf(answer, JSON_TYPE) || isOf(answer, GRAPHQL_TYPE)) wellFormed(answer, accept, JSON.parse(body), withGraphql === 200);
        // Whatever GraphQL was reached by comes as what its client accepts; what was turned away before may be plain text.
        else assert.ok([405, 406, 413, 415].includes(status), `${answer.headers.get("content-type")}: ${body}`);
      });
    }
  }

  const FAILING = '{"query":"{ employees { id isAvailable } }"}';
  for (const accept of [JSON_TYPE, GRAPHQL_TYPE]) {
    await t.test(`Status Codes: data that is not null beside errors (audits) [${accept}] → 200`, async () => {
      at.world.availability.mode = "errors";
      try {
        const answer = await ask({ method: "POST", headers: { "content-type": JSON_TYPE }, body: FAILING }, accept);
        const { data, errors } = await answer.json();
        assert.deepEqual([answer.status, data.employees[0], errors.length > 0], [200, { id: 1, isAvailable: null }, true]);
        holds(answer, accept);
      } finally {
        at.world.availability.mode = "ok";
      }
    });
    await t.test(`Status Codes: data is null beside errors (audits) [${accept}] → 200`, async () => {
      at.world.employees.mode = "errors";
      try {
        const answer = await ask({ method: "POST", headers: { "content-type": JSON_TYPE }, body: FAILING }, accept);
        const { data, errors } = await answer.json();
        assert.deepEqual([answer.status, data, errors.length > 0], [200, null, true]);
        holds(answer, accept);
      } finally {
        at.world.employees.mode = "ok";
      }
    });
  }
}

const isOf = (answer, type) => (answer.headers.get("content-type") ?? "").split(";")[0].trim() === type;

/** The type, and the encoding that a server should name. */
function holds(answer, type) {
  assert.ok(isOf(answer, type), answer.headers.get("content-type"));
  assert.match(answer.headers.get("content-type"), /; ?charset=utf-8$/i);
}

/** RFC 9110 §15.5.6: a 405 says what is allowed. */
function allows(answer, method) {
  const allowed = (answer.headers.get("allow") ?? "").split(/, */);
  assert.ok(allowed.includes("POST"), `allow: ${allowed}`);
  assert.ok(!allowed.includes(method), `allow: ${allowed}`);
}

/** Data where the request is a good one; else errors, and no data. */
function wellFormed(answer, accept, result, isGood) {
  if (answer.status !== 406) holds(answer, accept);
  assert.equal("data" in result, isGood, JSON.stringify(result));
  if (isGood) return assert.equal(result.errors, undefined);
  assert.ok(result.errors.length > 0);
  for (const { message } of result.errors) assert.equal(typeof message, "string");
}
