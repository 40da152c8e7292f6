// Requests with exactly the headers that are named, over HTTP/1.1 and HTTP/2, as `fetch` would answer them: `fetch` itself
// always adds some. Both give a `Response` whose body streams.

import { connect } from "node:http2";
import { request as request1 } from "node:http";
import { Readable } from "node:stream";

const hasNoBody = (status) => [204, 205, 304].includes(status);

const answer = (status, headers, body) =>
  new Response(hasNoBody(status) ? null : Readable.toWeb(body), { status, headers });

/** One connection a request. */
export function bareFetch(url, { method = "GET", headers = {}, body, signal } = {}) {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const request = request1(url, { method, headers: { ...length, ...headers }, signal, agent: false }, (response) => {
      const lines = Object.entries(response.headersDistinct).flatMap(([name, values]) => values.map((value) => [name, value]));
      resolve(answer(response.statusCode, lines, response));
    });
    request.once("error", reject);
    request.end(body);
  });
}

/** One HTTP/2 connection for all requests: by ALPN for `https:` (with `ca` to trust), by prior knowledge for `http:`. */
export function overHttp2(origin, { ca } = {}) {
  const session = connect(origin, { ca });
  // A failure shows at the requests; without a listener it would end the process.
  session.on("error", () => {});
  const fetch = (url, { method = "GET", headers = {}, body, signal } = {}) => new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const { pathname, search } = new URL(url);
    const own = Object.fromEntries([...new Headers(headers)]);
    const stream = session.request({ ":method": method, ":path": pathname + search, ...own }, { endStream: body === undefined });
    signal?.addEventListener("abort", () => stream.destroy(signal.reason), { once: true });
    stream.once("error", reject);
    stream.once("response", (head) => {
      const lines = Object.entries(head).filter(([name]) => !name.startsWith(":")).map(([name, value]) => [name, String(value)]);
      resolve(answer(head[":status"], lines, stream));
    });
    if (body !== undefined) stream.end(body);
  });
  return {
    fetch,
    get protocol() { return session.alpnProtocol; },
    close: () => new Promise((resolve) => session.closed ? resolve() : session.close(resolve)),
    destroy: () => session.destroy(),
  };
}
