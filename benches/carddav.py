"""Measures a book on a CardDAV server beside bare requests and beside vdirsyncer, on a real Radicale, and prints each ratio
beside its target.

    python3 benches/carddav.py [nochange] [download] [changed] [upload]

Needs a release build (it makes one, or CARNET names the program); `tests/carddav/install` makes Radicale and vdirsyncer
ready. Linux only. TURNS turns (default 2) of each program, one after the other; the ratio is that of the best. CARDS
(10,000), UPLOAD (1,000) and CHANGED (100) say how many cards. carnet's book and vdirsyncer's are two address books of the
same cards on one server, so that neither sees what the other does. `server` is the server's own CPU time meanwhile: where it
is nearly the whole wall time, it says more than a clock does on a machine that others use.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from memory import program
from run import ROOT, fresh, measure

TESTS = ROOT / "tests" / "carddav"
VENV = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "carddav-venv"
TURNS = int(os.environ.get("TURNS", "2"))
CARDS = int(os.environ.get("CARDS", "10000"))
UPLOAD = int(os.environ.get("UPLOAD", "1000"))
CHANGED = int(os.environ.get("CHANGED", "100"))
# Cards in one of the bare requests.
CARDS_AT_ONCE = 500
TOKEN = """<D:propfind xmlns:D="DAV:"><D:prop><D:sync-token/></D:prop></D:propfind>"""
REPORT = """<D:sync-collection xmlns:D="DAV:"><D:sync-token>{}</D:sync-token><D:sync-level>1</D:sync-level>
<D:prop><D:getetag/></D:prop></D:sync-collection>"""
LISTING = """<D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/><D:getetag/></D:prop></D:propfind>"""
MULTIGET = """<C:addressbook-multiget xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">
<D:prop><D:getetag/><C:address-data/></D:prop>{}</C:addressbook-multiget>"""

sys.dont_write_bytecode = True


class Bare:
    """Requests over one connection, the answers read and left unread."""

    def __init__(self, url, login):
        # Not before: what a child's peak RSS is counted from is that of its parent, which this would double.
        import http.client

        place = urlsplit(url)
        self.path, self.connection = place.path, http.client.HTTPConnection(place.hostname, place.port, timeout=600)
        self.login = "Basic " + base64.b64encode(login.encode()).decode()

    def ask(self, method, body, depth):
        headers = {"Authorization": self.login, "Content-Type": "application/xml; charset=utf-8", "Depth": depth}
        self.connection.request(method, self.path, body.encode(), headers)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if answer.status != 207:
            sys.exit(f"{method} {self.path}: {answer.status} {text[:500]}")
        return text

    def token(self):
        return re.search("sync-token>([^<]+)<", self.ask("PROPFIND", TOKEN, "0"))[1]

    def report(self):
        """Seconds of one REPORT that finds nothing."""
        token = self.token()
        begun = time.monotonic()
        self.ask("REPORT", REPORT.format(token), "1")
        return time.monotonic() - begun

    def multigets(self, at_once):
        """Seconds of all cards by multiget, one request after the other; and of the token and the listing before them."""
        begun = time.monotonic()
        self.token()
        hrefs = re.findall("<(?:\\w+:)?href>([^<]+)<", self.ask("PROPFIND", LISTING, "1"))
        hrefs = [href for href in hrefs if href.endswith(".vcf")]
        listed = time.monotonic()
        for at in range(0, len(hrefs), at_once):
            self.ask("REPORT", MULTIGET.format("".join(f"<D:href>{href}</D:href>" for href in hrefs[at:at + at_once])), "1")
        return time.monotonic() - listed, listed - begun


class Server:
    """Radicale with its address books."""

    def __init__(self, folder, cards):
        words = [VENV / "bin" / "python", TESTS / "servers.py", "radicale", folder, "--cards", str(cards)]
        self.process = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = json.loads(self.process.stdout.readline() or sys.exit("Radicale did not start"))
        self.login = f'{self.about["username"]}:{self.about["password"]}'
        self.radicale = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0]

    def bare(self, *words):
        """What bare requests took, made by a process of its own."""
        words = [sys.executable, __file__, "--bare", self.login, *words]
        return [float(word) for word in subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.split()]

    def book(self, name, like=None):
        """Another address book, empty or with the cards of another; its address."""
        url = self.about["url"].rsplit("/", 2)[0] + f"/{name}/"
        kept = Path(self.about["folder"])
        if like:
            shutil.copytree(kept.parent / like, kept.parent / name)
        else:
            (kept.parent / name).mkdir()
            shutil.copy(kept / ".Radicale.props", kept.parent / name)
        return url

    def cpu(self):
        """Seconds of CPU time that it has had."""
        fields = Path(f"/proc/{self.radicale}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Side:
    """What one program needed, turn by turn."""

    def __init__(self, name, server):
        self.name, self.server, self.turns = name, server, []

    def run(self, argv):
        before = self.server.cpu()
        wall, rss, cpu = measure(argv)
        self.note(wall, cpu, rss, self.server.cpu() - before)

    def note(self, wall, cpu=0, rss=0, server=0):
        self.turns.append((wall, cpu, rss, server))
        words = f"   cpu {cpu:6.2f} s   rss {rss:5.1f} MB   server {server:6.2f} s" if rss else ""
        print(f"    {self.name:<28} wall {wall:7.2f} s{words}", flush=True)

    def best(self, column):
        return min(turn[column] for turn in self.turns)

    @property
    def wall(self):
        return self.best(0)

    @property
    def cpu(self):
        return self.best(1)

    @property
    def rss(self):
        return max(turn[2] for turn in self.turns)


def say(what, ours, theirs, target, unit=""):
    """A ratio beside its target."""
    ratio = ours / theirs
    met = "met" if ratio <= target else "MISSED"
    print(f"  {what:<52} {ours:8.2f}{unit} / {theirs:8.2f}{unit} = {ratio:5.2f}   target {target:g}: {met}", flush=True)


class Carnet:
    """carnet with a book on the server and a folder of cards, the CRM left out."""

    def __init__(self, carnet, folder, server, url):
        folder.mkdir(parents=True)
        self.carnet, self.folder, self.server = carnet, folder, server
        self.path = folder / "carnet.toml"
        self.at(url)

    def at(self, url):
        about = self.server.about
        self.path.write_text(
            f'[crm]\nurl = "sandbox"\n[mirror]\npath = "mirror/carnet.db"\n'
            f'[[book]]\nname = "phones"\nkind = "carddav"\nurl = "{url}"\nusername = "{about["username"]}"\n'
            f'password = "{about["password"]}"\n[[book]]\nname = "desk"\nkind = "vdir"\npath = "desk"\n')
        self.path.chmod(0o600)

    def sync(self, *books):
        only = [word for book in books or ("phones", "desk") for word in ("--only", book)]
        return [self.carnet, "-c", self.path, "-q", "sync", *only]


class Vdirsyncer:
    """vdirsyncer between a folder of cards and an address book."""

    def __init__(self, folder, server, url):
        folder.mkdir(parents=True)
        self.cards, self.path, about = folder / "cards", folder / "config", server.about
        self.cards.mkdir()
        self.path.write_text(
            f'[general]\nstatus_path = "{folder}/status/"\n[pair p]\na = "here"\nb = "there"\ncollections = null\n'
            f'[storage here]\ntype = "filesystem"\npath = "{self.cards}"\nfileext = ".vcf"\n'
            f'[storage there]\ntype = "carddav"\nurl = "{url}"\nusername = "{about["username"]}"\n'
            f'password = "{about["password"]}"\n')

    def discover(self):
        subprocess.run([VENV / "bin" / "vdirsyncer", "-c", self.path, "discover"], input="y\ny\n", text=True, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def sync(self):
        return [VENV / "bin" / "vdirsyncer", "-c", self.path, "sync"]


def download(desk):
    print(f"first download of {CARDS:,} cards", flush=True)
    server, bare, whole = desk.server, Side("bare multigets", desk.server), Side("with token and listing", desk.server)
    ours, theirs = Side("carnet", server), Side("vdirsyncer", server)
    for turn in range(TURNS):
        wall, before = server.bare("multigets", desk.url, str(CARDS_AT_ONCE))
        bare.note(wall)
        whole.note(wall + before)
        desk.carnet = Carnet(desk.program, desk.work / f"download-{turn}", server, desk.url)
        ours.run(desk.carnet.sync("phones"))
        desk.vdirsyncer = Vdirsyncer(desk.work / f"pair-{turn}", server, desk.other)
        desk.vdirsyncer.discover()
        theirs.run(desk.vdirsyncer.sync())
    say("wall, of the bare multigets", ours.wall, bare.wall, 1.3, " s")
    say("wall, of them with token and listing", ours.wall, whole.wall, 1.3, " s")
    say("wall, of vdirsyncer's", ours.wall, theirs.wall, 1, " s")


def nochange(desk):
    desk.settle()
    print(f"no change, {CARDS:,} cards", flush=True)
    server, bare = desk.server, Side("bare sync-collection", desk.server)
    ours, theirs = Side("carnet", server), Side("vdirsyncer", server)
    for _ in range(TURNS):
        bare.note(*server.bare("report", desk.url))
        ours.run(desk.carnet.sync("phones"))
        theirs.run(desk.vdirsyncer.sync())
    say("wall, of the bare sync-collection", ours.wall, bare.wall, 1.15, " s")
    say("own CPU, of vdirsyncer's", ours.cpu, theirs.cpu, 0.1, " s")
    say("peak RSS, of vdirsyncer's", ours.rss, theirs.rss, 0.5, " MB")
    say("peak RSS", ours.rss, 1, 40, " MB")


def changed(desk):
    desk.settle()
    print(f"{CHANGED} cards of {CARDS:,} changed here", flush=True)
    ours, theirs = Side("carnet", desk.server), Side("vdirsyncer", desk.server)
    measure(desk.carnet.sync())
    for turn in range(TURNS):
        for folder, side, argv in (
            (desk.carnet.folder / "desk", ours, desk.carnet.sync()),
            (desk.vdirsyncer.cards, theirs, desk.vdirsyncer.sync()),
        ):
            for path in sorted(folder.glob("*.vcf"))[:CHANGED]:
                edit(path, f"Tour {turn} {time.monotonic_ns()}")
            side.run(argv)
    say("wall, of vdirsyncer's", ours.wall, theirs.wall, 1, " s")


def edit(path, title):
    text = path.read_bytes().decode()
    lines = [line for line in re.split("\r?\n", text) if line and not line.startswith(("TITLE", "END:"))]
    path.write_bytes("\r\n".join([*lines, f"TITLE:{title}", "END:VCARD", ""]).encode())


def upload(desk):
    sys.path.append(str(TESTS))
    import cards

    print(f"first upload of {UPLOAD:,} cards", flush=True)
    ours, theirs = Side("carnet", desk.server), Side("vdirsyncer", desk.server)
    carnet = Carnet(desk.program, desk.work / "upload", desk.server, desk.url)
    (carnet.folder / "desk").mkdir()
    cards.into_folder(carnet.folder / "desk", UPLOAD)
    measure(carnet.sync("desk"))
    shutil.copytree(carnet.folder / "mirror", desk.work / "upload-mirror")
    for _ in range(TURNS):
        stamp = time.monotonic_ns()
        fresh(carnet.folder)
        shutil.copytree(desk.work / "upload-mirror", carnet.folder / "mirror")
        carnet.at(desk.server.book(f"ours-{stamp}"))
        ours.run(carnet.sync("phones"))
        theirs_pair = Vdirsyncer(desk.work / f"upload-{stamp}", desk.server, desk.server.book(f"theirs-{stamp}"))
        cards.into_folder(theirs_pair.cards, UPLOAD)
        theirs_pair.discover()
        theirs.run(theirs_pair.sync())
    say("wall, of vdirsyncer's", ours.wall, theirs.wall, 1.2, " s")


class Desk:
    """The server, and the two programs once one of the cases has brought them to a first sync."""

    carnet = vdirsyncer = None

    def __init__(self, carnet, work, cards):
        self.program, self.work = carnet, work
        self.server = Server(work / "server", cards)
        self.url = self.server.about["url"]
        # Radicale writes a file for each card when it is first asked for changes, each with its own fsync.
        self.server.bare("report", self.url)
        self.other = self.server.book("other", "book")

    def settle(self):
        if not self.carnet:
            self.carnet = Carnet(self.program, self.work / "first", self.server, self.url)
            self.vdirsyncer = Vdirsyncer(self.work / "pair", self.server, self.other)
            self.vdirsyncer.discover()
        measure(self.carnet.sync("phones"))
        measure(self.vdirsyncer.sync())


def main():
    if sys.argv[1:2] == ["--bare"]:
        login, what, url, *rest = sys.argv[2:]
        bare = Bare(url, login)
        return print(bare.report() if what == "report" else "{} {}".format(*bare.multigets(int(rest[0]))))
    cases = {"nochange": nochange, "download": download, "changed": changed, "upload": upload}
    wanted = sys.argv[1:] or ["download", "nochange", "changed", "upload"]
    if not set(wanted) <= set(cases):
        sys.exit(__doc__)
    carnet = program().resolve()
    subprocess.run(["bash", TESTS / "install"], check=True)
    with tempfile.TemporaryDirectory(prefix="carnet-carddav-") as work:
        desk = Desk(carnet, Path(work), CARDS if set(wanted) - {"upload"} else 0)
        try:
            for name in wanted:
                cases[name](desk)
        finally:
            desk.server.stop()


if __name__ == "__main__":
    main()
