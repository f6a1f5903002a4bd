"""What is wrong when carnet has come to rest: values lost, deletions undone, contacts twice or in one place only."""

from collections import Counter


def judge(ledger, in_cards, in_crm, conflicts, history):
    """What is wrong, in words, and how many values are kept in the history alone. `conflicts` and `history` are what
    `carnet conflicts --all` and `carnet history` print with --json, parsed."""
    explained = {name_of(entry) for entry in conflicts if entry.get("field") is None}
    wrong = doubled(in_cards, in_crm) + names(ledger, in_cards, in_crm, explained)
    lost, in_history = values(ledger, in_cards, in_crm, conflicts, history)
    return wrong + lost, in_history


def doubled(in_cards, in_crm):
    wrong = []
    for place, records in (("cards", in_cards), ("crm", in_crm)):
        for name, times in Counter(record.name for record in records).items():
            if times > 1:
                wrong.append(f"{name} is {times} times in the {place}")
    for uid, times in Counter(record.uid for record in in_cards).items():
        if times > 1:
            wrong.append(f"UID {uid} is on {times} cards")
    return wrong


def names(ledger, in_cards, in_crm, explained):
    """Who is missing, back, or in one place only; a conflict about the whole contact explains each of these."""
    wrong = []
    here, there = {record.name for record in in_cards}, {record.name for record in in_crm}
    for name in sorted((ledger.names | here | there) - explained - ledger.excused):
        places = [place for place, held in (("cards", here), ("crm", there)) if name in held]
        if name not in ledger.names:
            wrong.append(f"{name} was made by nobody")
        elif name in ledger.gone and places:
            wrong.append(f"{name} was deleted and is in: {', '.join(places)}")
        elif name not in ledger.gone and len(places) != 2:
            wrong.append(f"{name} was not deleted and is in: {', '.join(places) or 'no place'}")
    if not explained and not ledger.excused and len(in_cards) != len(in_crm):
        wrong.append(f"{len(in_cards)} cards, {len(in_crm)} contacts")
    return wrong


def values(ledger, in_cards, in_crm, conflicts, history):
    """Owed values that are neither in both places nor named as having lost; how many only the history names."""
    wrong, in_history = [], 0
    places = ["\n".join(record.text for record in records) for records in (in_cards, in_crm)]
    whole = {name_of(entry) for entry in conflicts if entry.get("field") is None}
    # While a conflict waits each side keeps its own, later edits included.
    waiting = {name_of(entry) for entry in conflicts if entry.get("state") == "open"}
    named = str(conflicts)
    replaced = "\n".join(str(entry.get("old")) for entry in history)
    for text, name in ledger.owed().items():
        stands = [text in place for place in places]
        is_kept = any(stands) or text in replaced
        if all(stands) or text in named or (any(stands) and name in waiting) or (is_kept and name in whole):
            continue
        if text in replaced:
            in_history += 1
        else:
            wrong.append(f"{text} of {name} is lost (cards: {stands[0]}, crm: {stands[1]})")
    return wrong, in_history


def name_of(entry):
    return (entry.get("contact") or {}).get("name")
