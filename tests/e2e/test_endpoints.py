"""The rest of Kayenta's operations: what is stored by hand, the archive, pipelines, accounts' names,
judges. Expected shapes are those of fixtures/kayenta-api/."""
import json
import os
import threading
import time

import pytest
from conftest import canary_request, demo_config, kayenta_yml, matrix, one_metric_config, wait_until
from kayenta_examples import assert_answer, assert_like, differences, example

CPU = {"metricName": "cpu", "customInlineTemplate": 'version="${scope}"'}


# --- metric set lists and pair lists ---

def test_metric_set_lists(serinus):
    for name in ("metricSetList-GET-by-id-response-200", "metricSetList-GET-by-id-response-200-no-data-placeholder"):
        answer = serinus.post("/metricSetList", example(name))
        assert_answer(answer, "metricSetList-POST-response-200")
        path = "/metricSetList/" + answer.json()["metricSetListId"]
        assert serinus.get(path).json() == example(name)
        assert answer.json()["metricSetListId"] in {e["id"] for e in serinus.get("/metricSetList").json()}
        assert serinus.put(path, []).status_code == 405
        assert serinus.delete(path).status_code == 204
        assert serinus.get(path).status_code == 404 and serinus.get(path).json()["message"]
        assert serinus.delete(path).status_code == 400


def test_metric_set_pair_lists(serinus):
    assert_answer(serinus.post("/metricSetPairList", example("metricSetPairList-POST-request")),
                  "metricSetPairList-POST-response-200")
    pairs = example("metricSetPairList-GET-by-id-response-200")
    list_id = serinus.post("/metricSetPairList", pairs).json()["metricSetPairListId"]
    assert serinus.get(f"/metricSetPairList/{list_id}").json() == pairs
    one = serinus.get(f"/metricSetPairList/{list_id}/{pairs[0]['id']}")
    assert one.json() == example("metricSetPairList-GET-single-pair-response-200")
    for missing in (f"{list_id}/no-such-pair", f"no-such-list/{pairs[0]['id']}", "no-such-list"):
        answer = serinus.get(f"/metricSetPairList/{missing}")
        assert answer.status_code == 404 and answer.json()["message"]
    listed = serinus.get("/metricSetPairList")
    assert_answer(listed, "metricSetPairList-GET-list-response-200")
    assert listed.json()[0]["id"] == list_id, "latest first"
    assert serinus.get("/metricSetPairList?limit=1&page=2").json() == listed.json()[1:2]
    assert serinus.delete(f"/metricSetPairList/{list_id}").status_code == 204


def test_a_pair_without_an_id_is_given_one(serinus):
    pairs = example("metricSetPairList-POST-request")
    del pairs[0]["id"]
    list_id = serinus.post("/metricSetPairList", pairs).json()["metricSetPairListId"]
    pair = serinus.get(f"/metricSetPairList/{list_id}").json()[0]
    assert serinus.get(f"/metricSetPairList/{list_id}/{pair['id']}").json() == pair


def test_series_that_cannot_be_judged_are_refused(serinus):
    pairs = example("metricSetPairList-POST-request")
    pairs[0]["values"]["experiment"][3] = None
    answer = serinus.post("/metricSetPairList", pairs)
    assert answer.status_code == 400
    assert answer.json()["details"][0]["pointer"] == "/0/values/experiment/3"
    sets = example("metricSetList-GET-by-id-response-200")
    sets[1]["values"][7] = None
    answer = serinus.post("/metricSetList", sets)
    assert answer.json()["details"][0]["pointer"] == "/1/values/7"
    for start in (-9223372036854775808, 9223372036854775807):
        sets = [{"name": "m", "values": [], "startTimeMillis": start}]
        assert serinus.post("/metricSetList", sets).status_code == 400
    assert serinus.post("/metricSetList", {}).status_code == 400
    assert serinus.post("/metricSetList?accountName=nobody", []).json()["message"] == "Unable to resolve account nobody."


# --- the archive ---

