// A subscription of any client as a list of what came, and the texts of whatever a client calls an error.

import { until } from "../wait.js";

/** Every message in there: GraphQL errors, a client's error around them, a close event. */
export function messages(error) {
  if (!error) return [];
  if (Array.isArray(error)) return error.flatMap(messages);
  const inner = error.graphQLErrors ?? error.errors ?? [];
  const own = typeof error.code === "number" && !error.message ? `close ${error.code} ${error.reason}` : error.message;
  return [own ?? JSON.stringify(error), ...messages([...inner])];
}

/** `subscribe(sink)` gives the function to leave; `sink` takes `next`, `error` and `complete`. */
export function watch(subscribe) {
  const seen = { results: [], errors: [], isOver: false };
  seen.leave = subscribe({
    next(result) {
      if (result.data) seen.results.push(result.data);
      seen.errors.push(...messages(result.errors ?? result.error));
    },
    error(error) {
      seen.errors.push(...messages(error));
      seen.isOver = true;
    },
    complete() { seen.isOver = true; },
  });
  seen.sequences = () => seen.results.map((data) => data.ticks?.sequence);
  /** Waits until this many results are there; an end before that is a failure. */
  seen.first = async (count) => {
    await until(`${count} results`, () => {
      if (seen.results.length >= count) return true;
      if (seen.isOver) throw Object.assign(new Error(`over after ${seen.results.length}: ${seen.errors.join("; ")}`), { isFinal: true });
      return false;
    });
    return seen.results;
  };
  seen.refusal = async () => {
    await until("an error", () => {
      if (seen.errors.length) return true;
      if (seen.isOver) throw Object.assign(new Error("over without an error"), { isFinal: true });
      return false;
    });
    return seen.errors.join("; ");
  };
  return seen;
}

/** For clients that answer a query as a stream of one. */
export async function once(subscribe) {
  const seen = watch(subscribe);
  await until("an answer", () => seen.results.length || seen.errors.length || seen.isOver);
  return { data: seen.results[0], errors: seen.errors };
}

/** A client for one test: `watch(text)` subscribes, and what is left is left and closed when the test ends, however it ends. */
export function opened(t, client) {
  const watched = [];
  t.after(async () => {
    for (const seen of watched) seen.leave();
    await client.dispose();
  });
  const watchText = (text) => {
    watched.push(watch((sink) => client.subscribe(text, sink)));
    return watched.at(-1);
  };
  return { ...client, watch: watchText };
}
