#!/usr/bin/env python3
"""Embeds an export of vecfill by a Ray Data actor pool: ray_embed.py EXPORT VECTORS [ACTORS]

$EMBEDDINGS_URL is any OpenAI-compatible URL, e.g. http://gpu-1:8000/v1; $EMBEDDINGS_KEY its key, if it needs one.
What is in VECTORS is not embedded again, so the same command goes on after a stop. Load it by `vecfill load JOB VECTORS`.
For a model on the workers' own GPUs, set embed() to sentence-transformers' encode() and num_gpus=1 below.
"""
import glob, gzip, json, os, sys, urllib.request, uuid
import ray

export, vectors, actors = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), int((sys.argv + ["2"])[3])
url, key = os.environ["EMBEDDINGS_URL"], os.environ.get("EMBEDDINGS_KEY", "none")


def embed(bodies):
    """One request for all rows of a batch: the bodies differ only in their texts."""
    texts = [text for body in bodies for text in body["input"]]
    request = urllib.request.Request(f"{url}/embeddings", json.dumps(bodies[0] | {"input": texts}).encode(),
                                     {"Content-Type": "application/json", "Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=300) as reply: answer = json.load(reply)
    return answer["model"], [item["embedding"] for item in sorted(answer["data"], key=lambda item: item["index"])]


def done():
    """The keys that have a vector: the checkpoint."""
    for name in glob.glob(f"{vectors}/*.jsonl"):
        for line in open(name): yield json.loads(line)["custom_id"]


class Worker:
    def __call__(self, batch):
        rows = [json.loads(line) for line in batch["text"]]
        model, found = embed([row["body"] for row in rows])
        lines = []
        for row in rows:
            own, found = found[:len(row["body"]["input"])], found[len(row["body"]["input"]):]
            data = [{"index": index, "embedding": vector} for index, vector in enumerate(own)]
            body = {"data": data, "model": model}
            lines.append(json.dumps({"custom_id": row["custom_id"], "response": {"status_code": 200, "body": body}}))
        place = f"{vectors}/{uuid.uuid4()}.jsonl"
        with open(place + ".part", "w") as file: file.write("\n".join(lines) + "\n")
        os.rename(place + ".part", place)  # whole or absent, whenever the worker dies
        return {"rows": [len(rows)]}


if __name__ == "__main__":
    os.makedirs(vectors, exist_ok=True)
    ray.init(**json.loads(os.environ.get("RAY_INIT", "{}")))
    known = ray.put(set(done()))
    lines = ray.data.read_text(sorted(glob.glob(f"{export}/requests-*")), override_num_blocks=4 * actors)
    todo = lines.filter(lambda row: json.loads(row["text"])["custom_id"] not in ray.get(known))
    counts = todo.map_batches(Worker, batch_size=100, concurrency=actors, num_cpus=1, max_restarts=-1)
    print(f"embedded {counts.sum('rows') or 0} rows")
