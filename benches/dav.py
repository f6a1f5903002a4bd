"""Measures carnet as a CardDAV server beside Radicale and Xandikos, in the same run, and prints each ratio beside its target.

    python3 benches/dav.py [requests] [growth] [run] [devices]

Needs a release build (it makes one, or CARNET names the program); `tests/carddav/install` makes the other servers ready.
Linux only. `requests`: the same requests over one connection to each of the three, CARDS (10,000) cards in each; the time is
the best of TURNS (3). `growth`: PUTs of new cards, from an empty book to CARDS. `run`: PUTs while carnet's first pull of PULL
(100,000) contacts is at work, and while nothing is. `devices`: the memory of a daemon while ten devices list CARDS each.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import carddav as bench
import run as whole
from memory import program

sys.path.insert(0, str(bench.TESTS))
sys.dont_write_bytecode = True
import cards  # noqa: E402

CARDS = int(os.environ.get("CARDS", "10000"))
PULL = int(os.environ.get("PULL", "100000"))
TURNS = int(os.environ.get("TURNS", "3"))
PUTS, AT_ONCE, DEVICES = 1000, 100, 10
# Of new cards beside the others, each turn: Radicale needs a second for one where there are 10,000.
NEW = 50
# What the CRM of a daemon is that is to have no runs: nobody listens on port 9.
NOWHERE = '[crm]\nurl = "http://127.0.0.1:9/1"\nusername = "demo"\npassword = "demo"\n'
ETAGS = '<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/></D:prop></D:propfind>'


class Client(bench.Bare):
    """One connection to an address book."""

    def again(self):
        """A connection that is open and logged in: a server may have closed one that was idle."""
        self.connection.close()
        self.ask("PROPFIND", ETAGS, "0")

    def put(self, number):
        """Seconds of a new card's PUT."""
        headers = {"Authorization": self.login, "Content-Type": "text/vcard; charset=utf-8", "If-None-Match": "*"}
        begun = time.monotonic()
        self.connection.request("PUT", f"{self.path}{cards.uid(number)}.vcf", cards.card(number), headers)
        answer = self.connection.getresponse()
        answer.read()
        if answer.status != 201:
            sys.exit(f"PUT {number} to {self.path}: {answer.status}")
        return time.monotonic() - begun

    def puts(self, numbers):
        return sum(self.put(number) for number in numbers)

    def listing(self):
        begun = time.monotonic()
        text = self.ask("PROPFIND", ETAGS, "1")
        return time.monotonic() - begun, [href for href in re.findall("<(?:\\w+:)?href>([^<]+)<", text) if href.endswith(".vcf")]

    def multigets_of(self, hrefs):
        begun = time.monotonic()
        for at in range(0, len(hrefs), AT_ONCE):
            self.ask("REPORT", bench.MULTIGET.format("".join(f"<D:href>{href}</D:href>" for href in hrefs[at:at + AT_ONCE])), "1")
        return time.monotonic() - begun


class Daemon:
    """`carnet daemon` with devices."""

    def __init__(self, carnet, folder, crm=NOWHERE, names=("phone",), starts=True):
        folder.mkdir(parents=True)
        self.carnet, self.path = carnet, folder / "carnet.toml"
        self.path.write_text(f'{crm}[mirror]\npath = "carnet.db"\n[sync]\nschedule = "@yearly"\n[carddav]\nlisten = "127.0.0.1:0"\n')
        self.path.chmod(0o600)
        self.passwords = {name: self.add(name) for name in names}
        self.process = None
        if starts:
            self.start()

    def add(self, name):
        words = [self.carnet, "-c", self.path, "--json", "devices", "add", name]
        return re.search('"password":"([^"]+)"', subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)[1]

    def start(self):
        words = [self.carnet, "-c", self.path, "daemon"]
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if found := re.search("devices are at (http://[^/]+)/", line):
                self.base = found[1]
                break
        else:
            sys.exit("the daemon did not start")
        self.log = []
        self.reader = threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True)
        self.reader.start()

    def client(self, name="phone"):
        return Client(f"{self.base}/dav/{name}/contacts/", f"{name}:{self.passwords[name]}")

    def peak(self):
        """MB of memory that it has had at most."""
        return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())[1]) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Other:
    """Another server, cards placed in its storage beforehand."""

    def __init__(self, name, folder, count):
        words = [bench.VENV / "bin" / "python", bench.TESTS / "servers.py", name, folder, "--cards", str(count)]
        self.process = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = bench.json.loads(self.process.stdout.readline() or sys.exit(f"{name} did not start"))

    def client(self):
        return Client(self.about["url"], f'{self.about["username"]}:{self.about["password"]}')

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def requests(carnet, work):
    print(f"the same requests, {CARDS:,} cards in each server: seconds, best of {TURNS}", flush=True)
    daemon = Daemon(carnet, work / "carnet")
    daemon.client().puts(range(CARDS))
    others = {name: Other(name, work / name, CARDS) for name in ("radicale", "xandikos")}
    clients = {"carnet": daemon.client()} | {name: other.client() for name, other in others.items()}
    for client in clients.values():
        client.report()
    hrefs = {}
    for name, client in clients.items():
        client.again()
        hrefs[name] = client.listing()[1]
    least = dict.fromkeys(hrefs, CARDS)
    assert all(len(found) == least[name] for name, found in hrefs.items()), {name: len(found) for name, found in hrefs.items()}
    kinds = {
        "PROPFIND Depth 1 with etags": lambda name, _: clients[name].listing()[0],
        f"multiget of all, {AT_ONCE} at once": lambda name, _: clients[name].multigets_of(hrefs[name]),
        "sync-collection, no change": lambda name, _: clients[name].report(),
        f"PUT of {NEW} new cards": lambda name, turn: clients[name].puts(
            range(CARDS + turn * NEW, CARDS + (turn + 1) * NEW)),
    }
    for kind, ask in kinds.items():
        took = {name: [] for name in clients}
        for turn in range(TURNS):
            for name, client in clients.items():
                client.again()
                took[name].append(ask(name, turn))
        best = {name: min(times) for name, times in took.items()}
        print("    " + "   ".join(f"{name} {seconds:8.4f} s" for name, seconds in best.items()), flush=True)
        bench.say(f"{kind}, of the faster of the two", best["carnet"], min(best["radicale"], best["xandikos"]), 1 / 20, " s")
    for server in (daemon, *others.values()):
        server.stop()


