"""Measures whole processes side by side: carnet, bare programs that do the same, and vdirsyncer.

    python3 benches/run.py [latency] [pull] [vdir] [growth]

Needs a release build (it makes one). `vdir` needs vdirsyncer (PyPI), installed into a folder of its own on first use.
Every figure is the median of several runs, taken in turn (A B A B ...), wall clock and the peak RSS of the process.
"""

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = int(os.environ.get("RUNS", "3"))
FIRST = ["Élodie", "Jean", "Zoé", "François", "Amélie", "Luc", "Noëlle", "Ada", "Hélène", "René"]
LAST = ["Durand", "Lefèvre", "Martin", "Gauthier", "Béranger", "Petit", "Roux", "Faure", "Château", "Mercier"]


def build():
    """Builds carnet and the bare programs; their paths."""
    subprocess.run(["cargo", "build", "--release", "--bins"], cwd=ROOT, check=True)
    out = subprocess.run(
        ["cargo", "bench", "--no-run", "--bench", "bare", "--message-format=json"],
        cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
    ).stdout
    bare = [line.split('"executable":"')[1].split('"')[0] for line in out.splitlines() if '"executable":"' in line]
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "release" / "carnet", next(path for path in bare if "/bare-" in path)


def measure(argv, expect=0):
    """Runs a command; wall seconds and peak RSS in MB."""
    log = tempfile.TemporaryFile()
    start = time.monotonic()
    child = subprocess.Popen([str(word) for word in argv], stdout=log, stderr=log)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != expect:
        log.seek(0)
        sys.exit(f"{argv}: exit {child.returncode}\n{log.read().decode(errors='replace')[-3000:]}")
    return wall, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def show(name, results):
    wall, rss, cpu = zip(*results)
    print(f"  {name:<44} wall {statistics.median(wall):7.3f} s   cpu {statistics.median(cpu):6.2f} s   rss {max(rss):6.1f} MB"
          f"   ({', '.join(f'{w:.2f}' for w in wall)})", flush=True)
    return statistics.median(wall)


def contact(number, chance):
    """One contact as the live server writes it, about 1.3 kB."""
    first, last = chance.choice(FIRST), f"{chance.choice(LAST)}-{number}"
    mail = f"contact{number}@example.com"
    items = "".join(
        f'<contact_item><id type="integer">{number * 4 + k}</id><type_id>{code}</type_id><value>{value}</value></contact_item>'
        for k, (code, value) in enumerate([
            (27, mail), (24, f"01 99 00 {number // 100 % 100:02} {number % 100:02}"), (88, f"+33 6 39 98 {number % 10000:04}"),
        ])
    )
    return (
        f'<contact><id type="integer">{number}</id><civility_label_id type="integer">{chance.choice([17, 18, 19])}</civility_label_id>'
        f"<last_name>{last}</last_name><first_name>{first}</first_name>"
        f"<comment>Rencontré au salon n° {number} &amp; rappelé depuis ; préfère le matin, devis envoyé le mois dernier.</comment>"
        f"<job_title>Responsable des achats</job_title><job_department>Achats</job_department><country>France</country>"
        f'<contact_type>client</contact_type><firm_id type="integer">{number // 3}</firm_id>'
        f'<reference nil="true"/><project_id nil="true"/><creator_id type="integer">7</creator_id>'
        f"<created_at>05-11-2026-14-{number % 60:02}</created_at><language>fr</language>"
        f'<contact_addresses type="array"><contact_address><id type="integer">{number}</id><address_type>21</address_type>'
        f"<street_address>{number % 200} rue de la République</street_address><street_address2>Bâtiment B</street_address2>"
        f"<zip_code>69002</zip_code><city>Lyon</city><country>France</country></contact_address></contact_addresses>"
        f'<contact_items type="array">{items}</contact_items></contact>\n'
    )


