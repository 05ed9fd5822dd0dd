"""What all clients together ask of the service, one rule a test, and what the stand-ins in clients/
stop at: a stand-in that swallows everything proves nothing."""
import copy
import json
import re
import time

import pytest
from clients import argo
from clients.gate import Deck, Gate
from clients.kayentactl import Kayentactl
from clients.orca import STATUSES, Orca
from clients.referee import ID, Referee
from clients.wire import DURATION, INSTANT, ClientError, Node, is_2xx, parse
from conftest import WINDOW, canary_request, demo_config, wait_until

NAME = "rules"


@pytest.fixture(scope="module")
def config_id(serinus):
    return serinus.store_config(demo_config(name=NAME))


@pytest.fixture(scope="module")
def judged(serinus, config_id):
    return serinus.judge(config_id, canary_request("v46"), application="checkout",
                         parentPipelineExecutionId="01PARENT")


def analysis_request(canary="v42"):
    return {"scopes": [{"scopeName": "default", "controlScope": "v41", "controlLocation": "baseline",
                        "experimentScope": canary, "experimentLocation": "canary", "startTimeIso": WINDOW[0],
                        "endTimeIso": WINDOW[1]}],
            "thresholds": {"pass": 95, "marginal": 75}, "analysisIntervalMins": 30}


@pytest.fixture(scope="module")
def analysed(serinus, config_id):
    answer = serinus.post(f"/standalone_canary_analysis/{config_id}", analysis_request())
    path = "/standalone_canary_analysis/" + answer.json()["canaryAnalysisExecutionId"]
    wait_until(lambda: serinus.get(path).json()["complete"], path)
    return serinus.get(path).json()


def test_rule_1_success_is_exactly_200(serinus, config_id, judged, analysed):
    config = demo_config()
    for path, body in (("/canary", {"canaryConfig": config, "executionRequest": canary_request()}),
                       (f"/canary/{config_id}", canary_request()),
                       ("/standalone_canary_analysis",
                        {"canaryConfig": config, "executionRequest": analysis_request()}),
                       (f"/standalone_canary_analysis/{config_id}", analysis_request()),
                       ("/canaryConfig", demo_config(name="two-hundred"))):
        assert serinus.post(path, body).status_code == 200, path
    for path in ("/canaryConfig", f"/canaryConfig/{config_id}", f"/canary/{judged['pipelineId']}", "/canary/executions",
                 f"/metricSetPairList/{judged['metricSetPairListId']}", "/credentials", "/judges", "/metricsServices",
                 "/metadata/metricsService", "/pipelines", f"/pipelines/{judged['pipelineId']}", "/canaryResultArchive",
                 f"/standalone_canary_analysis/{analysed['pipelineId']}", "/metricSetList", "/metricSetPairList"):
        assert serinus.get(path).status_code == 200, path


def test_rule_2_ids_are_words(serinus, judged, analysed):
    children = [one["executionId"] for one in analysed["canaryAnalysisExecutionResult"]["canaryExecutionResults"]]
    for execution in (judged["pipelineId"], analysed["pipelineId"], *children):
        assert ID.match(execution) and len(execution) == 26


def test_rule_3_an_empty_parameter_is_not_given(serinus, config_id, judged):
    empty = {name + "AccountName": "" for name in ("metrics", "configuration", "storage")}
    everything = serinus.get("/canaryConfig").json()
    assert serinus.get("/canaryConfig", params={"application": "", **empty}).json() == everything
    answer = serinus.post(f"/canary/{config_id}", canary_request(), params={
        "application": "", "parentPipelineExecutionId": "", **empty})
    assert answer.status_code == 200
    body = serinus.wait_for(answer.json()["canaryExecutionId"])
    assert body["metricsAccountName"] == "prometheus-prod" and "parentPipelineExecutionId" not in body
    for path in (f"/canary/{judged['pipelineId']}?storageAccountName=",
                 f"/metricSetPairList/{judged['metricSetPairListId']}?accountName=",
                 "/metadata/metricsService?metricsAccountName=&filter=", "/canaryResultArchive?storageAccountName=",
                 "/canary/executions?application=checkout&limit=&page=&statuses=&storageAccountName="):
        answer = serinus.get(path)
        assert answer.status_code == 200 and answer.json(), path


def test_rule_4_and_5_booleans_scores_and_timestamps_have_their_types(serinus, judged):
    assert judged["complete"] is True
    score = judged["result"]["judgeResult"]["score"]["score"]
    assert isinstance(score, float) and score == 80.0
    raw = serinus.get("/canaryConfig").text
    stamps = re.findall(r'"updatedTimestamp":([^,}]*)', raw)
    assert stamps and all(re.fullmatch(r"\d{13}", stamp) for stamp in stamps)


