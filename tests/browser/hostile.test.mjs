// A hostile browser, hostile names, and people who get in each other's way.
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import { card, comeIn, isSound, launch } from "./browser.mjs";
import { World } from "./world.mjs";

const NAMES = [
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "</title><svg onload=alert(1)>",
  "{{ 7*7 }} ' onmouseover=alert(1) x='",
];

let browser;
let world;
before(async () => {
  browser = await launch();
  world = await World.begin({ contacts: 6, settings: '[carddav]\nlisten = "127.0.0.1:0"\n' });
  const text = (value) => value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  for (const [at, name] of NAMES.entries()) await world.edit(1001 + at, `<last_name>${text(name)}</last_name>`);
  await world.sync();
  for (const at of NAMES.keys()) {
    await world.edit(1001 + at, `<job_title>${text(NAMES[at])}</job_title>`);
    world.setCard(1001 + at, "TITLE", `${NAMES[at]} too`);
  }
  await world.sync();
});
after(async () => {
  await browser.close();
  await world.end();
});

const at = (path) => `http://127.0.0.1:${world.port}${path}`;

// A request as no browser would send it.
function ask(path, { method = "GET", headers = {}, body = "" } = {}) {
  const sent = { Host: `127.0.0.1:${world.port}`, ...headers };
  if (method === "POST") {
    sent["Content-Type"] ??= "application/x-www-form-urlencoded";
    sent["Content-Length"] = Buffer.byteLength(body);
  }
  return new Promise((resolve, reject) => {
    const asked = http.request({ host: "127.0.0.1", port: world.port, method, path, headers: sent }, (answer) => {
      let text = "";
      answer.on("data", (chunk) => (text += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

const own = () => ({ Origin: `http://127.0.0.1:${world.port}` });

// A session without a browser: its cookie, and the token of its forms.
async function session(...flags) {
  const login = new URL(await world.login("--no-open", ...flags)).searchParams.get("login");
  const entered = await ask("/desk/enter", { method: "POST", headers: own(), body: `login=${login}` });
  assert.equal(entered.status, 303);
  const set = entered.headers["set-cookie"][0];
  const headers = { Cookie: set.split(";")[0] };
  const page = await ask("/desk/waiting", { headers });
  const token = page.text.match(/name="token" value="([0-9a-f]+)"/)[1];
  return { login, set, headers, token };
}

const noted = async () => (await world.carnet("conflicts")).match(/noted:/g)?.length ?? 0;

test("names that are markup stay text on every page", async () => {
  const page = await comeIn(browser, world);
  for (const path of ["/desk/", "/desk/waiting", "/desk/runs", "/desk/runs/2", "/desk/undo?run=2", "/desk/people"]) {
    await page.goto(at(path));
    await isSound(page, path);
    assert.equal(await page.locator("main script, main img, [style], [onmouseover], [onload], [onerror]").count(), 0, path);
  }
  await page.goto(at("/desk/people"));
  for (const name of NAMES) {
    await page.getByRole("link", { name }).first().click();
    await page.getByRole("heading", { name, level: 1 }).waitFor();
    await isSound(page, name);
    await page.goBack();
  }
  await page.goto(at(`/desk/people?q=${encodeURIComponent(NAMES[1])}`));
  assert.equal(await page.getByRole("searchbox").inputValue(), NAMES[1]);
  await page.goto(at(`/desk/waiting?late=${encodeURIComponent(NAMES[0])}&refused=${encodeURIComponent(NAMES[1])}`));
  await isSound(page, "an address that is markup");
  assert.equal(await page.getByRole("alert").count(), 0);
  // What is typed comes back as it was typed.
  const one = page.locator("article").first();
  await one.getByRole("textbox").fill(NAMES[0]);
  await one.getByRole("button", { name: "Garder ma saisie" }).click();
  await page.locator(".said", { hasText: NAMES[0] }).waitFor();
  await isSound(page, "a typed value that is markup");
  await page.getByRole("button", { name: "Reprendre", exact: true }).click();
  await page.locator(".said").waitFor({ state: "detached" });
  assert.equal(await noted(), 0);
  await page.context().close();
});

test("an address lets one browser in, once", async () => {
  const { login, set } = await session("--name", "Marie");
  assert.match(set, /^carnet-desk-\d+=[0-9a-f]{64}; Path=\/desk\/; HttpOnly; SameSite=Strict$/);
  const enter = (secret, headers = own()) => ask("/desk/enter", { method: "POST", headers, body: `login=${secret}` });
  assert.equal((await enter(login)).status, 401, "used up");
  assert.equal((await enter(login, {})).status, 403, "from nowhere");
  const unused = new URL(await world.login("--no-open")).searchParams.get("login");
  for (let look = 0; look < 3; look += 1) assert.equal((await ask(`/desk/enter?login=${unused}`)).status, 200);
  assert.equal((await enter(unused)).status, 303, "looking at it used nothing up");
});

test("only the desk's own page changes anything", async () => {
  const { headers, token } = await session();
  const body = (more) => new URLSearchParams({ token, item: "1", seen: "", answer: "crm", ...more }).toString();
  const post = (path, extra, sent) => ask(path, { method: "POST", headers: { ...headers, ...extra }, body: sent });
  const answer = "/desk/waiting/answer";
  const refusals = [
    [answer, {}, body({}), "no origin"],
    [answer, { Origin: "null" }, body({}), "an opaque origin"],
    [answer, { Origin: "http://evil.example" }, body({}), "another origin"],
    [answer, { Origin: `http://127.0.0.1:${world.port + 1}` }, body({}), "another port"],
    [answer, own(), body({ token: "" }), "no token"],
    [answer, own(), body({ token: "0".repeat(64) }), "another token"],
    [answer, { ...own(), Cookie: "" }, body({}), "no session"],
    [answer, { ...own(), "Content-Type": "text/plain" }, body({}), "no form"],
    [answer, { ...own(), Host: "evil.example" }, body({}), "another host"],
    [answer, own(), body({ typed: "x".repeat(300_000) }), "a form that is too long"],
  ];
  for (const [path, extra, sent, why] of refusals) assert.equal((await post(path, extra, sent)).status, 403, why);
  for (const path of ["waiting/answer", "waiting/take-back", "waiting/let-go", "sync", "pause", "devices/add", "check"]) {
    const { status } = await ask(`/desk/${path}?token=${token}&item=1&answer=crm`, { headers });
    assert.ok([404, 405].includes(status), `GET ${path}: ${status}`);
  }
  for (const method of ["PUT", "DELETE", "OPTIONS", "TRACE"]) {
    assert.equal((await ask(answer, { method, headers: { ...headers, ...own() } })).status, 403, method);
  }
  for (const item of ["0", "-1", "q0", "99999999999999999999", "1 OR 1=1", "../1", ""]) {
    assert.equal((await post(answer, own(), body({ item }))).status, 404, item);
  }
  const told = await post(answer, own(), body({ answer: "adopt:1; DROP TABLE contacts" }));
  assert.match(told.headers.location, /refused=other/);
  assert.equal(await noted(), 0, "nothing of it was carried out");
  const page = await ask("/desk/waiting", { headers });
  assert.match(page.headers["content-security-policy"], /default-src 'none'.*frame-ancestors 'none'/);
  assert.doesNotMatch(page.headers["content-security-policy"], /unsafe|\*/);
  assert.equal(page.headers["x-frame-options"], "DENY");
  assert.equal(page.headers["cache-control"], "no-store");
  assert.equal(page.headers["access-control-allow-origin"], undefined);
  assert.doesNotMatch(page.text, /<script(?! src="\/desk\/script.js" defer>)/);
  for (const path of ["/desk/people/..%2f..%2fetc%2fpasswd", "/desk/nowhere", "/desk/runs/999"]) {
    assert.equal((await ask(path, { headers })).status, 404, path);
  }
  assert.equal((await ask("/desk/waiting")).status, 401, "without a session nothing is shown");
  assert.doesNotMatch((await ask("/desk/waiting")).text, /article|csrf|name="token"/);
  // Leaving ends the session for whoever kept its cookie, too.
  assert.equal((await post("/desk/leave", own(), `token=${token}`)).status, 303);
  assert.equal((await ask("/desk/", { headers })).status, 401);
});

test("a viewer looks and does not decide", async () => {
  const page = await comeIn(browser, world, { flags: ["--viewer"], locale: "en-GB" });
  await page.goto(at("/desk/waiting"));
  await page.getByText("You may look, and not decide.").waitFor();
  await isSound(page, "a viewer's page");
  assert.equal(await page.locator("main").getByRole("button").count(), 0);
  for (const path of ["/desk/", "/desk/devices", "/desk/health", "/desk/runs/2", "/desk/undo?run=2"]) {
    await page.goto(at(path));
    assert.equal(await page.locator("main").getByRole("button").count(), 0, path);
  }
  await page.goto(at("/desk/waiting"));
  const status = await page.evaluate(async () => {
    const token = document.querySelector("[name=token]").value;
    const body = new URLSearchParams({ token, item: "1", seen: "", answer: "crm" });
    return (await fetch("/desk/waiting/answer", { method: "POST", body })).status;
  });
  assert.equal(status, 403);
  assert.equal(await noted(), 0);
  await page.context().close();
});

test("of two who answer at once the second is told what the first said", async () => {
  const marie = await comeIn(browser, world, { flags: ["--name", "Marie"] });
  const paul = await comeIn(browser, world, { flags: ["--name", "Paul"], locale: "en-GB" });
  for (const page of [marie, paul]) await page.goto(at("/desk/waiting"));
  const first = (page) => page.locator("article").first();
  await first(marie).getByRole("button", { name: "Garder celui du carnet" }).click();
  await marie.locator(".said", { hasText: "Marie a répondu" }).waitFor();
  await first(paul).getByRole("button", { name: "Keep the CRM’s" }).click();
  const told = paul.getByRole("alert");
  await told.waitFor();
  assert.match(await told.innerText(), /Somebody was faster.*Marie answered: keep the address book’s/);
  await isSound(paul, "told of the first");
  // What stands is the first answer, and Paul sees it: he may take it back.
  await first(paul).getByRole("button", { name: "Take back" }).click();
  await paul.locator(".said").waitFor({ state: "detached" });
  assert.equal(await noted(), 0);
  // Marie's page is old by now.
  await first(marie).getByRole("button", { name: "Reprendre", exact: true }).click();
  assert.match(await marie.getByRole("alert").innerText(), /attend de nouveau/);
  // What a synchronisation has carried out is told as well.
  await marie.goto(at("/desk/waiting"));
  await paul.goto(at("/desk/waiting"));
  await first(marie).getByRole("button", { name: "Garder celui du CRM" }).click();
  await marie.locator(".said").waitFor();
  await world.sync();
  await first(paul).getByRole("button", { name: "Keep the address book’s" }).click();
  assert.match(await paul.getByRole("alert").innerText(), /Marie answered: keep the CRM’s/);
  await marie.context().close();
  await paul.context().close();
});

test("without a script all of it works", async () => {
  const page = await comeIn(browser, world, { javaScriptEnabled: false });
  await page.goto(at("/desk/waiting"));
  const open = await page.locator("article:not(.answered)").count();
  await page.locator("article:not(.answered)").first().getByRole("button").first().click();
  await page.locator(".said").first().waitFor();
  assert.equal(await page.locator("article:not(.answered)").count(), open - 1);
  await page.getByRole("button", { name: "Reprendre", exact: true }).click();
  await page.goto(at("/desk/"));
  await page.getByRole("button", { name: "Synchroniser maintenant" }).click();
  await page.waitForURL("**/desk/");
  await page.context().close();
});

// The last one: whoever comes in after it is slowed, too.
test("logins are slowed", async () => {
  const login = new URL(await world.login("--no-open")).searchParams.get("login");
  const enter = (secret) => ask("/desk/enter", { method: "POST", headers: own(), body: `login=${secret}` });
  let status = 0;
  for (let tries = 0; tries < 40 && status !== 429; tries += 1) status = (await enter("0".repeat(64))).status;
  assert.equal(status, 429);
  assert.equal((await enter(login)).status, 429, "a right one waits, too");
});
