// A TCP relay in front of the router that makes any client slow: it stops reading, or reads one byte a second.
// Works below TLS and HTTP/2, so real clients need no change. Owns only sockets.

import { connect, createServer } from "node:net";

const WHOLE_BYTES = 64 << 10;

/** Listens on `port`; `freeze`, `trickle` and `thaw` hold for what the router sends over every connection. */
export async function relay(routerPort) {
  const open = new Set();
  const state = { mode: "open" };
  const server = createServer((client) => {
    const buffer = () => Buffer.alloc(state.mode === "trickle" ? 1 : WHOLE_BYTES);
    const callback = (length, bytes) => {
      client.write(Buffer.from(bytes.subarray(0, length)));
      return state.mode === "open";
    };
    const upward = connect({ port: routerPort, host: "127.0.0.1", onread: { buffer, callback } });
    const pair = { client, upward };
    open.add(pair);
    client.on("data", (bytes) => upward.write(bytes));
    client.on("end", () => upward.end());
    upward.on("end", () => client.end());
    const end = () => {
      open.delete(pair);
      client.destroy();
      upward.destroy();
    };
    for (const socket of [client, upward]) socket.on("error", end);
    client.on("close", end);
    upward.on("close", () => client.end());
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const each = (work) => { for (const { upward } of open) work(upward); };
  const second = setInterval(() => { if (state.mode === "trickle") each((upward) => upward.resume()); }, 1_000);
  return {
    port: server.address().port,
    freeze() { state.mode = "frozen"; each((upward) => upward.pause()); },
    trickle() { state.mode = "trickle"; },
    thaw() { state.mode = "open"; each((upward) => upward.resume()); },
    /** Bytes to the router that no library would send. */
    inject: (bytes) => each((upward) => upward.write(bytes)),
    async stop() {
      clearInterval(second);
      for (const { client, upward } of open) { client.destroy(); upward.destroy(); }
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
