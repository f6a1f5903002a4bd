"""Measures the daemon at its desk: what it costs to be idle, how fast an edit leaves, whether memory grows, and whether it
lives through being killed again and again.

    CARNET=target/release/carnet python3 benches/daemon.py [idle] [edit] [month] [kills]

Linux only. Everything is real: the program, HTTP to the practice CRM, files, signals. `month` makes RUNS runs (default 2000),
one a second; `kills` kills KILLS times (default 100).
"""

import http.client
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CARNET = os.environ.get("CARNET", "target/release/carnet")
LINES = {}


class Relay(BaseHTTPRequestHandler):
    """Passes requests on to the practice CRM, and notes when each PUT came."""

    protocol_version = "HTTP/1.1"
    upstream, puts = None, []

    def relay(self):
        if self.command == "PUT":
            Relay.puts.append(time.monotonic())
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection(*Relay.upstream)
        kept = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        connection.request(self.command, self.path, body, {**kept, "Accept-Encoding": "identity"})
        answer = connection.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = relay

    def log_message(self, *_):
        pass


class Desk:
    """A CRM of so many contacts behind the relay, and settings with a folder of cards and a sheet."""

    def __init__(self, contacts, schedule, watch=True):
        self.folder = Path(tempfile.mkdtemp(prefix="carnet-daemon-"))
        self.crm = subprocess.Popen(
            [CARNET, "sandbox", "--port", "0", "--contacts", str(contacts), "--seed", "1"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        while not (found := re.search(r"http://([\d.]+):(\d+)(/\w+)?", self.crm.stdout.readline())):
            pass
        threading.Thread(target=self.crm.stdout.read, daemon=True).start()
        Relay.upstream, Relay.puts = (found[1], int(found[2])), []
        relay = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        (self.folder / "carnet.toml").write_text(
            f'[crm]\nurl = "http://127.0.0.1:{relay.server_port}{found[3] or ""}"\nusername = "demo"\n'
            f'password = "demo"\nlists = "replace"\n[mirror]\npath = "carnet.db"\n'
            f'[sync]\nschedule = "{schedule}"\nwatch = {str(watch).lower()}\n'
            '[[book]]\nname = "team"\nkind = "vdir"\npath = "team"\n'
            '[[book]]\nname = "sheet"\nkind = "csv"\npath = "sheet.csv"\n'
        )
        (self.folder / "carnet.toml").chmod(0o600)

    def command(self, *arguments):
        return [CARNET, "-c", str(self.folder / "carnet.toml"), *arguments]

    def daemon(self):
        process = subprocess.Popen(self.command("daemon"), stderr=subprocess.PIPE, text=True)
        LINES[process.pid] = lines = []
        threading.Thread(target=lambda: lines.extend(iter_lines(process.stderr, lines)), daemon=True).start()
        return process

    def edit(self, title):
        card = random.choice(sorted(self.folder.glob("team/*.vcf")))
        text = [line for line in card.read_text().splitlines() if not line.startswith(("TITLE", "END:"))]
        beside = card.with_suffix(".new")
        beside.write_text("\r\n".join([*text, f"TITLE:{title}", "END:VCARD", ""]))
        beside.rename(card)
        return card

    def close(self):
        self.crm.kill()


def iter_lines(stream, lines):
    for line in stream:
        lines.append(line)
    return []


def wait_for(process, words, count=1, limit=120):
    until = time.monotonic() + limit
    while sum(words in line for line in LINES[process.pid]) < count:
        if time.monotonic() > until:
            sys.exit(f"no \"{words}\" within {limit} s: {LINES[process.pid][-5:]}")
        time.sleep(0.02)


def memory(process):
    text = Path(f"/proc/{process.pid}/status").read_text()
    return {name: int(re.search(rf"{name}:\s+(\d+)", text)[1]) / 1024 for name in ("VmRSS", "RssAnon", "VmHWM")}


def switches(process):
    total = 0
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        total += int(re.search(r"voluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text())[1])
    return total


def idle():
    desk = Desk(1000, "@yearly")
    process = desk.daemon()
    wait_for(process, " waiting next=")
    time.sleep(3)
    before, span = switches(process), 60
    for card in desk.folder.glob("team/*.vcf"):
        card.read_bytes()
    time.sleep(span)
    print(f"idle: {memory(process)} MB, {len(list(Path(f'/proc/{process.pid}/task').iterdir()))} threads, "
          f"{switches(process) - before} wake-ups in {span} s while 1,000 cards were read")
    process.terminate()
    assert process.wait() == 0
    desk.close()


def edit():
    # More than half of a book edited at once would be stopped for safety.
    desk = Desk(2500, "@yearly")
    process = desk.daemon()
    wait_for(process, " waiting next=")
    took = []
    for number in range(10):
        ended, puts = sum(" waiting next=" in line for line in LINES[process.pid]), len(Relay.puts)
        begun = time.monotonic()
        desk.edit(f"Essai {number}")
        while len(Relay.puts) == puts:
            time.sleep(0.005)
        took.append(Relay.puts[-1] - begun)
        wait_for(process, " waiting next=", ended + 1)
        time.sleep(2.5)
    print(f"edit to PUT: median {statistics.median(took):.2f} s, worst {max(took):.2f} s, of 2,500 contacts")
    ended, puts, begun = sum(" waiting next=" in line for line in LINES[process.pid]), len(Relay.puts), time.monotonic()
    for number, card in enumerate(sorted(desk.folder.glob("team/*.vcf"))[:1000]):
        card.write_text(card.read_text().replace("END:VCARD", f"NOTE:Rafale {number}\r\nEND:VCARD"))
    wait_for(process, " waiting next=", ended + 1)
    time.sleep(5)
    for line in LINES[process.pid][-4:] if "-v" in sys.argv else []:
        print(line, end="")
    runs = sum(" waiting next=" in line for line in LINES[process.pid]) - ended
    print(f"a burst of 1,000 edits: {runs} run, {len(Relay.puts) - puts} PUTs, {Relay.puts[-1] - begun:.1f} s to the last")
    process.terminate()
    process.wait()
    desk.close()


def month():
    runs = int(os.environ.get("RUNS", "2000"))
    desk = Desk(200, "every 1s")
    process = desk.daemon()
    seen = []
    for step in range(1, 11):
        for _ in range(3):
            desk.edit(f"Tour {step} {random.random()}") if step > 1 else None
        wait_for(process, " waiting next=", runs * step // 10, limit=runs * 3)
        seen.append(memory(process)["VmRSS"])
    print(f"{runs} runs, one a second: RSS in MB at each tenth {[round(rss, 1) for rss in seen]}")
    process.terminate()
    process.wait()
    desk.close()


def kills():
    desk = Desk(100, "every 1s")
    process = desk.daemon()
    wait_for(process, " waiting next=")
    titles = {}
    for number in range(int(os.environ.get("KILLS", "100"))):
        title = f"Coup {number}"
        titles[desk.edit(title).name] = title
        time.sleep(random.uniform(0.0, 2.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = desk.daemon()
    wait_for(process, " waiting next=", 3)
    process.terminate()
    process.wait()
    # What a killed write left is looked for once its time is over.
    for _ in range(3):
        last = subprocess.run(desk.command("sync"), capture_output=True, text=True)
    status = subprocess.run(desk.command("status"), capture_output=True, text=True)
    sheet = (desk.folder / "sheet.csv").read_text()
    missing = [title for title in titles.values() if title not in sheet]
    lost = [name for name, title in titles.items() if title not in (desk.folder / "team" / name).read_text()]
    print(f"{number + 1} kills: the last sync says {last.stdout.splitlines()[-1]!r} (exit code {last.returncode}), "
          f"{len(lost)} edits lost, {len(missing)} not carried on, {len(list(desk.folder.glob('team/*.vcf')))} cards")
    print(status.stdout)
    desk.close()


if __name__ == "__main__":
    for name in [name for name in sys.argv[1:] if name != "-v"] or ["idle", "edit", "month", "kills"]:
        {"idle": idle, "edit": edit, "month": month, "kills": kills}[name]()
