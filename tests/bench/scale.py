#!/usr/bin/python3
"""10,000 stand-alone analyses on one machine, against the targets for that.

    tests/bench/scale.py --serinus build/serinus

- what one more analysis costs in time and memory, at 100, 1,000 and 10,000 of them
- resident memory with all of them waiting, and at its highest
- from due time to the first query handed to the fetch engine, when 500 fall due in one second and
  the metric store answers in 50 ms
- status reads at 5,000 a second (wrk) while that goes on
- start of a service that finds 10,000 unfinished analyses, to its first answered request
"""
import argparse
import concurrent.futures
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
sys.path.insert(0, HERE)

from bench import iso, report, status_kib  # noqa: E402

STEPS = (100, 1000, 10000)
N_DUE = 500
STORE_ANSWERS_S = 0.05
READS_PER_S, READ_S = 5000, 10
READ_CONNECTIONS, READ_PAUSE_MS = 100, 13  # each asks, waits for the answer, and pauses
N_CLIENTS = 8
LATER_S = 7200


def start_body(start_unix_s):
    """Due one minute after its start."""
    config = {"name": "scale", "applications": ["scale"], "judge": {"name": "NetflixACAJudge-v1.0"},
              "metrics": [{"name": "m", "groups": ["g"], "scopeName": "default",
                           "query": {"type": "prometheus", "metricName": "m", "customInlineTemplate": "v=\"${scope}\""},
                           "analysisConfigurations": {"canary": {"direction": "either"}}}],
              "classifier": {"groupWeights": {"g": 100}}}
    request = {"scopes": [{"scopeName": "default", "controlScope": "a", "controlLocation": "x", "experimentScope": "b",
                           "experimentLocation": "x", "startTimeIso": iso(start_unix_s), "step": 60}],
               "thresholds": {"pass": 95, "marginal": 75}, "lifetimeDurationMins": 2, "analysisIntervalMins": 1}
    return json.dumps({"canaryConfig": config, "executionRequest": request})


def start_analyses(port, n, start_unix_s, first):
    """Ids of `n` new ones, spread over applications, by some clients at once."""
    body = start_body(start_unix_s)
    local = threading.local()

    def start_one(i):
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        local.connection.request("POST", f"/standalone_canary_analysis?application=scale-{i % 10}", body,
                                 {"Content-Type": "application/json"})
        answer = local.connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return json.loads(text)["canaryAnalysisExecutionId"]

    with concurrent.futures.ThreadPoolExecutor(N_CLIENTS) as pool:
        return list(pool.map(start_one, range(first, first + n)))


def cpu_ms(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


class Reads(threading.Thread):
    """wrk asks for the status of one analysis after another at a steady rate."""

    def __init__(self, url, ids, directory):
        super().__init__()
        script = os.path.join(directory, "reads.lua")
        with open(script, "w", encoding="ascii") as out:
            out.write("local ids = {" + ",".join(f'"{one}"' for one in ids) + "}\n"
                      "local n = 0\n"
                      f"function delay() return {READ_PAUSE_MS} end\n"
                      "function request()\n  n = n % #ids + 1\n"
                      "  return wrk.format('GET', '/standalone_canary_analysis/' .. ids[n])\nend\n")
        self.command = ["wrk", "-t1", f"-c{READ_CONNECTIONS}", f"-d{READ_S}s", "--latency", "-s", script, url]
        self.output = ""

    def run(self):
        self.output = subprocess.run(self.command, check=True, capture_output=True, text=True).stdout

    def rate(self):
        return float(re.search(r"Requests/sec:\s+([\d.]+)", self.output).group(1))

    def p99_ms(self):
        value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", self.output).groups()
        return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]

    def errors(self):
        return re.findall(r"Non-2xx.*|Socket errors.*", self.output)


