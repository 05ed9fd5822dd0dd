#!/usr/bin/python3
"""`serinus backtest` against its target: 20 metrics of 30 days of minutes from a real Prometheus on
loopback, 1,000 windows of three hours, RobustRank.

    tests/bench/backtest.py --serinus build/serinus

The yardstick is `curl --parallel` asking the same range queries at the same concurrency, and nothing
else: runs in alternation, medians. The history is written day by day, since promtool reads its whole
input once for every two hours of it.
"""
import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "e2e")]
from bench import CONCURRENCY, T0, iso, report  # noqa: E402  (found through the line above)

N_METRICS, N_DAYS, STEP_S, MAX_RANGE_STEPS = 20, 30, 60, 11000
N_WINDOWS, WINDOW = 1000, "3h"
SIDES = ("control", "experiment")
MAX_RATIO = 3  # measured 1.3 to 1.5 on two cores that had other work, too
TARGET_S = 20


def write_days(directory):
    """AR(1) series around 100, their memory from none to long."""
    names = [(m, side) for m in range(N_METRICS) for side in SIDES]
    rngs = {name: random.Random(f"{name[0]}/{name[1]}") for name in names}
    state = dict.fromkeys(names, 0.0)
    data, text = os.path.join(directory, "data"), os.path.join(directory, "day.om")
    for day in range(N_DAYS):
        with open(text, "w", encoding="utf-8") as out:
            for m in range(N_METRICS):
                out.write(f"# TYPE history_{m:03d} gauge\n")
                phi = (0, 0.3, 0.5, 0.7, 0.9)[m % 5]
                for side in SIDES:
                    x, rng = state[m, side], rngs[m, side]
                    for i in range(day * 1440, (day + 1) * 1440):
                        x = phi * x + math.sqrt(1 - phi * phi) * rng.gauss(0, 1)
                        out.write(f'history_{m:03d}{{version="{side}"}} {100 + 10 * x:.4f} {T0 + STEP_S * i}\n')
                    state[m, side] = x
            out.write("# EOF\n")
        subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", text, data],
                       check=True, stdout=subprocess.DEVNULL)
    os.remove(text)


def config_file(directory):
    path = os.path.join(directory, "canary.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump({
            "name": "history", "applications": ["bench"], "judge": {"name": "RobustRank-v1.0"},
            "metrics": [{"name": f"history_{m:03d}", "groups": ["g"], "scopeName": "default",
                         "query": {"type": "prometheus", "metricName": f"history_{m:03d}",
                                   "customInlineTemplate": 'version="${scope}"'}} for m in range(N_METRICS)],
            "classifier": {"groupWeights": {"g": 100}}}, out)
    return path


def curl_config(url, directory):
    path = os.path.join(directory, "queries.curl")
    end = T0 + N_DAYS * 86400
    with open(path, "w", encoding="utf-8") as out:
        for m in range(N_METRICS):
            for side in SIDES:
                for start in range(T0, end, MAX_RANGE_STEPS * STEP_S):
                    query = urllib.parse.urlencode({
                        "query": f'avg(history_{m:03d}{{version="{side}"}})', "start": iso(start),
                        "end": iso(min(end, start + (MAX_RANGE_STEPS - 1) * STEP_S)), "step": STEP_S})
                    out.write(f'url = "{url}/api/v1/query_range?{query}"\noutput = "/dev/null"\n')
    return path


def timed(command):
    started = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.perf_counter() - started, done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serinus", default="build/serinus")
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    os.environ["SERINUS"] = os.path.abspath(args.serinus)
    import conftest

    directory = tempfile.TemporaryDirectory(prefix="serinus-bench.")
    write_days(directory.name)
    prometheus = conftest.Prometheus(directory.name, lambda out: out.write("# EOF\n"))
    try:
        backtest = [os.environ["SERINUS"], "backtest", "-f", config_file(directory.name), "--prometheus",
                    prometheus.url, "--baseline", "control", "--canary", "experiment", "--since", f"{N_DAYS}d",
                    "--until", iso(T0 + N_DAYS * 86400), "--window", WINDOW, "--windows", str(N_WINDOWS),
                    "--judge", "RobustRank-v1.0", "-o", "json"]
        curl = ["curl", "--silent", "--compressed", "--parallel", "--parallel-max", str(CONCURRENCY),
                "--config", curl_config(prometheus.url, directory.name)]
        timed(curl)  # for warmth
        ours, curls = [], []
        for _ in range(args.runs):
            seconds, text = timed(backtest)
            ours.append(seconds)
            curls.append(timed(curl)[0])
        found = json.loads(text)
        n = found["windows"]["count"]
        assert n > 0.9 * N_WINDOWS and len(found["metrics"]) == N_METRICS
        assert all(metric["judges"][0]["windows"] == n for metric in found["metrics"])
        seconds, ratio = statistics.median(ours), statistics.median(ours) / statistics.median(curls)
        print(f"\n{N_METRICS} metrics x {N_DAYS} days of minutes, {n} windows of {WINDOW}, {args.runs} runs")
        print(f"{'curl --parallel, the same queries, median':<58}{statistics.median(curls):>12.2f} s")
        met = report("backtest, median", f"{seconds:.2f} s", f"< {TARGET_S} s", seconds < TARGET_S)
        met &= report("ratio", f"{ratio:.2f}", f"<= {MAX_RATIO}", ratio <= MAX_RATIO)
    finally:
        conftest.stop(prometheus.process)
        directory.cleanup()
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
