"""Thunderbird and Evolution, each on a device that carnet serves: what their people do reaches the CRM, and nothing else does.

usage: python3 real_clients.py CARNET FOLDER      by `real-clients`, which installs them, and ends them and empties FOLDER

A line for each thing that holds; exit 1 with what was seen at the first that does not.
"""

import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from dav import lines
from office import Office, Program, Wrong, wait_until
from processes import Trouble

HERE = os.path.dirname(os.path.abspath(__file__))
# What a program's card is compared by; the rest is each program's own manner.
SHOWN = ("N", "FN", "TITLE", "NOTE", "EMAIL", "TEL")
PROGRAMS = (
    ("Thunderbird", "marie-thunderbird", [sys.executable, "thunderbird.py"]),
    ("Evolution", "paul-evolution", ["/usr/bin/python3", "evolution.py"]),
)


def holds(text):
    print(f"ok  {text}", flush=True)


def expect(is_so, what, *seen):
    if not is_so:
        raise Wrong("\n    ".join([what, *map(str, seen)]))


def shown(card):
    """The values of a card that people see, whatever the order and the manner."""
    found = {name: [] for name in SHOWN}
    for line in lines(card):
        head, _, text = line.partition(":")
        name = head.split(";")[0].rpartition(".")[2].upper()
        if name in found and text:
            # Thunderbird takes no escape off a semicolon, and puts one on its backslash.
            text = text.replace("\\\\;", ";").replace("\\,", ",").replace("\\;", ";").replace("\\:", ":").replace("\\N", "\\n")
            found[name].append(text.removeprefix("tel:").rstrip(";"))
    return {name: sorted(texts) for name, texts in found.items() if texts}


def changed(before, after):
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def difference(key, before, after):
    """What differs, line by line, of a contact: a card, a page of the CRM, or the mirror's fields."""
    texts = [held if isinstance(held, str) else json.dumps(held, indent=1, ensure_ascii=False) for held in (before, after)]
    compared = difflib.unified_diff(*([line.strip() for line in text.splitlines()] for text in texts), lineterm="", n=0)
    return [str(key), *(f"  {line}" for line in compared if not line.startswith(("---", "+++", "@@")))]


def only(before, after, uid, what):
    """One contact has changed, in the mirror, in the CRM and on the desk, and no other."""
    number = (after.mirror.get(uid) or before.mirror.get(uid) or {}).get("id")
    for place, was, is_now, wanted in zip(("mirror", "CRM", "desk"), before, after, (uid, number, uid)):
        found = changed(was, is_now)
        seen = [line for key in sorted(found, key=str) for line in difference(key, was.get(key), is_now.get(key))]
        expect(found == {wanted}, f"{what}: the {place} should have changed for {wanted} alone, and did for {found}", *seen)


def same_cards(program, moment, what):
    """Waits until a program shows what the desk is served."""
    wanted = {uid: shown(card) for uid, card in moment.desk.items()}
    wait_until_same(lambda: {uid: shown(card) for uid, card in program.cards().items()}, wanted, f"{program.name} {what}")


def wait_until_same(look, wanted, what):
    found = None

    def is_same():
        nonlocal found
        found = look()
        return found == wanted

    try:
        wait_until(what, is_same)
    except Wrong as error:
        seen = [f"{key}: shown {found.get(key)}\n      served {wanted.get(key)}" for key in sorted(changed(found, wanted))]
        raise Wrong("\n    ".join([str(error), *seen[:5]])) from None


def everywhere(moment, uid, text, field, what):
    """A value stands in the mirror, in the CRM and on the desk's card."""
    contact = moment.mirror.get(uid, {})
    places = {"mirror": str(contact.get(field)), "CRM": moment.crm.get(contact.get("id"), ""), "desk": moment.desk.get(uid, "")}
    lacking = [place for place, held in places.items() if text not in held]
    expect(not lacking, f"{what}: {text!r} is not in {lacking}", moment.mirror.get(uid), moment.desk.get(uid))


