"""People who edit contacts in two places, past carnet: on the CardDAV server and in the CRM. What they type is remembered.

Every typed value is unique. A value is no longer owed once a person, who saw it, has written another over it or deleted the
contact that had it.
"""

import re
from collections import namedtuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from dav import lines, value

# A contact as one place shows it: `key` is what the place needs to change it.
Record = namedtuple("Record", "name uid text key")


class Cards:
    """The people at their phones: an address book on the server."""

    name = "cards"

    def __init__(self, client, url):
        self.client, self.url = client, url

    def records(self):
        found = self.client.cards(self.url)
        return [Record(name_of_card(text), value(text, "UID"), "\n".join(lines(text)), (href, etag))
                for href, (text, etag) in found.items()]

    def field(self, record, field):
        return value(record.text, CARD_LINES[field])

    def write(self, record, field, text):
        """Writes a field over what it holds; false when the card is no longer the one that was seen."""
        kept = [line for line in record.text.splitlines() if not is_line(line, CARD_LINES[field])]
        return self.put(record, kept, f"{CARD_LINES[field]}:{text}")

    def add_number(self, record, number):
        return self.put(record, record.text.splitlines(), f"TEL;TYPE=WORK,VOICE:{number}")

    def put(self, record, kept, line):
        end = next(at for at, text in enumerate(kept) if text.upper() == "END:VCARD")
        text = "\r\n".join([*kept[:end], line, *kept[end:], ""])
        return self.done("PUT", self.client.put(record.key[0], text, record.key[1]))

    def delete(self, record):
        return self.done("DELETE", self.client.delete(*record.key))

    def make(self, name, title):
        text = ("BEGIN:VCARD", "VERSION:3.0", f"UID:{name}-uid", f"FN:{name}", f"N:{name};;;;", f"TITLE:{title}", "END:VCARD", "")
        return self.done("PUT", self.client.put(f"{self.url}{name}.vcf", "\r\n".join(text)))

    def done(self, method, status):
        if status == 423:
            # Another program is writing there: the person tries another time.
            return False
        if status not in (200, 201, 204, 404, 412):
            raise OSError(f"{method} by a person: {status}")
        return status < 300


class Crm:
    """The people at the CRM's own screen."""

    name = "crm"

    def __init__(self, client, url):
        self.client, self.url = client, url

    def records(self):
        found, page = [], 1
        while True:
            answer = self.ask("GET", f"contacts.xml?page={page}")
            contacts = list(ElementTree.fromstring(answer.body).iter("contact"))
            if not contacts:
                return found
            for contact in contacts:
                name = f"{contact.findtext('first_name') or ''} {contact.findtext('last_name') or ''}".strip()
                found.append(Record(name, None, ElementTree.tostring(contact, "unicode"), contact.findtext("id")))
            page += 1

    def field(self, record, field):
        return ElementTree.fromstring(record.text).findtext(field)

    def write(self, record, field, text):
        return self.put(record, f"<{field}>{escape(text)}</{field}>")

    def add_number(self, record, number):
        items = ElementTree.fromstring(record.text).find("contact_items")
        held = "" if items is None else "".join(ElementTree.tostring(item, "unicode") for item in items)
        added = f"<contact_item><type_id>24</type_id><value>{number}</value></contact_item>"
        return self.put(record, f'<contact_items type="array">{held}{added}</contact_items>')

    def put(self, record, xml):
        return self.ask("PUT", f"contacts/{record.key}.xml", f"<contact>{xml}</contact>").status == 200

    def delete(self, record):
        return self.ask("DELETE", f"contacts/{record.key}.xml").status < 300

    def make(self, name, title):
        xml = f"<contact><last_name>{name}</last_name><job_title>{title}</job_title></contact>"
        return self.ask("POST", "contacts.xml", xml).status < 300

    def ask(self, method, path, body=None):
        answer = self.client.ask(method, f"{self.url}/{path}", body, {"Content-Type": "application/xml"})
        if answer.status >= 400 and answer.status != 404:
            raise OSError(f"{method} {path}: {answer.status} {answer.body[:200]}")
        return answer


CARD_LINES = {"comment": "NOTE", "job_title": "TITLE"}


class Ledger:
    """What people did, and what is therefore owed."""

    def __init__(self, seed, chance, names, is_unnoted):
        """`is_unnoted` tells whether carnet made the card of this UID and does not know it yet."""
        self.seed, self.chance, self.count = seed, chance, 0
        self.is_unnoted, self.excused = is_unnoted, set()
        self.typed, self.replaced = {}, set()
        self.names, self.gone = set(names), set()
        self.acts = []

    def fresh(self, kind):
        self.count += 1
        return f"{kind}{self.seed}x{self.count:03}"

    def act(self, place):
        """Somebody does something in that place."""
        action = self.chance.choices(["write", "number", "make", "delete"], [50, 20, 15, 15])[0]
        if action == "make":
            return self.make(place)
        held = sorted(place.records(), key=lambda record: record.name)
        if held and (action != "delete" or len(held) > 6):
            getattr(self, action)(place, self.chance.choice(held))

    def make(self, place):
        name, title = self.fresh("Nom"), self.fresh("Titre")
        if place.make(name, title):
            self.names.add(name)
            self.type_in(place, name, name)
            self.type_in(place, name, title)

    def write(self, place, record):
        field = self.chance.choice(sorted(CARD_LINES))
        seen, text = place.field(record, field), self.fresh("Mot")
        if place.write(record, field, text):
            self.replaced.add(seen)
            self.type_in(place, record.name, text)

    def number(self, place, record):
        self.count += 1
        number = f"0{self.seed % 10000 + 10000:05}{self.count:04}"
        if place.add_number(record, number):
            self.type_in(place, record.name, number)

    def delete(self, place, record):
        is_unnoted = place.name == "cards" and self.is_unnoted(record.uid)
        if place.delete(record):
            if is_unnoted:
                # Nobody can tell this from a card that was never made: it may be made again.
                self.excused.add(record.name)
            self.gone.add(record.name)
            self.replaced |= {text for text in self.typed if text in record.text}
            self.acts.append(f"{place.name}: {record.name} deleted")

    def type_in(self, place, name, text):
        self.typed[text] = name
        self.acts.append(f"{place.name}: {name} gets {text}")

    def owed(self):
        """Typed values that nobody has taken out, with the name of the contact."""
        return {text: name for text, name in self.typed.items() if text not in self.replaced}


def is_line(line, name):
    return re.match(rf"(?:[\w-]+\.)?{name}[:;]", line, re.I) is not None


def name_of_card(text):
    """First and last name, as the CRM's listing is read."""
    parts = [part.replace("\\,", ",").replace("\\;", ";").strip() for part in re.split(r"(?<!\\);", value(text, "N") or "")]
    last, first = (parts + ["", ""])[:2]
    return f"{first} {last}".strip()
