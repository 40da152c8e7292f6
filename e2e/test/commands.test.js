// What a person reads: each wrong command line, file or request gets a sentence that names what to mend.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { run } from "../lib/process.js";
import { TIDEGATE, listeners, providers } from "../lib/router.js";
import { startWorld } from "../lib/world.js";

let world;
before(async () => { world = await startWorld({ provider: "memory" }); });
after(() => world?.stop());

/** Runs the binary to its end; it must fail, and say all of this in whole lines. */
async function fails(args, ...messages) {
  const { code, stdout, stderr } = await run(TIDEGATE, args);
  assert.ok(code > 0, `${args.join(" ")} ended with ${code}: ${stdout}`);
  for (const message of messages) assert.ok(stderr.includes(message), `${args.join(" ")}: no "${message}" in\n${stderr}`);
  assert.doesNotMatch(stderr, /\u001b\[/, "no colours where nobody looks");
  assert.doesNotMatch(stderr, /panicked|\{\{|UserAbsoluteUri|DuplicateKey/, "nothing of the machine's own");
}

const write = async (name, text) => {
  const path = join(world.folder, name);
  await writeFile(path, text);
  return path;
};

test("subscribe and publish", async () => {
  const { url, admin } = world.router;
  const operation = "subscription { employeeUpdated(employeeID: 1) { id } }";
  await fails(["subscribe", operation, "--url", "nope"], "nope is no HTTP address", "with its scheme");
  await fails(["subscribe", operation, "--url", url, "--variables", "{"], "`--variables`", `'{"id": 1}'`);
  await fails(["subscribe", operation, "--url", url, "--count", "0"], "--count");
  await fails(["subscribe", operation, "--url", `${admin}/graphql`], "status 405", "`--url` must name the GraphQL endpoint");
  await fails(["subscribe", "subscription { nope }", "--url", url], "nope", "GRAPHQL_VALIDATION_FAILED");
  await fails(["publish", "a", "{}", "--url", "nope"], "is no HTTP address");
  await fails(["publish", "a", "{}", "--url", admin, "--provider", "other"], "there is no provider `other`", "default");
  await fails(["publish", "a", "{}", "--url", world.router.page], "`--url` must name the admin listener");
  await fails(["publish", "a", "{}", "--url", "http://127.0.0.1:9"], "cannot be reached", "is the router running there?");
});

test("a supergraph that is none is shown in its own file, and not for pages", async () => {
  const { config } = await listeners();
  const settings = await write("fine.yaml", JSON.stringify({ ...config, events: providers.memory() }));
  const serve = (path) => ["serve", "-c", settings, "-s", path];
  await fails(serve(await write("cut.graphql", "type Query {\n")), "cut.graphql cannot be used", "cut.graphql:1:");
  const flood = await write("flood.graphql", "subgraphs: { a: { b: ./c } }\n".repeat(20));
  await fails(serve(flood), "the first 10 of");
  await fails(serve(join(world.folder, "none.graphql")), "none.graphql cannot be read");
});

test("compose names the file and the subgraph", async () => {
  const listing = async (subgraphs) => write("listing.yaml", JSON.stringify({ subgraphs }));
  const compose = async (subgraphs) => ["compose", "--config", await listing(subgraphs)];
  await fails(await compose({ a: { routing_url: "http://a", schema: { file: "none.graphql" } } }), "subgraph `a`", "none.graphql");
  await write("a.graphql", "type Query { a: Int }");
  await fails(await compose({ a: { routing_url: "a:4001", schema: { file: "a.graphql" } } }), "subgraph `a`", "`a:4001`");
  await fails(await compose({ a: { rooting_url: "http://a", schema: { file: "a.graphql" } } }), "did you mean `routing_url`?");
  await fails(["compose", "--config", await write("twice.yaml", "subgraphs: {}\nsubgraphs: {}\n")], "duplicate mapping key");
});

test("a level that is none is refused, since a filter would take it for silence", async () => {
  const settings = await write("loud.yaml", "log: { level: loud }\n");
  await fails(["config", "check", "-c", settings], "`log.level`: `loud` is no level", "write `info`");
});

test("the README shows what is printed", async () => {
  const settings = await write("tidegate.yaml", "limts: {}\n");
  const { stderr } = await run(TIDEGATE, ["config", "check", "-c", settings]);
  const readme = await readFile(resolve(import.meta.dirname, "../../README.md"), "utf8");
  const printed = stderr.replaceAll(`${world.folder}/`, "").trimEnd();
  assert.ok(readme.includes(printed), printed);
});

test("a reader that goes away is no failure", async () => {
  const child = spawn("sh", ["-c", `"${TIDEGATE}" config schema | true; "${TIDEGATE}" compose --help | true`]);
  let stderr = "";
  child.stderr.on("data", (text) => { stderr += text; });
  await new Promise((resolve) => child.on("close", resolve));
  assert.equal(stderr, "");
});