def test_archive_by_hand(serinus):
    entry = example("canary-GET-response-200-succeeded-pass")
    answer = serinus.post(f"/canaryResultArchive?pipelineId={entry['pipelineId']}", entry)
    assert answer.status_code == 200
    assert answer.json() == example("canaryResultArchive-POST-response-200")
    path = "/canaryResultArchive/" + entry["pipelineId"]
    assert serinus.get(path).json() == entry
    assert serinus.get("/canary/" + entry["pipelineId"]).json() == entry, "no execution: the archive answers"
    again = serinus.post(f"/canaryResultArchive?pipelineId={entry['pipelineId']}", entry)
    assert again.status_code == 400
    assert again.json()["message"] == example("canaryResultArchive-POST-response-400-exists")["message"]
    assert serinus.put(path, {"changed": 1}).json() == {"pipelineId": entry["pipelineId"]}
    assert serinus.get(path).json() == {"changed": 1}
    assert_answer(serinus.get("/canaryResultArchive"), "canaryResultArchive-GET-list-response-200")
    assert serinus.delete(path).status_code == 204
    assert serinus.get(path).status_code == 404
    gone = serinus.put(path, entry)
    assert gone.status_code == 400
    assert gone.json()["message"] == f"Archived canary result '{entry['pipelineId']}' does not exist."
    made_up = serinus.post("/canaryResultArchive", entry).json()["pipelineId"]
    assert serinus.get(f"/canaryResultArchive/{made_up}").json() == entry


def test_every_ended_execution_is_archived(serinus):
    body = serinus.judge(demo_config(), canary_request("v43"), application="archived")
    path = "/canaryResultArchive/" + body["pipelineId"]
    assert serinus.get(path).json() == body
    assert serinus.get("/canaryResultArchive").json()[0]["id"] == body["pipelineId"]
    assert serinus.post(f"/canaryResultArchive?pipelineId={body['pipelineId']}", {}).status_code == 400
    assert serinus.delete(path).status_code == 204
    assert serinus.get(path).status_code == 404
    assert serinus.get("/canary/" + body["pipelineId"]).json() == body
    missing = serinus.get("/canary/" + "01M0ZZZZZZZZZZZZZZZZZZZZZZ")
    assert missing.status_code == 404
    assert missing.json()["message"] == example("canary-GET-response-404-memory-store")["message"]


# --- pipelines ---

class Gate:
    """A store that answers only once it is opened."""

    def __init__(self, store):
        self.event = threading.Event()
        store.answer = self.answer

    def answer(self, path, query):
        self.event.wait(30)
        return 200, {}, matrix(range(61))


@pytest.fixture
def gated(scripted_store):
    gate = Gate(scripted_store)
    yield scripted_store
    gate.event.set()


def cancel(service, execution, body=b'""'):
    return service.session.put(f"{service.url}/pipelines/{execution}/cancel", data=body,
                               headers={"Content-Type": "application/json"}, timeout=10)


def assert_canceled(service, execution):
    body = service.get(f"/canary/{execution}").json()
    assert body["status"] == "canceled" and body["complete"] is True, body
    assert set(body["stageStatus"].values()) <= {"canceled", "not_started", "succeeded"}, body["stageStatus"]
    only_if_given = {"parentPipelineExecutionId", "configurationAccountName"}
    assert set(body) == set(example("canary-GET-response-200-canceled")) - only_if_given
    assert body["endTimeMillis"] >= body["startTimeMillis"]
    assert service.get(f"/canaryResultArchive/{execution}").json() == body
    return body


@pytest.mark.smoke
@pytest.mark.parametrize("body", [b'""', b"null", b""])
def test_cancel_ends_a_running_canary(start_serinus, gated, body):
    service = start_serinus(kayenta_yml({"scripted": gated.url}))
    execution = service.start_canary(one_metric_config(CPU), canary_request(), application="a")
    wait_until(lambda: gated.requests, "the first query")
    answer = cancel(service, execution, body)
    assert answer.status_code == 202 and answer.content == b""
    assert_canceled(service, execution)
    assert cancel(service, execution).status_code == 202, "no change"
    listed = service.get("/canary/executions?application=a&statuses=CANCELED").json()
    assert [e["pipelineId"] for e in listed] == [execution]
    assert service.get(f"/pipelines/{execution}").json()["canceled"] is True
    wait_until(lambda: 'phase="running"} 0' in service.get("/metrics").text, "the run to end", timeout_s=5)
    assert_canceled(service, execution)


