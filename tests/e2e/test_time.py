"""Live analyses under clocks that run 600 times as fast, or jump. Windows and due times are those
that were planned; what a stopped service missed is caught up in order, each interval once. One
analysis runs in real time, while the other tests do: it takes a minute."""
import threading
import time

import pytest
import requests
import simulated_time
from conftest import (T0, Prometheus, Serinus, canary_request, demo_config, demo_history, kayenta_yml, matrix,
                      needs_faketime, one_metric_config, stop, wait_until)
from crash import CrashRun, analysis_request, read, start
from history import judgements, stage_ids

RATE = 600
LATE_S = 2.5  # real seconds: the scheduler looks at the wall clock once a second
MINUTE_MS = 60_000

@pytest.fixture(scope="module", autouse=True)
def real_time(tmp_path_factory):
    """(service, id) of an analysis that begins with the first test of this file."""
    now = int(time.time()) // 60 * 60
    servers = [server for server in demo_history.SERVERS if server[1] in ("v41", "v42")]
    prometheus = Prometheus(str(tmp_path_factory.mktemp("now")),
                            lambda out: demo_history.write_history(out, now - 3600, 2, servers))
    service = Serinus(tmp_path_factory.mktemp("real-time"), kayenta_yml({"prometheus": prometheus.url}))
    request = analysis_request("v42", 1, lifetimeDurationMins=1, lookbackMins=60)
    yield service, start(service, "real time", "real-time", request)
    service.stop()
    stop(prometheus.process)


def planned_windows(body, warmup, interval, n, lookback=0):
    begin = body["buildTimeMillis"] + MINUTE_MS * warmup
    ends = [begin + MINUTE_MS * interval * i for i in range(1, n + 1)]
    return [(end - MINUTE_MS * lookback if lookback else begin, end) for end in ends]


def windows(body):
    return [(j["judgementStartTimeMillis"], j["judgementEndTimeMillis"]) for j in judgements(body)]


def stages(body):
    return [stage["name"] for stage in body["stageStatus"] if stage["type"] in ("wait", "runCanary")]


# Short windows differ by chance; a low score must not end these before their time.
LENIENT = {"lifetimeDurationMins": 180, "thresholds": {"pass": 2, "marginal": 1}}
GROWING = analysis_request("v42", 10, beginAfterMins=10, **LENIENT)
SLIDING = analysis_request("v42", 10, beginAfterMins=5, lookbackMins=30, **LENIENT)
STAGES = ["Warmup Wait"] + [f"{what} #{i}" for i in range(1, 19) for what in ("Interval Wait", "Run Canary")]


def check_plan(run, growing, sliding):
    bodies = run.history.final[growing], run.history.final[sliding]
    assert [body["status"] for body in bodies] == ["succeeded", "succeeded"]
    assert windows(bodies[0]) == planned_windows(bodies[0], 10, 10, 18)
    assert windows(bodies[1]) == planned_windows(bodies[1], 5, 10, 18, lookback=30)
    assert stages(bodies[0]) == stages(bodies[1]) == STAGES
    assert {stage["status"] for body in bodies for stage in body["stageStatus"]} == {"SUCCEEDED"}
    return bodies


@needs_faketime
def test_three_live_hours_go_as_planned(tmp_path, long_prometheus):
    run = CrashRun(tmp_path, long_prometheus.url, rate=RATE)
    try:
        growing = run.begin("growing", "growing", request=GROWING)
        sliding = run.begin("sliding", "sliding", request=SLIDING)
        run.collect()
        for body in check_plan(run, growing, sliding):
            late_s = [(j["startTimeMillis"] - j["judgementEndTimeMillis"]) / 1000 / RATE for j in judgements(body)]
            assert min(late_s) >= 0 and max(late_s) < LATE_S, late_s
            assert min(late_s[-6:]) < 0.3, f"drifts: {late_s}"
        assert run.problems({}) == []  # among them: as in retrospect
    finally:
        run.service.stop()