def comes_to_life(office, program):
    books, device = program.books(), program.device
    expect(books == [f"{program.address.rstrip('/')}/dav/{device}/contacts/"], f"{program.name} found {books}")
    holds(f"{program.name} finds its address book from the server's address")
    moment = office.moment()
    same_cards(program, moment, "shows what the desk is served")
    holds(f"{program.name} downloads all {len(moment.desk)} cards, as they are")


def is_used(office, program, edited, deleted):
    """A person adds, edits and deletes in a program."""
    name, before = program.name, office.rest()
    added = program.act("add", first_name="Zéphyrine", last_name=f"Neuve-{program.device}", title="Fondatrice",
                        email=f"zoe@{program.device}.example", number="06 39 98 00 11", note="Rappeler, lundi; matin")
    after = office.rest()
    only(before, after, added, f"{name} adds a contact")
    wanted = {"first_name": "Zéphyrine", "last_name": f"Neuve-{program.device}", "job_title": "Fondatrice",
              "comment": "Rappeler, lundi; matin"}
    contact = after.mirror[added]
    for field, text in wanted.items():
        expect(contact.get(field) == text, f"{name} adds a contact: {field} is {contact.get(field)!r}")
        expect(text in after.crm[contact["id"]], f"{name} adds a contact: {text!r} is not in the CRM")
    for text in (f"zoe@{program.device}.example", "06 39 98 00 11"):
        everywhere(after, added, text, "contact_items", f"{name} adds a contact")
    holds(f"{name} adds a contact: it is in the mirror, the CRM and on the desk, and nothing else changes")

    before, uid = after, edited
    program.act("edit", uid=uid, field="title", text=f"Titre de {program.device}")
    after = office.rest()
    only(before, after, uid, f"{name} edits a title")
    wanted = {**before.mirror[uid], "job_title": f"Titre de {program.device}"}
    expect(after.mirror[uid] == wanted, f"{name} edits a title, and more changed", *difference(uid, wanted, after.mirror[uid]))
    everywhere(after, uid, f"Titre de {program.device}", "job_title", f"{name} edits a title")
    told, places = office.run("history", uid, "--limit", "1")[0], office.run("show", uid)[0]["replicas"]
    seen = told["field"], told["source"], told["new"]
    expect(seen == ("job_title", program.device, f"Titre de {program.device}"), f"{name} edits a title: history has {seen}")
    expect(all(place["state"] == "the same" for place in places), f"{name} edits a title: not everywhere", *places)
    holds(f"{name} edits a title: it is everywhere, history names the device, and nothing else of the contact changes")

    before = after
    program.act("edit", uid=uid, field="number", text="06 39 98 00 22")
    after = office.rest()
    only(before, after, uid, f"{name} adds a number")
    was, now = ([entry["value"] for entry in moment.mirror[uid]["contact_items"]] for moment in (before, after))
    expect(sorted(now) == sorted([*was, "06 39 98 00 22"]), f"{name} adds a number: {was} -> {now}")
    holds(f"{name} adds a number: the others stay")

    before, uid = after, deleted
    program.act("delete", uid=uid)
    after = office.rest()
    only(before, after, uid, f"{name} deletes a contact")
    gone = uid not in after.mirror and uid not in after.desk and before.mirror[uid]["id"] not in after.crm
    expect(gone, f"{name} deletes a contact: it is there still", after.mirror.get(uid), after.desk.get(uid))
    holds(f"{name} deletes a contact: it is gone everywhere, and no other (deletes = \"allow\")")


