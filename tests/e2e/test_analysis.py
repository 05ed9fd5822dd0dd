"""Stand-alone analyses: a series of judgements over a lifetime, through kills and restarts."""
import sqlite3
import time

import pytest
from conftest import T0, demo_config, kayenta_yml, wait_until

CONFIG = demo_config()


def iso(unix_s):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_s))


def request(version, minutes=60, interval=20, **more):
    start = T0 + 3600
    scope = {"scopeName": "default", "controlScope": "v41", "controlLocation": "baseline",
             "experimentScope": version, "experimentLocation": "canary", "step": 0,
             "startTimeIso": iso(start), "endTimeIso": iso(start + 60 * minutes)}
    return {"scopes": [scope], "thresholds": {"pass": "95", "marginal": "75"},
            "analysisIntervalMins": interval, **more}


def start(serinus, body, **params):
    answer = serinus.post("/standalone_canary_analysis", {"canaryConfig": CONFIG, "executionRequest": body},
                          params={"application": "checkout", "user": "me@example.com", **params})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"canaryAnalysisExecutionId"}
    return answer.json()["canaryAnalysisExecutionId"]


def get(serinus, analysis):
    answer = serinus.get(f"/standalone_canary_analysis/{analysis}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def finished(serinus, analysis):
    return wait_until(lambda: (lambda body: body if body["complete"] else None)(get(serinus, analysis)),
                      f"analysis {analysis} to complete", 60)


def test_a_good_release_passes_every_interval(serinus):
    body = finished(serinus, start(serinus, request("v42")))
    result = body["canaryAnalysisExecutionResult"]
    assert (body["status"], body["executionStatus"]) == ("succeeded", "SUCCEEDED")
    assert result["didPassThresholds"] is True
    assert len(result["canaryScores"]) == 3 and min(result["canaryScores"]) > 75
    assert result["canaryScoreMessage"].endswith("met or exceeded the pass score threshold.")
    assert result["hasWarnings"] is True  # 21 points in the first window
    windows = [(r["judgementStartTimeMillis"], r["judgementEndTimeMillis"])
               for r in result["canaryExecutionResults"]]
    first = (T0 + 3600) * 1000
    assert windows == [(first, first + 1200000), (first, first + 2400000), (first, first + 3600000)]
    stages = [(s["type"], s["status"]) for s in body["stageStatus"]]
    assert stages == [("runCanary", "SUCCEEDED")] * 3 + [
        ("setupAndExecuteCanariesStage", "SUCCEEDED"), ("generateCanaryAnalysisResultStage", "SUCCEEDED")]
    assert (body["application"], body["user"]) == ("checkout", "me@example.com")
    assert "canaryConfigId" not in body and body["canaryConfig"]["name"] == CONFIG["name"]
    for judged in result["canaryExecutionResults"]:
        child = serinus.get("/canary/" + judged["executionId"]).json()
        assert child["result"] == judged["result"] and child["application"] == "checkout"


def test_a_bad_release_fails_fast(serinus):
    body = finished(serinus, start(serinus, request("v43")))
    result = body["canaryAnalysisExecutionResult"]
    assert body["status"] == "terminal" and body["executionStatus"] == "TERMINAL"
    assert "exception" not in body
    assert len(result["canaryExecutionResults"]) == 1  # the other two have left the plan
    assert result["canaryExecutionResults"][0]["executionStatus"] == "SUCCEEDED"
    assert result["canaryScoreMessage"] == "Final canary score 0.0 is not above the marginal score threshold."


def test_a_live_analysis_waits_for_its_windows(serinus):
    body = request("v42")
    for scope in body["scopes"]:
        del scope["startTimeIso"], scope["endTimeIso"]
    body.update(lifetimeDurationMins=120, analysisIntervalMins=60, beginAfterMins=5)
    analysis = start(serinus, body)
    status = get(serinus, analysis)
    assert status["complete"] is False and status["executionStatus"] == "RUNNING"
    assert [(s["name"], s["status"]) for s in status["stageStatus"]][:3] == [
        ("Warmup Wait", "RUNNING"), ("Interval Wait #1", "NOT_STARTED"), ("Run Canary #1", "NOT_STARTED")]
    assert status["canaryAnalysisExecutionRequest"]["scopes"][0]["step"] == 60  # one client always sends 0
    assert "canaryAnalysisExecutionResult" not in status


def test_an_analysis_survives_kills(start_serinus, prometheus):
    """Kills at arbitrary moments: nothing is lost, judged twice, or judged differently."""
    serinus = start_serinus(kayenta_yml({"prometheus": prometheus.url}))
    undisturbed = finished(serinus, start(serinus, request("v42", minutes=60, interval=6)))
    analysis = start(serinus, request("v42", minutes=60, interval=6))
    for pause in (0.0, 0.02, 0.05, 0.1, 0.03):
        time.sleep(pause)
        serinus.kill()
        serinus.start()
    body = finished(serinus, analysis)

    def verdicts(of):
        return [[(m["name"], m["classification"], m["controlMetadata"], m["experimentMetadata"])
                 for m in r["result"]["judgeResult"]["results"]]
                for r in of["canaryAnalysisExecutionResult"]["canaryExecutionResults"]]

    assert verdicts(body) == verdicts(undisturbed)
    ids = [r["executionId"] for r in body["canaryAnalysisExecutionResult"]["canaryExecutionResults"]]
    listed = [e["pipelineId"] for e in
              serinus.get("/canary/executions", params={"application": "checkout", "limit": 200}).json()]
    assert len(set(ids)) == 10 and sorted(i for i in listed if i in ids) == sorted(ids)


@pytest.mark.parametrize("damage, code", [
    ("n_crashes = 7", "abandoned_after_crashes"),
    ("n_steps = 0", "json_syntax"),
])
def test_one_that_cannot_go_on_ends_as_an_analysis(start_serinus, prometheus, damage, code):
    """However it ends, its answer is that of an analysis, and it does not wait for ever."""
    serinus = start_serinus(kayenta_yml({"prometheus": prometheus.url}))
    body = request("v42")
    for scope in body["scopes"]:
        del scope["startTimeIso"], scope["endTimeIso"]
    analysis = start(serinus, {**body, "lifetimeDurationMins": 120})
    serinus.stop()
    with sqlite3.connect(f"{serinus.data_dir}/serinus.db") as database:
        database.execute(f"UPDATE execution SET due_unix_ms = 1, {damage} WHERE id = ?", [analysis])
        if code == "json_syntax":
            database.execute("UPDATE execution_submission SET json = '{'")
    database.close()
    serinus.start()
    ended = finished(serinus, analysis)
    assert (ended["status"], ended["pipelineId"]) == ("terminal", analysis)
    assert [s["type"] for s in ended["stageStatus"]] == [
        "setupAndExecuteCanariesStage", "generateCanaryAnalysisResultStage"]
    assert ended["exception"]["details"]["code"] == code
    assert serinus.get(f"/api/v1/executions/{analysis}").json()["error"]["code"] == code


@pytest.mark.parametrize("change, words", [
    ({"scopes": []}, "must contain at least one scope"),
    ({"thresholds": None}, "Execution request must contain thresholds"),
    ({"analysisIntervalMins": -1}, "analysisIntervalMins must be from 0"),
])
def test_what_cannot_run_is_refused_at_once(serinus, change, words):
    answer = serinus.post("/standalone_canary_analysis",
                          {"canaryConfig": CONFIG, "executionRequest": {**request("v42"), **change}})
    assert answer.status_code == 400 and words in answer.json()["message"]


def test_without_end_and_lifetime_nothing_starts(serinus):
    body = request("v42")
    del body["scopes"][0]["endTimeIso"]
    answer = serinus.post("/standalone_canary_analysis", {"canaryConfig": CONFIG, "executionRequest": body})
    assert answer.status_code == 400 and "`endTime` or `lifetimeDuration`" in answer.json()["message"]


def test_an_unknown_id_is_not_found(serinus):
    answer = serinus.get("/standalone_canary_analysis/01M0ZZZZZZZZZZZZZZZZZZZZZZ")
    assert answer.status_code == 404
    assert answer.json()["message"] == "No pipeline found for 01M0ZZZZZZZZZZZZZZZZZZZZZZ"


def test_a_cancelled_analysis_stays_cancelled(start_serinus, prometheus):
    serinus = start_serinus(kayenta_yml({"prometheus": prometheus.url}))
    body = request("v42")
    del body["scopes"][0]["startTimeIso"], body["scopes"][0]["endTimeIso"]
    analysis = start(serinus, {**body, "lifetimeDurationMins": 60})
    assert serinus.put(f"/pipelines/{analysis}/cancel", "").status_code == 202
    serinus.kill()
    serinus.start()
    status = get(serinus, analysis)
    assert (status["complete"], status["status"], status["executionStatus"]) == (True, "canceled", "CANCELED")
    assert [s["status"] for s in status["stageStatus"]] == ["CANCELED", "NOT_STARTED", "NOT_STARTED", "NOT_STARTED",
                                                            "NOT_STARTED", "NOT_STARTED", "CANCELED"]
    assert "canaryAnalysisExecutionResult" not in status and "exception" not in status