@needs_faketime
def test_what_was_missed_is_caught_up_in_order(tmp_path, long_prometheus):
    """Killed in the warm-up, while it waits, at a due time, and away for 35 minutes."""
    run = CrashRun(tmp_path, long_prometheus.url, rate=RATE)
    try:
        began = run.clock.now()
        growing = run.begin("growing", "growing", request=GROWING)
        sliding = run.begin("sliding", "sliding", request=SLIDING)
        for at_min, down_min in ((4, 1), (17, 1), (29.9, 0.5), (40.3, 35), (95, 6), (100.1, 0)):
            time.sleep(max(0.0, (began + 60 * at_min - run.clock.now()) / RATE))
            for i in (growing, sliding):
                run.history.saw(i, read(run.service, requests, i, True))
            run.kill()
            time.sleep(60 * down_min / RATE)
            run.start_again()
        run.collect()
        for body in check_plan(run, growing, sliding):
            ends = [j["endTimeMillis"] for j in judgements(body)]
            assert ends == sorted(ends)
            assert all(j["startTimeMillis"] >= j["judgementEndTimeMillis"] for j in judgements(body))
        assert run.problems({}) == []
    finally:
        run.service.stop()


# --- jumps ---

HOUR, DAY = 3600, 86400


@needs_faketime
@pytest.mark.parametrize("restarts", [False, True], ids=["mid-run", "across a restart"])
def test_jumps_of_the_clock_neither_repeat_nor_drop_an_interval(start_serinus, long_prometheus, tmp_path, restarts):
    """Three intervals of an hour. The clock stands at `offset` after each jump."""
    base = T0 + HOUR - int(time.time())
    clock = simulated_time.JumpingClock(tmp_path / "clock")
    clock.jump(base)
    service = start_serinus(kayenta_yml({"prometheus": long_prometheus.url}), environment=clock.environment())
    analysis = start(service, "live", "jumps", analysis_request("v42", 60, lifetimeDurationMins=180))
    begun = {}
    for offset, n_judged in ((-HOUR, 0), (HOUR + 30, 1), (0, 1), (-DAY, 1), (2 * HOUR - 60, 1), (2 * HOUR + 30, 2),
                             (HOUR, 2), (DAY, 3), (-DAY, 3)):
        clock.jump(base + offset)
        if restarts:
            service.restart()
        wait_until(lambda: len(stage_ids(read(service, service.session, analysis, True))) == n_judged,
                   f"{n_judged} judgements at {offset} s", 10)
        time.sleep(0.2 if restarts else 1.3)  # long enough for one too many
        status = read(service, service.session, analysis, True)
        assert len(stage_ids(status)) == n_judged, f"at {offset} s"
        assert begun.items() <= stage_ids(status).items()
        begun = stage_ids(status)
        assert service.judge(demo_config(), canary_request("v42"))["status"] == "succeeded"
    body = read(service, service.session, analysis, True)
    assert body["status"] == "succeeded"
    assert windows(body) == planned_windows(body, 0, 60, 3)
    listed = service.get("/canary/executions", params={"application": "jumps"}).json()
    assert {b["pipelineId"] for b in listed} == set(begun.values()) and len(listed) == 3


@needs_faketime
@pytest.mark.parametrize("jump", [HOUR, -HOUR, DAY, -DAY])
def test_jumps_during_a_fetch_are_not_time_outs(start_serinus, scripted_store, tmp_path, jump):
    clock = simulated_time.JumpingClock(tmp_path / "clock")

    def answer(path, query):
        time.sleep(1)
        return 200, {}, matrix(range(61))

    scripted_store.answer = answer
    service = start_serinus(kayenta_yml({"scripted": scripted_store.url}), environment=clock.environment())
    config = one_metric_config({"metricName": "cpu", "customInlineTemplate": 'version="${scope}"'})
    execution = service.start_canary(config, canary_request())
    wait_until(lambda: len(scripted_store.requests) == 2, "both queries")
    clock.jump(jump)
    body = service.wait_for(execution, 10)
    assert body["status"] == "succeeded", body
    assert len(scripted_store.requests) == 2
    assert service.get("/readyz").status_code == 200


