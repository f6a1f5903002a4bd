// Every kind of matter is settled as somebody new to it would, by mouse, by keyboard alone and on a telephone; then the CRM and
// the books are compared.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { card, comeIn, isSound, launch } from "./browser.mjs";
import { matters, prepare, wanted } from "./matters.mjs";
import { World } from "./world.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

// Goes to an element with the Tab key alone.
async function tabTo(page, element) {
  for (let at = 0; at < 400; at += 1) {
    if (await element.evaluate((one) => one === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error("the keyboard does not reach it");
}

const ways = {
  mouse: {
    press: (page, button) => button.click(),
    type: (page, field, text) => field.fill(text),
    choose: (page, field, label) => field.selectOption({ label }),
  },
  keyboard: {
    press: async (page, button) => {
      await tabTo(page, button);
      await page.keyboard.press("Enter");
    },
    type: async (page, field, text) => {
      await tabTo(page, field);
      await page.keyboard.press("Control+A");
      await page.keyboard.type(text);
    },
    choose: async (page, field, label) => {
      await tabTo(page, field);
      await page.keyboard.type(label);
    },
  },
  telephone: {
    press: (page, button) => button.tap(),
    type: (page, field, text) => field.fill(text),
    choose: (page, field, label) => field.selectOption({ label }),
  },
};

async function settle(page, way, language, matter) {
  const at = card(page, matter.about[language]);
  await at.waitFor();
  assert.equal(await at.count(), 1, `one card about ${matter.about[language]}`);
  if (matter.type) await way.type(page, at.getByRole("textbox"), matter.type);
  if (matter.choose) await way.choose(page, at.getByRole("combobox"), matter.choose[language]);
  const name = matter.press[language];
  await way.press(page, at.getByRole("button", { name, exact: typeof name === "string" }));
  await card(page, matter.about[language]).locator(".said").waitFor();
}

async function day(way, language, options) {
  const world = await World.begin(wanted);
  try {
    await prepare(world);
    const locale = language === 0 ? "fr-FR" : "en-GB";
    const page = await comeIn(browser, world, { flags: ["--name", "Marie"], locale, ...options });
    await way.press(page, page.getByRole("navigation").getByRole("link", { name: ["À décider", "Waiting"][language] }));
    await page.waitForURL("**/desk/waiting");
    await isSound(page, "what waits");
    for (const matter of matters) await settle(page, way, language, matter);
    await isSound(page, "what was answered");
    await way.press(page, page.getByRole("button", { name: ["Synchroniser maintenant", "Synchronise now"][language] }));
    // What a firm that is made and a card that is removed lead to is written by the run after.
    await world.sync();
    await world.sync();
    for (const matter of matters) await matter.holds(world);
    const status = JSON.parse((await world.carnet("--json", "status")).split("\n")[0]);
    // Whoever is created again has a department, which this CRM does not take: that is a new matter.
    const old = status.questions.filter((one) => one.kind !== "untaken");
    assert.deepEqual([status.conflicts, old, status.questions.length], [[], [], 1], "nothing else waits");
    await page.context().close();
  } finally {
    await world.end();
  }
}

test("by mouse, in French", () => day(ways.mouse, 0, {}));
test("by keyboard alone, in English", () => day(ways.keyboard, 1, {}));
test("on a telephone, in French", () => {
  return day(ways.telephone, 0, { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });
});
