"""The real program between the practice CRM and a real CardDAV server, behind a line that loses, cuts and garbles.

usage: python3 storms.py CARNET_BINARY SERVER FROM TO

SERVER is a name that servers.py knows. One storm for each seed from FROM to TO - 1, one line for each; exit 1 if one of them
broke a promise. In a storm people edit on the server and in the CRM, also while carnet syncs; carnet syncs through the proxy,
and is killed now and then. Then the proxy does no more harm, carnet comes to rest, and is judged (verdict.py): every value
that a person typed and no person took out is in both places or named as having lost, nobody who was deleted is back, nobody is
there twice, and a run without news writes nothing. The folder of a storm that broke something is kept.

What meets a request is drawn from the seed, but how many requests there are, and what a killed run has done, depends on the
machine: a seed need not break the same promise again.
"""

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin

sys.dont_write_bytecode = True  # these files lie in the sources

from dav import Client
from people import Cards, Crm, Ledger
from processes import Processes, Trouble
from verdict import judge

HERE = os.path.dirname(os.path.abspath(__file__))
CONTACTS = 12
STORMS_AT_ONCE = 4
# Runs until nothing is left to do, and the pause after one that waits for what may still be under way: twice `timeout`.
RUNS_MAX, PAUSE_SECONDS = 12, 0.6
RUN_SECONDS_MAX = 60
# Done, something waits, login refused, network, stopped for safety.
CODES_IN_A_STORM, CODES_AT_REST = (0, 3, 4, 5, 7), (0, 3)
WRITES = ("PUT", "POST", "DELETE", "MKCOL", "PROPPATCH", "MOVE")


class Violation(Exception):
    """carnet did what it never does; the text says what."""