@pytest.mark.smoke
def test_a_cancel_survives_kill(start_serinus, gated):
    service = start_serinus(kayenta_yml({"scripted": gated.url}))
    ids = [service.start_canary(one_metric_config(CPU), canary_request()) for _ in range(3)]
    wait_until(lambda: gated.requests, "the first query")
    assert cancel(service, ids[1]).status_code == 202
    service.kill()
    service.start()
    assert_canceled(service, ids[1])
    assert service.get(f"/canary/{ids[0]}").json()["status"] in ("not_started", "running")
    for execution in (ids[0], ids[2]):
        assert cancel(service, execution).status_code == 202


def test_a_waiting_canary_can_be_cancelled(start_serinus, prometheus):
    service = start_serinus(kayenta_yml({"prometheus": prometheus.url}))
    assert service.post("/admin/orca/instance/enabled", {"enabled": False}).status_code == 200
    waiting = [service.start_canary(demo_config(), canary_request()) for _ in range(3)]
    time.sleep(0.3)
    assert {service.get(f"/canary/{i}").json()["status"] for i in waiting} == {"not_started"}
    assert cancel(service, waiting[1]).status_code == 202
    body = service.get(f"/canary/{waiting[1]}").json()
    assert body["status"] == "canceled" and set(body["stageStatus"].values()) == {"not_started"}
    answer = service.post("/admin/orca/instance/enabled", example("admin-orca-instance-enabled-POST-request"))
    assert answer.status_code == 200 and answer.content == b""
    assert service.wait_for(waiting[0])["status"] == "succeeded"
    assert service.wait_for(waiting[2])["status"] == "succeeded"
    assert service.get(f"/canary/{waiting[1]}").json() == body


def test_queue_switch_needs_its_field(serinus):
    for body in ({}, {"enabled": None}):
        answer = serinus.post("/admin/orca/instance/enabled", body)
        assert answer.status_code == 400 and answer.json()["message"] == "The field 'enabled' must be set."
    assert serinus.post("/admin/orca/instance/enabled", {"enabled": 1}).status_code == 400


def test_pipelines_of_finished_canaries(serinus):
    body = serinus.judge(demo_config(), canary_request("v43"), application="pipelined")
    execution = body["pipelineId"]
    listed = serinus.get("/pipelines")
    assert_answer(listed, "pipelines-GET-list-response-200")
    assert listed.json()[0] == execution, "newest first"
    assert serinus.get("/pipelines?limit=1").json() == [execution]

    shown = serinus.get(f"/pipelines/{execution}").json()
    wanted = example("pipelines-GET-by-id-response-200-trimmed")
    assert set(shown) == set(wanted)
    for key in set(wanted) - {"stages", "trigger", "initialConfig"}:
        assert not differences(shown[key], wanted[key]), key
    assert shown["trigger"] == wanted["trigger"]
    assert (shown["status"], shown["canceled"], shown["name"]) == ("SUCCEEDED", False, wanted["name"])
    assert shown["buildTime"] == body["buildTimeMillis"]
    stages = {stage["refId"]: stage for stage in shown["stages"]}
    assert set(stages) == set(body["stageStatus"])
    assert {stage["status"] for stage in stages.values()} == {"SUCCEEDED"}
    for like in wanted["stages"]:
        stage = stages[like["refId"]]
        assert set(stage) == set(like) - {"startTime", "endTime"}
        assert (stage["type"], stage["name"]) == (like["type"], like["name"])
        assert set(stage["tasks"][0]) == set(like["tasks"][0]) - {"startTime", "endTime"}
    assert stages["mixMetrics"]["outputs"]["metricSetPairListId"] == body["metricSetPairListId"]
    assert stages["fetchControl1"]["context"]["metricIndex"] == 1
    assert stages["judge"]["requisiteStageRefIds"] == ["mixMetrics"]
    assert set(stages["mixMetrics"]["requisiteStageRefIds"]) == {k for k in stages if k.startswith("fetch")}

    assert cancel(serinus, execution).status_code == 202
    assert serinus.get(f"/canary/{execution}").json() == body, "a verdict stays"
    answer = serinus.delete(f"/pipelines/{execution}")
    assert answer.status_code == 200 and answer.content == b""
    assert execution not in serinus.get("/pipelines").json()
    assert serinus.get("/canary/executions?application=pipelined").json() == []
    assert serinus.get(f"/canary/{execution}").json() == body, "from the archive"
    assert serinus.delete(f"/canaryResultArchive/{execution}").status_code == 204
    assert serinus.get(f"/canary/{execution}").status_code == 404
    for answer in (serinus.get(f"/pipelines/{execution}"), serinus.delete(f"/pipelines/{execution}"),
                   cancel(serinus, execution)):
        assert answer.status_code == 404
        assert answer.json()["message"] == f"No pipeline found for {execution}"


