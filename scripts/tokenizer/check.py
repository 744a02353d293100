"""Compares vecfill's ids and counts with tiktoken's: check.py VECFILL N SEED."""

import collections
import itertools
import json
import subprocess
import sys

import tiktoken
from texts import Texts, every_code_point

BATCH = 20_000


def lines(vecfill, command, texts):
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


def compare(vecfill, encoding, batch):
    texts = [text for _, text in batch]
    ids = lines(vecfill, "encode", texts)
    counts = lines(vecfill, "count", texts)
    if not len(ids) == len(counts) == len(texts):
        sys.exit(f"check-tokenizer: {len(texts)} texts gave {len(ids)} lines of ids and {len(counts)} counts")
    tokens = 0
    for (kind, text), line, count in zip(batch, ids, counts):
        expected = encoding.encode_ordinary(text)
        tokens += len(expected)
        found = json.loads(line)
        if found != expected or int(count) != len(expected):
            at = next((i for i, (a, b) in enumerate(zip(expected, found)) if a != b), min(len(expected), len(found)))
            sys.exit(
                f"check-tokenizer: a difference, in a text of the kind {kind}:\n  {ascii(text)}\n"
                f"  tiktoken: {len(expected)} tokens, from token {at} {expected[at:at + 8]}\n"
                f"  vecfill:  {len(found)} tokens, counted {count}, from token {at} {found[at:at + 8]}")
    return tokens


def main(vecfill, n, seed):
    encoding = tiktoken.get_encoding("cl100k_base")
    pieces = [encoding.decode_single_token_bytes(token) for token in range(100_256)]
    tokens = [text for text in (piece.decode("utf-8", "ignore") for piece in pieces) if text]
    source = itertools.chain(every_code_point(), itertools.islice(Texts(seed, tokens), n))
    kinds = collections.Counter()
    compared_tokens = compared_bytes = 0
    while batch := list(itertools.islice(source, BATCH)):
        compared_tokens += compare(vecfill, encoding, batch)
        compared_bytes += sum(len(text.encode("utf-8", "replace")) for _, text in batch)
        kinds.update(kind for kind, _ in batch)
    every = kinds.pop("every_code_point")
    print(
        f"check-tokenizer: {sum(kinds.values()):,} texts (seed {seed}) and every code point ({every:,} texts): "
        f"{compared_tokens:,} tokens in {compared_bytes / 1e6:.1f} MB, the same ids and counts as tiktoken "
        f"{tiktoken.__version__}")
    print("  " + ", ".join(f"{kind} {count:,}" for kind, count in sorted(kinds.items())))


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
