// A headless Chromium, and a page at an origin of its own whose only tool is the browser's plain EventSource.

import { createServer } from "node:http";
import { chromium } from "playwright-core";

const executablePath = process.env.TIDEGATE_TEST_CHROMIUM ?? "/usr/bin/chromium";
// Without these a browser tries hosts of its maker, and here there is nothing but loopback.
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
  "--disable-background-networking", "--disable-component-update"];

export const launch = () => chromium.launch({ executablePath, args, headless: true });

/** `streams[name]` is a stream's arrivals in order: what listeners of `open`, `next`, `complete` and `error` were told. */
const PAGE = `<!doctype html><title>EventSource</title><script>
  const streams = {}, sources = {};
  function listen(name, url, endsItself) {
    const seen = (streams[name] = []);
    const source = (sources[name] = new EventSource(url));
    source.addEventListener("open", () => seen.push({ type: "open" }));
    source.addEventListener("next", ({ data }) => seen.push({ type: "next", ...JSON.parse(data) }));
    source.addEventListener("complete", ({ data }) => {
      seen.push({ type: "complete", data });
      if (endsItself) source.close();
    });
    source.addEventListener("message", ({ data }) => seen.push({ type: "message", data }));
    source.addEventListener("error", () => seen.push({ type: "error", state: source.readyState }));
  }
</script>`;

/** Serves the page on a free port; each port is an origin. */
export function pageServer() {
  const server = createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end(PAGE));
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve({
      origin: `http://127.0.0.1:${server.address().port}`,
      close: () => new Promise((done) => {
        server.close(done);
        server.closeAllConnections();
      }),
    }));
  });
}

/** The page in a tab: `listen(name, url)`, `seen(name)`, `close(name)`, and `run` for what a script of the page does. */
export async function tab(context, origin) {
  const page = await context.newPage();
  await page.goto(origin);
  return {
    page,
    listen: (name, url, { endsItself = true } = {}) => page.evaluate((how) => listen(...how), [name, url, endsItself]),
    seen: (name) => page.evaluate((name) => streams[name], name),
    state: (name) => page.evaluate((name) => sources[name].readyState, name),
    close: (name) => page.evaluate((name) => sources[name].close(), name),
    /** fetch in the page: `{status, body}`. */
    fetch: (url, request) => page.evaluate(async ([url, request]) => {
      const answer = await fetch(url, request);
      return { status: answer.status, body: await answer.text() };
    }, [url, request]),
  };
}