def test_a_failed_fetch_shows_in_its_stage(start_serinus, scripted_store):
    scripted_store.answer = lambda path, query: (400, {}, b'{"status":"error","errorType":"bad_data","error":"no"}')
    service = start_serinus(kayenta_yml({"scripted": scripted_store.url}))
    body = service.judge(one_metric_config(CPU), canary_request())
    shown = service.get(f"/pipelines/{body['pipelineId']}").json()
    assert shown["status"] == "TERMINAL"
    failed = [stage for stage in shown["stages"] if stage["status"] == "TERMINAL"]
    assert failed[0]["context"]["exception"] == body["exception"]


def test_a_running_pipeline_is_not_deleted(start_serinus, gated):
    service = start_serinus(kayenta_yml({"scripted": gated.url}))
    execution = service.start_canary(one_metric_config(CPU), canary_request())
    wait_until(lambda: service.get(f"/pipelines/{execution}").json()["status"] == "RUNNING", "it to run")
    answer = service.delete(f"/pipelines/{execution}")
    assert answer.status_code == 409 and answer.json()["code"] == "still_running"
    assert cancel(service, execution).status_code == 202
    assert service.delete(f"/pipelines/{execution}").status_code == 200
    assert service.get("/pipelines").json() == []
    wait_until(lambda: 'phase="running"} 0' in service.get("/metrics").text, "the run to end", timeout_s=5)
    assert "could not be stored" not in service.log_text()


def test_pipelines_of_stages_are_not_started(serinus):
    answer = serinus.post("/pipelines/start", example("pipelines-POST-start-request"))
    assert answer.status_code == 403 and "/judges/judge" in answer.json()["message"]


def test_analyses_are_pipelines_too(start_serinus, gated):
    service = start_serinus(kayenta_yml({"scripted": gated.url}))
    request = {"canaryConfig": one_metric_config(CPU), "executionRequest": {
        "scopes": [{"scopeName": "default", "controlScope": "v41", "experimentScope": "v42",
                    "controlLocation": "l", "experimentLocation": "l",
                    "startTimeIso": "2026-01-01T00:00:00Z", "endTimeIso": "2026-01-01T01:00:00Z", "step": 60}],
        "thresholds": {"pass": 95, "marginal": 75}, "analysisIntervalMins": 30}}
    analysis = service.post("/standalone_canary_analysis", request).json()["canaryAnalysisExecutionId"]
    wait_until(lambda: gated.requests, "the first query")
    shown = service.get(f"/pipelines/{analysis}").json()
    assert (shown["name"], shown["status"]) == ("Standalone Canary Analysis Pipeline", "RUNNING")
    refused = service.get(f"/canary/{analysis}")
    assert refused.status_code == 400
    assert refused.json()["message"] == example("canary-GET-response-400-not-a-canary-run")["message"]
    ids = service.get("/pipelines").json()
    assert len(ids) == 2 and analysis in ids
    child = next(i for i in ids if i != analysis)
    assert cancel(service, analysis).status_code == 202
    assert service.get(f"/standalone_canary_analysis/{analysis}").json()["status"] == "canceled"
    wait_until(lambda: service.get(f"/canary/{child}").json()["status"] == "canceled", "the child", timeout_s=5)
    assert service.get(f"/pipelines/{analysis}").json()["status"] == "CANCELED"
    assert service.delete(f"/pipelines/{analysis}").status_code == 200
    assert service.get(f"/standalone_canary_analysis/{analysis}").status_code == 404