class Helper:
    """A program of this folder that says on one line of JSON where it is, and ends when its standard input is closed."""

    def __init__(self, *words):
        self.process = subprocess.Popen([python(), *words], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise Trouble(f"{words[0]} did not start")
        self.told = json.loads(line)

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def python():
    """The Python that has the servers."""
    root = os.path.join(HERE, "..", "..")
    path = os.path.join(root, os.environ.get("CARGO_TARGET_DIR", "target"), "carddav-venv", "bin", "python")
    if not os.path.exists(path):
        raise Trouble("run tests/carddav/install first")
    return os.path.abspath(path)


class Storm:
    """One CRM, one address book behind a proxy, one mirror."""

    def __init__(self, carnet, server, seed):
        self.carnet, self.seed, self.chance = carnet, seed, random.Random(seed)
        self.folder = tempfile.mkdtemp(prefix=f"carnet-storm-{seed}-")
        self.processes, self.proxy, self.codes = Processes(self.folder), None, Counter()
        self.login = server["username"], server["password"]
        self.server, self.url = Client(server["base"], *self.login), urljoin(server["url"], f"../storm-{seed}/")

    def start(self):
        rate = f"{self.chance.uniform(0.05, 0.5):.2f}"
        self.server.make_book(self.url)
        self.processes.start("crm", [self.carnet, "sandbox", "--port", "0", "--contacts", str(CONTACTS), "--seed", "1"])
        self.processes.wait_for("the practice CRM", self.crm_url)
        self.proxy = Helper("proxy.py", self.url, "--seed", str(self.seed), "--rate", rate)
        self.line = Client(self.proxy.told["url"], *self.login)
        self.order("off")
        self.write_settings()
        self.cards, self.crm = Cards(self.server, self.url), Crm(Client(self.crm_url(), "demo", "demo"), self.crm_url())

    def crm_url(self):
        with open(self.processes.log("crm")) as file:
            found = re.search(r"http://127\.0\.0\.1:\d+/demo", file.read())
        return found and found[0]

    def write_settings(self):
        self.settings = os.path.join(self.folder, "carnet.toml")
        with open(os.open(self.settings, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(f"""[crm]
url = "{self.crm_url()}"
username = "demo"
password = "demo"
confirm_after = "0s"
timeout = "2s"
deletes = "allow"
lists = "replace"
[mirror]
path = "carnet.db"
[[book]]
name = "phones"
kind = "carddav"
url = "{self.proxy.told['url']}"
username = "{self.login[0]}"
password = "{self.login[1]}"
timeout = "2s"
""")

    def order(self, word):
        """Tells the proxy what to do, and returns what it has counted."""
        return json.loads(self.line.ask("GET", f"/__proxy__/{word}").body)

    def run(self, *words):
        """A command of carnet, begun."""
        return subprocess.Popen([self.carnet, "-c", self.settings, "--json", *words], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, start_new_session=True)

    def finish(self, process, codes):
        """The lines of JSON that it printed."""
        try:
            told, said = process.communicate(timeout=RUN_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise Violation(f"{' '.join(process.args[4:])} did not end within {RUN_SECONDS_MAX} s") from None
        code = process.returncode
        self.codes[code] += 1
        self.note(f"{' '.join(process.args[4:])}: exit {code}\n{told}{said}")
        if "panicked" in said or code not in codes:
            raise Violation(f"{' '.join(process.args[4:])}: exit {code} {' '.join(said.split())[-300:]}")
        return [json.loads(line) for line in told.splitlines() if line.startswith("{")]

    def note(self, text):
        with open(os.path.join(self.folder, "runs.log"), "a") as file:
            file.write(f"{text}\n")

    def ask(self, *words):
        return self.finish(self.run(*words), CODES_AT_REST)

    def rounds(self):
        """In each, people act, and carnet syncs through the proxy, while people may go on at the server."""
        for _ in range(self.chance.randint(6, 10)):
            for _ in range(self.chance.randint(1, 4)):
                self.ledger.act(self.chance.choice([self.cards, self.crm]))
            self.order("on")
            process = self.run("sync")
            if self.chance.random() < 0.3:
                self.ledger.act(self.cards)
            if self.chance.random() < 0.25:
                time.sleep(self.chance.uniform(0, 0.3))
                os.killpg(process.pid, signal.SIGKILL)
            self.finish(process, (*CODES_IN_A_STORM, -signal.SIGKILL))
            self.order("off")

    def rest(self):
        """Runs without faults until one finds nothing to write, and one more, which must not send anything that writes."""
        for _ in range(RUNS_MAX):
            told = self.sync()
            if is_quiet(told) and not self.is_waiting():
                break
            if self.is_waiting():
                time.sleep(PAUSE_SECONDS)
        else:
            raise Violation(f"does not come to rest within {RUNS_MAX} runs: {told}")
        before = self.order("log")["methods"]
        told, after = self.sync(), self.order("log")["methods"]
        sent = {method: after[method] - before.get(method, 0) for method in after if method in WRITES}
        if not is_quiet(told) or any(sent.values()):
            raise Violation(f"a run without news writes: {told}, to the server {sent}")

    def sync(self):
        # Deletions that were too many to be believed at once are confirmed, as a person would.
        lines = self.ask("sync", "--max-delete", "1000")
        return next(line for line in reversed(lines) if line.get("type") == "summary")

    def is_waiting(self):
        """Whether a write without an answer, or an absence, waits for its time."""
        return self.mirror("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM absences)") > 0

    def is_unnoted(self, uid):
        """Whether the mirror has the contact of this UID and has not heard of its card."""
        return self.mirror("SELECT count(*) FROM contacts c WHERE uid = ? AND NOT EXISTS (SELECT 1 FROM agreements "
                           "WHERE contact = c.id AND replica = 'phones')", uid) > 0

    def mirror(self, query, *values):
        """The first number that a query of the mirror gives."""
        mirror = sqlite3.connect(f"file:{self.folder}/carnet.db?mode=ro", uri=True)
        try:
            return mirror.execute(query, values).fetchone()[0]
        finally:
            mirror.close()

    def whole(self):
        """The whole storm; what it found, in words, and how many values are in the history alone."""
        self.start()
        self.ask("sync")
        names = {record.name for record in self.crm.records()}
        self.ledger = Ledger(self.seed, self.chance, names, self.is_unnoted)
        self.rounds()
        self.rest()
        return judge(self.ledger, self.cards.records(), self.crm.records(), self.ask("conflicts", "--all"),
                     self.ask("history", "--limit", "100000"))

    def end(self, is_kept):
        if self.proxy:
            self.proxy.end()
        self.processes.stop()
        self.server.ask("DELETE", self.url)
        if is_kept:
            self.note("\n".join(["", *self.ledger.acts]) if hasattr(self, "ledger") else "")
        else:
            shutil.rmtree(self.folder)


def is_quiet(summary):
    changed = any(summary[part] for part in ("created", "updated", "deleted")) or summary["failed"]
    return not changed and not any(summary["requests"].get(method) for method in WRITES)


def storm(carnet, server, seed):
    """Lives through one; its line, and whether it broke something."""
    began, one, wrong, faults, acts = time.monotonic(), Storm(carnet, server, seed), [], {}, 0
    in_history = 0
    try:
        wrong, in_history = one.whole()
        faults = one.order("log")["faults"]
        acts = len(one.ledger.acts)
    except Violation as error:
        wrong = [str(error)]
    except (OSError, Trouble, sqlite3.Error) as error:
        wrong = [f"the storm itself failed: {error!r}"]
    finally:
        one.end(is_kept=bool(wrong))
    codes = " ".join(f"{code}:{times}" for code, times in sorted(one.codes.items()))
    kept = f"\n  kept: {one.folder}" if wrong else ""
    found = "".join(f"\n  {line}" for line in wrong) or " all well"
    print(f"storm {seed}: {acts} acts, {sum(faults.values())} faults, exits {codes}, {in_history} in the history alone, "
          f"{time.monotonic() - began:.1f} s:{found}{kept}", flush=True)
    return len(wrong), in_history


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    carnet, name, seeds = os.path.abspath(sys.argv[1]), sys.argv[2], range(int(sys.argv[3]), int(sys.argv[4]))
    folder, began = tempfile.mkdtemp(prefix="carnet-storms-"), time.monotonic()
    server = None
    try:
        server = Helper("servers.py", name, folder)
        with ThreadPoolExecutor(STORMS_AT_ONCE) as pool:
            found = list(pool.map(lambda seed: storm(carnet, server.told, seed), seeds))
    except Trouble as error:
        sys.exit(f"failed to begin: {error}")
    finally:
        if server:
            server.end()
        shutil.rmtree(folder)
    failed = sum(bool(wrong) for wrong, _ in found)
    in_history = sum(number for _, number in found)
    print(f"{len(found)} storms with {name}, {failed} broke a promise, {in_history} values in the history alone, "
          f"{time.monotonic() - began:.0f} s")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
