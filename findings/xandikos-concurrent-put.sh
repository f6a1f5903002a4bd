#!/usr/bin/env bash
# Xandikos 0.4.10: while a PUT over one card is under way, a PUT over any other card of the address book is answered 423 Locked
# and not carried out. No client has locked anything: it is the server's own git index that is locked. RFC 4918, 11.3 has 423
# for a resource that a client has locked, and clients that send several changes at once do not expect it of another card.
# New cards sent at once are all taken, and so are changes one after the other.
# Sends new cards and changes of them, one by one and by 8 threads, prints what was answered, and fails if that is other.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xandikos==0.4.10
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$folder/venv/bin/python" -m xandikos serve -d "$folder/data" --defaults -l 127.0.0.1 -p "$port" --no-detect-systemd \
    --state-dir "$folder/state" >"$folder/log" 2>&1 &
server=$!
PORT=$port python3 - <<'PYTHON'
import http.client, os, sys, time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor


def put(number, note="new"):
    card = (f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:card-{number}\r\nFN:Example {number}\r\nN:Example;{number};;;\r\n"
            f"NOTE:{note}\r\nEND:VCARD\r\n")
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["PORT"]))
    connection.request("PUT", f"/user/contacts/addressbook/card-{number}.vcf", card, {"Content-Type": "text/vcard"})
    return connection.getresponse().status


for _ in range(100):
    try:
        put(0)
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
def at_once(numbers, note):
    with ThreadPoolExecutor(8) as threads:
        return Counter(threads.map(lambda number: put(number, note), numbers))


new = at_once(range(1, 41), "new")
alone = Counter(put(number, "changed") for number in range(1, 41))
changed = at_once(range(1, 41), "again")
print("40 new, 8 at once:     ", dict(new))
print("40 changed, one by one:", dict(alone))
print("40 changed, 8 at once: ", dict(changed))
if new != {201: 40} or alone != {204: 40} or 423 not in changed or set(changed) - {204, 423}:
    sys.exit("this has changed; all new ones were 201, all changes one by one 204, and most of those at once 423")
PYTHON