def test_rule_6_every_listed_config_is_complete(serinus, config_id):
    """What was left out in a config does not show in the list."""
    serinus.store_config({"name": "bare", "applications": ["a"], "id": "bare"})
    for one in serinus.get("/canaryConfig").json():
        assert {kind.__name__ for kind in (type(one["id"]), type(one["name"]))} == {"str"}
        assert one["applications"] and all(isinstance(name, str) for name in one["applications"])


def no_nulls(value):
    if isinstance(value, dict):
        return all(map(no_nulls, value.values()))
    return all(map(no_nulls, value)) if isinstance(value, list) else value is not None


def test_rule_7_a_status_has_all_that_is_read(serinus, judged):
    for name, kind in (("application", str), ("complete", bool), ("status", str), ("config", dict)):
        assert isinstance(judged[name], kind)
    result = judged["result"]["judgeResult"]
    assert all(isinstance(one["name"], str) for one in result["results"])
    assert set(result["score"]) == {"score", "classification", "classificationReason"}
    assert result["score"]["classificationReason"] == ""


def test_rule_8_a_result_has_the_id_of_its_pair(serinus, judged):
    pairs = serinus.get(f"/metricSetPairList/{judged['metricSetPairListId']}").json()
    results = judged["result"]["judgeResult"]["results"]
    assert {pair["id"]: pair["name"] for pair in pairs} == {one["id"]: one["name"] for one in results}
    assert len(results) == len(pairs)


def test_rule_9_bodies_are_read_with_patience(serinus):
    request = canary_request("v42")
    request["thresholds"] = {"pass": "95", "marginal": "75", "unknown": {"a": [1]}}
    request.update(metadata=None, siteLocal=None, unknown=[None])
    for side in request["scopes"]["default"].values():
        side.update(step="60", extendedScopeParams=None, region="x", type="y", resourceType=None)
    config = demo_config(applications=None, id=None, templates={**demo_config()["templates"], "unused": None})
    config["metrics"][0]["analysisConfigurations"]["canary"]["effectSize"]["criticalIncrease"] = None
    body = serinus.judge(config, request)
    assert body["canaryExecutionRequest"]["thresholds"] == {"pass": 95.0, "marginal": 75.0}
    assert body["canaryExecutionRequest"]["scopes"]["default"]["controlScope"]["step"] == 60
    assert body["result"]["judgeResult"]["score"]["classification"] == "Pass"
    body = Kayentactl.body(demo_config(), ("v41", "baseline"), ("v42", "canary"), *WINDOW, interval_mins=30)
    assert body["executionRequest"]["scopes"][0]["step"] == 0 and "applications" not in body["canaryConfig"]
    assert Kayentactl(serinus.url).run(body) == 0


def test_rule_10_two_ways_to_spell_a_status(judged, analysed):
    assert judged["status"] == "succeeded"
    assert set(judged["stageStatus"].values()) == {"succeeded"}
    assert (analysed["status"], analysed["executionStatus"]) == ("succeeded", "SUCCEEDED")
    assert {stage["status"] for stage in analysed["stageStatus"]} == {"SUCCEEDED"}
    assert {one["executionStatus"] for one in analysed["canaryAnalysisExecutionResult"]["canaryExecutionResults"]} == {
        "SUCCEEDED"}


def test_rule_11_every_error_has_a_message(serinus):
    answers = [serinus.get("/nowhere"), serinus.get("/canary/01M0ZZZZZZZZZZZZZZZZZZZZZZ"),
               serinus.get("/canaryConfig/x"),
               serinus.put("/metricSetPairList", []), serinus.post("/canary", {}), serinus.post("/canaryConfig", {}),
               serinus.get("/canaryConfig/"), serinus.post("/fetch/prometheus/query"), serinus.post("/canary", []),
               serinus.get("/metricSetPairList/x/y"), serinus.get("/standalone_canary_analysis/x"),
               serinus.delete("/pipelines/x"), serinus.put("/pipelines/x/cancel"), serinus.delete("/metricSetList/x"),
               serinus.post("/judges/judge"), serinus.get("/canary/executions?statuses=x"),
               serinus.post("/canary/x", canary_request()), serinus.delete("/canaryResultArchive/x"),
               serinus.session.post(serinus.url + "/canary", data="x", headers={"Content-Type": "text/plain"})]
    for answer in answers:
        assert answer.status_code >= 400
        body = answer.json()
        assert isinstance(body["message"], str) and body["message"], answer.text
        assert (body["status"], answer.headers["Content-Type"].split("/")[0]) == (answer.status_code, "application")


