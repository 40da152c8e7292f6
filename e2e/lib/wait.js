// Waiting for conditions, never for time: a deadline is only there so that a failure ends.

import { setTimeout as sleep } from "node:timers/promises";

export const DEADLINE_MS = 60_000;

/** Polls until the condition gives something truthy, and returns that. An error with `isFinal` ends it at once. */
export async function until(what, condition, deadlineMs = DEADLINE_MS) {
  const end = Date.now() + deadlineMs;
  let last;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
      last = value;
    } catch (error) {
      if (error.isFinal) throw error;
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited ${deadlineMs} ms in vain: ${what} (last: ${last?.message ?? JSON.stringify(last)})`);
    await sleep(20);
  }
}

/** The promise's outcome, or an error that names what did not come. */
export async function within(what, promise, deadlineMs = DEADLINE_MS) {
  const stop = new AbortController();
  const late = sleep(deadlineMs, null, { signal: stop.signal }).then(
    () => { throw new Error(`waited ${deadlineMs} ms in vain: ${what}`); },
    () => {},
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop.abort();
  }
}
