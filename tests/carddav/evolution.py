"""Evolution without its windows: evolution-data-server, asked through its client library as Evolution asks it.

Driven as driven.py says, by Debian's Python; session bus and state are its own, below $HOME. Its keyring is left out:
the password is given when the address book asks for it.
"""

import os
import subprocess
import sys
import time

import gi

gi.require_version("EBook", "1.2")
gi.require_version("EBookContacts", "1.2")
gi.require_version("EDataServer", "1.2")
from gi.repository import EBook, EBookContacts, EDataServer, GLib  # noqa: E402 - after the choice of versions

from driven import serve  # noqa: E402

CONNECT_SECONDS_MAX = 60
VCARD_3 = EBookContacts.VCardFormat(1)
NO_FLAGS = EBookContacts.BookOperationFlags.NONE
# What a contact's fields are called here.
FIELDS = {"title": "title", "note": "note", "email": "email-1", "number": "mobile-phone"}


class Evolution:
    """One address book on a CardDAV server."""

    def __init__(self, address, user, password):
        self.bus = bus(os.path.join(os.environ["HOME"], "bus"))
        self.login = EDataServer.NamedParameters.new()
        self.login.set(EDataServer.SOURCE_CREDENTIAL_USERNAME, user)
        self.login.set(EDataServer.SOURCE_CREDENTIAL_PASSWORD, password)
        self.registry = EDataServer.SourceRegistry.new_sync(None)
        self.books = self.discover(address, user)
        self.client = self.open(self.books[0], user)

    def discover(self, address, user):
        """The address books that are found from the server's address."""
        source = described(EDataServer.Source.new(None, None), address, user)
        contacts = EDataServer.WebDAVDiscoverSupports.CONTACTS
        done = EDataServer.webdav_discover_sources_sync(source, address, contacts, self.login, None)
        books = [book.href for book in done.out_discovered_sources or []]
        if not books:
            raise OSError(f"no address book was found from {address}")
        return books

    def open(self, url, user):
        source = described(EDataServer.Source.new(None, None), url, user)
        source.set_parent("carddav-stub")
        source.set_display_name("carnet")
        source.get_extension(EDataServer.SOURCE_EXTENSION_ADDRESS_BOOK).set_backend_name("carddav")
        # It looks when it is told to, and at no other time.
        source.get_extension(EDataServer.SOURCE_EXTENSION_REFRESH).set_enabled(False)
        self.registry.commit_source_sync(source, None)
        self.source = self.registry.ref_source(source.get_uid())
        client = EBook.BookClient.connect_sync(self.source, 0xFFFF_FFFF, None)
        deadline = time.monotonic() + CONNECT_SECONDS_MAX
        while self.source.get_connection_status() != EDataServer.SourceConnectionStatus.CONNECTED:
            if time.monotonic() > deadline:
                raise OSError(f"the address book does not open: {self.source.get_connection_status().value_nick}")
            if self.source.get_connection_status() == EDataServer.SourceConnectionStatus.AWAITING_CREDENTIALS:
                self.source.invoke_authenticate_sync(self.login, None)
            listen()
        return client

    def cards(self):
        """The cards that it shows, by their UIDs."""
        listen()
        contacts = self.client.get_contacts_sync('(contains "x-evolution-any-field" "")', None).out_contacts
        return {contact.get_property("id"): contact.to_string(VCARD_3) for contact in contacts}

    def add(self, first_name, last_name, **fields):
        contact, name = EBookContacts.Contact.new(), EBookContacts.ContactName.new()
        name.given, name.family = first_name, last_name
        contact.set_property("name", name)
        contact.set_property("full-name", f"{first_name} {last_name}")
        for field, text in fields.items():
            contact.set_property(FIELDS[field], text)
        return self.client.add_contact_sync(contact, NO_FLAGS, None).out_added_uid

    def edit(self, uid, field, text):
        contact = self.client.get_contact_sync(uid, None).out_contact
        if field == "number":
            number = EBookContacts.VCardAttribute.new(None, "TEL")
            number.add_param_with_value(EBookContacts.VCardAttributeParam.new("TYPE"), "CELL")
            number.add_value(text)
            contact.add_attribute(number)
        else:
            contact.set_property(FIELDS[field], text)
        self.client.modify_contact_sync(contact, NO_FLAGS, None)

    def delete(self, uid):
        self.client.remove_contact_by_uid_sync(uid, NO_FLAGS, None)

    def sync(self):
        """Has it look at the server; it goes on after this returns."""
        self.client.refresh_sync(None)

    def end(self):
        """Without their bus, its daemons end."""
        self.bus.terminate()
        self.bus.wait()


def bus(path):
    """A session bus, from here on that of this process. What it starts says goes to standard error."""
    os.environ["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={path}"
    words = ["dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address=unix:path={path}"]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    while not os.path.exists(path):
        if process.poll() is not None:
            raise OSError(f"dbus-daemon ended with code {process.returncode}")
        time.sleep(0.01)
    return process


def described(source, url, user):
    """A source with the server, the user and the path of an address."""
    place = GLib.Uri.parse(url, GLib.UriFlags.NONE)
    login = source.get_extension(EDataServer.SOURCE_EXTENSION_AUTHENTICATION)
    login.set_host(place.get_host())
    login.set_port(place.get_port())
    login.set_user(user)
    login.set_method("plain/password")
    source.get_extension(EDataServer.SOURCE_EXTENSION_SECURITY).set_method("none")
    source.get_extension(EDataServer.SOURCE_EXTENSION_WEBDAV_BACKEND).set_resource_path(place.get_path())
    return source


def listen(seconds=0.05):
    """Takes in what the bus has told."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not GLib.MainContext.default().iteration(False):
            time.sleep(0.01)


def start(address, user, password):
    one = Evolution(address, user, password)
    return {"books": lambda: one.books, "cards": one.cards, "add": one.add, "edit": one.edit, "delete": one.delete,
            "sync": one.sync, "end": one.end}


if __name__ == "__main__":
    serve(start)
