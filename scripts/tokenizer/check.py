"""Compares vecfill's ids and counts with tiktoken's: check.py VECFILL all|assigned N SEED."""

import collections
import itertools
import json
import subprocess
import sys
import time

import tiktoken
from texts import Texts, code_points

BATCH = 20_000
# Above plane 3 nothing is assigned but tags, variation selectors and what is for private use.
POINTS = {"all": range(0x110000), "assigned": [*range(0x34000), *range(0xE0000, 0xE0200)]}


def answers(vecfill, command, texts):
    # Half of the texts go through \u escapes. Surrogates must.
    document = []
    for index, text in enumerate(texts):
        escape = index % 2 == 0 or any("\ud800" <= c <= "\udfff" for c in text)
        document.append(json.dumps(text, ensure_ascii=escape) + "\n")
    result = subprocess.run(
        [vecfill, "tokenizer", command], input="".join(document).encode(), stdout=subprocess.PIPE)
    if result.returncode != 0:
        sys.exit(f"check-tokenizer: vecfill tokenizer {command} ended with {result.returncode}")
    return result.stdout.decode().splitlines()


def difference(batch, expected, ids, counts):
    """The first difference between tiktoken's ids and vecfill's lines of ids and counts, in words; None if there is none."""
    if not len(ids) == len(counts) == len(batch):
        return f"{len(batch)} texts gave {len(ids)} lines of ids and {len(counts)} counts"
    for (kind, text), theirs, line, count in zip(batch, expected, ids, counts):
        ours = json.loads(line)
        if ours != theirs or int(count) != len(theirs):
            at = next((i for i, (a, b) in enumerate(zip(theirs, ours)) if a != b), min(len(theirs), len(ours)))
            return (
                f"a difference, in a text of the kind {kind}:\n  {ascii(text)}\n"
                f"  tiktoken: {len(theirs)} tokens, from token {at} {theirs[at:at + 8]}\n"
                f"  vecfill:  {len(ours)} tokens, counted {count}, from token {at} {ours[at:at + 8]}")
    return None


def find_planted_differences(batch, expected, ids, counts):
    """Ends the check unless it finds one id that is off by one, one that is missing, a wrong count and a missing line."""
    place = next(index for index, tokens in enumerate(expected) if len(tokens) > 3)
    damaged = json.loads(ids[place])
    damaged[2] += 1
    shortened = json.loads(ids[place])[:-1]

    def planted(lines, line):
        return lines[:place] + [line] + lines[place + 1:]

    for found in [
        difference(batch, expected, planted(ids, json.dumps(damaged)), counts),
        difference(batch, expected, planted(ids, json.dumps(shortened)), counts),
        difference(batch, expected, ids, planted(counts, str(len(expected[place]) + 1))),
        difference(batch, expected, ids[:-1], counts),
    ]:
        if found is None:
            sys.exit("check-tokenizer: a difference that was planted was not found: this check is worth nothing")


def main(vecfill, points, n, seed):
    started = time.monotonic()
    encoding = tiktoken.get_encoding("cl100k_base")
    pieces = [encoding.decode_single_token_bytes(token) for token in range(100_256)]
    tokens = [text for text in (piece.decode("utf-8", "ignore") for piece in pieces) if text]
    source = itertools.chain(itertools.islice(Texts(seed, tokens), n), code_points(POINTS[points]))
    kinds = collections.Counter()
    token_count = byte_count = 0
    while batch := list(itertools.islice(source, BATCH)):
        texts = [text for _, text in batch]
        expected = [encoding.encode_ordinary(text) for text in texts]
        ids, counts = answers(vecfill, "encode", texts), answers(vecfill, "count", texts)
        if found := difference(batch, expected, ids, counts):
            sys.exit(f"check-tokenizer: {found}")
        if not kinds:
            find_planted_differences(batch, expected, ids, counts)
        token_count += sum(map(len, expected))
        byte_count += sum(len(text.encode("utf-8", "replace")) for text in texts)
        kinds.update(kind for kind, _ in batch)
    every = kinds.pop("code_points")
    print(
        f"check-tokenizer: {sum(kinds.values()):,} texts (seed {seed}) and {points} code points ({every:,} texts): "
        f"{token_count:,} tokens in {byte_count / 1e6:.1f} MB, the same ids and counts as tiktoken "
        f"{tiktoken.__version__}; {time.monotonic() - started:.0f} s")
    print("  " + ", ".join(f"{kind} {count:,}" for kind, count in sorted(kinds.items())))


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
