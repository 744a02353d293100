"""Fails where the examples for Airflow and Argo are not what docs/shards.md and docs/exit-codes.md say."""
import os, pathlib, re, signal, sys, tempfile, threading, time, types, yaml

root = pathlib.Path(__file__).resolve().parents[2]
codes = (root / "docs/exit-codes.md").read_text()
lasting = {int(code) for code in re.search(r"`podFailurePolicy`: ([\d, and]+) will fail again", codes)[1].replace("and", ",").split(",")}
retried = {int(code) for code in re.search(r"Retry ([\d, and]+);", (root / "docs/shards.md").read_text())[1].replace("and", ",").split(",")}
problems = []


def check(name, is_so):
    if not is_so: problems.append(name)


def airflow(path):
    """The commands of a DAG's tasks in their order, with Airflow's own names in stubs; the mapped ones in a list."""
    calls, order = [], []

    class Task:
        def __init__(self, work, task_id):
            self.work, self.name = work, task_id
        def __call__(self): return self
        def expand(self, number):
            self.numbers = number
            return self
        def __rshift__(self, next):
            order.extend([self] if not order else [])
            order.append(next)
            return next

    class Started:
        def __init__(self, arguments, **_): calls.append(arguments)
        def __enter__(self): return self
        def __exit__(self, *_): pass
        def wait(self): return 0
        def terminate(self): pass

    decorators, exceptions = types.ModuleType("airflow.decorators"), types.ModuleType("airflow.exceptions")
    decorators.dag = lambda **options: lambda make: make
    decorators.task = Task
    exceptions.AirflowFailException = type("AirflowFailException", (Exception,), {})
    sys.modules.update({"airflow": types.ModuleType("airflow"), "airflow.decorators": decorators, "airflow.exceptions": exceptions})
    scope = {}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    real, scope["subprocess"] = scope["subprocess"], types.SimpleNamespace(Popen=Started)
    for task in order:
        for number in getattr(task, "numbers", [None]): task.work() if number is None else task.work(number)
    scope["subprocess"] = types.SimpleNamespace(Popen=lambda _: real.Popen(["sh", "-c", PATIENT], stdout=real.PIPE))
    check("Airflow: a task that is ended doesn't let vecfill end", ended(scope["vecfill"]))
    check("Airflow: it tries again what fails for good", scope["LASTING"] == lasting | {81})
    return [" ".join(words[1:]) for words in calls]


# Ends a while after SIGTERM, and says so by a file.
PATIENT = 'trap "sleep 0.3; touch $MARK; exit 143" TERM; touch $MARK.begun; while :; do sleep 0.1; done'


def ended(work):
    """Whether what a task has started ends by itself once Airflow has ended the task, which raises in it."""
    class Ended(BaseException): pass

    def end(*_): raise Ended

    with tempfile.TemporaryDirectory() as folder:
        mark = os.environ["MARK"] = f"{folder}/ended"
        before = signal.signal(signal.SIGTERM, end)
        def tell():
            while not os.path.exists(mark + ".begun"): time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGTERM)
        threading.Thread(target=tell, daemon=True).start()
        try: work("run")
        except Ended: return os.path.exists(mark)
        finally: signal.signal(signal.SIGTERM, before)
    return False


def argo(path):
    spec = yaml.safe_load(path.read_text())["spec"]
    steps, vecfill = (next(t for t in spec["templates"] if t["name"] == name) for name in (spec["entrypoint"], "vecfill"))
    tried = {int(code) for code in re.findall(r"'(\d+)'", vecfill["retryStrategy"]["expression"])}
    check("Argo: it tries again at other codes than docs/shards.md names", tried == retried)
    check("Argo: a volume is not there", {m["name"] for m in vecfill["container"]["volumeMounts"]} == {v["name"] for v in spec["volumes"]})
    calls = []
    for [step] in steps["steps"]:
        check(f"Argo: {step['name']} calls no template", step["template"] == "vecfill")
        words = step["arguments"]["parameters"][0]["value"]
        calls += [words.replace("{{item}}", str(item)) for item in range(int(step.get("withSequence", {"count": 1})["count"]))]
    return calls


def plain(calls):
    """Without the spec's place and in one order of words."""
    return [sorted(re.sub(r"\S+/job\.yaml", "JOB", call).split()) for call in calls]


wanted = ["plan JOB --shards 16"] + [f"run JOB --require-complete --shard {n}" for n in range(16)] + ["finish JOB"]
for name, read, file in (("Airflow", airflow, "airflow_shards.py"), ("Argo", argo, "argo-shards.yaml")):
    path = root / "jobs/distributed" / file
    check(f"{name}: it plans, runs or finishes other shards than 16", plain(read(path)) == plain(wanted))
    check(f"{name}: it has more than 30 lines", len(path.read_text().splitlines()) <= 30)
for problem in problems: print(f"check-jobs: {problem}", file=sys.stderr)
sys.exit(1 if problems else 0)
