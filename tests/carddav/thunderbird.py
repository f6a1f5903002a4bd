"""Thunderbird without its windows: its own address book, asked by Marionette from within, as its windows ask it.

Driven as driven.py says, by a Python that has marionette_driver; its profile is below $HOME.
"""

import json
import os
import socket
import subprocess
import sys
import time

from marionette_driver.marionette import Marionette

from driven import serve

START_SECONDS_MAX = 120
SCRIPT_SECONDS_MAX = 60
# Nobody is asked at the start, nothing is fetched from elsewhere.
SETTINGS = {
    "app.normandy.enabled": False, "app.update.disabledForTesting": True, "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False, "mail.chat.enabled": False, "mail.provider.suppress_dialog_on_startup": True,
    "mail.rights.version": 1, "mail.shell.checkDefaultClient": False, "mail.spotlight.firstRunDone": True,
    "mailnews.start_page.enabled": False, "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False, "services.settings.server": "data:,nothing",
    "toolkit.telemetry.enabled": False,
}
# What orders have in common: the book that was made first.
PRELUDE = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const books = MailServices.ab.directories.filter(book => book.dirType == Ci.nsIAbManager.CARDDAV_DIRECTORY_TYPE);
const { CardDAVDirectory } = ChromeUtils.importESModule("resource:///modules/CardDAVDirectory.sys.mjs");
const book = books.length ? CardDAVDirectory.forFile(books[0].fileName) : null;
const [order] = arguments, done = arguments[arguments.length - 1];
const cardOf = uid => {
  const card = book.childCards.find(card => card.UID == uid);
  if (!card) throw new Error(`no card has the UID ${uid}`);
  return card;
};
const put = (card, field, text) => {
  const properties = card.vCardProperties, names = { title: "title", note: "note", email: "email", number: "tel" };
  const { VCardPropertyEntry } = ChromeUtils.importESModule("resource:///modules/VCardUtils.sys.mjs");
  const entry = field == "number" ? null : properties.getFirstEntry(names[field]);
  if (entry) entry.value = text;
  else properties.addEntry(new VCardPropertyEntry(names[field], field == "number" ? { type: "cell" } : {}, "text", text));
};
// Its writes go on after it has shown them: this waits until so many requests are answered.
const answered = count => new Promise(resolve => {
  const observer = { observe() { if (--count == 0) { Services.obs.removeObserver(observer, ENDED); resolve(); } } };
  Services.obs.addObserver(observer, ENDED);
});
const ENDED = "addrbook-directory-request-end";
const work = async () => { %s };
work().then(answer => done({ answer: answer ?? null }), error => done({ trouble: String(error) }));
"""
FIND = """
const { CardDAVUtils } = ChromeUtils.importESModule("resource:///modules/CardDAVUtils.sys.mjs");
const found = await CardDAVUtils.detectAddressBooks(order.user, order.password, order.address);
const whole = new Promise(resolve => {
  const observer = { observe() { Services.obs.removeObserver(observer, "addrbook-directory-synced"); resolve(); } };
  Services.obs.addObserver(observer, "addrbook-directory-synced");
});
const made = found[0].create();
await whole;
// It looks when it is told to, and at no other time.
made.setIntValue("carddav.syncinterval", 0);
return found.map(book => book.url.href);
"""
CARDS = 'return Object.fromEntries(book.childCards.map(card => [card.UID, card.getProperty("_vCard", "")]));'
ADD = """
const { AddrBookCard } = ChromeUtils.importESModule("resource:///modules/AddrBookCard.sys.mjs");
const card = new AddrBookCard(), ended = answered(2);
card.firstName = order.first_name;
card.lastName = order.last_name;
card.displayName = `${order.first_name} ${order.last_name}`;
for (const [field, text] of Object.entries(order.fields)) put(card, field, text);
const added = book.addCard(card);
await ended;
return added.UID;
"""
EDIT = """
const card = cardOf(order.uid), ended = answered(2);
put(card, order.field, order.text);
book.modifyCard(card);
await ended;
"""
DELETE = "const ended = answered(1); book.deleteCards([cardOf(order.uid)]); await ended;"
SYNC = "await book.syncWithServer();"


class Thunderbird:
    """A Thunderbird with one address book on a CardDAV server."""

    def __init__(self, address, user, password):
        profile = os.path.join(os.environ["HOME"], "profile")
        os.makedirs(profile)
        port = free_port()
        with open(os.path.join(profile, "user.js"), "w") as file:
            for name, value in {**SETTINGS, "marionette.port": port}.items():
                file.write(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n")
        words = ["thunderbird", "--headless", "--marionette", "--remote-allow-system-access", "--no-remote"]
        self.process = subprocess.Popen([*words, "--profile", profile], stdin=subprocess.DEVNULL, stdout=sys.stderr)
        self.marionette = connected(port, self.process)
        self.books = self.run(FIND, address=address, user=user, password=password)

    def run(self, script, **order):
        told = self.marionette.execute_async_script(PRELUDE % script, script_args=(order,), sandbox="system")
        if "trouble" in told:
            raise OSError(told["trouble"])
        return told["answer"]

    def end(self):
        self.process.terminate()
        self.process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connected(port, process):
    """A session with the Thunderbird that listens there, once it does."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            if process.poll() is not None:
                raise OSError(f"thunderbird ended with code {process.returncode}") from None
            if time.monotonic() > deadline:
                raise OSError(f"thunderbird did not answer within {START_SECONDS_MAX} s") from None
            time.sleep(0.1)
    marionette = Marionette(host="127.0.0.1", port=port)
    marionette.start_session()
    marionette.set_context(marionette.CONTEXT_CHROME)
    marionette.timeout.script = SCRIPT_SECONDS_MAX
    return marionette


def start(address, user, password):
    one = Thunderbird(address, user, password)
    return {
        "books": lambda: one.books,
        "cards": lambda: one.run(CARDS),
        "add": lambda first_name, last_name, **fields: one.run(ADD, first_name=first_name, last_name=last_name, fields=fields),
        "edit": lambda **order: one.run(EDIT, **order),
        "delete": lambda **order: one.run(DELETE, **order),
        "sync": lambda: one.run(SYNC),
        "end": one.end,
    }


if __name__ == "__main__":
    serve(start)