# --- accounts and what their stores have ---

def names(service, query=""):
    answer = service.get("/metadata/metricsService" + query)
    assert answer.status_code == 200, answer.text
    return [element["name"] for element in answer.json()]


def test_metrics_services(serinus):
    answer = serinus.get("/metricsServices")
    wanted = example("metricsServices-GET-response-200")[0]
    assert answer.status_code == 200
    assert answer.json() == [{**wanted, "name": "prometheus-prod", "recommendedLocations": [], "locations": []}]


def test_names_of_metrics(serinus):
    wait_until(lambda: names(serinus), "the names", timeout_s=5)
    assert_answer(serinus.get("/metadata/metricsService"), "metadata-metricsService-GET-response-200-prometheus")
    everything = names(serinus)
    assert "not_a_number" in everything and everything == sorted(everything)
    assert names(serinus, "?filter=A_NUM") == ["not_a_number"]
    assert names(serinus, "?filter=&metricsAccountName=") == everything
    assert names(serinus, "?filter=nothing-like-it") == []
    assert serinus.get("/metadata/metricsService?metricsAccountName=nobody").status_code == 400


def label_values(*values):
    return json.dumps({"status": "success", "data": values}).encode()


def test_names_are_kept_and_refreshed(start_serinus, scripted_store):
    scripted_store.answer = lambda path, query: (200, {}, label_values("first"))
    service = start_serinus(kayenta_yml({"kept": scripted_store.url, "short": {
        "endpoint": {"baseUrl": scripted_store.url}, "metadataCachingIntervalMS": 100}}))
    assert names(service, "?metricsAccountName=kept") == ["first"]
    assert scripted_store.requests[0][0] == "/api/v1/label/__name__/values"
    assert names(service, "?metricsAccountName=short") == ["first"]
    scripted_store.answer = lambda path, query: (200, {}, label_values("second"))
    time.sleep(0.2)
    wait_until(lambda: names(service, "?metricsAccountName=short") == ["second"], "the new names")
    scripted_store.answer = lambda path, query: (400, {}, b"{}")
    time.sleep(0.2)
    for _ in range(3):
        assert names(service, "?metricsAccountName=short") == ["second"], "a failed refresh keeps them"
    assert names(service, "?metricsAccountName=kept") == ["first"]
    assert "metric names could not be fetched" in service.log_text()


def test_the_section_says_how_long_names_are_kept(start_serinus, scripted_store):
    scripted_store.answer = lambda path, query: (200, {}, label_values("first"))
    settings = kayenta_yml({"p": scripted_store.url}).replace(
        "    enabled: true\n", "    enabled: true\n    metadataCachingIntervalMS: 1\n")
    service = start_serinus(settings)
    assert names(service) == ["first"]
    scripted_store.answer = lambda path, query: (200, {}, label_values("second"))
    wait_until(lambda: names(service) == ["second"], "the new names", timeout_s=5)


def test_a_store_that_does_not_answer_has_no_names(start_serinus, gated):
    service = start_serinus(kayenta_yml({"p": gated.url}))
    started = time.monotonic()
    assert names(service) == []
    assert time.monotonic() - started < 10


