// curl as people paste it: its output as text while it comes, cut into the events of a stream or the parts of a multipart body.

import { start } from "../process.js";
import { until } from "../wait.js";

const CURL = process.env.TIDEGATE_TEST_CURL ?? "curl";

/** `head` and `body` so far, as text; curl prints heads because of `-i`. */
export function curl(...args) {
  const running = start(CURL, ["-sS", "-N", "-i", ...args]);
  const split = () => {
    const at = running.stdout.indexOf("\r\n\r\n");
    return at < 0 ? [running.stdout, ""] : [running.stdout.slice(0, at), running.stdout.slice(at + 4)];
  };
  const got = {
    running,
    get head() { return split()[0].toLowerCase(); },
    get body() { return split()[1]; },
    get status() { return Number(/^http\/\S+ (\d+)/.exec(got.head)?.[1]); },
    events: () => events(got.body),
    parts: () => parts(got.body, /boundary="?([^";\r\n]+)/i.exec(split()[0])?.[1]),
    /** Waits until this holds; an end before that is a failure. */
    until: (what, holds) => until(`${what} of curl`, () => {
      if (holds(got)) return true;
      if (running.code !== undefined) running.check();
      return false;
    }),
    /** The exit code and all that came. */
    async end() {
      await running.ended;
      return got;
    },
    /** As Ctrl-C does it. */
    leave: () => running.stop("SIGINT"),
  };
  return got;
}

export const json = (request) => ["-H", "content-type: application/json", "-d", JSON.stringify(request)];
export const accept = (type) => ["-H", `accept: ${type}`];
/** The request in the URL. */
export const byGet = (request) => ["-G", ...Object.entries(request).flatMap(([name, value]) =>
  ["--data-urlencode", `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`])];

/** The blocks of an event stream that are whole: `{event, data}`, and `{comment}` where there is nothing else. */
export function events(text) {
  return text.split("\n\n").slice(0, -1).map((block) => {
    const found = {};
    for (const line of block.split("\n")) {
      if (line.startsWith(":")) found.comment = line.slice(1);
      else found[line.slice(0, line.indexOf(":"))] = line.slice(line.indexOf(":") + 1).replace(/^ /, "");
    }
    return found;
  });
}

/** The parts of a multipart body that are whole, by RFC 2046: `{headers, body}`; `isOver` once the last boundary came. */
export function parts(text, boundary) {
  const [, ...rest] = `\r\n${text}`.split(`\r\n--${boundary}`);
  const isOver = rest.length > 0 && rest.at(-1).startsWith("--");
  const whole = rest.slice(0, -1).map((part) => {
    const at = part.indexOf("\r\n\r\n");
    return { headers: part.slice(0, at).trim().toLowerCase(), body: part.slice(at + 4) };
  });
  return Object.assign(whole, { isOver });
}
