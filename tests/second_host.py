#!/usr/bin/env python3
"""An account's mirror replicated by Litestream while runs go on; everything killed; restored elsewhere; synced.

usage: python3 tests/second_host.py CARNET LITESTREAM [MOMENTS]

A practice CRM stands behind a proxy that counts writes and can kill the first host at each of them: before the CRM has the
write, after it has it, after the answer. Two programs work there: carnet, and Litestream with a replica in a folder. Both are
killed (SIGKILL) in the same instant. A second host restores the replica into another folder and syncs until nothing changes.
Then: who was there is there once, on every side; nobody is gone whom nobody deleted; nothing was sent twice.
MOMENTS: how many moments to try, spread evenly over all of them (default: all).
"""

import base64
import http.client
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTACTS = 12
LOGIN = "Basic " + base64.b64encode(b"demo:demo").decode()
# Writes of the run that is killed: two creations, two changes, a deletion. Each moment is one of them, and how far it has come.
WRITES = 5
STAGES = ("before", "carried out", "answered")
# And moments after the run, by milliseconds: Litestream writes once a second.
AFTER = (0, 100, 300, 600, 900, 1500)


class Proxy:
    """Between carnet and the CRM: counts what is written, and calls `at` at the stages of each write."""

    def __init__(self, port):
        self.writes, self.count, self.at, self.lock = [], 0, None, threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                is_write = self.command != "GET"
                with proxy.lock:
                    proxy.count += is_write
                    number = proxy.count
                if is_write and proxy.reached(number, "before"):
                    return self.cut()
                crm = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
                crm.request(self.command, self.path, body, headers)
                answer = crm.getresponse()
                text = answer.read()
                if is_write:
                    proxy.writes.append((self.command, self.path, body.decode()))
                    if proxy.reached(number, "carried out"):
                        return self.cut()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("connection", "content-length", "transfer-encoding", "date", "server"):
                        self.send_header(name, value)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
                if is_write:
                    self.wfile.flush()
                    proxy.reached(number, "answered")

            def cut(self):
                self.close_connection = True

            do_GET = do_PUT = do_POST = do_DELETE = forward

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def reached(self, number, stage):
        return self.at is not None and self.at(number, stage)


