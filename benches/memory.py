"""Measures the memory of a run: peak RSS of each kind of run at two sizes, and what each further contact adds.

    python3 benches/memory.py [CASE ...]

Cases: first-pull pull first-sync csv vdir vcard lost matched; all of them without an argument. The practice CRM (`carnet
sandbox`) is served over HTTP on the loopback by a process of its own. Needs a release build (it makes one), or the
program's path in CARNET. SIZES names other sizes than 40000,200000.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from run import ROOT, measure

SIZES = [int(size) for size in os.environ.get("SIZES", "40000,200000").split(",")]
CASES = {
    "first-pull": "first pull",
    "pull": "unchanged pull",
    "first-sync": "first sync, vdir and CSV",
    "csv": "unchanged sync, CSV",
    "vdir": "unchanged sync, vdir",
    "vcard": "unchanged sync, one .vcf",
    "lost": "mirror lost beside the cards",
    "matched": "first sync, a sheet of the known",
}
BOOKS = {"vdir": "cards", "csv": "people.csv", "vcard": "people.vcf", "google": "google.csv"}
# A dialect that has no column for ids.
SETTINGS = {"google": 'kind = "csv"\ndialect = "google"'}


def program():
    """The program to measure."""
    if "CARNET" in os.environ:
        return Path(os.environ["CARNET"])
    subprocess.run(["cargo", "build", "--release", "--bin", "carnet"], cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "carnet"


class Account:
    """An account of so many contacts: the practice CRM, a mirror and books, in a folder of their own."""

    def __init__(self, carnet, folder, count):
        self.carnet, self.folder = carnet, folder
        folder.mkdir(parents=True)
        words = [carnet, "sandbox", "--port", "0", "--contacts", str(count), "--per-page", "250",
                 "--state", str(folder / "crm.db")]
        self.server = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, text=True)
        line = ""
        while "http://" not in line:
            line = self.server.stdout.readline()
            if not line:
                sys.exit("the practice CRM did not start")
        self.url = "http://" + line.split("http://")[1].split()[0].strip('"/')

    def close(self):
        self.server.kill()
        self.server.wait()

    def run(self, command, books=(), mirror="mirror", expect=0):
        """Runs a command with these books, whose exit code is expected; its peak RSS in MB."""
        path = self.folder / "carnet.toml"
        text = "".join(f'[[book]]\nname = "{kind}"\n{SETTINGS.get(kind, f"""kind = "{kind}" """)}\npath = "{BOOKS[kind]}"\n'
                       for kind in books)
        path.write_text(
            f'[crm]\nurl = "{self.url}"\nusername = "demo"\npassword = "demo"\nlists = "replace"\n'
            f'requests_per_second = 100000\n[mirror]\npath = "{mirror}/carnet.db"\n{text}')
        path.chmod(0o600)
        wall, rss, cpu = measure([self.carnet, "-c", path, "-q", *command], expect)
        print(f"    {command[0]} {' '.join(books)}: {rss:.1f} MB, {cpu:.1f} s CPU, {wall:.1f} s", flush=True)
        return rss

    def cases(self, wanted):
        """The peak RSS of each wanted case."""
        rss = {"first-pull": self.run(["pull"])}
        shutil.copytree(self.folder / "mirror", self.folder / "pulled")
        if "pull" in wanted:
            rss["pull"] = self.run(["pull"])
        if {"first-sync", "csv", "vdir", "lost"} & wanted:
            rss["first-sync"] = self.run(["sync"], ["vdir", "csv"])
        if "csv" in wanted:
            rss["csv"] = self.run(["sync"], ["csv"])
        if "vdir" in wanted:
            rss["vdir"] = self.run(["sync"], ["vdir"])
        if "vcard" in wanted:
            self.run(["sync"], ["vcard"], "pulled")
            rss["vcard"] = self.run(["sync"], ["vcard"], "pulled")
        if "lost" in wanted:
            rss["lost"] = self.run(["sync"], ["vdir"], "lost")
        if "matched" in wanted:
            shutil.copytree(self.folder / "pulled", self.folder / "matched", dirs_exist_ok=True)
            self.run(["export", "--format", "google", self.folder / BOOKS["google"]], (), "matched")
            # Namesakes that the sheet does not tell apart are left to a user.
            rss["matched"] = self.run(["sync"], ["google"], "matched", expect=3)
        return {case: rss[case] for case in CASES if case in wanted}


def main():
    wanted = set(sys.argv[1:] or CASES)
    if not wanted <= set(CASES):
        sys.exit(__doc__)
    carnet = program()
    found = {}
    with tempfile.TemporaryDirectory(prefix="carnet-memory-") as work:
        for count in SIZES:
            print(f"  {count:,} contacts", flush=True)
            account = Account(carnet, Path(work) / str(count), count)
            try:
                found[count] = account.cases(wanted)
            finally:
                account.close()
    small, large = min(found), max(found)
    print(f"  {'peak RSS in MB':<32}" + "".join(f"{count:>10,}" for count in found) + "   bytes a contact")
    for case in (case for case in CASES if case in wanted):
        growth = (found[large][case] - found[small][case]) * 2**20 / max(1, large - small)
        print(f"  {CASES[case]:<32}" + "".join(f"{rss[case]:>10.1f}" for rss in found.values()) + f"   {growth:.0f}")


if __name__ == "__main__":
    main()