def is_told(office, program, uid):
    """What others do is shown after a sync."""
    before = office.rest()
    office.edit_at_desk(uid, "TITLE", f"Vu au bureau {program.device}")
    wait_until("the desk's edit is in the mirror", lambda: f"Vu au bureau {program.device}" in str(office.moment().mirror[uid]))
    after = office.rest()
    only(before, after, uid, "the desk edits a title")
    program.sync()
    same_cards(program, after, "shows what the desk wrote")
    holds(f"{program.name} shows another device's edit after a sync")

    number = after.mirror[uid]["id"]
    record = next(record for record in office.crm.records() if record.key == number)
    office.crm.write(record, "comment", f"Noté au CRM pour {program.device}")
    after = office.rest()
    everywhere(after, uid, f"Noté au CRM pour {program.device}", "comment", "the CRM's comment changes")
    program.sync()
    same_cards(program, after, "shows what the CRM has")
    holds(f"{program.name} shows an edit in the CRM after a sync")


def all_see(office, programs):
    """Everybody looks at the server; then all show the same, and what they show is what there is."""
    moment = office.rest()
    for program in programs:
        program.sync()
        same_cards(program, moment, "shows what there is after a sync")
    return office.rest()


def in_turn(office, programs, uid):
    """One program edits, then the other, which shows yesterday's card."""
    first, second = programs
    what = f"{first.name} edits, then {second.name} with yesterday's card"
    before = all_see(office, programs)
    first.act("edit", uid=uid, field="note", text=f"Note de {first.device}")
    office.rest()
    second.act("edit", uid=uid, field="title", text=f"Poste de {second.device}")
    after = office.rest()
    only(before, after, uid, what)
    wanted = {**before.mirror[uid], "comment": f"Note de {first.device}", "job_title": f"Poste de {second.device}"}
    expect(after.mirror[uid] == wanted, f"{what}: more or less changed", *difference(uid, wanted, after.mirror[uid]))
    holds(f"{what}: another field, both stand and nothing else changes")

    before = all_see(office, programs)
    numbers = [f"06 39 98 10 {program.device.count('r')}{at}" for at, program in enumerate(programs)]
    for program, number in zip(programs, numbers):
        program.act("edit", uid=uid, field="number", text=number)
        after = office.rest()
    was, now = ([entry["value"] for entry in moment.mirror[uid]["contact_items"]] for moment in (before, after))
    expect(sorted(now) == sorted(was + numbers), f"{what}: numbers {was} -> {now}")
    for number in numbers:
        everywhere(after, uid, number, "contact_items", what)
    holds(f"{what}: each adds a number, both stand and the others stay")

    all_see(office, programs)
    titles = [f"Choix {at} de {program.device}" for at, program in enumerate(programs)]
    for program, title in zip(programs, titles):
        program.act("edit", uid=uid, field="title", text=title)
        after = office.rest()
    stands = after.mirror[uid]["job_title"]
    expect(stands in titles, f"{what}: the title is {stands!r}")
    everywhere(after, uid, stands, "job_title", what)
    loser = titles[1 - titles.index(stands)]
    told = [word for word in ("conflicts --all", "history") if loser in str(office.run(*word.split()))]
    expect(told, f"{what}: {stands!r} stands, and {loser!r} is in neither conflicts nor history")
    holds(f"{what}: the same field, {stands!r} stands everywhere, the other is in {' and '.join(told)}")
    all_see(office, programs)


def one_deletes(office, programs, uid):
    """One program deletes, then the other edits, which shows the card still."""
    first, second = programs
    what = f"{first.name} deletes, then {second.name} edits"
    before, text = all_see(office, programs), f"Gardé par {second.device}"
    first.act("delete", uid=uid)
    office.rest()
    second.act("edit", uid=uid, field="note", text=text)
    after = office.rest()
    is_there = text in str(after.mirror.get(uid)) and text in after.desk.get(uid, "")
    expect(is_there, f"{what}: the edit is lost", after.mirror.get(uid), after.desk.get(uid))
    asked = [it for it in office.run("conflicts") if it["contact"]["uid"] == uid and it["field"] is None]
    expect(len(asked) == 1, f"{what}: who wins is not asked", office.run("conflicts"))
    expect(changed(before.mirror, after.mirror) == {uid}, f"{what}: others changed", changed(before.mirror, after.mirror))
    all_see(office, programs)
    office.run("conflicts", "resolve", asked[0]["number"], "--keep", "book")
    everywhere(office.rest(), uid, text, "comment", f"{what}, and is kept")
    holds(f"{what}: books keep contact and edit, and a user is asked; `--keep book` brings it into the CRM again")
    all_see(office, programs)