class World:
    """A CRM, a folder of cards that both hosts see, and two hosts."""

    def __init__(self, carnet, litestream):
        self.carnet, self.litestream = carnet, litestream
        self.folder = tempfile.mkdtemp(prefix="carnet-second-host-")
        os.mkdir(self.path("first"), 0o700)
        os.mkdir(self.path("second"), 0o700)
        self.running = []
        self.crm = self.start([carnet, "sandbox", "--port", "0", "--contacts", str(CONTACTS), "--per-page", "5",
                               "--state", self.path("crm.db")], stdout=subprocess.PIPE)
        line = self.crm.stdout.readline().decode()
        while not re.search(r"127\.0\.0\.1:(\d+)", line):
            line = self.crm.stdout.readline().decode()
        self.crm_port = int(re.search(r"127\.0\.0\.1:(\d+)", line)[1])
        threading.Thread(target=self.crm.stdout.read, daemon=True).start()
        self.proxy = Proxy(self.crm_port)
        for host in ("first", "second"):
            with open(os.open(self.path(host, "carnet.toml"), os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
                file.write(f"""[crm]
url = "http://127.0.0.1:{self.proxy.port}/demo"
username = "demo"
password = "demo"
timeout = "1s"
confirm_after = "0s"
deletes = "allow"
lists = "replace"
[mirror]
path = "carnet.db"
[[book]]
name = "cards"
kind = "vdir"
path = "{self.path('cards')}"
""")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def start(self, words, **options):
        process = subprocess.Popen(words, stderr=subprocess.DEVNULL, start_new_session=True,
                                   **{"stdout": subprocess.DEVNULL, **options})
        self.running.append(process)
        return process

    def run(self, host, *words, codes=(0,)):
        done = subprocess.run([self.carnet, "-c", self.path(host, "carnet.toml"), *words], capture_output=True, text=True)
        if done.returncode not in codes:
            raise AssertionError(f"carnet {' '.join(words)} on the {host} host: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def ask(self, method, path, body=None):
        crm = http.client.HTTPConnection("127.0.0.1", self.crm_port, timeout=10)
        crm.request(method, f"/demo/{path}", body, {"Authorization": LOGIN, "Content-Type": "application/xml"})
        answer = crm.getresponse()
        return answer.status, answer.read().decode()

    def names_in_crm(self):
        """Last names by CRM id."""
        found, page = {}, 1
        while True:
            _, text = self.ask("GET", f"contacts.xml?page={page}")
            records = re.findall(r"<contact>(.*?)</contact>", text, re.S)
            if not records or page > 50:
                return found
            for record in records:
                number = re.search(r"<id[^>]*>(\d+)</id>", record)[1]
                found[number] = re.search(r"<last_name[^>]*>(.*?)</last_name>", record)[1]
            page += 1

    def cards(self):
        """The cards' texts by file name."""
        folder = self.path("cards")
        names = [name for name in os.listdir(folder) if name.endswith(".vcf")]
        return {name: open(os.path.join(folder, name), newline="").read() for name in names}

    def note(self, name, value):
        path = self.path("cards", name)
        with open(path, newline="") as file:
            text = re.sub(r"NOTE[^\r]*\r\n(?: [^\r]*\r\n)*", "", file.read())
        with open(path, "w", newline="") as file:
            file.write(text.replace("END:VCARD", f"NOTE:{value}\r\nEND:VCARD"))

    def kill(self, *processes):
        for process in processes:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for process in processes:
            process.wait()

    def end(self):
        self.kill(*[process for process in self.running if process.poll() is None])
        self.proxy.server.shutdown()
        shutil.rmtree(self.folder)


def people_work(world):
    """One of every kind of change, each with a value that nobody else types; what must then be true."""
    cards = world.cards()
    names = sorted(cards)
    ids = {number: name for number, name in world.names_in_crm().items()}
    of_card = {name: re.search(r"X-INCWO-ID:(\d+)", cards[name])[1] for name in names}
    expected = {"values": {}, "gone": set(), "names": Counter(ids.values())}
    for number, name in enumerate(names[:2]):
        world.note(name, f"card-value-{number}")
        expected["values"][of_card[name]] = f"card-value-{number}"
    for number, name in enumerate(names[2:4]):
        value = f"crm-value-{number}"
        status, _ = world.ask("PUT", f"contacts/{of_card[name]}.xml", f"<contact><comment>{value}</comment></contact>")
        assert status == 200, status
        expected["values"][of_card[name]] = value
    gone = names[4]
    os.remove(world.path("cards", gone))
    expected["gone"].add(of_card[gone])
    expected["names"][ids[of_card[gone]]] -= 1
    for who in ("Neuf", "Dix"):
        with open(world.path("cards", f"{who}.vcf"), "w", newline="") as file:
            file.write(f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{who}-1\r\nFN:Ada {who}\r\nN:{who};Ada;;;\r\nEND:VCARD\r\n")
        expected["names"][who] += 1
    status, _ = world.ask("POST", "contacts.xml", "<contact><last_name>Onze</last_name></contact>")
    assert status in (200, 201), status
    expected["names"]["Onze"] += 1
    return expected


def try_moment(carnet, litestream, moment, in_place):
    world = World(carnet, litestream)
    try:
        world.run("first", "sync")
        world.run("first", "sync")
        replica = world.path("replica")
        replicating = world.start([litestream, "replicate", world.path("first", "carnet.db"), f"file://{replica}"])
        deadline = time.monotonic() + 15
        while not any(files for _, _, files in os.walk(replica)):
            assert time.monotonic() < deadline, "Litestream does not begin"
            time.sleep(0.05)
        expected = people_work(world)
        first = world.proxy.count
        struck = threading.Event()
        running = world.start([carnet, "-c", world.path("first", "carnet.toml"), "sync"])

        def strike():
            struck.set()
            world.kill(replicating, running)

        if isinstance(moment, tuple):
            def at(number, stage):
                if (number - first, stage) == moment and not struck.is_set():
                    strike()
                return struck.is_set()
            world.proxy.at = at
            running.wait(30)
            reached = struck.is_set()
        else:
            running.wait(30)
            time.sleep(moment / 1000)
            reached = True
        strike()
        world.proxy.at = None
        restore(world, replica, in_place)
        sync_to_rest(world)
        mode = os.stat(world.path("second", "carnet.db")).st_mode & 0o777
        assert mode == 0o600, f"the mirror's mode is {mode:o}"
        return reached, judge(world, expected)
    finally:
        world.end()


def restore(world, replica, in_place):
    """By `carnet restore`, as the guide says; or by Litestream alone, whose file everybody can read."""
    copy = world.path("second", "carnet.db" if in_place else "copy.db")
    subprocess.run([world.litestream, "restore", "-o", copy, f"file://{replica}"], check=True, capture_output=True)
    if not in_place:
        world.run("second", "restore", copy)


def sync_to_rest(world):
    """The second host's schedule, until nothing changes. A contact is made there once what was under way must be over: twice
    `timeout` after the restore."""
    for _ in range(20):
        told = world.run("second", "--json", "sync", codes=(0, 3))
        summary = json.loads(told.splitlines()[-1])
        waits = any("not made in the CRM yet" in line for line in told.splitlines())
        if not any(summary[part] for part in ("created", "updated", "deleted")) and not waits:
            if not summary.get("failed") and world_rests(world):
                return
        time.sleep(0.7)
    raise AssertionError("it does not come to rest")


def world_rests(world):
    told = world.run("second", "--json", "sync", "--dry-run", codes=(0, 3))
    summary = json.loads(told.splitlines()[-1])
    mirror = sqlite3.connect(world.path("second", "carnet.db"))
    unfinished = mirror.execute("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM absences)").fetchone()[0]
    mirror.close()
    return unfinished == 0 and not any(summary[part] for part in ("created", "updated", "deleted"))


def judge(world, expected):
    """What is wrong, in words."""
    wrong = Counter()
    in_crm, cards = world.names_in_crm(), world.cards()
    in_cards = Counter(re.search(r"^N:([^;\r]*)", text, re.M)[1].replace("\\,", ",") for text in cards.values())
    names = Counter(in_crm.values())
    for side, found in (("CRM", names), ("cards", in_cards)):
        for name in set(found) | set(expected["names"]):
            if found[name] > expected["names"][name]:
                wrong[f"doubled: {name} in the {side}"] += 1
            if found[name] < expected["names"][name]:
                wrong[f"deleted: {name} in the {side}"] += 1
    for number, value in expected["values"].items():
        _, text = world.ask("GET", f"contacts/{number}.xml")
        if value not in text:
            wrong[f"lost: {value} in the CRM"] += 1
        if not any(value in card for card in cards.values()):
            wrong[f"lost: {value} in the cards"] += 1
    for write, times in Counter(world.proxy.writes).items():
        if times > 1:
            wrong[f"sent {times} times: {' '.join(write[:2])}"] += 1
    for method, path, body in world.proxy.writes:
        if method == "DELETE" and re.search(r"(\d+)", path)[1] not in expected["gone"]:
            wrong[f"deleted: {path}"] += 1
    return sorted(wrong), len(in_crm)


def main():
    carnet, litestream = (os.path.abspath(path) for path in sys.argv[1:3])
    moments = [(number, stage) for number in range(1, WRITES + 1) for stage in STAGES] + list(AFTER)
    wanted = int(sys.argv[3]) if len(sys.argv) > 3 else len(moments)
    moments = [moments[at * len(moments) // wanted] for at in range(min(wanted, len(moments)))]
    failures, reached, contacts, began = 0, 0, 0, time.monotonic()
    for at, moment in enumerate(moments):
        name = f"write {moment[0]} {moment[1]}" if isinstance(moment, tuple) else f"{moment} ms after the run"
        try:
            came, (wrong, count) = try_moment(carnet, litestream, moment, at % 2 == 1)
            reached, contacts = reached + came, contacts + count
        except AssertionError as error:
            came, wrong = True, [str(error)]
        failures += bool(wrong)
        print(f"killed at {name}{'' if came else ' (not reached)'}: {'; '.join(wrong) or 'all well'}", flush=True)
    seconds = time.monotonic() - began
    print(f"{len(moments)} moments, {reached} reached, {contacts} contacts, {failures} with something doubled, deleted, lost "
          f"or sent twice, {seconds:.0f} s")
    sys.exit(1 if failures or reached * 10 < len(moments) * 8 else 0)


if __name__ == "__main__":
    main()
