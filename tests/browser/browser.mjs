// Chromium as a person at the desk uses it.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const launch = () =>
  chromium.launch({ executablePath: process.env.CARNET_CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-lcd-text"] });

// A browser of its own that has come in.
export async function comeIn(browser, world, { flags = [], locale = "fr-FR", ...options } = {}) {
  const context = await browser.newContext({ locale, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const wrong = [];
  page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("dialog", (dialog) => {
    wrong.push(`a dialog: ${dialog.message()}`);
    return dialog.dismiss();
  });
  page.wrong = wrong;
  await page.goto(await world.login("--no-open", ...flags));
  await page.getByRole("button").click();
  await page.waitForURL("**/desk/");
  return page;
}

// What axe finds; nothing, it is hoped.
export async function axeFinds(page) {
  const found = await page.evaluate(`${axe}; axe.run(document, { resultTypes: ["violations"] })`);
  return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(" | ").slice(0, 300)}`);
}

export async function isSound(page, what) {
  assert.deepEqual(await axeFinds(page), [], `${what}: axe`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${what}: ${wide}px wider than the screen`);
  assert.deepEqual(page.wrong, [], `${what}: the console`);
}

export const card = (page, words) => page.locator("article", { hasText: words });