def is_quiet(office, programs):
    """Syncs without news write nothing, and neither program has written what nobody did."""
    before = all_see(office, programs)
    runs, writes = office.run("runs")[0]["run"], [len(program.writes()) for program in programs]
    for _ in range(2):
        for program in programs:
            program.sync()
        after = office.rest()
        expect(after == before, "a sync without news changes something", *(changed(*pair) for pair in zip(before, after)))
    wrote = [len(program.writes()) for program in programs]
    expect(wrote == writes, f"a sync without news writes: {writes} requests that write before, {wrote} after")
    with_changes = [run["run"] for run in office.run("runs", "--limit", "1000") if run["run"] > runs and has_changes(run)]
    expect(not with_changes, f"runs without news change something: {with_changes}")
    holds("two more syncs of each: no request that writes, no run with changes")
    for program in programs:
        refused = [(request["method"], request["path"], request["status"]) for request in program.requests()
                   if request["status"] not in (200, 201, 204, 207, 301, 401)]
        expect(not refused, f"{program.name} was refused something", *refused)
        sent = [request["method"] for request in program.writes()]
        expect(len(sent) == program.acts, f"{program.name} wrote {sent} where people did {program.acts} things")
        holds(f"{program.name} wrote {program.acts} times for {program.acts} acts, and was refused nothing")
    waiting = office.run("status")[-1]["waiting"]
    expect(waiting == 0, f"{waiting} things wait for a user", office.run("conflicts"))


def has_changes(run):
    summary = run["summary"] or {}
    return any(summary.get(part) for part in ("created", "updated", "deleted", "failed"))


def whole(office):
    office.start([device for _, device, _ in PROGRAMS])
    for name, device, words in PROGRAMS:
        program = Program(name, device, words, office)
        office.programs.append(program)
        comes_to_life(office, program)
    contacts = sorted(office.moment().mirror.items())
    rich = [uid for uid, contact in contacts if contact.get("job_title") and len(contact.get("contact_items", [])) > 1]
    # A semicolon in the comment is spelt in several ways by programs.
    spelt = [uid for uid in rich if ";" in dict(contacts)[uid].get("comment", "")]
    plain = [uid for uid in rich if uid not in spelt]
    for program in office.programs:
        is_told(office, program, plain.pop())
        is_used(office, program, edited=spelt.pop(), deleted=plain.pop())
        all_see(office, office.programs)
    for programs in (office.programs, office.programs[::-1]):
        in_turn(office, programs, spelt.pop() if spelt else plain.pop())
        one_deletes(office, programs, plain.pop())
    is_quiet(office, office.programs)


def version(*words):
    return subprocess.run(words, capture_output=True, text=True).stdout.strip()


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    began = time.monotonic()
    print(version("thunderbird", "--version"), "and evolution-data-server",
          version("dpkg-query", "-W", "-f", "${Version}", "evolution-data-server"), flush=True)
    office, kept = Office(os.path.abspath(sys.argv[1]), sys.argv[2]), None
    try:
        whole(office)
    except (Wrong, Trouble, OSError, subprocess.TimeoutExpired) as error:
        kept = tempfile.mkdtemp(prefix="carnet-clients-logs-")
        print(f"NOT {error}\n    requests and logs: {kept}", flush=True)
    finally:
        office.end()
        if kept:
            shutil.copytree(office.logs, kept, dirs_exist_ok=True)
    print(f"{'failed' if kept else 'all well'}, {time.monotonic() - began:.0f} s")
    sys.exit(1 if kept else 0)


if __name__ == "__main__":
    main()
