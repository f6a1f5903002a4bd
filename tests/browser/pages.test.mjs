// Every page as an office uses it, sound to axe in both languages, light and dark, wide and narrow; its picture goes into docs/.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { card, comeIn, isSound, launch } from "./browser.mjs";
import { prepare, wanted } from "./matters.mjs";
import { World } from "./world.mjs";

const PICTURES = process.env.CARNET_PICTURES;
const BYTES_MAX = 60_000;

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

async function picture(page, name) {
  if (!PICTURES) return;
  const file = path.join(PICTURES, `${name}.png`);
  await page.screenshot({ path: file, clip: { x: 0, y: 0, ...page.viewportSize() } });
  assert.ok(fs.statSync(file).size <= BYTES_MAX, `${name}.png has ${fs.statSync(file).size} bytes`);
}

test("every page in French and English, light and dark, wide and narrow", async () => {
  const world = await World.begin({ ...wanted, settings: `${wanted.settings}[carddav]\nlisten = "127.0.0.1:0"\n` });
  try {
    await prepare(world);
    const uid = JSON.parse((await world.carnet("--json", "show", "1001")).split("\n")[0]).uid;
    const pages = {
      today: "/desk/",
      waiting: "/desk/waiting",
      "whose-card": "/desk/waiting#m-q2",
      runs: "/desk/runs",
      run: "/desk/runs/2",
      undo: "/desk/undo?run=2",
      people: "/desk/people?q=a",
      person: `/desk/people/${uid}`,
      devices: "/desk/devices",
      health: "/desk/health",
    };
    const looks = [
      { suffix: "", locale: "fr-FR", colorScheme: "light", viewport: { width: 720, height: 520 } },
      { suffix: "-dark", locale: "en-GB", colorScheme: "dark", viewport: { width: 720, height: 520 } },
      { suffix: "-telephone", locale: "fr-FR", colorScheme: "light", viewport: { width: 360, height: 640 } },
      { suffix: "-telephone-dark", locale: "en-GB", colorScheme: "dark", viewport: { width: 360, height: 640 } },
    ];
    for (const { suffix, ...look } of looks) {
      const page = await comeIn(browser, world, { flags: ["--name", "Marie"], ...look });
      for (const [name, place] of Object.entries(pages)) {
        await page.goto(`http://127.0.0.1:${world.port}${place}`);
        await isSound(page, `${name}${suffix}`);
        const language = look.locale.slice(0, 2);
        assert.equal(await page.locator("html").getAttribute("lang"), language);
        const pictured = suffix === "" || (["today", "waiting", "runs"].includes(name) && suffix !== "-telephone-dark");
        if (pictured) await picture(page, `${name}${suffix}`);
      }
      await page.context().close();
    }
    const bare = await browser.newPage({ locale: "fr-FR" });
    bare.wrong = [];
    await bare.goto(await world.login("--no-open"));
    await isSound(bare, "coming in");
    await bare.goto(`http://127.0.0.1:${world.port}/desk/`);
    await isSound(bare, "without a session");
    await bare.close();
  } finally {
    await world.end();
  }
});

