// The router that other people's clients meet: the employees example without a broker, heartbeats five times a second,
// and a restart at the same port. Every test file that uses it has a router of its own.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { providers, serve } from "../router.js";
import { startWorld } from "../world.js";

export const TICKS = "subscription { ticks { sequence text } }";

/** What a stream that a restart ended tells its client. */
export const WHY = /stopping|restart/i;

/** Short ones, so that a quiet stream meets several, and ends that let clients of event streams come back. */
export const QUICK = {
  websocket: { ping_interval: "200ms" },
  sse: { heartbeat: "200ms" },
  multipart: { heartbeat: "200ms" },
  shutdown: { spread: "0s", event_streams: "reconnect" },
};

const subscriptions = { enabled: true, linger: "200ms" };

/** Registers a world for the tests of this file; `config` is added to `QUICK`, and may be a function for what is known late. */
export function inWorld(config = {}) {
  let world, whole;
  before(async () => {
    whole = { ...QUICK, ...(typeof config === "function" ? await config() : config) };
    world = await startWorld({ provider: "memory", config: whole });
  });
  after(() => world?.stop());
  const at = {
    get router() { return world.router; },
    get world() { return world; },
    async publish(event, subject = "ticks") {
      const answer = await fetch(`${world.router.admin}/publish?subject=${subject}`, { method: "POST", body: JSON.stringify(event) });
      assert.equal(answer.status, 200, await answer.text());
    },
    tick: (...sequences) => sequences.reduce((told, sequence) => told.then(() => at.publish({ sequence })), Promise.resolve()),
    /** SIGTERM, the end with code 0, and a new process at the same port. */
    async restart() {
      const ended = await world.router.stop("SIGTERM");
      assert.equal(ended.code, 0, world.router.output());
      const config = { events: providers.memory(), subscriptions, ...whole };
      world.router = await serve(world.folder, world.supergraph, config, [], world.router.port);
    },
    /** Another router beside it, over the same supergraph; `port` where `config.http` names one. */
    beside: (config, port) => serve(world.folder, world.supergraph, { events: providers.memory(), subscriptions, ...whole, ...config }, [], port),
    metric: (name, labels) => world.router.metric(name, labels),
  };
  return at;
}
