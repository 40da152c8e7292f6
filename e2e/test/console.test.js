// The GraphiQL page in a real browser: a subscription started by clicking, and its events seen.
// With TIDEGATE_TEST_PICTURE=docs/graphiql.png the page is also kept as the README's picture.

import assert from "node:assert/strict";
import { resolve } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { demo } from "../lib/router.js";
import { until } from "../lib/wait.js";

const executablePath = process.env.TIDEGATE_TEST_CHROMIUM ?? "/usr/bin/chromium";
// Without these a browser tries hosts of its maker, and here there is nothing but loopback.
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
  "--disable-background-networking", "--disable-component-update"];

let router, browser;
before(async () => {
  router = await demo();
  browser = await chromium.launch({ executablePath, args, headless: true });
});
after(async () => {
  await browser?.close();
  await router?.stop();
});

test("a prepared subscription runs at a click and shows events", async () => {
  const page = await browser.newPage({ viewport: { width: 1360, height: 800 } });
  const asked = [];
  const faults = [];
  page.on("request", (request) => asked.push(new URL(request.url()).host));
  page.on("pageerror", (error) => faults.push(error.message));
  await page.goto(router.page);
  const tabs = page.getByRole("tab");
  await tabs.first().waitFor();
  assert.ok((await tabs.count()) >= 3, "tabs are prepared");
  await page.getByRole("button", { name: /execute query/i }).click();
  // `#status` counts the events of the running subscription.
  const status = page.locator("#status");
  await status.and(page.locator('[data-state="live"]')).waitFor({ timeout: 60_000 });
  await page.waitForFunction(() => Number(document.querySelector("#status").dataset.events) >= 2, null, { timeout: 60_000 });
  await page.locator(".result-window").getByText('"data"').first().waitFor();
  assert.deepEqual([...new Set(asked)], [new URL(router.page).host], "nothing is loaded from anywhere else");
  assert.deepEqual(faults, []);
  const picture = process.env.TIDEGATE_TEST_PICTURE;
  if (picture) await page.screenshot({ path: resolve(import.meta.dirname, "../..", picture) });
  await page.getByRole("button", { name: /stop/i }).click();
  await status.and(page.locator('[data-state="idle"]')).waitFor();
  await page.close();
});

test("every prepared tab runs as it stands", async () => {
  const page = await browser.newPage({ viewport: { width: 1360, height: 800 } });
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.message));
  await page.goto(router.page);
  const tabs = page.getByRole("tab");
  await tabs.first().waitFor();
  const count = await tabs.count();
  const status = page.locator("#status");
  const result = page.locator(".result-window");
  const events = () => status.evaluate((node) => Number(node.dataset.events));
  for (let index = 0; index < count; index++) {
    const name = await tabs.nth(index).innerText();
    await tabs.nth(index).click();
    const editor = page.locator(".graphiql-query-editor");
    await editor.getByText(name).first().waitFor();
    const query = await editor.innerText();
    // GraphiQL learns the new tab's operation a moment after it shows it: an earlier click runs nothing.
    const run = async (has) => until(`${name} to run`, async () => {
      const start = page.getByRole("button", { name: /execute query/i });
      if (await start.count()) await start.click();
      return has();
    });
    if (!query.includes("subscription")) {
      await run(() => result.getByText('"success"').count());
    } else {
      await run(async () => (await status.getAttribute("data-state")) === "live");
      await until(`an event of ${name}`, async () => (await events()) >= 1);
      await result.getByText('"data"').first().waitFor();
      await page.getByRole("button", { name: /stop/i }).click();
      await status.and(page.locator('[data-state="idle"]')).waitFor();
    }
    assert.doesNotMatch(await result.innerText(), /"errors"/, query);
  }
  assert.ok(count >= 7, `${count} tabs`);
  assert.deepEqual(faults, []);
  await page.close();
});
