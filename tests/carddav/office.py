"""An office: a practice CRM, `carnet daemon`, programs with a device each behind a proxy that records, and a desk.

The desk is a device too, whose requests are made here: what it is shown is what carnet serves, past the programs.
"""

import json
import os
import re
import select
import subprocess
import sys
import time
from collections import namedtuple

from dav import Client, lines, value
from people import Crm
from processes import Processes, Trouble, free_port, last_lines

ANSWER_SECONDS_MAX = 180
REST_SECONDS_MAX = 60
RUNS_MAX = 4
WRITES = ("PUT", "POST", "DELETE", "MKCOL", "PROPPATCH", "MOVE")
SETTINGS = """[crm]
url = "{crm}"
username = "demo"
password = "demo"
deletes = "allow"
confirm_after = "0s"
[mirror]
path = "carnet.db"
[sync]
# Only what devices do and what is asked for makes a run.
schedule = "0 0 1 1 *"
[carddav]
listen = "127.0.0.1:{port}"
"""

# What there is at one moment: contacts by UID in the mirror and on the desk's cards, by id in the CRM.
Moment = namedtuple("Moment", "mirror crm desk")


class Wrong(Exception):
    """Not what carnet promises; the text says what was seen."""


class Driven:
    """A program that takes orders as driven.py says."""

    def __init__(self, name, words, folder, log):
        os.makedirs(folder)
        self.name, self.log = name, log
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        with open(log, "ab") as file:
            self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, env=environment,
                                            cwd=os.path.dirname(os.path.abspath(__file__)), start_new_session=True)

    def ask(self, name, **order):
        try:
            self.process.stdin.write(json.dumps({"do": name, **order}).encode() + b"\n")
            self.process.stdin.flush()
            return self.answer(name)
        except BrokenPipeError:
            raise Trouble(f"{self.name} has ended: {last_lines(self.log)}") from None

    def answer(self, name):
        """A line is written whole, so that its beginning means that all of it comes."""
        if not select.select([self.process.stdout], [], [], ANSWER_SECONDS_MAX)[0]:
            raise Trouble(f"{self.name} did not {name} within {ANSWER_SECONDS_MAX} s: {last_lines(self.log)}")
        line = self.process.stdout.readline()
        if not line:
            raise Trouble(f"{self.name} has ended: {last_lines(self.log)}")
        told = json.loads(line)
        if "trouble" in told:
            raise Wrong(f"{self.name} failed to {name}: {told['trouble']}")
        return told["answer"]

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Program:
    """A program with its device. `acts` counts what a person did in it, each of which is one write."""

    def __init__(self, name, device, words, office):
        self.name, self.device, self.acts = name, device, 0
        self.record = os.path.join(office.logs, f"{device}.requests")
        proxy, line = f"{device}-proxy", [sys.executable, "proxy.py", office.address, "--seed", "1", "--rate", "0"]
        line += ["--record", self.record]
        self.proxy = Driven(f"{name}'s proxy", line, os.path.join(office.folder, proxy), office.log(proxy))
        self.address = json.loads(self.proxy.process.stdout.readline())["url"]
        self.driven = Driven(name, words, os.path.join(office.folder, device), office.log(device))
        self.driven.ask("start", address=self.address, user=device, password=office.passwords[device])

    def books(self):
        return self.driven.ask("books")

    def cards(self):
        return self.driven.ask("cards")

    def act(self, what, **order):
        self.acts += 1
        return self.driven.ask(what, **order)

    def sync(self):
        """Has it look at the server, and waits until it asks nothing more."""
        before = len(self.requests())
        self.driven.ask("sync")
        wait_until(f"{self.name} asks the server", lambda: len(self.requests()) > before)
        seen, since = len(self.requests()), time.monotonic()
        while time.monotonic() < since + 1:
            time.sleep(0.1)
            if len(self.requests()) != seen:
                seen, since = len(self.requests()), time.monotonic()

    def requests(self):
        """What it has asked so far, and what it was answered."""
        if not os.path.exists(self.record):
            return []
        with open(self.record) as file:
            return [json.loads(line) for line in file.read().splitlines(keepends=True) if line.endswith("\n")]

    def writes(self):
        return [request for request in self.requests() if request["method"] in WRITES]

    def end(self):
        self.driven.end()
        self.proxy.end()


