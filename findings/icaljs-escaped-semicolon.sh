#!/usr/bin/env bash
# ical.js (2.2.1), the vCard reader and writer of Thunderbird's address book: in a text property it does not undo an escaped
# semicolon. NOTE:one\;two is read as one, backslash, semicolon, two, in 3.0 and 4.0 alike, though a comma and a line break beside it
# are undone; written again, the backslash is escaped itself, so that every other program then shows it. RFC 6350, 3.4, lets a
# writer escape semicolons in values that are not compound, and RFC 2426, 5, has "\;" among the escaped characters of a text.
# Prints what is read and what is written again, and fails if they are not as they were.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund ical.js@2.2.1
cat >look.mjs <<'JS'
import ICAL from "ical.js";

for (const version of ["3.0", "4.0"]) {
  const lines = ["BEGIN:VCARD", `VERSION:${version}`, "FN:Ada", "NOTE:one\\;two\\,three\\nfour", "END:VCARD", ""];
  const card = new ICAL.Component(ICAL.parse(lines.join("\r\n")));
  const written = card.toString().split("\r\n").find((line) => line.startsWith("NOTE"));
  console.log(`${version} reads ${JSON.stringify(card.getFirstPropertyValue("note"))} writes ${written}`);
}
JS
seen=$(node look.mjs)
echo "$seen"
expected='3.0 reads "one\\;two,three\nfour" writes NOTE:one\\;two\,three\nfour
4.0 reads "one\\;two,three\nfour" writes NOTE:one\\;two\,three\nfour'
[ "$seen" = "$expected" ]
