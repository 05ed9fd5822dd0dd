"""Kill the service with SIGKILL at random moments while it judges, start it again, and write down
what clients are told (history.py). Everything runs under a clock that is RATE times as fast as the
real one, so that live analyses with intervals of a minute are part of the load."""
import itertools
import random
import sqlite3
import threading
import time

import requests
from conftest import T0, Serinus, canary_request, demo_config, kayenta_yml, wait_until
from history import History, analysis_outcome, canary_outcome, judgements, stage_ids
from simulated_time import FastClock

RATE = 120
SIM_START = T0 + 3600
MAX_UNFINISHED = 12       # more, and each takes too long to get anywhere between two kills
GAP_S = (0.15, 0.85)      # between a start and the next kill
STARTING_S = (0.0, 0.06)  # between a start and a kill that may come before it serves ...
STARTING_SHARE = 0.15     # ... which happens this often
# An execution that made no progress through MAX_CRASHES kills is given up. So after this many the
# next one waits until clients have seen everything move on.
MAX_WITHOUT_PROGRESS = 5
PROGRESS_TIMEOUT_S = 120
END_TIMEOUT_S = 120
CONFIG = demo_config()


def iso(unix_ms):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(unix_ms // 1000)) + f".{unix_ms % 1000:03d}Z"


def scope(version, **times):
    return {"scopeName": "default", "controlScope": "v41", "controlLocation": "baseline",
            "experimentScope": version, "experimentLocation": "canary", "step": 60, **times}


def analysis_request(version, interval, start_ms=None, end_ms=None, **more):
    times = {"startTimeIso": iso(start_ms), "endTimeIso": iso(end_ms)} if end_ms else {}
    return {"scopes": [scope(version, **times)], "analysisIntervalMins": interval,
            "thresholds": {"pass": 95, "marginal": 75}, **more}


def past_hour(version, interval, **more):
    return analysis_request(version, interval, SIM_START * 1000, (SIM_START + 3600) * 1000, **more)


# What is started, by turns: item -> request. Live ones begin when they are started.
CANARIES = {"canary v42": canary_request("v42"), "canary v43": canary_request("v43")}
ANALYSES = {
    "growing": past_hour("v42", 6),
    "sliding": past_hour("v42", 5, lookbackMins=10),
    "creeping": past_hour("v46", 4),
    "bad": past_hour("v43", 10),
}
LIVE = {
    "live growing": analysis_request("v42", 1, lifetimeDurationMins=6, beginAfterMins=2),
    "live sliding": analysis_request("v42", 1, lifetimeDurationMins=8, lookbackMins=30),
}
ITEMS = ["growing", "canary v42", "live growing", "sliding", "canary v43", "creeping", "live sliding", "bad"]


def start(service, item, application, request=None):
    """The id, or an exception when there is no answer. Starting the same again gives the same id."""
    body = {"canaryConfig": CONFIG, "executionRequest": request or {**CANARIES, **ANALYSES, **LIVE}[item]}
    path = "/canary" if item in CANARIES else "/standalone_canary_analysis"
    answer = requests.post(service.url + path, json=body, params={"application": application},
                           headers={"Idempotency-Key": f"{application}/{item}".replace(" ", "-")}, timeout=30)
    assert answer.status_code == 200 or answer.status_code >= 500, answer.text
    answer.raise_for_status()
    return next(iter(answer.json().values()))


def read(service, session, execution_id, is_analysis):
    """The body of a status read, None for 404."""
    path = "standalone_canary_analysis" if is_analysis else "canary"
    answer = session.get(f"{service.url}/{path}/{execution_id}", timeout=30)
    if answer.status_code == 404:
        return None
    answer.raise_for_status()
    return answer.json()


def is_live(body):
    request = body.get("canaryAnalysisExecutionRequest") if body else None
    return request is not None and "endTimeIso" not in request["scopes"][0]


class CrashRun:
    """One data folder, one service, many kills. `history` is what came of it."""

    def __init__(self, directory, prometheus_url, seed=1, rate=RATE):
        self.rng = random.Random(seed)
        self.clock = FastClock(SIM_START, rate)
        self.history = History()
        self.lock = threading.Lock()  # guards the history
        self.is_over = threading.Event()
        self.n_repeated = 0  # starts without an answer, sent again
        self.n_without_progress = 0  # kills since all were last seen to move on
        self.service = Serinus(directory, kayenta_yml({"prometheus": prometheus_url}),
                               environment=self.clock.environment())

    # --- clients ---

    def begin(self, item, application, kills=0, request=None):
        execution_id = start(self.service, item, application, request)
        with self.lock:
            self.history.started[execution_id] = {
                "item": item, "application": application, "is_analysis": item not in CANARIES, "kills": kills}
        return execution_id

    def unfinished(self):
        return [(i, s["is_analysis"]) for i, s in self.history.started.items() if i not in self.history.seen]

    def start_things(self):
        for n, item in zip(itertools.count(), itertools.cycle(ITEMS)):
            while len(self.unfinished()) >= MAX_UNFINISHED and not self.is_over.is_set():
                time.sleep(0.01)
            if self.is_over.is_set():
                return
            application, kills = f"app-{n}", self.history.kills
            while not self.is_over.is_set():
                try:
                    self.begin(item, application, kills)
                    self.history.unanswered.discard(application)
                    break
                except requests.RequestException:
                    self.history.unanswered.add(application)
                    self.n_repeated += 1
                    time.sleep(0.01)

    def poll(self):
        """Read what runs, and now and then something that has ended."""
        session, rng = requests.Session(), random.Random(0)
        while not self.is_over.is_set():
            ended = [i for i in self.history.started if i in self.history.seen][-20:]
            again = [(i, self.history.started[i]["is_analysis"]) for i in rng.sample(ended, min(2, len(ended)))]
            for execution_id, is_analysis in self.unfinished() + again:
                try:
                    body = self.look(session, execution_id, is_analysis)
                    begun = stage_ids(body) if body and is_analysis else {}
                    for child in list(begun.values())[-2:]:
                        self.look(session, child, False)
                except requests.RequestException:
                    session.close()
                    time.sleep(0.01)
            time.sleep(0.02)

    def look(self, session, execution_id, is_analysis):
        body = read(self.service, session, execution_id, is_analysis)
        with self.lock:
            if body:
                self.history.saw(execution_id, body)
            else:
                self.history.broken.append(f"{execution_id} was not found")
        return body

    def guarded(self, work):
        try:
            work()
        except Exception as error:  # the test must not go on as if it had clients
            self.history.broken.append(f"{work.__name__}: {error!r}")

    # --- the killer ---

    def kill(self):
        self.service.kill()
        self.history.kills += 1
        self.n_without_progress += 1

    def start_again(self):
        self.service.environment.update(self.clock.environment())
        self.service.start()

    def wait_for_progress(self):
        """Of all that has not ended: a stage more, or its end."""
        before = {i: self.history.latest[i] for i, _ in self.unfinished() if i in self.history.latest}
        wait_until(lambda: all(i in self.history.seen or self.history.latest[i] != stages
                               for i, stages in before.items()), "all to move on", PROGRESS_TIMEOUT_S)
        self.n_without_progress = 0

    def kill_and_start(self):
        if self.n_without_progress >= MAX_WITHOUT_PROGRESS:
            self.wait_for_progress()
        time.sleep(self.rng.uniform(*GAP_S))
        self.kill()
        if self.rng.random() < STARTING_SHARE:
            self.service.environment.update(self.clock.environment())
            self.service.launch()
            time.sleep(self.rng.uniform(*STARTING_S))
            self.kill()
        self.start_again()

    def run(self, n_kills):
        clients = [threading.Thread(target=self.guarded, args=[work]) for work in (self.start_things, self.poll)]
        for client in clients:
            client.start()
        try:
            while self.history.kills < n_kills:
                self.kill_and_start()
        finally:
            self.is_over.set()
            for client in clients:
                client.join()
        self.collect()

    # --- afterwards ---

    def end_of(self, execution_id, is_analysis):
        def complete():
            body = read(self.service, self.service.session, execution_id, is_analysis)
            return (body,) if body is None or body["complete"] else None

        try:
            return wait_until(complete, "an end", END_TIMEOUT_S)[0]
        except AssertionError:
            return read(self.service, self.service.session, execution_id, is_analysis)

    def read_canary(self, execution_id):
        if execution_id in self.history.outcomes:
            return
        body = self.history.final[execution_id] = self.end_of(execution_id, False)
        if body:
            pairs = self.service.get(f"/metricSetPairList/{body.get('metricSetPairListId')}")
            self.history.outcomes[execution_id] = canary_outcome(body, pairs.json() if pairs.ok else None)

    def read_canaries(self, execution_id, is_analysis, body):
        """An analysis' judgements, or the canary itself."""
        for canary in [j["executionId"] for j in judgements(body or {})] if is_analysis else [execution_id]:
            self.read_canary(canary)

    def collect(self):
        """Wait for all that was started, and read everything."""
        history = self.history
        for execution_id, started in history.started.items():
            body = history.final[execution_id] = self.end_of(execution_id, started["is_analysis"])
            self.read_canaries(execution_id, started["is_analysis"], body)
        for application in {s["application"] for s in history.started.values()} | history.unanswered:
            answer = self.service.get("/canary/executions", params={"application": application, "limit": 200})
            history.listed[application] = [body["pipelineId"] for body in answer.json()]
            for canary in history.listed[application]:
                self.read_canary(canary)

    def outcome_of(self, execution_id, is_analysis):
        body = self.end_of(execution_id, is_analysis)
        self.read_canaries(execution_id, is_analysis, body)
        return analysis_outcome(body, self.history.outcomes) if is_analysis else self.history.outcomes[execution_id]

    def measure(self):
        """item -> outcome without any kill, of all that has fixed windows."""
        ids = {item: start(self.service, item, "undisturbed") for item in {**CANARIES, **ANALYSES}}
        return {item: self.outcome_of(execution_id, item in ANALYSES) for item, execution_id in ids.items()}

    def measure_live(self, execution_id):
        """What a live analysis should have found: the same windows, judged in retrospect."""
        body = self.history.final[execution_id]
        live = body["canaryAnalysisExecutionRequest"]
        begin_ms = body["buildTimeMillis"] + 60_000 * live["beginAfterMins"]
        end_ms = begin_ms + 60_000 * live["lifetimeDurationMins"]
        request = analysis_request(live["scopes"][0]["experimentScope"], live["analysisIntervalMins"], begin_ms, end_ms,
                                   lookbackMins=live["lookbackMins"], thresholds=live["thresholds"])
        return self.outcome_of(start(self.service, "again", f"again-{execution_id}", request), True)

    def problems(self, expected):
        """Every broken rule. expected: what another run's measure() gave; each live analysis has
        windows of its own."""
        live = {i: self.measure_live(i) for i, started in self.history.started.items()
                if is_live(self.history.final[i])}
        return self.history.problems({**expected, **live}) + self.close()

    def close(self):
        """Stop cleanly and look at the database."""
        found = []
        code = self.service.stop()
        if code != 0:
            found.append(f"the service ended with {code}")
        database = sqlite3.connect(f"file:{self.service.data_dir}/serinus.db?mode=ro", uri=True)
        said = database.execute("pragma integrity_check").fetchone()[0]
        database.close()
        return found if said == "ok" else found + [f"the database says: {said}"]
