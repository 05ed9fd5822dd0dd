"""The main job over HTTP: a request comes in, series are fetched from a real Prometheus, judged,
stored and answered."""
import re

import pytest
from conftest import WINDOW, canary_request, demo_config, one_metric_config, scope

ULID = re.compile(r"^[0-9A-HJKMNP-TV-Z]{26}$")
N_METRICS = len(demo_config()["metrics"])


@pytest.fixture(scope="module")
def stored(serinus):
    return serinus.store_config(demo_config(name="golden-signals"))


def classes(body):
    return {r["name"]: r["classification"] for r in body["result"]["judgeResult"]["results"]}


def reasons(body):
    return {r["name"]: r.get("classificationReason") for r in body["result"]["judgeResult"]["results"]}


@pytest.mark.smoke
def test_a_good_release_passes(serinus, stored):
    body = serinus.judge(stored, canary_request("v42"), application="checkout")
    score = body["result"]["judgeResult"]["score"]
    assert body["status"] == "succeeded" and body["complete"] is True
    assert set(classes(body).values()) == {"Pass"}
    assert score == {"score": 100.0, "classification": "Pass", "classificationReason": ""}
    assert body["result"]["canaryDuration"] == "PT1H"
    # A plain Pass has no reason.
    assert set(reasons(body).values()) == {None}


@pytest.mark.smoke
def test_a_bad_release_fails_with_the_reason_of_each_metric(serinus, stored):
    body = serinus.judge(stored, canary_request("v43"), application="checkout")
    result = body["result"]["judgeResult"]
    assert body["status"] == "succeeded"  # a verdict of Fail is not a failed run
    assert result["score"] == {
        "score": 0.0, "classification": "Fail",
        "classificationReason": "Canary Failed: The metric error_ratio was classified as High (Critical)",
    }
    assert classes(body) == {
        "latency_p99": "High", "latency_p50": "High", "error_ratio": "High",
        "requests_per_second": "Pass", "cpu_saturation": "Pass", "memory_working_set": "Pass",
    }
    assert reasons(body)["latency_p99"] == "latency_p99 was classified as High"
    assert reasons(body)["error_ratio"] == "The metric error_ratio was classified as High (Critical)"
    critical = {r["name"]: r["critical"] for r in result["results"]}
    assert critical == {name: name == "error_ratio" for name in critical}
    groups = {g["name"]: g["score"] for g in result["groupScores"]}
    assert groups == {"Latency": 0.0, "Errors": 0.0, "Traffic": 100.0, "Saturation": 100.0}
    assert all(g["classification"] == "" and g["classificationReason"] == "" for g in result["groupScores"])


def test_the_status_holds_what_kayenta_promises(serinus, stored):
    request = canary_request("v42")
    request["metadata"] = [{"name": "commit", "value": "9f2c6b1"}]
    request["siteLocal"] = {"notify": "#checkout-deploys", "deep": [1, {"a": None}]}
    execution = serinus.start_canary(stored, request, application="checkout",
                                     parentPipelineExecutionId="01PARENT")
    assert ULID.match(execution)
    body = serinus.wait_for(execution)
    assert body["pipelineId"] == execution
    assert body["application"] == "checkout"
    assert body["parentPipelineExecutionId"] == "01PARENT"
    assert body["canaryConfigId"] == stored
    assert body["metricsAccountName"] == "prometheus-prod"
    assert body["storageAccountName"] == body["configurationAccountName"] == "serinus"
    assert body["config"]["name"] == "golden-signals"
    assert body["canaryExecutionRequest"]["thresholds"] == {"pass": 95.0, "marginal": 75.0}
    assert body["canaryExecutionRequest"]["siteLocal"]["notify"] == "#checkout-deploys"
    assert body["canaryExecutionRequest"]["metadata"][0]["value"] == "9f2c6b1"
    stages = {"setupContext", "mixMetrics", "judge"}
    stages |= {f"fetch{side}{i}" for side in ("Control", "Experiment") for i in range(N_METRICS)}
    assert body["stageStatus"] == {stage: "succeeded" for stage in stages}
    assert body["buildTimeMillis"] <= body["startTimeMillis"] <= body["endTimeMillis"]
    for which in ("buildTime", "startTime", "endTime"):
        assert isinstance(body[which + "Millis"], int)
        assert body[which + "Iso"].endswith("Z")


