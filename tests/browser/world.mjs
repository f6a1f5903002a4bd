// A practice CRM, a folder of cards and a daemon with the desk, in a folder that goes away.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const carnet = process.env.CARNET_PROGRAM;
const PATIENCE = 60_000;

async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

// Waits until a program has said these words.
function says(child, stream, words) {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => reject(new Error(`no "${words}" in: ${text}`)), PATIENCE);
    const hear = (chunk) => {
      text += chunk;
      if (text.includes(words)) {
        clearTimeout(timer);
        resolve(text);
      }
    };
    child[stream].on("data", hear);
    child.on("exit", () => {
      clearTimeout(timer);
      reject(new Error(`it ended before "${words}": ${text}`));
    });
  });
}

// A way to the practice CRM on which the answer to a creation can be lost.
class Road {
  constructor(port) {
    this.losses = [];
    this.server = http.createServer((asked, answer) => {
      const { method, url: path, headers } = asked;
      const loss = method === "POST" && this.losses.length > 0 ? this.losses.shift() : "none";
      if (loss === "before") return asked.socket.destroy();
      const onward = http.request({ host: "127.0.0.1", port, method, path, headers }, (told) => {
        if (loss === "after") {
          told.resume();
          return told.on("end", () => asked.socket.destroy());
        }
        answer.writeHead(told.statusCode, told.headers);
        return told.pipe(answer);
      });
      onward.on("error", () => answer.destroy());
      return asked.pipe(onward);
    });
  }

  async open() {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return this.server.address().port;
  }
}

export class World {
  static async begin({ contacts = 6, firms = 0, crm = [], sync = 'prefer = "ask"', settings = "" } = {}) {
    const world = new World();
    world.folder = fs.mkdtempSync(path.join(os.tmpdir(), "carnet-desk-"));
    world.settings = path.join(world.folder, "carnet.toml");
    world.children = [];
    const port = await freePort();
    const flags = ["--port", `${port}`, "--contacts", `${contacts}`, "--firms", `${firms}`, ...crm];
    const sandbox = world.start(["sandbox", "--state", "crm.db", ...flags]);
    await says(sandbox, "stdout", "stop with");
    world.crm = `http://127.0.0.1:${port}/demo`;
    world.road = new Road(port);
    const road = await world.road.open();
    world.port = await freePort();
    fs.writeFileSync(
      world.settings,
      `[crm]\nurl = "http://127.0.0.1:${road}/demo"\nusername = "demo"\npassword = "demo"\nconfirm_after = "1s"\ntimeout = "1s"\nlists = "replace"\n` +
        `[sync]\nschedule = "@yearly"\nwatch = false\n${sync}\n` +
        `[http]\nlisten = "127.0.0.1:${world.port}"\ndesk = true\n` +
        `[[book]]\nname = "cards"\nkind = "vdir"\npath = "cards"\n${settings}`,
      { mode: 0o600 },
    );
    await world.sync();
    world.daemon = world.start(["-c", world.settings, "daemon"]);
    await says(world.daemon, "stderr", "the daemon is ready");
    return world;
  }

  start(args) {
    const child = spawn(carnet, args, { cwd: this.folder, stdio: ["ignore", "pipe", "pipe"] });
    this.children.push(child);
    return child;
  }

  async end() {
    for (const child of this.children.reverse()) {
      if (child.exitCode === null) {
        const gone = once(child, "exit");
        child.kill("SIGTERM");
        await gone;
      }
    }
    this.road.server.closeAllConnections();
    this.road.server.close();
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  // What a command prints, whatever its exit code.
  async carnet(...args) {
    try {
      const { stdout } = await run(carnet, ["-c", this.settings, ...args], { cwd: this.folder });
      return stdout;
    } catch (error) {
      if (typeof error.code !== "number" || ![0, 3].includes(error.code)) throw error;
      return error.stdout;
    }
  }

  sync(...args) {
    return this.carnet("-q", "sync", ...args);
  }

  // An address that lets one browser in.
  async login(...flags) {
    const told = JSON.parse(await this.carnet("desk", "--json", ...flags));
    return told.url;
  }

  async ask(method, place, body) {
    const headers = { Authorization: `Basic ${btoa("demo:demo")}`, "Content-Type": "application/xml" };
    const answer = await fetch(`${this.crm}/${place}`, { method, headers, body });
    if (!answer.ok) throw new Error(`${method} ${place}: ${answer.status}`);
    return answer.text();
  }

  edit(id, inside) {
    return this.ask("PUT", `contacts/${id}.xml`, `<contact>${inside}</contact>`);
  }

  create(inside) {
    return this.ask("POST", "contacts.xml", `<contact>${inside}</contact>`);
  }

  remove(id) {
    return this.ask("DELETE", `contacts/${id}.xml`);
  }

  // An element of a contact as the CRM has it; "" for none.
  async inCrm(id, element) {
    const text = await this.ask("GET", `contacts/${id}.xml`);
    return text.match(new RegExp(`<${element}>([^<]*)</${element}>`))?.[1] ?? "";
  }

  // The file of a card that holds these words.
  cardFile(words) {
    const folder = path.join(this.folder, "cards");
    const file = fs.readdirSync(folder).find((name) => {
      return name.endsWith(".vcf") && fs.readFileSync(path.join(folder, name), "utf8").includes(words);
    });
    if (!file) throw new Error(`no card holds ${words}`);
    return path.join(folder, file);
  }

  // The card of a contact of the CRM.
  cardOf(id) {
    return this.cardFile(`X-INCWO-ID:${id}`);
  }

  card(id) {
    return fs.readFileSync(this.cardOf(id), "utf8");
  }

  setCard(id, property, value) {
    const file = this.cardOf(id);
    const lines = fs.readFileSync(file, "utf8").split("\r\n").filter((line) => !line.startsWith(`${property}:`));
    lines.splice(-2, 0, `${property}:${value}`);
    fs.writeFileSync(file, lines.join("\r\n"));
  }

  newCard(name, ...lines) {
    const text = ["BEGIN:VCARD", "VERSION:3.0", ...lines, "END:VCARD", ""].join("\r\n");
    const file = path.join(this.folder, `${name}.vcf`);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }

  // Whatever the CRM is asked to wait for is over.
  settled() {
    return new Promise((resolve) => setTimeout(resolve, 2500));
  }

  // The id of the contact that an export of the mirror finds.
  async idOf(name) {
    const found = JSON.parse((await this.carnet("--json", "show", name)).split("\n")[0]);
    return found.id;
  }
}
