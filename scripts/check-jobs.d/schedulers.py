"""Fails where the examples for Airflow and Argo are not what docs/shards.md and docs/exit-codes.md say."""
import pathlib, re, sys, types, yaml

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

    def run(arguments, **_):
        calls.append(arguments)
        return types.SimpleNamespace(returncode=0)

    decorators, exceptions = types.ModuleType("airflow.decorators"), types.ModuleType("airflow.exceptions")
    decorators.dag = lambda **options: lambda make: make
    decorators.task = Task
    exceptions.AirflowFailException = type("AirflowFailException", (Exception,), {})
    sys.modules.update({"airflow": types.ModuleType("airflow"), "airflow.decorators": decorators, "airflow.exceptions": exceptions})
    scope = {}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    scope["subprocess"].run = run
    for task in order:
        for number in getattr(task, "numbers", [None]): task.work() if number is None else task.work(number)
    check("Airflow: it tries again what fails for good", scope["LASTING"] == lasting | {81})
    return [" ".join(words[1:]) for words in calls]


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
