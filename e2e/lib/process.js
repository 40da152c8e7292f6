// One child process: its output kept, its end awaited, ended by its own pid.

import { spawn } from "node:child_process";
import { within } from "./wait.js";

const KEPT_CHARACTERS = 200_000;

// Children must not outlive a test that is cut off. Each is ended by its own pid.
const alive = new Set();
process.on("exit", () => { for (const child of alive) child.kill("SIGKILL"); });
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.once(signal, () => process.exit(1));

// `TIDEGATE_…` variables are settings of the router; the tests' own ones must not be taken for such.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("TIDEGATE_")));

/** `env` is added to the environment, less what is named TIDEGATE_ there. */
export function start(program, args, { env = {} } = {}) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...environment, ...env } });
  const running = { child, pid: child.pid, stdout: "", stderr: "", code: undefined, signal: undefined };
  for (const stream of ["stdout", "stderr"]) {
    child[stream].setEncoding("utf8").on("data", (text) => {
      running[stream] = (running[stream] + text).slice(-KEPT_CHARACTERS);
    });
  }
  running.ended = new Promise((resolve, reject) => {
    alive.add(child);
    child.once("error", (error) => {
      running.error = error;
      reject(error);
    });
    child.once("exit", () => alive.delete(child));
    child.once("close", (code, signal) => {
      resolve(Object.assign(running, { code: code ?? undefined, signal: signal ?? undefined }));
    });
  });
  running.ended.catch(() => {});
  /** For conditions that are waited for: ends the waiting once the process has ended, or never began. */
  running.check = () => {
    const over = running.error?.message ?? running.signal ?? running.code;
    if (over === undefined) return;
    throw Object.assign(new Error(`${program} ended: ${over}\n${running.stderr}${running.stdout}`), { isFinal: true });
  };
  /** Signals and waits for the end; a process that ended already stays ended. */
  running.stop = async (signal = "SIGTERM") => {
    if (running.code === undefined && running.signal === undefined) child.kill(signal);
    try {
      return await within(`the end of ${program} after ${signal}`, running.ended, 30_000);
    } catch (error) {
      child.kill("SIGKILL");
      await running.ended;
      throw error;
    }
  };
  return running;
}

/** Runs to the end; the outcome has code, stdout and stderr. */
export function run(program, args, options) {
  const running = start(program, args, options);
  return within(`${program} ${args.join(" ")}`, running.ended);
}

