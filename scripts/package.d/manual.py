"""Prints vecfill's manual page: `manual.py VECFILL VERSION DATE`. The commands are those that the binary itself tells, the
exit codes those of docs/exit-codes.md."""
import json, pathlib, re, subprocess, sys

root = pathlib.Path(__file__).resolve().parents[2]


def roff(text):
    """`text` as a line of roff that looks the same; what stands between backticks is bold."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", " ".join(text.split()))
    return re.sub(r"^(['.])", r"\\&\1", text)


def paragraphs(text):
    return "\n.PP\n".join(roff(part) for part in re.split(r"\n\s*\n", text.strip()))


def option(name):
    return ("-" if name["kind"] == "short" else "--") + name["name"]


def synopsis(path, arguments):
    words = [f"\\fB{roff(path)}\\fR"]
    if any(argument["kind"] != "positional" for argument in arguments): words.append("[\\fIoption\\fR ...]")
    for argument in arguments:
        if argument["kind"] == "positional":
            word = f"\\fI{roff(argument['valueName'])}\\fR" + (" ..." if argument["isRepeating"] else "")
            words.append(f"[{word}]" if argument["isOptional"] else word)
    return " ".join(words)


def entry(argument):
    """One argument with what it means."""
    if argument["kind"] == "positional": head = f"\\fI{roff(argument['valueName'])}\\fR"
    else: head = ", ".join(f"\\fB{roff(option(name))}\\fR" for name in argument["names"])
    if argument["kind"] == "option": head += f" \\fI{roff(argument['valueName'])}\\fR"
    text = argument.get("abstract", "")
    values, fallback = argument.get("allValues"), argument.get("defaultValue")
    more = "; ".join(([f"values: {', '.join(values)}"] if values else []) + ([f"default: {fallback}"] if fallback else []))
    return f".TP\n{head}\n{roff(f'{text} ({more})' if more else text)}"


def shown(command):
    """The arguments that are worth a place under each command; every command has --version and --help."""
    return [argument for argument in command.get("arguments", [])
            if argument["shouldDisplay"] and argument["valueName"] not in ("help", "version")]


def commands(command, path):
    """The sections of all that stands below `command`, in the order of the help."""
    for below in command.get("subcommands", []):
        if not below["shouldDisplay"] or below["commandName"] == "help": continue
        name = f"{path} {below['commandName']}"
        if not below.get("subcommands"):
            yield f".SS {roff(name)}\n{synopsis(name, shown(below))}\n.PP\n{roff(below.get('abstract', ''))}"
            if "discussion" in below: yield f".PP\n{paragraphs(below['discussion'])}"
            yield from map(entry, shown(below))
        yield from commands(below, name)


def exit_codes():
    rows = re.findall(r"^\| (\d+) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", (root / "docs/exit-codes.md").read_text(), re.MULTILINE)
    assert len(rows) > 5, "docs/exit-codes.md has no table of exit codes"
    return "\n".join(f".TP\n.B {code}\n{roff(f'{name}: {meaning}')}" for code, name, meaning, _ in rows)


def page(vecfill, version, date):
    told = subprocess.run([vecfill, "--experimental-dump-help"], check=True, stdout=subprocess.PIPE).stdout
    top = json.loads(told)["command"]
    yield f'.TH VECFILL 1 "{date}" "vecfill {version}" "User Commands"'
    yield f".SH NAME\nvecfill \\- {roff(top['abstract'][0].lower() + top['abstract'][1:].rstrip('.'))}"
    yield ".SH SYNOPSIS\n\\fBvecfill\\fR \\fIcommand\\fR [\\fIoption\\fR ...] [\\fIspec\\fR]"
    yield f".SH DESCRIPTION\n{paragraphs(top['discussion'])}"
    yield ".SH COMMANDS\nEach command also takes \\fB\\-\\-help\\fR and \\fB\\-\\-version\\fR."
    yield from commands(top, "vecfill")
    yield f".SH EXIT STATUS\n{exit_codes()}"
    yield """.SH ENVIRONMENT
.TP
.B DATABASE_URL
The database that holds the rows.
.TP
.BR OPENAI_API_KEY ", " VECFILL_API_KEY " and others"
The provider's key.
.PP
Each may stand in a file \\fI.env\\fR in the working folder. \\fBvecfill config\\fR tells every setting with where it comes from.
.SH FILES
.TP
.I ~/.local/state/vecfill/vecfill.db
The ledger.
.TP
.I share/vecfill/config
The catalogue of providers and models, and defaults, beside the folder of the binary.
.TP
.I share/vecfill/jobs
Job specs, and files for cron, systemd and Kubernetes to start from."""


if __name__ == "__main__":
    print("\n".join(page(*sys.argv[1:])))
