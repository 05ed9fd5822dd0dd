"""Following executions: one flat object, lists by cursor, long polls, events, idempotent starts."""
import json
import threading
import time

import pytest
import requests

from conftest import (canary_request, demo_config, kayenta_yml, matrix, one_metric_config,
                      wait_until)

GOOD = [1.13 + 0.017 * (i * 7 % 11) for i in range(60)]


def metric_config(n_metrics=1):
    config = one_metric_config({"metricName": "m", "customInlineTemplate": "PromQL:m0"})
    config["metrics"] = [{**config["metrics"][0], "name": f"m{i}"} for i in range(n_metrics)]
    return config


def analysis_request(lifetime=4, interval=2, **more):
    return {
        "scopes": [{"scopeName": "default", "controlScope": "v41", "experimentScope": "v42",
                    "controlLocation": "baseline", "experimentLocation": "canary", "step": 60,
                    "startTimeIso": "2026-01-01T01:00:00Z",
                    "endTimeIso": f"2026-01-01T01:{lifetime:02}:00Z"}],
        "thresholds": {"pass": 95, "marginal": 75}, "analysisIntervalMins": interval, **more,
    }


def start_analysis(service, config, request, **parameters):
    answer = service.post("/standalone_canary_analysis",
                          {"canaryConfig": config, "executionRequest": request}, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["canaryAnalysisExecutionId"]


def test_warnings_of_a_verdict(quick, scripted_store):
    """Few points are worth a word; where there is nothing to say, there is no such member."""
    scripted_store.answer = lambda path, query: (200, {}, matrix(GOOD[:12]))
    execution = quick.start_canary(metric_config(), canary_request())
    body = quick.wait_for(execution)
    warnings = follow(quick, execution)["warnings"]
    assert any('metric "m0" has only 12 ' in warning for warning in warnings)
    assert body["warnings"] == warnings
    scripted_store.answer = lambda path, query: (200, {}, matrix([v + ("v42" in str(query)) for v in GOOD]))
    execution = quick.start_canary(metric_config(), canary_request())
    quick.wait_for(execution)
    assert "has only" not in json.dumps(follow(quick, execution))


@pytest.fixture
def slow(scripted_store, start_serinus):
    """A service whose metric store answers when it is let go."""
    gate = threading.Event()

    def answer(path, query):
        gate.wait(30)
        return 200, {}, matrix(GOOD)

    scripted_store.answer = answer
    service = start_serinus(kayenta_yml({"p": scripted_store.url}))
    service.let_go = gate.set
    yield service
    gate.set()


@pytest.fixture
def quick(scripted_store, start_serinus):
    scripted_store.answer = lambda path, query: (200, {}, matrix(GOOD))
    return start_serinus(kayenta_yml({"p": scripted_store.url}))


def follow(service, execution_id, **parameters):
    answer = service.get(f"/api/v1/executions/{execution_id}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def events_of(answer):
    """Parsed events of an open stream, one after the other."""
    event = {}
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        if line:
            name, _, value = line.partition(":")
            event[name] = value.lstrip()
        elif "event" in event:
            yield {"event": event["event"], "id": event.get("id"), "data": json.loads(event["data"])}
            event = {}
        else:
            event = {}


def listen(service, last_id=None, **parameters):
    headers = {"Last-Event-ID": last_id} if last_id else {}
    answer = requests.get(service.url + "/api/v1/events", params=parameters, headers=headers,
                          stream=True, timeout=40)
    assert answer.status_code == 200, answer.text
    return answer


# --- one flat object ---

def test_a_verdict_and_a_number_at_one_known_url(serinus):
    good = serinus.judge(demo_config(), canary_request())["pipelineId"]
    bad = serinus.judge(demo_config(), canary_request(canary="v43"))["pipelineId"]
    one = follow(serinus, good)
    assert one["schema"] == "serinus.execution/v1" and one["id"] == good
    assert (one["kind"], one["status"], one["complete"]) == ("canary", "succeeded", True)
    assert one["verdict"] in ("pass", "marginal") and isinstance(one["score"], float)
    assert one["score"] == serinus.get(f"/canary/{good}").json()["result"]["judgeResult"]["score"]["score"]
    assert one["application"] == "ad-hoc" and one["canaryConfigName"] == demo_config()["name"]
    assert one["progress"]["done"] == one["progress"]["total"] == 2 * len(demo_config()["metrics"])
    assert one["createdTimeMillis"] <= one["startedTimeMillis"] <= one["endedTimeMillis"]
    assert one["endedTime"].endswith("Z") and "error" not in one and one["reason"]
    for name, path in one["links"].items():
        if name != "events":
            assert serinus.get(path).status_code == 200, name
    assert serinus.get(one["links"]["bundle"]).json()["schema"] == "serinus.bundle/v1"
    assert follow(serinus, bad)["verdict"] == "fail"
    assert follow(serinus, bad)["status"] == "succeeded"  # it has done what it was to do


def test_a_failure_says_why(scripted_store, start_serinus):
    scripted_store.answer = lambda path, query: (422, {}, b'{"status":"error","error":"parse error"}')
    service = start_serinus(kayenta_yml({"p": scripted_store.url}))
    failed = follow(service, service.start_canary(metric_config(), canary_request()), wait="30s")
    assert (failed["status"], failed["complete"]) == ("failed", True)
    assert "verdict" not in failed and "score" not in failed
    assert failed["error"]["code"] and failed["error"]["message"]
    assert failed["reason"] == failed["error"]["message"]
    assert "bundle" not in failed["links"]


def test_an_analysis_shows_its_intervals(quick):
    analysis = start_analysis(quick, metric_config(), analysis_request(6, 2), application="shop")
    one = wait_until(lambda: (lambda b: b if b["complete"] else None)(follow(quick, analysis, wait="10s")),
                     "the analysis to end", 60)
    assert (one["kind"], one["status"], one["verdict"], one["score"]) == \
        ("analysis", "succeeded", "pass", 100.0)
    assert [i["interval"] for i in one["intervals"]] == [1, 2, 3]
    assert one["progress"] == {"done": 3, "total": 3}
    assert one["reason"] and "bundle" not in one["links"]
    assert quick.get(one["links"]["kayenta"]).json()["complete"]
    for interval in one["intervals"]:
        judgement = follow(quick, interval["executionId"])
        assert judgement["parentId"] == analysis
        assert (interval["verdict"], interval["score"]) == (judgement["verdict"], judgement["score"])
        assert judgement["links"]["parent"] == f"/api/v1/executions/{analysis}"


def test_what_is_not_there(serinus):
    for path in ("/api/v1/executions/nope", "/api/v1/events?execution=nope"):
        answer = serinus.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert "'nope'" in answer.json()["message"]
    assert serinus.post("/api/v1/executions/nope/cancel").status_code == 404


# --- waiting ---

def test_a_poll_is_answered_at_the_end(slow):
    running = slow.start_canary(metric_config(3), canary_request())
    begin = time.monotonic()
    still = follow(slow, running, wait="1s")
    assert 0.9 < time.monotonic() - begin < 3
    assert not still["complete"] and still["status"] == "running"
    assert still["progress"] == {"done": 0, "total": 6} and "verdict" not in still
    threading.Timer(0.5, slow.let_go).start()
    begin = time.monotonic()
    assert follow(slow, running, wait="30s")["verdict"] == "pass"
    assert time.monotonic() - begin < 5
    begin = time.monotonic()
    assert follow(slow, running, wait="30s")["complete"]
    assert time.monotonic() - begin < 0.5


@pytest.mark.parametrize("wait", ["31s", "2m", "-1s", "soon", "10"])
def test_nobody_waits_longer_than_that(serinus, wait):
    answer = serinus.get(f"/api/v1/executions/x?wait={wait}")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_parameter")
    assert "'wait'" in answer.json()["message"] and "30s" in answer.json()["message"]


def test_polls_do_not_keep_others_waiting(slow):
    running = slow.start_canary(metric_config(), canary_request())
    threads = [threading.Thread(target=lambda: done.append(
        requests.get(f"{slow.url}/api/v1/executions/{running}?wait=30s", timeout=40).json()))
        for _ in range(60)]
    done = []
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    begin = time.monotonic()
    for _ in range(20):
        assert slow.get("/credentials").status_code == 200
    assert time.monotonic() - begin < 2 and not done
    slow.let_go()
    for thread in threads:
        thread.join()
    assert [one["verdict"] for one in done] == ["pass"] * 60


# --- cancelling ---

def test_cancelling_is_told_to_everybody(slow):
    running = slow.start_canary(metric_config(), canary_request())
    stream = events_of(listen(slow, execution=running))
    poll = []
    waiting = threading.Thread(target=lambda: poll.append(requests.get(
        f"{slow.url}/api/v1/executions/{running}?wait=30s", timeout=40).json()))
    waiting.start()
    time.sleep(0.2)
    begin = time.monotonic()
    for _ in range(2):
        answer = slow.post(f"/api/v1/executions/{running}/cancel")
        assert answer.status_code == 202, answer.text
        assert answer.json()["status"] == "cancelled"
    last = list(stream)[-1]
    waiting.join()
    assert time.monotonic() - begin < 5
    assert (last["event"], last["data"]["status"]) == ("execution.finished", "cancelled")
    assert (poll[0]["status"], poll[0]["complete"]) == ("cancelled", True)
    assert "verdict" not in poll[0] and poll[0]["reason"] == "it was cancelled"


def test_cancelling_an_analysis_ends_its_judgement(slow):
    analysis = start_analysis(slow, metric_config(), analysis_request())
    judgement = wait_until(lambda: follow(slow, analysis)["intervals"], "a judgement")[0]["executionId"]
    assert slow.post(f"/api/v1/executions/{analysis}/cancel").status_code == 202
    assert follow(slow, analysis)["status"] == "cancelled"
    assert follow(slow, judgement, wait="5s")["status"] == "cancelled"


def test_what_has_ended_stays_as_it_is(quick):
    ended = quick.judge(metric_config(), canary_request())["pipelineId"]
    answer = quick.post(f"/api/v1/executions/{ended}/cancel")
    assert (answer.status_code, answer.json()["verdict"]) == (202, "pass")


# --- events ---

def test_the_story_of_a_canary(slow):
    running = slow.start_canary(metric_config(2), canary_request(), application="shop")
    answer = listen(slow, execution=running)
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["X-Accel-Buffering"] == "no"
    threading.Timer(0.3, slow.let_go).start()
    story = list(events_of(answer))  # ends with the execution
    assert [e["event"] for e in story if e["event"] != "execution.progress"] == \
        ["execution.accepted", "execution.started", "execution.finished"]
    assert [int(e["id"]) for e in story] == sorted({int(e["id"]) for e in story})
    assert all(e["data"]["id"] == running and e["data"]["application"] == "shop" for e in story)
    assert story[-1]["data"]["verdict"] == "pass" and story[-1]["data"]["score"] == 100.0
    # once more from the middle, then from the end
    again = list(events_of(listen(slow, last_id=story[0]["id"], execution=running)))
    assert [e["id"] for e in again] == [e["id"] for e in story[1:]]


def test_progress_of_a_long_canary(scripted_store, start_serinus):
    def answer(path, query):
        time.sleep(0.3)
        return 200, {}, matrix(GOOD)

    scripted_store.answer = answer
    service = start_serinus(kayenta_yml({"p": scripted_store.url}))
    config = one_metric_config({"metricName": "m", "customInlineTemplate": "PromQL:m0"})
    config["metrics"] = [{**config["metrics"][0], "name": f"m{i}",
                          "query": {**config["metrics"][0]["query"], "customInlineTemplate": f"PromQL:m{i}"}}
                         for i in range(40)]
    running = service.start_canary(config, canary_request())
    done = [e["data"]["progress"]["done"] for e in events_of(listen(service, execution=running))
            if e["event"] == "execution.progress"]
    assert done and done == sorted(done) and 0 < done[0] <= 80
    assert len(done) <= 10


def test_an_analysis_tells_of_its_judgements(quick):
    everything = listen(quick, application="shop")
    analysis = start_analysis(quick, metric_config(), analysis_request(4, 2), application="shop")
    start_analysis(quick, metric_config(), analysis_request(2, 2), application="other")
    story = list(events_of(listen(quick, execution=analysis)))
    mine = [e for e in story if e["data"]["id"] == analysis]
    assert [e["event"] for e in mine] == ["execution.accepted", "execution.started",
                                          "interval.finished", "interval.finished",
                                          "execution.finished"]
    intervals = [e["data"] for e in mine if e["event"] == "interval.finished"]
    assert [i["interval"] for i in intervals] == [1, 2]
    assert all((i["verdict"], i["score"]) == ("pass", 100.0) for i in intervals)
    judgements = {e["data"]["id"] for e in story} - {analysis}
    assert judgements == {i["executionId"] for i in intervals}
    assert all(e["data"]["parentId"] == analysis for e in story if e["data"]["id"] in judgements)
    heard = []
    for event in events_of(everything):
        heard.append(event)
        if event["event"] == "execution.finished" and event["data"]["id"] == analysis:
            break
    everything.close()
    assert heard == story  # the other application's are not among them


def test_a_client_of_an_earlier_process_reads_the_state_again(quick):
    ended = quick.judge(metric_config(), canary_request())["pipelineId"]
    last = list(events_of(listen(quick, execution=ended)))[-1]["id"]
    quick.restart()
    stream = listen(quick, last_id=last)
    events = events_of(stream)
    first = next(events)
    assert first["event"] == "reset" and int(first["id"]) > int(last)
    stream.close()
    story = list(events_of(listen(quick, last_id=last, execution=ended)))
    assert [e["event"] for e in story] == ["reset", "execution.finished"]
    assert story[-1]["data"]["id"] == ended and story[-1]["data"]["verdict"] == "pass"


def test_the_end_of_the_service_is_told(quick):
    stream = listen(quick)
    begin = time.monotonic()
    quick.process.terminate()
    assert [e["event"] for e in events_of(stream)] == ["server.closing"]
    assert quick.process.wait(20) == 0
    assert time.monotonic() - begin < 5


# --- lists ---

def page(service, **parameters):
    answer = service.get("/api/v1/executions", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def walk(service, **parameters):
    """All pages; a hook runs between two of them."""
    between = parameters.pop("between", lambda: None)
    items, cursor = [], None
    while True:
        body = page(service, **parameters, **({"cursor": cursor} if cursor else {}))
        items += body["items"]
        cursor = body.get("nextCursor")
        if not cursor:
            return items
        between()


def test_lists_are_filtered_and_walked(scripted_store, start_serinus):
    def answer(path, query):
        if "bad" in query["query"]:
            return 200, {}, matrix(GOOD if "v41" in query["query"] else [10 * v for v in GOOD])
        return 200, {}, matrix(GOOD)

    scripted_store.answer = answer
    service = start_serinus(kayenta_yml({"p": scripted_store.url}))
    config = metric_config()
    failing = one_metric_config({"metricName": "m", "customInlineTemplate": "PromQL:bad{v=\"${scope}\"}"})
    config_id = service.store_config({**config, "name": "stored"})
    ids = [service.start_canary(config, canary_request(), application="a") for _ in range(5)]
    stored = service.start_canary(config_id, canary_request(), application="b")
    failed = service.start_canary(failing, canary_request(), application="a")
    for execution in (*ids, stored, failed):
        assert follow(service, execution, wait="20s")["complete"]
    analysis = start_analysis(service, config, analysis_request(4, 2), application="a")
    wait_until(lambda: follow(service, analysis, wait="10s")["complete"], "the analysis", 60)
    judgements = {i["executionId"] for i in follow(service, analysis)["intervals"]}

    everything = page(service)["items"]
    assert len(everything) == 10 and "nextCursor" not in page(service)
    created = [(i["createdTimeMillis"], i["id"]) for i in everything]
    assert created == sorted(created, reverse=True)
    found = lambda **parameters: {i["id"] for i in walk(service, limit=2, **parameters)}  # noqa: E731
    assert found(application="b") == {stored}
    assert found(config=config_id) == {stored}
    assert found(kind="analysis") == {analysis}
    assert found(kind="analysis,comparison") == {analysis}
    assert found(parent=analysis) == judgements
    assert found(verdict="fail") == {failed}
    assert found(status="failed") == set()
    assert found(status="succeeded,failed", application="a", kind="canary") == \
        {*ids, failed, *judgements}
    assert found(status="running") == set()
    middle = everything[4]
    assert found(since=middle["createdTime"]) == {i["id"] for i in everything
                                                  if i["createdTimeMillis"] >= middle["createdTimeMillis"]}
    assert found(until=middle["createdTimeMillis"]) == {
        i["id"] for i in everything if i["createdTimeMillis"] < middle["createdTimeMillis"]}
    assert found(since="now-1h", until="now-30m") == set()
    # what begins between two pages is on none of them and moves nothing
    seen = walk(service, limit=3, between=lambda: service.judge(config, canary_request()))
    assert [i["id"] for i in seen] == [i["id"] for i in everything]


def test_what_waits_and_what_runs(slow):
    running = slow.start_canary(metric_config(), canary_request())
    wait_until(lambda: follow(slow, running)["status"] == "running", "it to run")
    assert slow.post("/admin/orca/instance/enabled", {"enabled": False}).status_code == 200
    waiting = slow.start_canary(metric_config(), canary_request())
    assert follow(slow, waiting)["status"] == "accepted"
    assert follow(slow, waiting)["progress"] == {"done": 0, "total": 2}
    assert [i["id"] for i in page(slow, status="running")["items"]] == [running]
    assert [i["id"] for i in page(slow, status="accepted", limit=1)["items"]] == [waiting]
    assert [i["id"] for i in page(slow, status="accepted,running")["items"]] == [waiting, running]
    slow.let_go()
    assert slow.post("/admin/orca/instance/enabled", {"enabled": True}).status_code == 200
    assert follow(slow, waiting, wait="20s")["complete"]


@pytest.mark.parametrize("parameter, value, wanted", [
    ("limit", "0", "1 to 200"), ("limit", "201", "1 to 200"), ("limit", "x", "1 to 200"),
    ("kind", "canaries", "canary, analysis, comparison"),
    ("status", "SUCCEEDED", "accepted, running, succeeded, failed, cancelled"),
    ("verdict", "good", "pass, marginal, fail, nodata, invalid"),
    ("since", "yesterday", "2026-08-20T10:00:00Z"), ("until", "1 Jan", "now-2h"),
    ("cursor", "2", "nextCursor"), ("cursor", "1-", "nextCursor"),
    ("cursor", "1-' OR 1", "nextCursor"), ("cursor", "9999999999999999-A", "nextCursor"),
])
def test_bad_filters_are_explained(serinus, parameter, value, wanted):
    answer = serinus.get("/api/v1/executions", params={parameter: value})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_parameter")
    assert f"'{parameter}'" in answer.json()["message"] and wanted in answer.json()["message"]


# --- starting once ---

def send(service, path, body, key, **parameters):
    return service.post(path, body, params=parameters, headers={"Idempotency-Key": key})


def test_the_same_start_twice_is_one(quick):
    config = metric_config()
    config_id = quick.store_config({**config, "name": "stored"})
    ad_hoc = {"canaryConfig": config, "executionRequest": canary_request()}
    analysis = {"canaryConfig": config, "executionRequest": analysis_request()}
    starts = [("/canary", ad_hoc), (f"/canary/{config_id}", canary_request()),
              ("/standalone_canary_analysis", analysis),
              (f"/standalone_canary_analysis/{config_id}", analysis_request())]
    firsts = []
    for path, body in starts:
        first = send(quick, path, body, "deploy-1", application="a", metricsAccountName="p")
        assert first.status_code == 200, first.text
        again = send(quick, path, body, "deploy-1", metricsAccountName="p", application="a")
        assert (again.status_code, again.content) == (200, first.content)
        assert send(quick, path, body, "deploy-2", application="a").json() != first.json()
        other = send(quick, path, body, "deploy-1", application="b")
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
        firsts.append(first.content)
    assert len([i for i in page(quick, limit=200)["items"] if "parentId" not in i]) == 2 * len(starts)
    quick.restart()
    for (path, body), first in zip(starts, firsts):
        again = send(quick, path, body, "deploy-1", application="a", metricsAccountName="p")
        assert (again.status_code, again.content) == (200, first)


def test_twins_at_once_are_one(quick):
    body = {"canaryConfig": metric_config(), "executionRequest": canary_request()}
    answers = []

    def start():
        answers.append(requests.post(quick.url + "/canary", json=body, timeout=30,
                                     headers={"Idempotency-Key": "at-once"}))

    threads = [threading.Thread(target=start) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {a.status_code for a in answers} == {200}
    assert len({a.json()["canaryExecutionId"] for a in answers}) == 1
    assert len(page(quick)["items"]) == 1


@pytest.mark.parametrize("key", ["k" * 129, "two words", "caf\u00e9".encode(), "tab\tin it"])
def test_bad_keys_are_refused(serinus, key):
    n_before = len(page(serinus, limit=200)["items"])
    answer = send(serinus, "/canary", {"canaryConfig": demo_config(),
                                       "executionRequest": canary_request()}, key)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_idempotency_key")
    assert "'Idempotency-Key'" in answer.json()["message"] and "128" in answer.json()["message"]
    assert len(page(serinus, limit=200)["items"]) == n_before
