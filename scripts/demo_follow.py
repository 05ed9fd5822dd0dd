#!/usr/bin/python3
"""Start one canary and follow it to its end, as a pipeline would.

    scripts/demo_follow.py URL REQUEST.json STATUS.json

Posts the request to URL (/canary/{canaryConfigId}?application=...), polls /canary/{id}, prints each
change of its state, and writes the last status. Exit 0 when the execution succeeded, whatever its
verdict.
"""
import json
import sys
import time
import urllib.request

POLL_S = 0.005  # a real pipeline asks once a second
GIVE_UP_S = 60


def call(url, body=None):
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"} if body else {})
    with urllib.request.urlopen(request, timeout=GIVE_UP_S) as answer:
        return json.load(answer)


def main():
    url, request_path, status_path = sys.argv[1:]
    with open(request_path, "rb") as source:
        body = source.read()
    posted = time.monotonic()
    execution = call(url, body)["canaryExecutionId"]
    base = url[: url.index("/canary/")]
    print(f"   POST {url[len(base):]}\n   GET /canary/{execution}", flush=True)
    last = None
    while time.monotonic() - posted < GIVE_UP_S:
        status = call(f"{base}/canary/{execution}")
        stages = list(status["stageStatus"].values())
        line = f"{status['status']}, {stages.count('succeeded')} of {len(stages)} stages done"
        if line != last:
            print(f"   {1000 * (time.monotonic() - posted):6.0f} ms  {line}", flush=True)
            last = line
        if status["complete"]:
            break
        time.sleep(POLL_S)
    with open(status_path, "w", encoding="utf-8") as out:
        json.dump(status, out)
    if status["status"] != "succeeded":
        print(json.dumps(status.get("exception", status), indent=2), file=sys.stderr)
        sys.exit(1)
    print(f"   {status['endTimeMillis'] - status['startTimeMillis']:6d} ms  from its start to its verdict")


if __name__ == "__main__":
    main()