def test_every_result_has_its_pair(serinus, stored):
    body = serinus.judge(stored, canary_request("v43"), application="checkout")
    answer = serinus.get(f"/metricSetPairList/{body['metricSetPairListId']}?accountName=serinus")
    assert answer.status_code == 200
    pairs = answer.json()
    results = body["result"]["judgeResult"]["results"]
    assert [pair["id"] for pair in pairs] == [result["id"] for result in results]
    for pair, result in zip(pairs, results):
        assert pair["name"] == result["name"]
        for side, stats in (("control", "controlMetadata"), ("experiment", "experimentMetadata")):
            assert len(pair["values"][side]) == result[stats]["stats"]["count"] == 61
            assert pair["scopes"][side] == {
                "startTimeIso": WINDOW[0], "startTimeMillis": 1767229200000, "stepMillis": 60000}
            assert "query" in pair["attributes"][side]
    queries = pairs[-1]["attributes"]
    assert queries["experiment"]["query"] == (
        'avg(memory_working_set_bytes{app="checkout",cluster="canary",version="v43"})')


@pytest.mark.smoke
def test_ad_hoc(serinus):
    config = demo_config()
    del config["applications"]
    body = serinus.judge(config, canary_request("v42"))
    assert body["application"] == "ad-hoc"
    assert body["canaryConfigId"] == "ad-hoc"
    assert "configurationAccountName" not in body
    assert body["result"]["judgeResult"]["score"]["classification"] == "Pass"
    assert config["name"] not in [c["name"] for c in serinus.get("/canaryConfig").json()]


def test_the_same_canary_twice_gives_the_same_result(serinus, stored):
    def result():
        judged = serinus.judge(stored, canary_request("v48"))["result"]["judgeResult"]
        for one in judged["results"]:
            del one["id"]
        return judged

    assert result() == result()


def test_a_template_that_came_back_escaped_is_accepted(serinus):
    config = demo_config()
    for metric in config["metrics"]:
        query = metric["query"]
        if "customInlineTemplate" in query:
            query["customInlineTemplate"] = query["customInlineTemplate"].replace("${", "$\\{")
    body = serinus.judge(config, canary_request("v42"))
    assert body["result"]["judgeResult"]["score"]["score"] == 100.0


def test_thresholds_of_the_request_decide(serinus):
    config = one_metric_config({"metricName": "cpu_saturation_ratio",
                                "customInlineTemplate": 'version="${scope}",cluster="${location}"'})
    config["classifier"]["scoreThresholds"] = {"pass": 1, "marginal": 0}
    config["metrics"].append({**config["metrics"][0], "name": "latency", "groups": ["h"], "query": {
        "type": "prometheus", "customInlineTemplate":
            'PromQL:sum(rate(http_requests_total{code="500",version="${scope}",cluster="${location}"}[2m]))'}})
    config["classifier"]["groupWeights"] = {"g": 80, "h": 20}
    # One of two groups is High: 80 points.
    for marginal, passing, verdict in ((75, 95, "Marginal"), (80, 95, "Marginal"), (85, 95, "Fail"), (10, 80, "Pass")):
        body = serinus.judge(config, canary_request("v45", marginal=marginal, passing=passing))
        score = body["result"]["judgeResult"]["score"]
        assert (score["score"], score["classification"]) == (80.0, verdict)


def test_series_by_label_pair_up_by_tags(serinus):
    config = one_metric_config({"customInlineTemplate":
                                'PromQL:sum by (code) (rate(http_requests_total{version="${scope}",cluster="${location}"}[2m]))'})
    body = serinus.judge(config, canary_request("v45"))
    results = body["result"]["judgeResult"]["results"]
    assert [(r["tags"], r["classification"]) for r in results] == [({"code": "200"}, "Pass"), ({"code": "500"}, "High")]


def test_different_tag_keys_end_the_run(serinus):
    config = one_metric_config({"customInlineTemplate":
                                'PromQL:sum by (${label}) (rate(http_requests_total{version="${scope}",cluster="${location}"}[2m]))'})
    request = canary_request(
        control=scope("v41", "baseline", extendedScopeParams={"label": "code"}),
        experiment=scope("v42", "canary", extendedScopeParams={"label": "app"}))
    body = serinus.judge(config, request)
    assert body["status"] == "terminal" and "result" not in body
    assert body["stageStatus"]["mixMetrics"] == "terminal"
    assert body["stageStatus"]["judge"] == "not_started"
    assert body["exception"]["operation"] == "metricSetMixer"
    assert ("Control metrics have different tag keys than the experiment tag set ([code] != [app])"
            in str(body["exception"]["details"]["errors"]))


def test_missing_canary_data_is_nodata(serinus, stored):
    body = serinus.judge(stored, canary_request("v47"))
    score = body["result"]["judgeResult"]["score"]
    assert score == {"score": 0.0, "classification": "Fail",
                     "classificationReason": "Canary Failed: 50% or more metrics returned NODATA"}
    assert classes(body)["latency_p99"] == "Nodata" and classes(body)["error_ratio"] == "Pass"
    assert reasons(body)["latency_p99"] == "Missing data for latency_p99"