def two_metrics():
    """A config whose second metric is called `slow`."""
    config = one_metric_config({"metricName": "cpu", "customInlineTemplate": 'version="${scope}"'})
    config["metrics"].append({**config["metrics"][0], "name": "slow", "query": {
        "type": "prometheus", "metricName": "slow", "customInlineTemplate": 'version="${scope}"'}})
    return config


@needs_faketime
def test_a_clock_that_is_set_back_keeps_samples_coming(start_serinus, scripted_store, tmp_path):
    """What was fetched after the jump is not asked again after a kill."""
    clock = simulated_time.JumpingClock(tmp_path / "clock")
    gate = threading.Event()

    def answer(path, query):
        gate.wait(30) if "slow" in query["query"] else time.sleep(0.5)
        return 200, {}, matrix(range(61))

    scripted_store.answer = answer
    service = start_serinus(kayenta_yml({"scripted": scripted_store.url}), environment=clock.environment())
    execution = service.start_canary(two_metrics(), canary_request())
    wait_until(lambda: len(scripted_store.requests) == 4, "all queries")
    clock.jump(-HOUR)
    time.sleep(2)
    service.kill()
    clock.jump(0)
    service.start()
    wait_until(lambda: len(scripted_store.requests) >= 6, "the slow ones to be asked again")
    gate.set()
    assert service.wait_for(execution)["status"] == "succeeded"
    assert len([query for _, query, _ in scripted_store.requests if "cpu" in query["query"]]) == 2


@needs_faketime
@pytest.mark.parametrize("jump", [-HOUR, -DAY])
def test_a_clock_that_is_set_back_while_the_service_is_down(start_serinus, scripted_store, tmp_path, jump):
    """Only live analyses wait for the clock; all else goes on at once."""
    clock = simulated_time.JumpingClock(tmp_path / "clock")
    gate = scripted_store.hold_back()
    service = start_serinus(kayenta_yml({"scripted": scripted_store.url}), environment=clock.environment())
    execution = service.start_canary(two_metrics(), canary_request())
    analysis = start(service, "past", "set-back", analysis_request(
        "v42", 20, (T0 + HOUR) * 1000, (T0 + 2 * HOUR) * 1000, thresholds={"pass": 2, "marginal": 1}))
    wait_until(lambda: len(scripted_store.requests) >= 4, "queries")
    service.kill()
    clock.jump(jump)
    gate.set()
    service.start()
    assert service.wait_for(execution, 10)["status"] == "succeeded"
    wait_until(lambda: read(service, service.session, analysis, True)["complete"], "the analysis to end", 10)


@needs_faketime
def test_a_clock_that_is_set_back_while_canaries_wait_for_their_turn(start_serinus, scripted_store, tmp_path):
    clock = simulated_time.JumpingClock(tmp_path / "clock")
    service = start_serinus(kayenta_yml({"scripted": scripted_store.url}), environment=clock.environment())
    scripted_store.hold_back().set()
    config = one_metric_config({"metricName": "cpu", "customInlineTemplate": 'version="${scope}"'})
    assert service.post("/admin/orca/instance/enabled", {"enabled": False}).status_code == 200
    waiting = [service.start_canary(config, canary_request()) for _ in range(3)]
    clock.jump(-HOUR)
    assert service.post("/admin/orca/instance/enabled", {"enabled": True}).status_code == 200
    for execution in waiting:
        assert service.wait_for(execution, 10)["status"] == "succeeded"


# --- real time ---

def test_one_minute_in_real_time(real_time):
    service, analysis = real_time
    body = wait_until(lambda: (lambda b: b if b["complete"] else None)(read(service, service.session, analysis, True)),
                      "the minute to end", 90, pause_s=0.5)
    assert body["status"] == "succeeded" and body["canaryAnalysisExecutionResult"]["canaryScores"][0] > 75
    assert windows(body) == planned_windows(body, 0, 1, 1, lookback=60)
    late_ms = judgements(body)[0]["startTimeMillis"] - judgements(body)[0]["judgementEndTimeMillis"]
    assert 0 <= late_ms < 1000 * LATE_S
