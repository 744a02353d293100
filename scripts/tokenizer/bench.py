"""Times tiktoken's and vecfill's counting of the same texts: bench.py VECFILL.

Both run on one thread, in turns, and the best of five rounds counts. The time is the processor's (user and system), so
that other work on the machine disturbs it less. vecfill's is that of the whole process `vecfill tokenizer count`: its
start, loading the vocabulary, reading JSON and printing are in it. tiktoken's is only that of `encode_ordinary`.
"""

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pydoc_data import topics

import tiktoken
from texts import catalogues, chat, code

ROUNDS = 5
# What it has to be at least, as a ratio, and at most, in seconds.
USUAL, WORST, START = 3, 10, 0.06


def megabytes(texts, size=8_000_000):
    """`texts` again and again in a random order, until they have `size` bytes."""
    chosen, total = [], 0
    order = random.Random(1)
    while total < size:
        chosen.append(order.choice(texts))
        total += len(chosen[-1].encode())
    return chosen


def seconds(action, clock):
    start = clock()
    result = action()
    return clock() - start, result


def children_time():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(vecfill, encoding, texts):
    with tempfile.TemporaryFile() as file:
        file.write("".join(json.dumps(text, ensure_ascii=False) + "\n" for text in texts).encode())

        def ours():
            file.seek(0)
            output = subprocess.run([vecfill, "tokenizer", "count"], stdin=file, stdout=subprocess.PIPE, check=True).stdout
            return [int(line) for line in output.split()]

        def theirs():
            return [len(encoding.encode_ordinary(text)) for text in texts]

        best_ours = best_theirs = float("inf")
        for _ in range(ROUNDS):
            theirs_time, expected = seconds(theirs, time.process_time)
            ours_time, counts = seconds(ours, children_time)
            if counts != expected:
                sys.exit("bench tokenizer: the counts differ; see scripts/check-tokenizer")
            best_theirs, best_ours = min(best_theirs, theirs_time), min(best_ours, ours_time)
    return best_theirs, best_ours


def main(vecfill):
    encoding = tiktoken.get_encoding("cl100k_base")
    paragraphs = [part for topic in topics.topics.values() for part in topic.split("\n\n")]
    sets = {
        "chat, 63 languages": megabytes([text for _, text in chat()]),
        "chat, English": megabytes([text for language, text in chat() if language == "en"]),
        "prose, English": megabytes(paragraphs),
        "translations": megabytes([text for _, text in catalogues(100_000)] or paragraphs),
        "source files": megabytes(code(200)),
    }
    sets |= {f"4 times 1 MB of {unit!r}": [unit * 1_000_000] * 4 for unit in ["a", " ", "^"]}
    nothing = lambda: subprocess.run([vecfill, "tokenizer", "count"], input=b"", check=True)
    startup = min(seconds(nothing, time.perf_counter)[0] for _ in range(9))
    print(f"start, load the vocabulary and end: {startup * 1000:.0f} ms (wall clock)")
    print(f"{'texts':<22} {'MB':>5} {'tiktoken MB/s':>14} {'vecfill MB/s':>14} {'ratio':>7}")
    missed = [] if startup <= START else ["the start"]
    for name, texts in sets.items():
        size = sum(len(text.encode()) for text in texts) / 1e6
        theirs, ours = measure(vecfill, encoding, texts)
        print(f"{name:<22} {size:>5.1f} {size / theirs:>14.2f} {size / ours:>14.2f} {theirs / ours:>6.1f}x", flush=True)
        if theirs / ours < (WORST if name.startswith("4 times") else USUAL):
            missed.append(name)
    if missed:
        sys.exit(f"bench tokenizer: too slow: {', '.join(missed)}")


main(sys.argv[1])