def test_accounts_are_not_deleted(serinus):
    answer = serinus.delete("/credentials/prometheus-prod")
    assert answer.status_code == 403 and "settings" in answer.json()["message"]
    assert "prometheus-prod" in {account["name"] for account in serinus.get("/credentials").json()}


# --- judging what is stored ---

def stored_material(service):
    """A stored config and the stored pairs of a run that fails, with that run's result."""
    config = service.store_config(demo_config(name="judged-" + os.urandom(4).hex()))
    body = service.judge(config, canary_request("v43"))
    return {"canaryConfigId": config, "metricSetPairListId": body["metricSetPairListId"],
            "passThreshold": 95, "marginalThreshold": 75}, body["result"]["judgeResult"]


def test_judging_stored_pairs_gives_the_same_result(serinus):
    parameters, result = stored_material(serinus)
    answer = serinus.post("/judges/judge", params=parameters)
    assert answer.status_code == 200 and answer.json() == result
    assert result["score"]["classification"] == "Fail"
    lenient = serinus.post("/judges/judge", params={**parameters, "passThreshold": "0.0", "marginalThreshold": -1})
    assert lenient.json()["score"]["classification"] == "Pass"
    assert_like(lenient.json(), "judges-judge-POST-response-200", more=("classificationReason",))


def test_example_pairs_are_judged(serinus):
    pairs = serinus.post("/metricSetPairList", example("metricSetPairList-GET-by-id-response-200"))
    result = example("judges-judge-POST-response-200")
    metrics = {one["name"]: one["groups"] for one in result["results"]}
    config = serinus.store_config({
        "name": "examples-" + os.urandom(4).hex(), "applications": ["checkout"],
        "judge": {"name": "NetflixACAJudge-v1.0", "judgeConfigurations": {}},
        "metrics": [{"name": name, "groups": groups, "scopeName": "default",
                     "query": {"type": "prometheus", "metricName": "m"},
                     "analysisConfigurations": {"canary": {
                         "direction": "increase",
                         "nanStrategy": "replace" if name == "error rate" else "remove"}}}
                    for name, groups in metrics.items()],
        "classifier": {"groupWeights": {"Latency": 40, "Errors": 40, "Saturation": 20}}})
    answer = serinus.post("/judges/judge", params={
        "canaryConfigId": config, "metricSetPairListId": pairs.json()["metricSetPairListId"],
        "passThreshold": 95, "marginalThreshold": 75})
    assert answer.status_code == 200, answer.text
    got = answer.json()
    for one, wanted in zip(got["results"], result["results"]):
        for key in ("name", "tags", "id", "classification", "groups", "critical", "muted"):
            assert one[key] == wanted[key], key
        for side in ("controlMetadata", "experimentMetadata"):
            assert one[side]["stats"] == pytest.approx(wanted[side]["stats"], rel=1e-12)
        assert one["resultMetadata"]["ratio"] == pytest.approx(wanted["resultMetadata"]["ratio"], rel=1e-12)
    assert got["score"] == result["score"]


def test_what_cannot_be_judged_is_refused(serinus):
    parameters, _ = stored_material(serinus)
    for change, status, message in [
            ({"canaryConfigId": "no-such-config"}, 404, "no-such-config"),
            ({"metricSetPairListId": "no-such-list"}, 404, "no-such-list"),
            ({"metricSetPairListId": None}, 400, "Required parameter 'metricSetPairListId' is not present."),
            ({"passThreshold": None}, 400, "Required parameter 'passThreshold' is not present."),
            ({"passThreshold": "much"}, 400, "passThreshold"),
            ({"marginalThreshold": "nan"}, 400, "marginalThreshold"),
            ({"storageAccountName": "nobody"}, 400, "Unable to resolve account nobody."),
    ]:
        for path in ("/judges/judge", "/judges/comparison"):
            answer = serinus.post(path, params={**parameters, **change})
            assert answer.status_code == status, (change, answer.text)
            assert message in answer.json()["message"]
    answer = serinus.post("/judges/comparison", params={**parameters, "overrideCanaryJudge2": "nobody-v1"})
    assert answer.status_code == 400 and answer.json()["message"] == "Unable to resolve canary judge 'nobody-v1'."


