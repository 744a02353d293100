"""Airflow: plan, a mapped task for each shard, finish. docs/shards.md; the workers have vecfill, its environment and /jobs."""
import subprocess
from datetime import datetime, timedelta
from airflow.decorators import dag, task
from airflow.exceptions import AirflowFailException

JOB, SHARDS = "/jobs/job.yaml", 16
LASTING = {64, 65, 74, 77, 78, 81, 82, 83}  # docs/exit-codes.md: another try would end the same
again = {"retries": 15, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True}


def vecfill(*arguments):
    with subprocess.Popen(["vecfill", *arguments]) as process:
        try: code = process.wait()
        finally: process.terminate()  # Airflow's handler of SIGTERM raises; vecfill then saves what is paid for, and ends
    if code in LASTING: raise AirflowFailException(f"vecfill {arguments[0]} ended with {code}")
    if code: raise RuntimeError(f"vecfill {arguments[0]} ended with {code}: it is tried again")


@dag(schedule=None, start_date=datetime(2026, 1, 1), catchup=False, default_args=again)
def vecfill_shards():
    plan = task(lambda: vecfill("plan", JOB, "--shards", str(SHARDS)), task_id="plan")()
    shard = task(lambda number: vecfill("run", JOB, "--shard", str(number), "--require-complete"), task_id="shard")
    finish = task(lambda: vecfill("finish", JOB), task_id="finish")()
    plan >> shard.expand(number=list(range(SHARDS))) >> finish


vecfill_shards()