class Office:
    """Everything in one folder; `logs` in it is what may be kept: no password is there."""

    def __init__(self, carnet, folder):
        self.carnet, self.folder, self.logs = carnet, folder, os.path.join(folder, "logs")
        os.makedirs(self.logs)
        self.processes, self.programs, self.passwords = Processes(self.logs), [], {}
        self.settings, self.port = os.path.join(folder, "carnet.toml"), free_port()
        self.address = f"http://127.0.0.1:{self.port}/"

    def log(self, name):
        return os.path.join(self.logs, f"{name}.log")

    def start(self, devices):
        self.processes.start("crm", [self.carnet, "sandbox", "--port", "0"])
        self.processes.wait_for("the practice CRM", self.crm_url)
        with open(os.open(self.settings, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(SETTINGS.format(crm=self.crm_url(), port=self.port))
        for device in (*devices, "desk"):
            self.passwords[device] = self.run("devices", "add", device)[0]["password"]
        self.crm = Crm(Client(self.crm_url(), "demo", "demo"), self.crm_url())
        self.desk = Client(self.address, "desk", self.passwords["desk"])
        self.book = "/dav/desk/contacts/"
        self.run("sync")
        self.processes.start("daemon", [self.carnet, "-c", self.settings, "-v", "daemon"])
        self.processes.wait_for("carnet daemon", lambda: self.desk.is_book(self.book))

    def crm_url(self):
        with open(self.log("crm")) as file:
            found = re.search(r"http://127\.0\.0\.1:\d+/demo", file.read())
        return found and found[0]

    def run(self, *words):
        """A command of carnet, to its end: the lines of JSON that it printed."""
        done = subprocess.run([self.carnet, "-c", self.settings, "--json", *words], capture_output=True, text=True, timeout=120)
        if done.returncode not in (0, 3):
            raise Wrong(f"carnet {words[0]}: exit {done.returncode}: {' '.join(done.stderr.split())[-500:]}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def moment(self):
        mirror = {contact["uid"]: contact for contact in self.run("list")}
        desk = {value(text, "UID"): text for text, _ in self.desk.cards(self.book).values()}
        return Moment(mirror, {record.key: record.text.strip() for record in self.crm.records()}, desk)

    def rest(self):
        """Has the daemon run until a run finds nothing to do; what there is then. Its own run after an edit comes as well, but
        some time after the last one."""
        for _ in range(RUNS_MAX):
            summary = next(line for line in self.run("sync") if line["type"] == "summary")
            if not any(summary[part] for part in ("created", "updated", "deleted", "failed")):
                return self.moment()
        raise Wrong(f"carnet does not come to rest within {RUNS_MAX} runs: {summary}")

    def edit_at_desk(self, uid, name, text):
        """Somebody at the desk writes a line of a card over what it holds."""
        held = self.desk.cards(self.book).items()
        href, card, etag = next((href, text, etag) for href, (text, etag) in held if value(text, "UID") == uid)
        kept = [line for line in lines(card) if not re.match(rf"{name}[;:]|END:", line, re.IGNORECASE)]
        status = self.desk.put(href, "\r\n".join([*kept, f"{name}:{text}", "END:VCARD", ""]), etag)
        if status not in (200, 201, 204):
            raise Wrong(f"PUT by the desk: {status}")

    def end(self):
        for program in self.programs:
            program.end()
        self.processes.stop()


def wait_until(what, is_so):
    deadline = time.monotonic() + REST_SECONDS_MAX
    while not is_so():
        if time.monotonic() > deadline:
            raise Wrong(f"not within {REST_SECONDS_MAX} s: {what}")
        time.sleep(0.1)