def test_comparisons_are_kept_and_disturb_nothing(start_serinus, prometheus):
    service = start_serinus(kayenta_yml({"prometheus": prometheus.url}))
    parameters, result = stored_material(service)
    answer = service.post("/judges/comparison", params={**parameters, "overrideCanaryJudge1": "NetflixACAJudge-v1.0"})
    assert_answer(answer, "judges-comparison-POST-response-200")
    comparison = answer.json()["canaryExecutionId"]
    service.kill()
    service.start()
    answer = service.get(f"/judges/comparison/{comparison}")
    assert answer.status_code == 200
    assert answer.json() == {"comparisonResult": {"judge1Result": result, "judge2Result": result}}
    assert set(answer.json()["comparisonResult"]) == set(example("judges-comparison-GET-response-200")["comparisonResult"])

    assert service.get("/canary/executions?application=judge-comparison").json() == []
    refused = service.get(f"/canary/{comparison}")
    assert refused.status_code == 400
    assert refused.json()["message"] == f"Unable to find StageExecution 'mixMetrics' in pipeline ID '{comparison}'"
    canary = next(i for i in service.get("/pipelines").json() if i != comparison)
    refused = service.get(f"/judges/comparison/{canary}")
    assert refused.status_code == 400
    assert refused.json()["message"] == f"Unable to find StageExecution 'compareJudgeResults' in pipeline ID '{canary}'"
    assert service.get("/judges/comparison/nothing").status_code == 404
    assert comparison not in {entry["id"] for entry in service.get("/canaryResultArchive").json()}
    shown = service.get(f"/pipelines/{comparison}").json()
    assert (shown["application"], shown["status"]) == ("judge-comparison", "SUCCEEDED")
    assert cancel(service, comparison).status_code == 202
    assert service.delete(f"/pipelines/{comparison}").status_code == 200
    assert service.get(f"/judges/comparison/{comparison}").status_code == 404


def test_a_judge_that_fails_shows_why(serinus):
    parameters, _ = stored_material(serinus)
    config = serinus.get("/canaryConfig/" + parameters["canaryConfigId"]).json()
    config.update(name="broken-" + os.urandom(4).hex(), id="broken-" + os.urandom(4).hex())
    config["metrics"][0]["analysisConfigurations"] = {"canary": {"critical": "perhaps"}}
    parameters["canaryConfigId"] = serinus.store_config(config)
    refused = serinus.post("/judges/judge", params=parameters)
    assert refused.status_code == 400
    comparison = serinus.post("/judges/comparison", params=parameters).json()["canaryExecutionId"]
    body = serinus.get(f"/judges/comparison/{comparison}").json()
    assert set(body["exceptions"]) == {"judge", "judge-2"}
    assert body["exceptions"]["judge"]["details"]["errors"]
    assert serinus.get(f"/pipelines/{comparison}").json()["status"] == "TERMINAL"


# --- the API about itself ---

def test_the_api_describes_itself(serinus):
    answer = serinus.get("/openapi.json")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/json"
    document = answer.json()
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == serinus.get("/version").json()["version"]
    assert serinus.get("/v3/api-docs").json() == document
    parameters = {"limit": 1}
    for path, item in document["paths"].items():
        if "{" not in path and "get" in item:
            with serinus.get(path, params=parameters if "limit" in json.dumps(item) else None, stream=True) as answer:
                assert answer.status_code == 200, path  # some never end


def test_the_page_about_the_api_needs_nothing_else(serinus):
    answer = serinus.get("/api-docs")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "<code>/pipelines/{pipelineId}/cancel</code>" in answer.text
    for word in ("<script", "<style", "style=", "<link", "src=", "http://", "https://"):
        assert word not in answer.text


def test_judges_are_listed(serinus):
    assert_answer(serinus.get("/judges"), "judges-GET-response-200")
    assert serinus.get("/judges").json()[0] == example("judges-GET-response-200")[0]