class HighestResident(threading.Thread):
    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.kib, self.is_over = pid, 0, threading.Event()

    def run(self):
        while not self.is_over.wait(0.05):
            self.kib = max(self.kib, status_kib(self.pid, "VmRSS"))


def lags_ms(service, ids, due_unix_s):
    """Of the first judgement of each."""
    lags = []
    for one in ids:
        while True:
            body = service.get(f"/standalone_canary_analysis/{one}").json()
            begun = [stage["executionId"] for stage in body["stageStatus"] if stage.get("executionId")]
            child = service.get(f"/canary/{begun[0]}").json() if begun else {}
            if "startTimeMillis" in child:
                break
            time.sleep(0.05)
        lags.append(child["startTimeMillis"] - 1000 * due_unix_s)
    return sorted(lags)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--serinus", required=True)
    args = parser.parse_args()
    os.environ["SERINUS"] = os.path.abspath(args.serinus)
    import conftest

    directory = tempfile.TemporaryDirectory()
    store = conftest.ScriptedStore()
    service = None
    met = True

    def answer(_path, _query):
        time.sleep(STORE_ANSWERS_S)
        return 200, {}, conftest.empty_matrix()

    store.answer = answer
    store.server.handle_error = lambda *_: None  # the service is killed with queries under way
    try:
        service = conftest.Serinus(directory.name, conftest.kayenta_yml({"scale": store.url}))
        pid = service.process.pid
        print(f"\n{STEPS[-1]} stand-alone analyses, {N_DUE} of them due in one second")
        ids, before_kib = [], status_kib(pid, "VmRSS")
        for step in STEPS:
            n, cpu = step - len(ids), cpu_ms(pid)
            started = time.perf_counter()
            ids += start_analyses(service.port, n, int(time.time()) + LATER_S, len(ids))
            kib = status_kib(pid, "VmRSS")
            print(f"{f'  one of them at {step}: processor, clock, resident':<58}{(cpu_ms(pid) - cpu) / n:>8.2f} ms"
                  f" {1000 * (time.perf_counter() - started) / n:>8.2f} ms {(kib - before_kib) / step:>8.2f} KiB")
        met &= report("resident with all of them waiting", f"{kib / 1024:.0f} MiB", "< 256 MiB", kib < 256 * 1024)

        due_unix_s = int(time.time()) + 8
        due = start_analyses(service.port, N_DUE, due_unix_s - 60, len(ids))
        highest = HighestResident(pid)
        highest.start()
        time.sleep(max(0, due_unix_s - time.time() - READ_S / 2))
        reads = Reads(service.url, ids[:2000] + due, directory.name)
        reads.start()
        lags = lags_ms(service, due, due_unix_s)
        reads.join()
        highest.is_over.set()
        p99 = lags[len(lags) * 99 // 100]
        print(f"{'  due to first query: median, highest':<58}{statistics.median(lags):>8.0f} ms {lags[-1]:>8.0f} ms")
        met &= report("  due to first query, p99", f"{p99:.0f} ms", "< 1000 ms", p99 < 1000)
        met &= report("status reads meanwhile", f"{reads.rate():.0f} /s", f"{READS_PER_S} /s",
                      reads.rate() > 0.95 * READS_PER_S)
        met &= report("  p99", f"{reads.p99_ms():.1f} ms", "< 20 ms", reads.p99_ms() < 20 and not reads.errors())
        for line in reads.errors():
            print("  " + line)
        met &= report("highest resident", f"{highest.kib / 1024:.0f} MiB", "< 256 MiB", highest.kib < 256 * 1024)

        service.kill()
        started = time.perf_counter()
        service.start()
        assert service.get(f"/standalone_canary_analysis/{ids[0]}").status_code == 200
        start_s = time.perf_counter() - started
        met &= report("start with all of them unfinished to first answer", f"{start_s:.2f} s", "< 2 s", start_s < 2)
    finally:
        if service:
            service.stop()
        store.close()
        directory.cleanup()
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