def times(value, path=""):
    if isinstance(value, dict):
        for name, member in value.items():
            yield from times(member, name)
    elif isinstance(value, list):
        for member in value:
            yield from times(member, path)
    elif path.endswith(("Iso", "Millis", "Duration", "Timestamp")) and path != "stepMillis":
        yield path, value


def test_rule_12_times_are_instants_in_utc(serinus, judged, analysed):
    pairs = serinus.get(f"/metricSetPairList/{judged['metricSetPairListId']}").json()
    found = list(times([judged, analysed, pairs, serinus.get("/canaryConfig").json()]))
    assert {name for name, _ in found} >= {"buildTimeIso", "endTimeMillis", "judgementStartTimeIso", "canaryDuration",
                                           "updatedTimestampIso", "startTimeMillis"}
    for name, value in found:
        if name.endswith("Iso"):
            assert INSTANT.match(value), (name, value)
        elif name.endswith("Duration"):
            assert DURATION.match(value), (name, value)
        else:
            assert isinstance(value, int) and 1.7e12 < value < 2e12, (name, value)


def test_rule_13_what_is_absent_is_left_out(serinus, config_id, judged, analysed):
    for body in (judged, analysed, serinus.get("/canaryConfig").json(), serinus.get("/credentials").json(),
                 serinus.get(f"/canaryConfig/{config_id}").json(),
                 serinus.get(f"/pipelines/{judged['pipelineId']}").json()):
        assert no_nulls(body)


def test_rule_14_and_15_a_status_read_is_cheap(serinus, judged):
    """A hundred in less than what one may take."""
    started = time.monotonic()
    for _ in range(100):
        assert serinus.get(f"/canary/{judged['pipelineId']}").status_code == 200
    assert time.monotonic() - started < 10


def test_a_score_equal_to_marginal(serinus, config_id):
    """Orca and the stand-alone analysis fail, Argo cannot say."""
    request = analysis_request("v46")
    request.update(thresholds={"pass": 95, "marginal": 80}, analysisIntervalMins=60)
    answer = serinus.post(f"/standalone_canary_analysis/{config_id}", request)
    path = "/standalone_canary_analysis/" + answer.json()["canaryAnalysisExecutionId"]
    wait_until(lambda: serinus.get(path).json()["complete"], path)
    body = serinus.get(path).json()
    assert body["status"] == "terminal"
    assert body["canaryAnalysisExecutionResult"]["canaryScoreMessage"] == (
        "Final canary score 80.0 is not above the marginal score threshold.")
    child = body["canaryAnalysisExecutionResult"]["canaryExecutionResults"][0]
    assert child["result"]["judgeResult"]["score"]["classification"] == "Marginal"


# --- the stand-ins themselves ---

def spoiled(body, path, value=None, gone=False):
    body = copy.deepcopy(body)
    at = body
    for step in path[:-1]:
        at = at[step]
    if gone:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return body


JUDGED = ("result", "judgeResult")


@pytest.mark.parametrize("path, value", [
    (("complete",), "true"), (("status",), "done"), (("status",), None), (("application",), None),
    (("startTimeIso",), "2026-01-01 01:00"), (("endTimeIso",), None), (("exception",), "it failed"),
    ((*JUDGED, "score", "score"), "80"), ((*JUDGED, "score", "classificationReason"), None),
    ((*JUDGED, "results", 0, "controlMetadata", "stats", "count"), 61.5), (("result", "canaryDuration"), "1h"),
    (("canaryExecutionRequest", "scopes", "default", "controlScope", "start"), None),
    (("canaryExecutionRequest", "thresholds", "pass"), None),
])
def test_orca_stops_at_what_it_cannot_decode(judged, path, value):
    assert Orca.decode(Node(judged))["score"] == 80
    with pytest.raises(ClientError):
        Orca.decode(Node(spoiled(judged, path, value)))
    if path != ("exception",) and path[-1] not in ("startTimeIso", "endTimeIso", "canaryDuration"):
        with pytest.raises(ClientError):
            Orca.decode(Node(spoiled(judged, path, gone=True)))


def replay(store, replies):
    """The scripted store plays the service: the longest path that matches answers."""
    def answer(path, _):
        name = max((name for name in replies if path.startswith(name)), key=len)
        status, body = replies[name]
        return status, {}, body if isinstance(body, bytes) else json.dumps(body).encode()

    store.answer = answer
    return store.url


LISTED = [{"id": "c", "name": NAME, "updatedTimestamp": 1, "updatedTimestampIso": "x", "applications": ["checkout"]}]
STARTED = {"canaryExecutionId": "e"}


