"""Fails where a pod in a folder of manifests lacks what each of vecfill's has: `pods.py FOLDER`."""
import pathlib, re, sys, yaml

root = pathlib.Path(__file__).resolve().parents[2]
# From docs/exit-codes.md: those that come again until someone acts.
lasting = [int(code) for code in re.search(r"`podFailurePolicy`: ([\d, and]+) will fail again", (root / "docs/exit-codes.md").read_text())[1].replace("and", ",").split(",")]
# And the one of a run that was told to end.
final = sorted(lasting + [81])
minutes = {"s": 1 / 60, "m": 1, "h": 60}


def argument(container, name):
    args = container["args"]
    return args[args.index(name) + 1] if name in args else None


def listening(template, container):
    """What a pod that serves its metrics must have."""
    address = argument(container, "--listen")
    port = int(address.rsplit(":")[-1])
    if container["args"][0] != "run": yield "--listen without a run"
    if not address.startswith("0.0.0.0:"): yield f"nobody else reaches {address}"
    if container.get("ports") != [{"name": "metrics", "containerPort": port}]: yield f"its ports are not {port}"
    for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        if container.get(probe, {}).get("httpGet") != {"path": path, "port": "metrics"}: yield f"no {probe} at {path}"
    expected = {"prometheus.io/scrape": "true", "prometheus.io/port": str(port), "prometheus.io/path": "/metrics"}
    if template.get("metadata", {}).get("annotations") != expected: yield "no annotations for Prometheus"


def faults(document):
    kind, spec = document["kind"], document.get("spec", {})
    if kind == "CronJob":
        for key in ("concurrencyPolicy", "startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
            if key not in spec: yield f"no {key}"
        if spec.get("concurrencyPolicy") != "Forbid": yield "two runs at once"
        spec = spec["jobTemplate"]["spec"]
    [container] = spec["template"]["spec"]["containers"]
    if kind in ("Job", "CronJob"):
        # A run ends by itself before Kubernetes ends it, with its grace to write what is in flight.
        bound, deadline = spec.get("activeDeadlineSeconds"), argument(container, "--deadline")
        if kind == "CronJob" and not bound: yield "no activeDeadlineSeconds: one pod that hangs keeps all later starts away"
        if bound and (not deadline or float(deadline[:-1]) * minutes[deadline[-1]] * 60 + 120 > bound): yield f"--deadline {deadline} is not below {bound} s"
        rules = spec["podFailurePolicy"]["rules"]
        # A shard that can't succeed keeps no other from it.
        indexed = spec.get("completionMode") == "Indexed"
        if indexed != ("backoffLimitPerIndex" in spec) or indexed and "backoffLimit" in spec: yield "tries that are not each index's own"
        if rules[0] != {"action": "FailIndex" if indexed else "FailJob", "onExitCodes": {"containerName": "vecfill", "operator": "In", "values": final}}:
            yield f"podFailurePolicy does not fail at {final}, as docs/exit-codes.md says"
        if "ttlSecondsAfterFinished" not in spec: yield "no ttlSecondsAfterFinished"
    pod = spec["template"]["spec"]
    if pod.get("restartPolicy") != ("Always" if kind == "Deployment" else "Never"): yield f"restartPolicy {pod.get('restartPolicy')}"
    if pod.get("automountServiceAccountToken") is not False: yield "a service account's token"
    security = pod.get("securityContext", {})
    if security.get("runAsNonRoot") is not True or security.get("seccompProfile") != {"type": "RuntimeDefault"}: yield "not restricted"
    if container.get("securityContext") != {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}:
        yield "its container is not restricted"
    if container.get("terminationMessagePolicy") != "FallbackToLogsOnError": yield "no termination message"
    if not {"requests", "limits"} <= container.get("resources", {}).keys(): yield "no resources"
    if pod.get("terminationGracePeriodSeconds", 30) <= 20: yield "a grace that is no longer than --grace"
    if "--listen" in container["args"]: yield from listening(spec["template"], container)
    # Each volume that is mounted is there once.
    names = [volume["name"] for volume in pod["volumes"]]
    if sorted(names) != sorted(mount["name"] for mount in container["volumeMounts"]): yield f"volumes {names} are not those mounted"
    for volume in pod["volumes"]:
        if len(volume) != 2: yield f"volume {volume['name']} is {sorted(volume.keys() - {'name'})}"


found = pods = 0
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.yaml")):
    documents = [document for document in yaml.safe_load_all(path.read_text()) if document]
    claims = {document["metadata"]["name"] for document in documents if document["kind"] == "PersistentVolumeClaim"}
    for document in documents:
        if document["kind"] not in ("Job", "CronJob", "Deployment"): continue
        pods += 1
        text = yaml.safe_dump(document)
        problems = list(faults(document)) + [f"no claim {name}" for name in re.findall(r"claimName: (\S+)", text) if name not in claims]
        if claims and "claimName" not in text: problems.append("a claim that nothing mounts")
        for problem in problems:
            found += 1
            print(f"check-jobs: {path.name}: {document['kind']} {document['metadata']['name']}: {problem}", file=sys.stderr)
if not pods: sys.exit("check-jobs: there is no pod in the manifests")
sys.exit(1 if found else 0)
