// Python's gql in a process of its own (e2e/python/driver.py), so that a test sees it as it sees every other client.

import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { within } from "../wait.js";

const DRIVER = resolve(import.meta.dirname, "../../python/driver.py");
const PYTHON = process.env.TIDEGATE_TEST_PYTHON;

/** `open(transport, url, {options, session, again})` gives a client; `stop()` ends the process. */
export function startPython() {
  if (!PYTHON) throw new Error("TIDEGATE_TEST_PYTHON names no python with gql: run `bash scripts/test --only e2e`");
  const child = spawn(PYTHON, [DRIVER], { stdio: ["pipe", "pipe", "pipe"] });
  const dies = () => child.kill("SIGKILL");
  process.once("exit", dies);
  const takers = new Map();
  let ids = 0, said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => { said = (said + text).slice(-20_000); });
  createInterface({ input: child.stdout }).on("line", (line) => {
    const outcome = JSON.parse(line);
    takers.get(outcome.id)?.(outcome);
  });
  const ended = new Promise((resolve) => child.once("close", (code) => {
    process.off("exit", dies);
    for (const take of takers.values()) take({ errors: [`python ended with ${code}: ${said}`] });
    resolve();
  }));
  child.once("error", (error) => { said += error.message; });
  child.stdin.on("error", () => {});

  const order = (what, take) => {
    const id = (ids += 1);
    takers.set(id, take);
    child.stdin.write(`${JSON.stringify({ ...what, id })}\n`);
    return id;
  };
  /** One that has one outcome. */
  const ask = (what) => within(`${what.do} of python (${said})`, new Promise((resolve) => {
    const id = order(what, (outcome) => {
      takers.delete(id);
      resolve(outcome);
    });
  }));

  return {
    async open(transport, url, { again = false, ...how } = {}) {
      const client = (ids += 1);
      const { errors } = await ask({ do: "open", client, transport, url, ...how });
      if (errors) throw new Error(errors.join("; "));
      return {
        query: (query) => ask({ do: "query", client, query }),
        subscribe(query, sink) {
          const of = order({ do: "subscribe", client, query, again }, ({ data, errors }) => {
            if (data) return sink.next({ data });
            takers.delete(of);
            if (errors) sink.error(errors.map((message) => ({ message })));
            else sink.complete();
          });
          return () => {
            if (takers.delete(of)) ask({ do: "leave", of });
          };
        },
        dispose: () => ask({ do: "close", client }),
      };
    },
    stop() {
      child.stdin.end();
      child.kill("SIGTERM");
      return ended;
    },
  };
}