def pages(folder, count, per_page):
    """Writes a listing of so many contacts; the number of pages."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(1)
    total = -(-count // per_page)
    for page in range(1, total + 1):
        numbers = range(1000 + (page - 1) * per_page, 1000 + min(page * per_page, count))
        body = "".join(contact(number, chance) for number in numbers)
        head = f"<pagination><total_pages>{total}</total_pages><current_page_items_count>{len(numbers)}</current_page_items_count></pagination>\n"
        (folder / f"page-{page}.xml").write_text(
            f'<?xml version="1.0" encoding="UTF-8"?>\n<contacts type="array">\n{head}{body}</contacts>\n', encoding="utf-8")
    return total


class Server:
    """The static server as a process of its own."""

    def __init__(self, bare, folder, delay=0):
        self.process = subprocess.Popen([bare, "serve", str(folder), str(delay)], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def __enter__(self):
        return self.url

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def settings(folder, url, books="", concurrency=4):
    """A settings file for a server."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "carnet.toml"
    path.write_text(
        f'[crm]\nurl = "{url}"\nusername = "demo"\npassword = "demo"\nconcurrency = {concurrency}\n'
        f'requests_per_second = 100000\n[mirror]\npath = "mirror/carnet.db"\n{books}')
    path.chmod(0o600)
    return path


def fresh(folder, name="mirror"):
    """Moves what an earlier turn made out of the way; deleting thousands of files would slow the next ones down."""
    if (folder / name).exists():
        (folder / name).rename(folder / f"{name}-{time.monotonic_ns()}")


def latency(carnet, bare, work):
    print("10,000 contacts, 40 pages, 100 ms an answer, 4 requests in flight")
    total = pages(work / "latency", 10_000, 250)
    with Server(bare, work / "latency", 100) as url:
        conf = settings(work / "latency-conf", url)
        ours, theirs = [], []
        for _ in range(RUNS):
            theirs.append(measure([bare, "fetch", url, total, 4]))
            fresh(conf.parent)
            ours.append(measure([carnet, "-c", conf, "-q", "pull"]))
        bare_wall = show("bare client", theirs)
        print(f"  ratio {show('carnet: first pull', ours) / bare_wall:.2f} (goal 1.15)")


def pull(carnet, bare, work):
    total = pages(work / "pull", 100_000, 250)
    size = sum(page.stat().st_size for page in (work / "pull").iterdir()) / 1e6
    print(f"100,000 contacts, {total} pages, {size:.0f} MB, static server, 4 requests in flight")
    with Server(bare, work / "pull") as url:
        conf = settings(work / "pull-conf", url)
        insert, first, read, second = [], [], [], []
        for _ in range(RUNS):
            (work / "bare.db").unlink(missing_ok=True)
            insert.append(measure([bare, "insert", url, total, 4, work / "bare.db"]))
            fresh(conf.parent)
            first.append(measure([carnet, "-c", conf, "-q", "pull"]))
            read.append(measure([bare, "read", url, total, 4]))
            second.append(measure([carnet, "-c", conf, "-q", "pull"]))
        a = show("bare: fetch, read, insert", insert)
        print(f"  ratio {show('carnet: first pull', first) / a:.2f} (goal 2.5)")
        b = show("bare: fetch, read", read)
        print(f"  ratio {show('carnet: unchanged pull', second) / b:.2f} (goal 1.5)")


def vdirsyncer(work):
    """vdirsyncer in a folder of its own; its path."""
    where = work.parent / "carnet-bench-vdirsyncer"
    program = where / "bin" / "vdirsyncer"
    if not program.exists():
        venv.create(where, with_pip=True)
        subprocess.run([where / "bin" / "pip", "install", "-q", "vdirsyncer"], check=True)
    return program


