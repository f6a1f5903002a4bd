"""As much of a CardDAV client as tests need: one request at a time, no retries, nothing believed without a status.

It is the second pair of eyes: it shares no code with the client that is tested.
"""

import base64
import http.client
import re
from collections import namedtuple
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

DAV, CARDS = "{DAV:}", "{urn:ietf:params:xml:ns:carddav}"
XML = {"Content-Type": "application/xml; charset=utf-8"}
CARD = {"Content-Type": "text/vcard; charset=utf-8"}
LISTING = '<propfind xmlns="DAV:"><prop><resourcetype/><getetag/></prop></propfind>'
MAKING = """<mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><set><prop>
<resourcetype><collection/><C:addressbook/></resourcetype><displayname>{}</displayname></prop></set></mkcol>"""
MULTIGET = """<C:addressbook-multiget xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">
<D:prop><D:getetag/><C:address-data/></D:prop>{}</C:addressbook-multiget>"""

Answer = namedtuple("Answer", "status headers body")


class Client:
    """Asks one server as one user."""

    def __init__(self, base, username, password, timeout=60):
        self.base, self.timeout = base, timeout
        self.login = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()

    def ask(self, method, url, body=None, headers=None):
        """Sends one request on a connection of its own. `url` may be a path. OSError when no whole answer comes."""
        place = urlsplit(urljoin(self.base, url))
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=self.timeout)
        try:
            target = place.path + (f"?{place.query}" if place.query else "")
            sent = {"Authorization": self.login, "Connection": "close", **(headers or {})}
            connection.request(method, target, body.encode() if isinstance(body, str) else body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode("utf-8", "replace"))
        except http.client.HTTPException as error:
            raise OSError(f"{method} {url}: {error!r}") from error
        finally:
            connection.close()

    def make_book(self, url):
        """Makes an address book by extended MKCOL; one that is there stays."""
        answer = self.ask("MKCOL", url, MAKING.format(url.rstrip("/").rsplit("/", 1)[-1]), XML)
        if answer.status not in (201, 405):
            raise OSError(f"MKCOL {url}: {answer.status} {answer.body[:200]}")

    def is_book(self, url):
        answer = self.ask("PROPFIND", url, LISTING, {**XML, "Depth": "0"})
        return answer.status == 207 and "addressbook" in answer.body and "collection" in answer.body

    def members(self, url):
        """The paths of the cards in a book, each with its ETag."""
        answer = self.ask("PROPFIND", url, LISTING, {**XML, "Depth": "1"})
        if answer.status != 207:
            raise OSError(f"PROPFIND {url}: {answer.status} {answer.body[:200]}")
        found = {}
        for response in ElementTree.fromstring(answer.body).iter(f"{DAV}response"):
            href = urlsplit(response.findtext(f"{DAV}href")).path
            if response.find(f".//{DAV}resourcetype/{DAV}collection") is None:
                found[href] = response.findtext(f".//{DAV}getetag")
        return found

    def cards(self, url):
        """Each card in a book: its text and ETag by path. Asked for at once, and alone where the server then leaves it out."""
        listed = self.members(url)
        wanted = "".join(f"<D:href>{escape(href)}</D:href>" for href in listed)
        answer = self.ask("REPORT", url, MULTIGET.format(wanted), {**XML, "Depth": "1"}) if listed else None
        found = {}
        if answer and answer.status == 207:
            for response in ElementTree.fromstring(answer.body).iter(f"{DAV}response"):
                text, etag = response.findtext(f".//{CARDS}address-data"), response.findtext(f".//{DAV}getetag")
                if text and etag:
                    found[urlsplit(response.findtext(f"{DAV}href")).path] = (text, etag)
        for href in listed.keys() - found.keys():
            alone = self.ask("GET", href)
            if alone.status == 200:
                found[href] = (alone.body, alone.headers["ETag"])
        return found

    def put(self, href, text, etag=None):
        """Writes a card: a new one, or over the one with this ETag."""
        guard = {"If-Match": etag} if etag else {"If-None-Match": "*"}
        return self.ask("PUT", href, text, {**CARD, **guard}).status

    def delete(self, href, etag=None):
        return self.ask("DELETE", href, headers={"If-Match": etag} if etag else None).status


def lines(card):
    """The lines of a card, unfolded."""
    return re.sub(r"\r?\n[ \t]", "", card).splitlines()


def value(card, name):
    """The value of the first line with this name, group and parameters apart; None if there is none."""
    for line in lines(card):
        head, _, text = line.partition(":")
        if head.split(";")[0].rpartition(".")[2].upper() == name:
            return text
    return None
