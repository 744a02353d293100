"""Texts to compare tokenizers on, endless and decided by a seed."""

import gettext
import glob
import itertools
import json
import os
import random
import unicodedata

SPACES = [chr(c) for c in range(0x110000) if chr(c).isspace() or c in (0x180E, 0x200B, 0x2060, 0xFEFF)]
SPECIALS = ["<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|endofprompt|>", "<|im_start|>"]
SURROGATES = "".join(map(chr, range(0xD800, 0xE000)))


def chat():
    """The messages of chat.jsonl, as (language, text)."""
    with open(os.path.join(os.path.dirname(__file__), "chat.jsonl"), encoding="utf-8") as lines:
        return [(line["language"], line["text"]) for line in map(json.loads, lines)]


def catalogues(limit):
    """Translations of programs' messages that this machine happens to have, as (language, text)."""
    paths = sorted(glob.glob("/usr/share/locale/*/LC_MESSAGES/*.mo"))
    random.Random(0).shuffle(paths)
    found = []
    for path in itertools.takewhile(lambda _: len(found) < limit, paths):
        try:
            with open(path, "rb") as file:
                catalogue = gettext.GNUTranslations(file)._catalog
        except (IndexError, OSError, UnicodeDecodeError, ValueError):
            continue  # Some catalogues have a header that Python can't read.
        language = path.split("/")[4]
        found += [(language, text) for source, text in catalogue.items() if source and text and isinstance(text, str)]
    return found


def code(limit):
    """Source files of this machine: Python's library, and C's headers where they are."""
    library = os.path.dirname(os.__file__)
    paths = sorted(glob.glob(library + "/*.py") + glob.glob("/usr/include/*.h"))
    random.Random(0).shuffle(paths)
    return [open(path, encoding="utf-8", errors="replace", newline="").read() for path in paths[:limit]]


def scripts():
    """The assigned code points, by the first word of their names: a script, or a kind of symbol."""
    found = {}
    for c in itertools.chain(range(0x3000), range(0x4E00, 0x4F00), range(0xA000, 0xD800), range(0xF900, 0x20000)):
        name = unicodedata.name(chr(c), "")
        if name:
            found.setdefault(name.split()[0], []).append(chr(c))
    return [points for points in found.values() if len(points) >= 10]


class Texts:
    def __init__(self, seed, tokens):
        self.random = random.Random(seed)
        self.tokens = tokens
        self.chat = [text for _, text in chat()]
        self.catalogues = [text for _, text in catalogues(100_000)] or self.chat
        self.code = code(200)
        self.scripts = scripts()
        self.marks = [chr(c) for c in range(0x20000) if unicodedata.combining(chr(c))]
        self.emoji = [chr(c) for c in [*range(0x1F300, 0x1FAFF), *range(0x2600, 0x27BF)]]

    def pick(self, choices, low, high):
        return "".join(self.random.choices(choices, k=self.random.randint(low, high)))

    def any_unicode(self):
        planes = [0x80, 0x800, 0x10000, 0x110000]
        return "".join(
            chr(c) for c in (self.random.randrange(self.random.choice(planes)) for _ in range(self.random.randint(1, 80)))
            if not 0xD800 <= c < 0xE000)

    def one_script(self):
        points = self.random.choice(self.scripts)
        ends = [" ", " ", " ", ", ", ". ", "-", "\n", "'", "2", ""]
        return "".join(self.pick(points, 1, 9) + self.random.choice(ends) for _ in range(self.random.randint(1, 20)))

    def emoji_and_marks(self):
        joins = ["\u200d", "\ufe0f", "\ufe0e", "\u20e3", " ", "", "", *[chr(c) for c in range(0x1F3FB, 0x1F400)]]
        letters = [*"aeionAEö ", "ש", "ا", "न", "ก", "1"]
        parts = []
        for _ in range(self.random.randint(1, 20)):
            if self.random.random() < 0.5:
                parts.append(self.random.choice(self.emoji) + self.random.choice(joins))
            else:
                parts.append(self.random.choice(letters) + self.pick(self.marks, 0, 4))
        return "".join(parts)

    def invalid_surrogates(self):
        text = list(self.random.choice(self.chat))
        for _ in range(self.random.randint(1, 6)):
            text.insert(self.random.randint(0, len(text)), self.pick(SURROGATES, 1, 3))
        return "".join(text)

    def source_code(self):
        file = self.random.choice(self.code)
        start = self.random.randrange(max(1, len(file)))
        return file[start:start + self.random.randint(1, 600)]

    def whitespace_storm(self):
        usual = [" ", " ", " ", "\n", "\r", "\r\n", "\t", "\u3000", "\u00a0", "\u0085", "\u2028"]
        parts = []
        for _ in range(self.random.randint(1, 12)):
            parts.append(self.pick(usual if self.random.random() < 0.7 else SPACES, 0, self.random.choice([2, 5, 200])))
            parts.append(self.random.choice(["", "", "a", "1", ".", "é", "中", "'s", "\u0301"]))
        return "".join(parts)

    def chat_messages(self):
        text = self.random.choice([" ", "\n", "\n\n", ""]).join(
            self.random.choice(self.chat) for _ in range(self.random.randint(1, 4)))
        change = self.random.choice([str, str, str.upper, str.lower, str.title, str.swapcase])
        form = self.random.choice(["NFC", "NFC", "NFD", "NFKC", "NFKD"])
        return unicodedata.normalize(form, change(text))

    def translations(self):
        return "\n".join(self.random.choice(self.catalogues) for _ in range(self.random.randint(1, 3)))

    def pattern_corners(self):
        corners = list("''''sStTlLvVeErRmMdDaé0٣Ⅷ.-  \n\r\tſKẞ中あ🙂\u0301\u00a0\u3000\u200d\ufeff") + ["\r\n", "'ll", "'RE"]
        return self.pick(corners, 1, 40)

    def long_runs(self):
        units = ["a", "A", "é", " ", "\n", "\r\n", "^", "0", "=", "-", "'s", "ab", "ha", "中", "😀", "\u0301", "\t", ". "]
        return "".join(
            self.random.choice(units) * self.random.randint(1, self.random.choice([20, 300, 3000]))
            for _ in range(self.random.randint(1, 3)))

    def random_letters(self):
        alphabet = self.random.choice(["abcdefghijklmnopqrstuvwxyz", "aeinorst", "01", "аеинорст", "!#$%&*+-./:<=>?@^_~"])
        return self.pick(alphabet, 1, 150)

    def joined_tokens(self):
        return "".join(self.random.choice(self.tokens) for _ in range(self.random.randint(1, 25)))

    def special_tokens(self):
        return self.random.choice(self.chat)[:40] + self.pick(SPECIALS, 1, 3) + self.random.choice(["", " ", "\n", "x"])

    KINDS = [
        any_unicode, one_script, one_script, emoji_and_marks, invalid_surrogates, source_code, whitespace_storm,
        chat_messages, chat_messages, translations, translations, pattern_corners, pattern_corners, long_runs,
        random_letters, joined_tokens, joined_tokens, special_tokens,
    ]

    def __iter__(self):
        while True:
            kind = self.random.choice(self.KINDS)
            yield kind.__name__, kind(self)


def code_points(wanted):
    """Each of them where its class shows in the ids: a space takes the spaces before it, a letter or a space leaves
    "'s" whole, a number takes two digits."""
    for start in range(0, len(wanted), 32):
        yield "code_points", "".join(
            f"  {c}'s{c}1111" for c in map(chr, wanted[start:start + 32]) if c not in SURROGATES)
