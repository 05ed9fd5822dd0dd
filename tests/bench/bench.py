#!/usr/bin/python3
"""The service against its targets, each measured beside its yardstick in this one run.

    tests/bench/bench.py --serinus build/serinus

- a canary of 100 metrics x 180 points against a real Prometheus on loopback, from the execution's
  start to its end, against `curl --parallel` asking the same 200 queries at the same concurrency;
  pairs of runs in alternation, medians
- commits to disk (fsyncs) of one canary, from the service's own counter
- start of the process to its first answered request
- idle resident memory, and the anonymous part of it
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

N_METRICS, N_POINTS, STEP_S, CONCURRENCY = 100, 180, 60, 10
T0 = 1767225600


def write_history(out):
    """100 gauges for control and experiment, one sample a minute."""
    import random

    for m in range(N_METRICS):
        out.write(f"# TYPE bench_{m:03d} gauge\n")
        for side in ("control", "experiment"):
            rng = random.Random(f"{m}/{side}")
            for i in range(N_POINTS + 10):
                out.write(f'bench_{m:03d}{{version="{side}"}} {rng.gauss(100 + m, 7):.6f} {T0 + STEP_S * i}\n')
    out.write("# EOF\n")


def iso(unix_s):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_s))


def canary():
    config = {
        "name": "bench", "applications": ["bench"], "judge": {"name": "NetflixACAJudge-v1.0"},
        "metrics": [{"name": f"bench_{m:03d}", "groups": ["g"], "scopeName": "default",
                     "query": {"type": "prometheus", "metricName": f"bench_{m:03d}",
                               "customInlineTemplate": 'version="${scope}"'},
                     "analysisConfigurations": {"canary": {"direction": "either"}}} for m in range(N_METRICS)],
        "classifier": {"groupWeights": {"g": 100}},
    }
    window = {"start": iso(T0), "end": iso(T0 + STEP_S * (N_POINTS - 1)), "step": STEP_S}
    request = {"scopes": {"default": {"controlScope": {"scope": "control", "location": "x", **window},
                                      "experimentScope": {"scope": "experiment", "location": "x", **window}}},
               "thresholds": {"pass": 95, "marginal": 75}}
    return config, request


def curl_config(url, directory):
    """A curl configuration file with the same 200 queries."""
    path = os.path.join(directory, "queries.curl")
    with open(path, "w", encoding="utf-8") as out:
        for m in range(N_METRICS):
            for side in ("control", "experiment"):
                query = urllib.parse.urlencode({
                    "query": f'avg(bench_{m:03d}{{version="{side}"}})', "start": iso(T0),
                    "end": iso(T0 + STEP_S * (N_POINTS - 1)), "step": STEP_S})
                out.write(f'url = "{url}/api/v1/query_range?{query}"\noutput = "/dev/null"\n')
    return path


def time_curl(config):
    started = time.perf_counter()
    subprocess.run(["curl", "--silent", "--compressed", "--parallel", "--parallel-max", str(CONCURRENCY),
                    "--config", config], check=True, stderr=subprocess.DEVNULL)
    return (time.perf_counter() - started) * 1000


def status_kib(pid, field):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    return 0


def fsyncs(service):
    found = re.search(r"^serinus_result_store_fsyncs_total(?:\{[^}]*\})? (\d+)", service.get("/metrics").text, re.M)
    return int(found.group(1)) if found else None


def report(what, value, target, met):
    print(f"{what:<58}{value:>14}   target {target:<12} {'met' if met else 'MISSED'}")
    return met


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serinus", default="build/serinus")
    parser.add_argument("--pairs", type=int, default=15, help="pairs of runs")
    args = parser.parse_args()
    os.environ["SERINUS"] = os.path.abspath(args.serinus)
    import conftest
    import requests

    directory = tempfile.TemporaryDirectory(prefix="serinus-bench.")
    os.mkdir(os.path.join(directory.name, "prometheus"))
    prometheus = conftest.Prometheus(os.path.join(directory.name, "prometheus"), write_history)
    service = None
    met = True
    try:
        # Start to first answered request: the port must be known beforehand, so fix a free one.
        samples = []
        for i in range(7):
            port = conftest.free_port()
            settings = os.path.join(directory.name, "start.yml")
            with open(settings, "w", encoding="utf-8") as out:
                out.write(conftest.kayenta_yml({"bench": prometheus.url}))
            started = time.perf_counter()
            process = subprocess.Popen(
                [os.environ["SERINUS"], "serve", "--config", settings, "--listen", f"127.0.0.1:{port}",
                 "--data-dir", os.path.join(directory.name, f"start-{i}")],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while True:
                try:
                    assert requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
                    break
                except requests.ConnectionError:
                    time.sleep(0.001)
            samples.append((time.perf_counter() - started) * 1000)
            conftest.stop(process)
        start_ms = statistics.median(samples)

        service = conftest.Serinus(os.path.join(directory.name, "serinus"),
                                   conftest.kayenta_yml({"bench": prometheus.url}))
        service.get("/readyz")
        resident, anonymous = status_kib(service.pid, "VmRSS"), status_kib(service.pid, "RssAnon")

        config, request = canary()
        config_id = service.store_config(config)
        queries = curl_config(prometheus.url, directory.name)
        service.judge(config_id, request)  # both sides once for warmth
        time_curl(queries)
        ours, curls = [], []
        before = fsyncs(service)
        for _ in range(args.pairs):
            # Asked ten times a second, more often than any client: polling takes from the same two cores.
            execution = service.start_canary(config_id, request)
            while not (body := service.get(f"/canary/{execution}").json())["complete"]:
                time.sleep(0.1)
            assert body["status"] == "succeeded" and len(body["result"]["judgeResult"]["results"]) == N_METRICS
            ours.append(body["endTimeMillis"] - body["startTimeMillis"])
            curls.append(time_curl(queries))
        after = fsyncs(service)
        ratio = statistics.median(ours) / statistics.median(curls)

        print(f"\n{N_METRICS} metrics x {N_POINTS} points, {args.pairs} pairs of runs, concurrency {CONCURRENCY}")
        print(f"{'canary, start to end, median':<58}{statistics.median(ours):>11.1f} ms   "
              f"(from {min(ours)} to {max(ours)})")
        print(f"{'curl --parallel, the same 200 queries, median':<58}{statistics.median(curls):>11.1f} ms   "
              f"(from {min(curls):.1f} to {max(curls):.1f})")
        met &= report("ratio", f"{ratio:.2f}", "<= 1.2", ratio <= 1.2)
        if before is None:
            print("commits to disk: the service does not say")
        else:
            print(f"{'commits to disk (fsync) of one canary':<58}{(after - before) / args.pairs:>14.1f}")
        met &= report("start to first answered request, median of 7", f"{start_ms:.1f} ms", "< 100 ms", start_ms < 100)
        met &= report("idle resident memory", f"{resident / 1024:.1f} MiB", "< 20 MB", resident * 1024 < 20e6)
        met &= report("  of which anonymous", f"{anonymous / 1024:.1f} MiB", "< 6 MB", anonymous * 1024 < 6e6)
    finally:
        if service:
            service.stop()
        conftest.stop(prometheus.process)
        directory.cleanup()
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
