// Self-signed certificates for loopback, made by openssl, and a router that listens with its own `http` settings.

import { join } from "node:path";
import { readFile, rename } from "node:fs/promises";
import { run } from "./process.js";
import { freePort } from "./ports.js";
import { providers, serve } from "./router.js";

const NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1";

/** A new key and certificate under these names in the folder, put in place of what was there at once. */
export async function certificate(folder, name = "server") {
  const file = (ending) => join(folder, `${name}.${ending}`);
  const fresh = (ending) => join(folder, `${name}-fresh.${ending}`);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", fresh("key")];
  const shown = ["-days", "2", "-subj", "/CN=localhost", "-addext", NAMES, "-out", fresh("pem")];
  const made = await run("openssl", ["req", "-x509", ...key, ...shown]);
  if (made.code !== 0) throw new Error(`openssl: ${made.stderr}`);
  for (const ending of ["key", "pem"]) await rename(fresh(ending), file(ending));
  return { key_file: file("key"), cert_file: file("pem"), ca: await readFile(file("pem"), "utf8") };
}

/** A router on the embedded broker whose `http` section is its host and port and this. */
export async function serveWith(world, http, config = {}) {
  const port = await freePort();
  const subscriptions = { enabled: true, linger: "200ms", ...config.subscriptions };
  // Nobody waits for a spread that is not what is tried.
  const shutdown = { spread: "0s", ...config.shutdown };
  const listening = { host: "127.0.0.1", port, ...http };
  const whole = { events: providers.memory(), ...config, subscriptions, shutdown, http: listening };
  return serve(world.folder, world.supergraph, whole, [], port);
}