def growth(carnet, work):
    print(f"PUTs of new cards, from an empty book to {CARDS:,}", flush=True)
    daemon = Daemon(carnet, work / "growth")
    client, tenth = daemon.client(), CARDS // 10
    times = [client.puts(range(at * tenth, (at + 1) * tenth)) for at in range(10)]
    print("    each tenth: " + " ".join(f"{seconds:.2f}" for seconds in times) + " s", flush=True)
    bench.say("the last three tenths, of the first three", statistics.median(times[-3:]), statistics.median(times[:3]), 1.2, " s")
    daemon.stop()


def during(carnet, work):
    print(f"PUTs while a first pull of {PULL:,} contacts is at work, and while nothing is", flush=True)
    _, bare = whole.build()
    whole.pages(work / "pages", PULL, 250)
    with whole.Server(bare, work / "pages") as url:
        crm = f'[crm]\nurl = "{url}"\nusername = "demo"\npassword = "demo"\nrequests_per_second = 100000\nfirms = "off"\n'
        idle = Daemon(carnet, work / "idle")
        calm = percentile(idle.client(), lambda count: count < PUTS)
        idle.stop()
        busy = Daemon(carnet, work / "busy", crm)
        client, ended = busy.client(), lambda: any("the run is done" in line for line in busy.log)
        # The first run of a daemon begins at once.
        told = percentile(client, lambda count: not ended() and count < 50 * PUTS)
        busy.stop()
    bench.say("99th percentile, of an idle carnet's", told * 1000, calm * 1000, 2, " ms")


def percentile(client, goes_on):
    times = []
    while goes_on(len(times)):
        times.append(client.put(len(times)))
    times.sort()
    print(f"    {len(times)} PUTs: median {times[len(times) // 2] * 1000:.2f} ms, "
          f"99th percentile {times[len(times) * 99 // 100] * 1000:.2f} ms, longest {times[-1] * 1000:.2f} ms", flush=True)
    return times[len(times) * 99 // 100]


def devices(carnet, work):
    print(f"{DEVICES} devices list {CARDS:,} cards each, at once", flush=True)
    names = [f"phone-{number}" for number in range(DEVICES)]
    daemon = Daemon(carnet, work / "devices", names=names)
    for name in names:
        daemon.client(name).puts(range(CARDS))
    daemon.stop()
    daemon.start()
    clients = [daemon.client(name) for name in names]
    threads = [threading.Thread(target=client.listing) for client in clients]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"    {time.monotonic() - begun:.2f} s", flush=True)
    bench.say("peak RSS", daemon.peak(), 1, 40, " MB")
    daemon.stop()


def main():
    cases = {"requests": requests, "growth": growth, "run": during, "devices": devices}
    wanted = sys.argv[1:] or list(cases)
    if not set(wanted) <= set(cases):
        sys.exit(__doc__)
    carnet = program().resolve()
    subprocess.run(["bash", bench.TESTS / "install"], check=True)
    with tempfile.TemporaryDirectory(prefix="carnet-dav-") as work:
        for name in wanted:
            cases[name](carnet, Path(work))


if __name__ == "__main__":
    main()
