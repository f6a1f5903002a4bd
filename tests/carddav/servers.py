"""Starts a real CardDAV server with one user and one address book, for tests.

usage: python3 servers.py NAME FOLDER [--cards N] [--port P]

NAME is radicale or xandikos (run with the Python of the environment that `install` makes), or cyrus, davical or sogo (their
Debian packages must be there, and it takes root; `real-servers` installs them). All state is kept in FOLDER; on one that an
earlier run has left the server goes on with what it holds. Once the book answers, one line of JSON is printed:

  name      as given
  base      http://127.0.0.1:PORT/
  principal path of the user
  url       the address book, absolute, with a last slash
  username, password   Xandikos asks for none over plain http and ignores these
  folder    where the server keeps the book's .vcf files, for those of radicale; else null

The server runs until standard input is closed or SIGTERM or SIGINT comes, and then ends with all its processes: a test that
holds the other end of a pipe need not end it, not even when it is killed.
"""

import argparse
import json
import os
import signal
import sys
import threading
import time
from urllib.parse import urljoin

sys.dont_write_bytecode = True  # these files lie in the sources

import cards
import real
from dav import Client
from processes import Processes, Trouble, free_port

USERNAME, PASSWORD = "alice", "correct horse"


def radicale(processes, folder, port):
    users, config = os.path.join(folder, "users"), os.path.join(folder, "config")
    collections = os.path.join(folder, "collections")
    write(users, f"{USERNAME}:{PASSWORD}\n")
    write(config, f"""[server]
hosts = 127.0.0.1:{port}
[auth]
type = htpasswd
htpasswd_filename = {users}
htpasswd_encryption = plain
delay = 0
[storage]
filesystem_folder = {collections}
""")
    processes.start("radicale", [sys.executable, "-m", "radicale", "--config", config])
    return f"/{USERNAME}/", f"/{USERNAME}/book/", os.path.join(collections, "collection-root", USERNAME, "book")


def xandikos(processes, folder, port):
    served, state = os.path.join(folder, "served"), os.path.join(folder, "state")
    processes.start("xandikos", [sys.executable, "-m", "xandikos", "serve", "-d", served, "--defaults", "-l", "127.0.0.1",
                                 "-p", str(port), "--no-detect-systemd", "--state-dir", state])
    return "/user/", "/user/contacts/addressbook/", None


SERVERS = {"radicale": radicale, "xandikos": xandikos, "cyrus": real.cyrus, "davical": real.davical, "sogo": real.sogo}
# Those whose address book is there as soon as the server is.
HAS_A_BOOK = ("xandikos", "cyrus", "sogo")


def start(processes, name, folder, port, cards_count):
    """Starts a server and returns what is printed about it."""
    base = f"http://127.0.0.1:{port}/"
    client = Client(base, USERNAME, PASSWORD, timeout=600)
    principal, book, kept_in = SERVERS[name](processes, folder, port)
    if name in HAS_A_BOOK:
        processes.wait_for(f"the address book of {name}", lambda: client.is_book(book))
    else:
        processes.wait_for(name, lambda: client.ask("PROPFIND", principal, headers={"Depth": "0"}).status == 207)
        client.make_book(book)
    if cards_count and not client.members(book):
        place(name, folder, kept_in, cards_count)
        # Radicale parses each card when it is first asked for it: 3 ms a card that no test should wait for.
        client.members(book)
    return {"name": name, "base": base, "principal": principal, "url": urljoin(base, book), "username": USERNAME,
            "password": PASSWORD, "folder": kept_in if name == "radicale" else None}


def place(name, folder, kept_in, count):
    if name == "radicale":
        cards.into_folder(kept_in, count)
    elif name == "xandikos":
        cards.into_git(os.path.join(folder, "served", "user", "contacts", "addressbook"), count)
    else:
        raise Trouble(f"--cards is for radicale and xandikos, not for {name}")


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def end_with_stdin():
    """Asks this process to end when nobody holds the other end of standard input any more, be it while a server starts."""
    def watch():
        while os.read(0, 4096):
            pass
        signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def asked_to_end(*_):
    raise SystemExit(0)


def arguments():
    parser = argparse.ArgumentParser(description="Starts a real CardDAV server for tests.")
    parser.add_argument("name", choices=SERVERS)
    parser.add_argument("folder", type=os.path.abspath)
    parser.add_argument("--cards", type=int, default=0, help="so many cards in the address book")
    parser.add_argument("--port", type=int, help="on 127.0.0.1 [default: any free one]")
    return parser.parse_args()


def main():
    asked = arguments()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked_to_end)
    os.makedirs(asked.folder, exist_ok=True)
    processes = Processes(asked.folder)
    end_with_stdin()
    try:
        told = start(processes, asked.name, asked.folder, asked.port or free_port(), asked.cards)
        print(json.dumps(told), flush=True)
        while True:
            processes.check()
            time.sleep(0.5)
    except (Trouble, OSError) as error:
        print(f"failed to run {asked.name}: {error}", file=sys.stderr)
        sys.exit(1)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        processes.stop()


if __name__ == "__main__":
    main()
