"""Analyses that a sequential judge watches: an alarm or a proof of no harm ends them early, and what
it says of a minute never changes."""
import calendar
import math
import time

import pytest
from conftest import T0, kayenta_yml, matrix, needs_faketime, one_metric_config, wait_until
import simulated_time

START = T0 + 3600
MINUTE = 60
LATENCY = {"metricName": "latency", "customInlineTemplate": 'version="${scope}"'}


def iso(unix_s):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_s))


def unix_s(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def noise(side, minute):
    """Uniform in (0, 1), the same for ever."""
    x = math.sin(12.9898 * minute + 78.233 * side) * 43758.5453
    return x - math.floor(x)


def latency(version, minute):
    """About 100 ms; the release v43 is half as slow again once it is warm."""
    side = 0 if version == "v41" else 1
    value = 100 + 10 * sum(noise(side + 7 * k, minute) - 0.5 for k in range(4))
    return value * (1.5 if version == "v43" and minute >= 5 else 1)


@pytest.fixture
def store(scripted_store):
    """Knows every minute's latency of each version."""

    def answer(path, query):
        start, end = unix_s(query["start"]), unix_s(query["end"])
        version = query["query"].split('version="')[1].split('"')[0]
        first = math.ceil((start - START) / MINUTE)
        minutes = range(first, math.floor((end - START) / MINUTE) + 1)
        return 200, {}, matrix([latency(version, minute) for minute in minutes], START + first * MINUTE)

    scripted_store.answer = answer
    return scripted_store


def config(judge=None, **canary):
    out = one_metric_config(LATENCY, "latency", direction="increase", **canary)
    out["judge"] = {"name": "Sequential-v1.0", "judgeConfigurations": judge or {}}
    return out


def request(version, minutes=180, interval=30, is_live=False, **more):
    scope = {"scopeName": "default", "controlScope": "v41", "controlLocation": "baseline",
             "experimentScope": version, "experimentLocation": "canary", "step": MINUTE}
    if is_live:
        more["lifetimeDurationMins"] = minutes
    else:
        scope.update(startTimeIso=iso(START), endTimeIso=iso(START + MINUTE * minutes))
    return {"scopes": [scope], "thresholds": {"pass": "95", "marginal": "75"}, "analysisIntervalMins": interval,
            **more}


def start(service, canary_config, body):
    answer = service.post("/standalone_canary_analysis", {"canaryConfig": canary_config, "executionRequest": body})
    assert answer.status_code == 200, answer.text
    return answer.json()["canaryAnalysisExecutionId"]


def read(service, analysis):
    return service.get(f"/standalone_canary_analysis/{analysis}").json()


def finished(service, analysis):
    return wait_until(lambda: (lambda body: body if body["complete"] else None)(read(service, analysis)),
                      f"analysis {analysis} to complete", 60)


def metrics(body):
    """Of each interval: the one metric's result."""
    return [judged["result"]["judgeResult"]["results"][0]
            for judged in body["canaryAnalysisExecutionResult"]["canaryExecutionResults"]]


def sequential(metric):
    return metric["resultMetadata"]["judge"]["sequential"]


def test_an_alarm_ends_the_run(start_serinus, store):
    """It comes in the third of six intervals."""
    service = start_serinus(kayenta_yml({"scripted": store.url}))
    body = finished(service, start(service, config(), request("v43")))
    results = metrics(body)
    assert body["status"] == "terminal"
    assert [metric["classification"] for metric in results] == ["Pass", "Pass", "High"]
    assert results[0]["classificationReason"].startswith("latency: evidence at most ")
    found = sequential(results[2])
    assert iso(START + 60 * MINUTE) < found["firstCrossing"] <= iso(START + 90 * MINUTE)
    assert found["logEMax"] >= found["threshold"] == pytest.approx(math.log(50))
    clock = found["firstCrossing"][11:16]
    assert f":1 against no increase at {clock} (alarm threshold 50:1); ratio 1." in results[2]["classificationReason"]
    message = body["canaryAnalysisExecutionResult"]["canaryScoreMessage"]
    assert message == "Final canary score 0.0 is not above the marginal score threshold."


def test_the_last_interval_shows_the_evidence_over_time(start_serinus, store):
    service = start_serinus(kayenta_yml({"scripted": store.url}))
    body = finished(service, start(service, config(), request("v42")))
    results = metrics(body)
    assert body["status"] == "succeeded"
    assert [metric["classification"] for metric in results] == ["Pass"] * 6
    assert [sequential(metric)["looks"] for metric in results] == [2, 32, 62, 92, 122, 152]
    assert ["evidence" in sequential(metric) for metric in results] == [False] * 5 + [True]
    trace = sequential(results[5])["evidence"]
    assert len(trace) == 152 and trace[0]["at"] == iso(START + 29 * MINUTE)
    assert set(trace[0]) == {"at", "logE", "estimate", "lower", "upper"}
    assert sequential(results[5])["logEMax"] == max(look["logE"] for look in trace)
    for judged, metric in zip(body["canaryAnalysisExecutionResult"]["canaryExecutionResults"], results):
        own = service.get("/canary/" + judged["executionId"]).json()["result"]["judgeResult"]["results"][0]
        looks = sequential(own)["evidence"]
        assert looks == trace[:len(looks)] and len(looks) == sequential(metric)["looks"]


def test_no_harm_within_the_margin_ends_the_run_with_a_pass(start_serinus, store):
    service = start_serinus(kayenta_yml({"scripted": store.url}))
    margin = {"effectSize": {"allowedIncrease": 1.3}}
    early = config({"earlyPass": True, "minRuntimeMins": 90}, **margin)
    body = finished(service, start(service, early, request("v42")))
    result = body["canaryAnalysisExecutionResult"]
    assert (body["status"], body["executionStatus"]) == ("succeeded", "SUCCEEDED")
    assert len(result["canaryScores"]) == 3  # of six: 90 minutes
    assert result["didPassThresholds"] is True
    assert result["canaryScoreMessage"] == (
        "Final canary score 100.0 met or exceeded the pass score threshold. It passed early, after 90 of 180 minutes: "
        "every metric excludes harm beyond its margin.")
    assert [(s["type"], s["status"]) for s in body["stageStatus"]] == [("runCanary", "SUCCEEDED")] * 3 + [
        ("setupAndExecuteCanariesStage", "SUCCEEDED"), ("generateCanaryAnalysisResultStage", "SUCCEEDED")]
    assert metrics(body)[2]["resultMetadata"]["judge"]["decision"] == "non-inferior"
    assert metrics(body)[2]["classificationReason"].endswith(" excludes an increase above 30 %.")
    # it has to be asked for, and by every metric that counts
    body = finished(service, start(service, config(**margin), request("v42")))
    assert len(body["canaryAnalysisExecutionResult"]["canaryScores"]) == 6
    other = config({"earlyPass": True, "minRuntimeMins": 30}, **margin)
    other["metrics"].append({**other["metrics"][0], "name": "second", "analysisConfigurations": {
        "canary": {"direction": "increase", **margin, "judge": {"earlyPass": False}}}})
    body = finished(service, start(service, other, request("v42", 60)))
    assert len(body["canaryAnalysisExecutionResult"]["canaryScores"]) == 2


def test_what_is_inconclusive_goes_on_until_the_end(start_serinus, store):
    """onInconclusive is for the last interval."""
    service = start_serinus(kayenta_yml({"scripted": store.url}))
    strict = config({"onInconclusive": "fail"}, effectSize={"allowedIncrease": 1.001})
    body = finished(service, start(service, strict, request("v42", 60, 10)))
    assert [metric["classification"] for metric in metrics(body)] == ["Pass"] * 5 + ["High"]


def test_a_sliding_window_is_refused(start_serinus, store):
    service = start_serinus(kayenta_yml({"scripted": store.url}))
    answer = service.post("/standalone_canary_analysis", {"canaryConfig": config(), "executionRequest": request(
        "v42", lookbackMins=60)})
    assert answer.status_code == 400, answer.text
    assert answer.json()["message"] == "Sequential-v1.0 needs a growing interval: set lookbackMins to 0"
    assert answer.json()["details"][0]["pointer"] == "/executionRequest/lookbackMins"


def verdicts(body):
    result = body["canaryAnalysisExecutionResult"]
    return result["canaryScoreMessage"], metrics(body)


@needs_faketime
@pytest.mark.parametrize("version, judge, n_judged", [
    ("v42", {}, 6),
    ("v43", {}, 3),
    ("v42", {"earlyPass": True, "minRuntimeMins": 90}, 3),
], ids=["to its end", "early fail", "early pass"])
def test_kills_between_intervals_change_nothing(start_serinus, store, tmp_path, version, judge, n_judged):
    """The clock stands still between jumps from one interval to the next."""
    base = START - int(time.time())
    clock = simulated_time.JumpingClock(tmp_path / "clock")
    canary_config = config(judge, effectSize={"allowedIncrease": 1.3})
    body = request(version, is_live=True)

    def run(service, is_killed):
        clock.jump(base)
        if is_killed:
            service.kill()
            service.start()
        body["scopes"][0]["startTimeIso"] = iso(START)
        analysis = start(service, canary_config, body)
        for i in range(1, n_judged + 1):
            clock.jump(base + 30 * MINUTE * i + 5)
            if is_killed:
                service.kill()
                service.start()
            wait_until(lambda n=i: [s["status"] for s in read(service, analysis)["stageStatus"]
                                    if s["type"] == "runCanary"].count("SUCCEEDED") == n
                       or read(service, analysis)["complete"], f"judgement {i}", 20)
        return finished(service, analysis)

    service = start_serinus(kayenta_yml({"scripted": store.url}), environment=clock.environment())
    undisturbed, killed = run(service, False), run(service, True)
    assert len(metrics(undisturbed)) == n_judged
    for one in (undisturbed, killed):
        for metric in metrics(one):
            metric.pop("id")
    assert verdicts(killed) == verdicts(undisturbed)
    listed = service.get("/canary/executions", params={"application": "ad-hoc", "limit": 100}).json()
    assert len(listed) == 2 * n_judged