test("held deletions, a run that is followed, a pause, undo, devices, health, and the other language", async () => {
  const world = await World.begin({
    contacts: 40,
    crm: ["--fault", "slow=300", "--per-page", "5"],
    settings: '[carddav]\nlisten = "127.0.0.1:0"\nurl = "https://cards.example.org"\n',
  });
  try {
    for (let id = 1001; id <= 1008; id += 1) fs.unlinkSync(world.cardOf(id));
    await world.sync().catch((error) => assert.equal(error.code, 7));
    const page = await comeIn(browser, world, { flags: ["--name", "Marie"], viewport: { width: 720, height: 520 } });
    const go = (name) => page.getByRole("navigation").getByRole("link", { name }).click();

    // The names are there, and those alone are let go.
    await go("À décider");
    const held = card(page, "Des suppressions sont retenues");
    assert.equal(await held.locator("li").count(), 8);
    await isSound(page, "held deletions");
    await picture(page, "held-deletions");
    await held.getByRole("button", { name: "Supprimer maintenant ces 8 contacts" }).click();
    await page.waitForURL("**/desk/");
    await page.getByRole("heading", { name: "32 contacts" }).waitFor();

    // A run is followed step by step, and the page shows its end by itself.
    await page.locator("#progress").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Synchroniser maintenant" }).click();
    await page.locator("#progress", { hasText: "Lecture de CRM" }).waitFor();
    await isSound(page, "a run at work");
    const others = [];
    for (const place of ["waiting", "runs", "people", "devices", "health"]) {
      const begun = Date.now();
      const answer = await page.request.get(`http://127.0.0.1:${world.port}/desk/${place}`);
      assert.equal(answer.status(), 200);
      others.push(Date.now() - begun);
    }
    assert.ok(Math.max(...others) < 1000, `a run holds no page up: ${others}`);
    await page.locator("#progress").waitFor({ state: "detached" });

    await page.getByRole("button", { name: "Mettre en pause" }).click();
    await page.getByText("rien n’est synchronisé tout seul").waitFor();
    await isSound(page, "a pause");
    await page.getByRole("button", { name: "Reprendre la synchronisation" }).click();
    await page.getByText("rien n’est synchronisé tout seul").waitFor({ state: "detached" });

    // The deletions are undone, after a look at what that does.
    await go("Historique");
    const deletions = page.getByRole("row", { name: /8 supprimés/ }).last();
    await deletions.getByRole("link").click();
    await page.getByRole("link", { name: "Annuler…" }).first().click();
    await page.getByRole("heading", { name: "Ce qui serait annulé" }).waitFor();
    assert.equal(await page.getByRole("cell", { name: "revient" }).count(), 8);
    await isSound(page, "what would be undone");
    await page.getByRole("button", { name: "Annuler ceci" }).click();
    await page.waitForURL("**/desk/runs/*");
    await world.sync();
    for (let id = 1001; id <= 1008; id += 1) assert.ok(world.cardOf(id), "its card is back");

    // One change, from a contact's own page.
    await world.edit(1012, "<job_title>Fausse</job_title>");
    const before = world.card(1012).match(/^TITLE:.*$/m)?.[0];
    await world.sync();
    await go("Contacts");
    await page.getByRole("searchbox").fill("1012");
    await page.getByRole("button", { name: "Chercher" }).click();
    await page.getByText("Personne n’a été trouvé.").waitFor();
    const name = world.card(1012).match(/^FN:(.*)\r$/m)[1];
    await page.getByRole("searchbox").fill(name);
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name }).click();
    await page.getByRole("row", { name: /Fausse/ }).getByRole("link", { name: "Annuler…" }).click();
    await page.getByRole("button", { name: "Annuler ceci" }).click();
    await page.waitForURL("**/desk/runs/*");
    await world.sync();
    assert.equal(world.card(1012).match(/^TITLE:.*$/m)?.[0], before);

    await go("Appareils");
    await page.getByLabel("Son nom").fill("marie-iphone");
    await page.getByRole("button", { name: "Ajouter" }).click();
    await page.getByRole("img", { name: /Code QR/ }).waitFor();
    const password = await page.locator("code").innerText();
    assert.match(password, /^[a-z2-9]{5}(-[a-z2-9]{5}){3}$/);
    await isSound(page, "a new device");
    await picture(page, "device-added");
    await go("Appareils");
    assert.ok(!(await page.content()).includes(password), "it is shown once");
    await page.getByRole("row", { name: /marie-iphone/ }).waitFor();
    await page.getByLabel("Son nom").fill("marie-iphone");
    await page.getByRole("button", { name: "Ajouter" }).click();
    await page.getByRole("alert").waitFor();
    await isSound(page, "a device whose name is taken");
    await page.getByRole("link", { name: "Révoquer…" }).click();
    await isSound(page, "before revoking");
    await page.getByRole("button", { name: "Le révoquer" }).click();
    await page.getByText("Il n’y a pas encore d’appareil.").waitFor();

    await go("Santé");
    await page.getByRole("button", { name: "Tout vérifier maintenant" }).click();
    await page.getByText(/vérification est en cours|Vérifié/).waitFor();
    for (let tries = 0; (await page.getByRole("row", { name: /CRM/ }).count()) === 0 && tries < 50; tries += 1) {
      await page.getByRole("link", { name: "Actualiser" }).click();
    }
    await isSound(page, "what was checked");
    await picture(page, "health-checked");

    await page.getByRole("button", { name: "English" }).click();
    await page.getByRole("navigation").getByRole("link", { name: "Today" }).waitFor();
    await page.getByRole("button", { name: "Leave" }).click();
    await page.waitForURL("**/desk/enter");
    await page.goto(`http://127.0.0.1:${world.port}/desk/`);
    assert.equal(await page.getByRole("navigation").count(), 0);
    await page.context().close();
  } finally {
    await world.end();
  }
});
