// A subgraph on an ordinary socket: answers by graphql-js, counts what it is asked, and can misbehave.

import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { buildSchema, graphql, printSchema } from "graphql";

const SCHEMA = new URL("../schema/", import.meta.url);

/** `entity(representation)` gives an entity's fields; `modes`: ok, slow, garbage, error500, errors. */
export async function subgraph(name, entity, roots = {}) {
  const sdl = readFileSync(new URL(`${name}.graphql`, SCHEMA), "utf8");
  const schema = federated(sdl);
  const state = { mode: "ok", requests: [], port: 0, server: null };
  const open = new Set();
  const rootValue = {
    ...roots,
    _entities: ({ representations }) => representations.map((one) => ({ ...one, ...entity(one) })),
  };

  async function answer(request, response) {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { query, variables } = JSON.parse(body);
    state.requests.push({ query, variables, headers: request.headers, isEntities: query.includes("_entities") });
    if (state.mode === "slow") return; // never answered: the client's deadline must end it
    const send = (status, type, text) => response.writeHead(status, { "content-type": type }).end(text);
    if (state.mode === "garbage") return send(200, "text/html", "<html>not what you asked</html>");
    if (state.mode === "error500") return send(500, "text/plain", "boom");
    const result = state.mode === "errors"
      ? { data: null, errors: [{ message: "the subgraph says no", extensions: { code: "NO" } }] }
      : await graphql({ schema, source: query, rootValue, variableValues: variables });
    send(200, "application/json", JSON.stringify(result));
  }

  const listen = () => new Promise((resolve, reject) => {
    state.server = createServer((request, response) => {
      answer(request, response).catch((error) => response.writeHead(500).end(String(error)));
    });
    state.server.on("connection", (socket) => open.add(socket.on("close", () => open.delete(socket))));
    state.server.once("error", reject);
    state.server.listen(state.port, "127.0.0.1", () => resolve((state.port = state.server.address().port)));
  });

  await listen();
  return {
    name,
    sdl,
    url: `http://127.0.0.1:${state.port}/graphql`,
    start: listen,
    /** Closes the port and every connection. */
    stop: () => new Promise((resolve) => {
      state.server.close(() => resolve());
      for (const socket of open) socket.destroy();
    }),
    set mode(mode) { state.mode = mode; },
    get requests() { return state.requests; },
    get entityRequests() { return state.requests.filter((request) => request.isEntities).length; },
  };
}

/** The SDL with what federation adds to a schema: `_Any`, `_Entity`, `_entities`. */
function federated(sdl) {
  const plain = printSchema(buildSchema(sdl, { assumeValidSDL: true }));
  const entities = [...sdl.matchAll(/^type (\w+)[^{\n]*@key/gm)].map((match) => match[1]);
  return buildSchema(`${plain}
    scalar _Any
    union _Entity = ${entities.join(" | ")}
    extend type Query { _entities(representations: [_Any!]!): [_Entity]! }`);
}
