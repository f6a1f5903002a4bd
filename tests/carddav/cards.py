"""Invented people as vCards, and many of them put into a server's storage at once, past its protocol."""

import os

FIRST = "Ada Bruno Chloé Denis Élise Farid Gaëlle Hugo Inès Jules Karim Léa Marc Nadia Paula Rémi Sofia Théo Yasmine".split()
LAST = "Arnaud Bernard Caron Durand Étienne Fontaine Girard Henry Imbert Joly Klein Lambert Masson Noël Picard Roy".split()
FIRMS = ("Imprimerie Girard", "Transports Lambert", "Garage Noël", "Atelier Roy", "Cabinet Masson")
DEPARTMENTS = ("Service commercial", "Comptabilité", "Direction générale", "Expédition")
STREETS = ("rue des Lilas", "avenue de la Gare", "place du Marché", "chemin des Vignes")
TOWNS = (("31000", "Toulouse"), ("64000", "Pau"), ("33000", "Bordeaux"), ("81000", "Albi"), ("40000", "Mont-de-Marsan"))


def uid(number):
    return f"7c1f0000-0000-4000-8000-{number:012x}"


def card(number):
    """The card of the person with this number, counted from 0; no two are the same."""
    first, last = FIRST[number % len(FIRST)], LAST[number // len(FIRST) % len(LAST)]
    firm, department = FIRMS[number % len(FIRMS)], DEPARTMENTS[number % len(DEPARTMENTS)]
    street, (code, town) = STREETS[number % len(STREETS)], TOWNS[number % len(TOWNS)]
    digits = f"{number // 10000 % 100:02} {number // 100 % 100:02} {number % 100:02}"
    words = (
        "BEGIN:VCARD",
        "VERSION:3.0",
        f"UID:{uid(number)}",
        f"N:{last} {number};{first};;;",
        f"FN:{first} {last} {number}",
        f"ORG:{firm};{department}",
        f"TEL;TYPE=WORK,VOICE:+33 5 {digits} 10",
        f"TEL;TYPE=CELL:+33 6 {digits} 20",
        f"EMAIL;TYPE=INTERNET,WORK:personne.{number}@entreprise-{number % 97}.example",
        f"ADR;TYPE=WORK:;Bâtiment {number % 7 + 1}\\, étage {number % 5};{number % 200 + 1} {street};{town};;{code};France",
        "END:VCARD",
        "",
    )
    return "\r\n".join(words).encode()


def into_folder(folder, count):
    """As files in a folder, one a card: how Radicale keeps a book."""
    for number in range(count):
        with open(os.path.join(folder, f"{uid(number)}.vcf"), "wb") as file:
            file.write(card(number))


def into_git(folder, count):
    """As files and one commit: how Xandikos keeps a book."""
    from dulwich.index import index_entry_from_stat
    from dulwich.objects import Blob
    from dulwich.repo import Repo

    into_folder(folder, count)
    with Repo(folder) as repo:
        index = repo.open_index()
        blobs = [(f"{uid(number)}.vcf", Blob.from_string(card(number))) for number in range(count)]
        repo.object_store.add_objects([(blob, name.encode()) for name, blob in blobs])
        for name, blob in blobs:
            index[name.encode()] = index_entry_from_stat(os.stat(os.path.join(folder, name)), blob.id)
        index.write()
        who = b"carnet tests <tests@carnet.example>"
        repo.get_worktree().commit(message=b"cards", committer=who, author=who)