def vdir(carnet, bare, work):
    print("10,000 cards in a folder, the CRM on the static server")
    pages(work / "vdir", 10_000, 250)
    with Server(bare, work / "vdir") as url:
        book = '[[book]]\nname = "cards"\nkind = "vdir"\npath = "cards"\ndirection = "to-book"\n'
        conf = settings(work / "vdir-conf", url, book)
        cards = conf.parent / "cards"
        measure([carnet, "-c", conf, "-q", "pull"])
        backup = work / "pulled"
        shutil.copytree(conf.parent / "mirror", backup)
        first = []
        for _ in range(RUNS):
            fresh(conf.parent, "cards")
            fresh(conf.parent)
            shutil.copytree(backup, conf.parent / "mirror")
            first.append(measure([carnet, "-c", conf, "-q", "sync"]))
        show("carnet: first write of 10,000 cards, durable", first)
        program = vdirsyncer(work)
        pair = work / "pair"
        (pair / "b").mkdir(parents=True)
        shutil.copytree(cards, pair / "a")
        (pair / "conf").write_text(
            f'[general]\nstatus_path = "{pair}/status/"\n[pair p]\na = "a"\nb = "b"\ncollections = null\n'
            f'[storage a]\ntype = "filesystem"\npath = "{pair}/a"\nfileext = ".vcf"\n'
            f'[storage b]\ntype = "filesystem"\npath = "{pair}/b"\nfileext = ".vcf"\n')
        subprocess.run([program, "-c", pair / "conf", "discover"], input="y\ny\n", text=True, check=True,
                       stdout=subprocess.DEVNULL)
        sync = [program, "-c", pair / "conf", "sync"]
        show("vdirsyncer: first copy of 10,000 cards", [measure(sync)])
        theirs, ours = [], []
        for _ in range(RUNS + 2):
            theirs.append(measure(sync))
            ours.append(measure([carnet, "-c", conf, "-q", "sync"]))
        a = show("vdirsyncer: no change", theirs[1:])
        print(f"  {a / show('carnet: no change', ours[1:]):.1f} times faster (goal 3)")
        changed(carnet, work, sync, pair, conf, cards)


def changed(carnet, work, sync, pair, conf, cards):
    """100 cards edited by hand, taken into the mirror (the static server takes no PUT, so the CRM is left out)."""
    conf.write_text(conf.read_text().replace("to-book", "two-way"))
    names = sorted(path.name for path in cards.glob("*.vcf"))[:100]
    theirs, ours = [], []
    for turn in range(RUNS):
        for folder in (pair / "a", cards):
            for name in names:
                text = (folder / name).read_text(encoding="utf-8")
                head = text.split("TITLE:")[0]
                tail = text.split("TITLE:")[1].split("\n", 1)[1]
                (folder / name).write_text(f"{head}TITLE:Turn {turn}\r\n{tail}", encoding="utf-8", newline="")
        theirs.append(measure(sync))
        ours.append(measure([carnet, "-c", conf, "-q", "sync", "--only", "cards"]))
    a = show("vdirsyncer: 100 cards changed", theirs)
    print(f"  {a / show('carnet: 100 cards changed', ours):.1f} times faster (goal 3)")


def growth(carnet, bare, work):
    print("growth: first pull, unchanged pull, first cards, no change")
    for count in (5_000, 20_000, 80_000):
        folder = work / f"growth-{count}"
        pages(folder, count, 250)
        with Server(bare, folder) as url:
            book = '[[book]]\nname = "cards"\nkind = "vdir"\npath = "cards"\n'
            conf = settings(folder / "conf", url, book)
            steps = [("first pull", "pull"), ("unchanged pull", "pull"), ("first cards", "sync"), ("no change", "sync")]
            walls = {name: [] for name, _ in steps}
            for _ in range(RUNS):
                fresh(conf.parent)
                fresh(conf.parent, "cards")
                for name, command in steps:
                    walls[name].append(measure([carnet, "-c", conf, "-q", command]))
            for name, results in walls.items():
                wall = show(f"{count:,}: {name}", results)
                print(f"      {wall / count * 1e6:.1f} µs a contact")


def main():
    wanted = sys.argv[1:] or ["latency", "pull", "vdir", "growth"]
    carnet, bare = build()
    with tempfile.TemporaryDirectory(prefix="carnet-bench-") as folder:
        for name in wanted:
            {"latency": latency, "pull": pull, "vdir": vdir, "growth": growth}[name](carnet, bare, Path(folder))


if __name__ == "__main__":
    main()