@pytest.mark.parametrize("change, why", [
    ({"/canary/c": (201, STARTED)}, "201"), ({"/canary/c": (202, STARTED)}, "202"),
    ({"/canaryConfig": (204, b"")}, "204"),
    ({"/canary/e": (503, {})}, "503"), ({"/canary/e": (200, b"{")}, "not JSON"),
    ({"/canaryConfig": (200, [{**LISTED[0], "updatedTimestamp": 1.5}])}, "integer"),
    ({"/canaryConfig": (200, [{**LISTED[0], "updatedTimestamp": "x"}])}, "integer"),
    ({"/canary/e": (200, {"complete": "true"})}, "boolean"),
    ({"/canary/e": (200, {"complete": True, "result": {"judgeResult": {"score": {"score": "80"}}}})}, "Missing Score"),
    ({"/canary/e": (200, {"complete": True})}, "Missing Score"),
    ({"/canary/e": (200, b'{"complete": true, "result": {"judgeResult": {"score": {"score": NaN}}}}')}, "JSON"),
])
def test_argo_stops_at(scripted_store, judged, change, why):
    replies = {"/canaryConfig": (200, LISTED), "/canary/c": (200, STARTED), "/canary/e": (200, judged)}
    scopes = argo.scopes(("v46", "canary"), *WINDOW)
    good = argo.Kayenta(replay(scripted_store, replies), "checkout", NAME)
    assert good.measure(scopes) == (argo.INCONCLUSIVE, "80")
    phase, message = argo.Kayenta(replay(scripted_store, {**replies, **change}), "checkout", NAME).measure(scopes)
    assert phase == argo.ERROR and why in message


@pytest.mark.parametrize("path, value", [
    (("config",), None), ((*JUDGED, "results", 0, "name"), None), ((*JUDGED, "results", 0, "id"), "another"),
    ((*JUDGED, "results", 0, "classification"), "Great"), ((*JUDGED, "score", "classification"), "Good"),
    ((*JUDGED, "results", 0, "groups"), ["unscored"]),
])
def test_deck_and_referee_stop_at(serinus, scripted_store, judged, path, value):
    pairs = serinus.get(f"/metricSetPairList/{judged['metricSetPairListId']}").json()

    def show(body):
        url = replay(scripted_store, {"/canary/": (200, body), "/metricSetPairList/": (200, pairs)})
        Deck(Gate(url)).report("e")

    show(judged)
    with pytest.raises(ClientError):
        show(spoiled(judged, path, value))


@pytest.mark.parametrize("path, value", [
    ((*JUDGED, "results", 0, "name"), "not in the config"), ((*JUDGED, "groupScores"), []),
    ((*JUDGED, "results", 0, "controlMetadata", "stats", "mean"), "NaN"),
    (("canaryExecutionRequest", "scopes"), {"other": {}}), (("canaryExecutionRequest", "thresholds", "marginal"), "75"),
])
def test_referee_pages_break_at(serinus, scripted_store, judged, path, value):
    pairs = serinus.get(f"/metricSetPairList/{judged['metricSetPairListId']}").json()

    def show(body):
        url = replay(scripted_store, {"/canary/": (200, body), "/metricSetPairList/": (200, pairs)})
        Referee(url).canary_report("e")

    show(judged)
    with pytest.raises(ClientError):
        show(spoiled(judged, path, value))


def test_referee_has_no_page_for_dashes(serinus):
    with pytest.raises(ClientError, match="no page"):
        Referee(serinus.url).canary_report("7c3e-4b1f")


@pytest.mark.parametrize("path, value", [
    (("stageStatus", 0, "status"), "done"), (("stageStatus",), {}), (("complete",), 1), (("executionStatus",), None),
    (("canaryAnalysisExecutionResult", "canaryScores"), ["100"]),
    (("canaryAnalysisExecutionResult", "didPassThresholds"), None),
])
def test_kayentactl_stops_at(scripted_store, analysed, path, value):
    def show(body):
        ctl = Kayentactl(replay(scripted_store, {"/": (200, body)}))
        return ctl.report(ctl.wait("a"))

    assert show(analysed) == 0
    with pytest.raises(ClientError):
        show(spoiled(analysed, path, value))


def test_a_strict_reader():
    for text in ('{"a": NaN}', '{"a": 1, "a": 2}', "{", ""):
        with pytest.raises(ClientError):
            parse(text)
    assert parse('{"a": "NaN"}') == {"a": "NaN"}
    with pytest.raises(ClientError):
        Node({"a": None}).maybe("a")
    with pytest.raises(ClientError):
        Node(True).integer()
    assert {"SUCCEEDED", "TERMINAL"} < STATUSES and is_2xx(204) and not is_2xx(302)