def test_a_series_of_nothing_but_nan_is_nodata(serinus):
    config = one_metric_config({"metricName": "not_a_number",
                                "customInlineTemplate": 'version="${scope}",cluster="${location}"'})
    body = serinus.judge(config, canary_request("v42"))
    result = body["result"]["judgeResult"]["results"][0]
    assert result["classification"] == "Nodata"
    assert result["controlMetadata"]["stats"]["count"] == 0
    pairs = serinus.get(f"/metricSetPairList/{body['metricSetPairListId']}").json()
    assert set(pairs[0]["values"]["control"]) == {"NaN"}


def test_executions_are_listed_newest_first(serinus, stored):
    ids = [serinus.judge(stored, canary_request("v42"), application="listed")["pipelineId"] for _ in range(3)]

    def listed(**parameters):
        answer = serinus.get("/canary/executions", params=parameters)
        assert answer.status_code == 200, answer.text
        return [body["pipelineId"] for body in answer.json()]

    assert listed(application="listed") == ids[::-1]
    assert listed(application="listed", limit=2) == ids[:0:-1]
    assert listed(application="listed", limit=2, page=2) == ids[:1]
    assert listed(application="listed", statuses="running,TERMINAL") == []
    assert listed(application="listed", statuses=" succeeded , running") == ids[::-1]
    assert listed(application="nobody") == []
    answer = serinus.get("/canary/executions?application=listed&statuses=DONE")
    assert answer.status_code == 400
    assert answer.json()["message"] == (
        "No enum constant com.netflix.spinnaker.orca.api.pipeline.models.ExecutionStatus.DONE")


def test_metric_sets_are_kept(serinus):
    answer = serinus.post("/fetch/prometheus/query", params={
        "metricSetName": "cpu", "metricName": "cpu_saturation_ratio", "step": 60, "start": WINDOW[0], "end": WINDOW[1],
        "scope": "v42", "customFilter": 'version="${scope}"'})
    assert answer.status_code == 200, answer.text
    sets = serinus.get(f"/metricSetList/{answer.json()['metricSetListId']}").json()
    assert len(sets) == 1
    assert sets[0]["name"] == "cpu" and sets[0]["stepMillis"] == 60000 and len(sets[0]["values"]) == 61
    assert sets[0]["attributes"]["query"] == 'avg(cpu_saturation_ratio{version="v42"})'


def test_a_dry_run_only_builds_the_query(serinus):
    answer = serinus.post("/fetch/prometheus/query", params={
        "metricSetName": "cpu", "metricName": "cpu_saturation_ratio", "step": 60, "dryRun": "true",
        "labelBindings": 'code="5"', "groupByFields": "pod", "scope": "v42", "customFilter": 'version="${scope}"'})
    assert answer.status_code == 200
    assert answer.json() == {"query": 'avg(cpu_saturation_ratio{version="v42",code="5"}) by (pod)'}


def test_fetch_says_what_is_wrong(serinus):
    base = {"metricSetName": "cpu", "metricName": "cpu", "step": 60, "start": WINDOW[0], "end": WINDOW[1]}
    answer = serinus.post("/fetch/prometheus/query", params=base)
    assert answer.status_code == 400
    assert answer.json()["message"] == "Either a resource type or a custom filter is required."
    del base["step"]
    answer = serinus.post("/fetch/prometheus/query", params=base)
    assert answer.status_code == 400
    assert "Required parameter 'step' is not present." in answer.text


def test_judges(serinus):
    judges = {judge["name"]: judge["visible"] for judge in serinus.get("/judges").json()}
    assert judges["NetflixACAJudge-v1.0"] is True


def test_unknown_things_are_404(serinus):
    for path in ("/canary/01M0ZZZZZZZZZZZZZZZZZZZZZZ", "/canaryConfig/nobody", "/metricSetList/nobody",
                 "/metricSetPairList/nobody"):
        answer = serinus.get(path)
        assert answer.status_code == 404, path
        assert answer.json()["message"]


def test_a_bundle_of_a_finished_execution(serinus, stored):
    body = serinus.judge(stored, canary_request("v43"))
    answer = serinus.get(f"/api/v1/executions/{body['pipelineId']}/bundle")
    assert answer.status_code == 200
    bundle = answer.json()
    assert bundle["schema"] == "serinus.bundle/v1"
    assert len(bundle["metricSets"]) == 2 * N_METRICS
    assert {s["side"] for s in bundle["metricSets"]} == {"control", "experiment"}
    assert "127.0.0.1" not in answer.text


def test_health(serinus):
    assert serinus.get("/health").json()["status"] == "UP"
    for path in ("/livez", "/readyz"):
        assert serinus.get(path).status_code == 200
