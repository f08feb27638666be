#!/usr/bin/env python3
"""Check the passphrase word lists against every rule a machine can check.

Usage: python3 tools/wordlists/check.py [DIRECTORY]

DIRECTORY holds english.txt, arabic.txt and kurmanji.txt (default:
proto/wordlists). The rules and the folding are set down in
docs/wordlists.md. Prints one line of figures per list; every broken rule is
named. Exit code 0: all rules hold. 1: a rule is broken.
"""

import re
import sys
import unicodedata
from pathlib import Path

COUNT = 2048
MIN_LETTERS, MAX_LETTERS = 3, 8

# Letters a folded word may have.
ALPHABETS = {
    "english": "a-z",
    "arabic": "\u0627\u0628\u062a-\u063a\u0641-\u0648\u064a",
    "kurmanji": "a-z",
}
# Languages that share an alphabet may not share a folded word.
DISJOINT = [("english", "kurmanji")]

DROPPED = set("'\u2018\u2019\u02bb\u02bc\u0621\u0674\u0640\u00ad\u061c\u2060\ufeff")
for first, last in ((0x200B, 0x200F), (0x202A, 0x202E), (0x2066, 0x2069)):
    DROPPED.update(map(chr, range(first, last + 1)))

MAPPED = {}
for target, sources in {
    "\u0627": "\u0671",  # alef
    "\u064a": "\u0649\u06cc\u06d0",  # yeh
    "\u0647": "\u0629\u06c1\u06be\u06c3\u06d5",  # heh
    "\u0643": "\u06a9\u06aa",  # kaf
    "i": "\u0131",  # dotless i
}.items():
    MAPPED.update(dict.fromkeys(sources, target))


def fold(word):
    """The folded form of one word; see docs/wordlists.md."""
    letters = []
    for c in unicodedata.normalize("NFKD", word).lower():
        if unicodedata.category(c) != "Mn" and c not in DROPPED:
            letters.append(MAPPED.get(c, c))
    return "".join(letters)


def close_pairs(words):
    """Pairs of different words at Levenshtein distance 1.

    Replacing each letter by a gap, and putting a gap at each place, gives two
    words the same pattern exactly when one edit turns one into the other.
    """
    seen = {}
    for w in words:
        for i in range(len(w) + 1):
            seen.setdefault(w[:i] + "*" + w[i:], set()).add(w)
            if i < len(w):
                seen.setdefault(w[:i] + "*" + w[i + 1 :], set()).add(w)
    pairs = set()
    for group in seen.values():
        pairs.update((a, b) for a in group for b in group if a < b)
    return pairs


def check_list(name, path):
    """Check one list. Returns its folded words and the faults found."""
    faults = []
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as e:
        return [], [f"not UTF-8: {e}"]
    if "\r" in text:
        faults.append("has a carriage return")
    if not text.endswith("\n") or text.endswith("\n\n"):
        faults.append("does not end in exactly one line feed")
    words = text.removesuffix("\n").split("\n")
    if len(words) != COUNT:
        faults.append(f"has {len(words)} lines, not {COUNT}")
    if len(set(words)) != len(words):
        faults.append("has the same word twice")

    folded = [fold(w) for w in words]
    allowed = re.compile(f"[{ALPHABETS[name]}]{{{MIN_LETTERS},{MAX_LETTERS}}}")
    owner = {}
    for w, f in zip(words, folded):
        if unicodedata.normalize("NFC", w) != w:
            faults.append(f"not NFC: {w}")
        if not all(unicodedata.category(c) in ("Ll", "Lo") for c in w):
            faults.append(f"not only small letters: {w}")
        if not allowed.fullmatch(f):
            faults.append(f"alphabet or length: {w} -> {f}")
        if fold(f) != f:
            faults.append(f"folding twice differs: {w}")
        if owner.setdefault(f, w) != w:
            faults.append(f"same folded form: {owner[f]} {w}")
    keys = [f.encode("utf-8") for f in folded]
    if keys != sorted(keys):
        faults.append("not sorted by the bytes of the folded form")
    close = close_pairs(set(folded))
    faults += [f"distance 1: {a} {b}" for a, b in sorted(close)]

    lengths = [len(f) for f in folded]
    print(
        f"{name}: {len(set(words))} words, folded letters "
        f"min {min(lengths)} mean {sum(lengths) / len(lengths):.2f} max {max(lengths)}, "
        f"bytes max {max(map(len, keys))}, pairs at distance 1: {len(close)}"
    )
    return folded, faults


def main():
    directory = Path(sys.argv[1] if len(sys.argv) > 1 else "proto/wordlists")
    lists, faults = {}, []
    for name in ALPHABETS:
        lists[name], found = check_list(name, directory / f"{name}.txt")
        faults += [f"{name}: {f}" for f in found]
    for a, b in DISJOINT:
        shared = sorted(set(lists[a]) & set(lists[b]))
        print(f"{a} and {b}: {len(shared)} folded words in both")
        faults += [f"in {a} and {b}: {w}" for w in shared]
    for f in faults:
        print("FAULT", f)
    print("FAILED" if faults else "ok")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
