#!/usr/bin/env python3
"""Embeds an export of vecfill by Spark's mapInPandas: spark-submit spark_embed.py EXPORT VECTORS [PARTITIONS]

$EMBEDDINGS_URL is any OpenAI-compatible URL, e.g. http://gpu-1:8000/v1; $EMBEDDINGS_KEY its key, if it needs one.
Each start writes a folder of its own in VECTORS; what earlier ones wrote is not embedded again, so the same command goes
on after a stop. Load each: for folder in VECTORS/*; do vecfill load JOB $folder; done
"""
import glob, json, os, sys, time, urllib.request
import pandas
from pyspark.sql import SparkSession, functions

export, vectors, partitions = sys.argv[1], sys.argv[2], int((sys.argv + ["8"])[3])
url, key = os.environ["EMBEDDINGS_URL"], os.environ.get("EMBEDDINGS_KEY", "none")


def embed(bodies):
    """One request for all rows of a batch: the bodies differ only in their texts."""
    texts = [text for body in bodies for text in body["input"]]
    request = urllib.request.Request(f"{url}/embeddings", json.dumps(bodies[0] | {"input": texts}).encode(),
                                     {"Content-Type": "application/json", "Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=300) as reply: answer = json.load(reply)
    return answer["model"], [item["embedding"] for item in sorted(answer["data"], key=lambda item: item["index"])]


def work(frames):
    for frame in frames:
        rows = [json.loads(line) for line in frame["value"]]
        if not rows: continue
        model, found = embed([row["body"] for row in rows])
        lines = []
        for row in rows:
            own, found = found[:len(row["body"]["input"])], found[len(row["body"]["input"]):]
            data = [{"index": index, "embedding": vector} for index, vector in enumerate(own)]
            body = {"data": data, "model": model}
            lines.append(json.dumps({"custom_id": row["custom_id"], "response": {"status_code": 200, "body": body}}))
        yield pandas.DataFrame({"value": lines})


if __name__ == "__main__":
    spark = SparkSession.builder.appName("vecfill").config("spark.sql.execution.arrow.maxRecordsPerBatch", 100).getOrCreate()
    identity = functions.get_json_object("value", "$.custom_id").alias("custom_id")
    lines = spark.read.text(f"{export}/requests-*").select("value", identity)
    earlier = glob.glob(f"{vectors}/*/*.txt*")
    if earlier: lines = lines.join(spark.read.text(earlier).select(identity), "custom_id", "left_anti")
    embedded = lines.select("value").repartition(partitions).mapInPandas(work, "value string")
    embedded.write.text(f"{vectors}/{int(time.time())}")
