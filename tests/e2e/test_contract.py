"""Kayenta's API as a whole: all of its 48 operations, the quirks that clients depend on (K), and what
is better here because no client can want it otherwise (F)."""
import json
import os
import threading

import pytest
from conftest import (WINDOW, canary_request, demo_config, kayenta_yml, matrix, one_metric_config, scope,
                      wait_until)

CPU = {"metricName": "cpu_saturation_ratio", "customInlineTemplate": 'version="${scope}",cluster="${location}"'}
STORES = ("atlas", "datadog", "graphite", "influxdb", "newrelic", "prometheus", "stackdriver", "wavefront")
HEADERS = {"X-Content-Type-Options": "nosniff", "X-XSS-Protection": "0", "X-Frame-Options": "DENY",
           "Cache-Control": "no-cache, no-store, max-age=0, must-revalidate", "Pragma": "no-cache", "Expires": "0"}


def unique(name):
    return name + "-" + os.urandom(4).hex()


def config(**changes):
    return {**one_metric_config(CPU), "name": unique("contract"), **changes}


def analysis_request(canary="v42", **changes):
    return {"scopes": [{"scopeName": "default", "controlScope": "v41", "controlLocation": "baseline",
                        "experimentScope": canary, "experimentLocation": "canary", "startTimeIso": WINDOW[0],
                        "endTimeIso": WINDOW[1]}],
            "thresholds": {"pass": 95, "marginal": 75}, **changes}


def analysed(service, body, path="/standalone_canary_analysis", **params):
    answer = service.post(path, body, params=params)
    assert answer.status_code == 200, answer.text
    path = "/standalone_canary_analysis/" + answer.json()["canaryAnalysisExecutionId"]
    wait_until(lambda: service.get(path).json()["complete"], path)
    return service.get(path).json()


def ad_hoc(config_, request):
    return {"canaryConfig": config_, "executionRequest": request}


def without(document, *path):
    document = json.loads(json.dumps(document))
    at = document
    for step in path[:-1]:
        at = at[step]
    del at[path[-1]]
    return document


# --- the operations ---

def operations(service):
    """(number, method, path, body, parameters, status, type of the answer). Each leaves something for
    the next: the order is that of a life from a config to the deletion of everything."""
    stored = config(id=unique("id"))
    yield 2, "POST", "/canaryConfig", stored, {}, 200, "canaryConfigId"
    yield 1, "GET", "/canaryConfig", None, {"application": "checkout"}, 200, list
    at = f"/canaryConfig/{stored['id']}"
    yield 3, "GET", at, None, {}, 200, dict
    yield 4, "PUT", at, stored, {}, 200, "canaryConfigId"
    yield 6, "POST", "/canary", ad_hoc(config(), canary_request()), {}, 200, "canaryExecutionId"
    yield 7, "POST", f"/canary/{stored['id']}", canary_request(), {"application": "ops"}, 200, "canaryExecutionId"
    execution = wait_until(lambda: service.get("/canary/executions?application=ops").json(), "it")[0]["pipelineId"]
    body = service.wait_for(execution)
    pairs = body["metricSetPairListId"]
    yield 8, "GET", f"/canary/{execution}", None, {}, 200, dict
    yield 9, "GET", "/canary/executions", None, {"application": "ops"}, 200, list
    entry = unique("entry")
    yield 11, "POST", "/canaryResultArchive", body, {"pipelineId": entry}, 200, "pipelineId"
    yield 10, "GET", "/canaryResultArchive", None, {}, 200, list
    yield 12, "GET", f"/canaryResultArchive/{entry}", None, {}, 200, dict
    yield 13, "PUT", f"/canaryResultArchive/{entry}", body, {}, 200, "pipelineId"
    yield 14, "DELETE", f"/canaryResultArchive/{entry}", None, {}, 204, None
    yield 16, "POST", "/metricSetList", [], {}, 200, "metricSetListId"
    yield 15, "GET", "/metricSetList", None, {}, 200, list
    sets = service.post("/metricSetList", []).json()["metricSetListId"]
    yield 17, "GET", f"/metricSetList/{sets}", None, {}, 200, list
    yield 18, "DELETE", f"/metricSetList/{sets}", None, {}, 204, None
    yield 20, "POST", "/metricSetPairList", service.get(f"/metricSetPairList/{pairs}").json(), {}, 200, \
        "metricSetPairListId"
    yield 19, "GET", "/metricSetPairList", None, {}, 200, list
    yield 21, "GET", f"/metricSetPairList/{pairs}", None, {}, 200, list
    pair = body["result"]["judgeResult"]["results"][0]["id"]
    yield 23, "GET", f"/metricSetPairList/{pairs}/{pair}", None, {}, 200, dict
    yield 24, "GET", "/judges", None, {}, 200, list
    judging = {"canaryConfigId": stored["id"], "metricSetPairListId": pairs, "passThreshold": 95,
               "marginalThreshold": 75}
    yield 25, "POST", "/judges/judge", None, judging, 200, dict
    yield 26, "POST", "/judges/comparison", None, judging, 200, "canaryExecutionId"
    comparison = service.post("/judges/comparison", params=judging).json()["canaryExecutionId"]
    yield 27, "GET", f"/judges/comparison/{comparison}", None, {}, 200, dict
    yield 28, "GET", "/credentials", None, {}, 200, list
    yield 29, "DELETE", "/credentials/prometheus-prod", None, {}, 403, dict  # F10
    yield 30, "GET", "/metricsServices", None, {}, 200, list
    yield 31, "GET", "/metadata/metricsService", None, {}, 200, list
    for number, store in enumerate(STORES, 32):
        # Nothing is given, so that each store asks for its first required parameter.
        yield number, "POST", f"/fetch/{store}/query", {}, {}, 400, dict
    yield 40, "POST", "/standalone_canary_analysis", ad_hoc(config(), analysis_request()), {}, 200, \
        "canaryAnalysisExecutionId"
    path = f"/standalone_canary_analysis/{stored['id']}"
    yield 41, "POST", path, analysis_request(), {}, 200, "canaryAnalysisExecutionId"
    analysis = analysed(service, analysis_request(), path)["pipelineId"]
    yield 42, "GET", f"/standalone_canary_analysis/{analysis}", None, {}, 200, dict
    yield 43, "GET", "/pipelines", None, {}, 200, list
    yield 44, "POST", "/pipelines/start", {}, {}, 403, dict  # there is no engine for stages
    yield 45, "GET", f"/pipelines/{execution}", None, {}, 200, dict
    yield 47, "PUT", f"/pipelines/{execution}/cancel", "", {}, 202, None
    yield 46, "DELETE", f"/pipelines/{execution}", None, {}, 200, None
    yield 48, "POST", "/admin/orca/instance/enabled", {"enabled": True}, {}, 200, None
    yield 22, "DELETE", f"/metricSetPairList/{pairs}", None, {}, 204, None
    yield 5, "DELETE", at, None, {}, 204, None


def test_all_operations(serinus):
    described = serinus.get("/openapi.json").json()["paths"]
    seen = set()
    for number, method, path, body, params, status, kind in operations(serinus):
        answer = serinus.session.request(method, serinus.url + path, json=body, params=params, timeout=30)
        seen.add(number)
        what = f"{number}: {method} {path}: {answer.status_code} {answer.text[:300]}"
        if path.startswith("/fetch/") and path not in described:
            status = 404  # a store that is not built in has no path
        assert answer.status_code == status, what
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, what
        if kind is None:
            assert answer.content == b"" and "Content-Type" not in answer.headers, what
        elif isinstance(kind, str):
            assert list(answer.json()) == [kind] and isinstance(answer.json()[kind], str), what
        else:
            assert isinstance(answer.json(), kind), what
        if status >= 400:
            assert answer.json()["message"], what
    assert seen == set(range(1, 49))


def test_no_other_methods(serinus):
    for path in ("/canaryConfig", "/canary/x", "/metricSetList/x", "/metricSetPairList/x", "/pipelines/x",
                 "/standalone_canary_analysis/x", "/judges", "/credentials"):
        answer = serinus.session.patch(serinus.url + path, json={})
        assert answer.status_code == 405 and answer.headers["Allow"], path
        assert answer.json()["detail"] == "Method 'PATCH' is not supported."
    assert serinus.put("/metricSetList/x", []).status_code == 405
    for path in ("/canaryJudgeResult", "/config", "/canaryConfig/", "/canary/executions/", "/fetch/signalfx/query"):
        assert serinus.get(path).status_code in (404, 405), path


# --- kept ---

def test_k5_numbers_that_are_none_are_text(serinus):
    sets = [{"name": "m", "tags": {}, "startTimeMillis": 0, "endTimeMillis": 180000, "stepMillis": 60000,
             "values": [1, "NaN", "-Infinity", "Infinity", 0.1, 1e300], "attributes": {}}]
    stored = serinus.post("/metricSetList", sets).json()["metricSetListId"]
    text = serinus.get(f"/metricSetList/{stored}").text
    assert '"values":[1.0,"NaN","-Infinity","Infinity",0.1,' in text
    assert json.loads(text)[0]["values"] == sets[0]["values"]


def test_k6_the_account_of_pairs_has_its_own_parameter(serinus):
    for path in ("/metricSetList", "/metricSetPairList"):
        assert serinus.get(path + "?storageAccountName=nobody").status_code == 200
        assert serinus.get(path + "?accountName=nobody").status_code == 400
    assert serinus.get("/canaryResultArchive?storageAccountName=nobody").status_code == 400


def test_k8_configs_are_read_as_kayenta_reads_them(serinus):
    sent = config(configVersion=1.0, description=None, unknown={"a": 1}, createdTimestamp="1700000000000")
    sent["metrics"][0].update(unknown=1)
    sent["metrics"][0]["query"].update(serviceType="something", groupByFields=["pod"], resourceType=None)
    sent["classifier"]["groupWeights"] = {"g": "100"}
    read = serinus.get("/canaryConfig/" + serinus.store_config(sent)).json()
    assert (read["configVersion"], read["createdTimestamp"]) == ("1.0", 1700000000000)
    assert read["createdTimestampIso"] == "2023-11-14T22:13:20Z"
    assert read["metrics"][0]["query"] == {
        "type": "prometheus", "serviceType": "prometheus", **CPU, "groupByFields": ["pod"]}
    assert read["classifier"]["groupWeights"] == {"g": 100.0}
    assert "unknown" not in read and "unknown" not in read["metrics"][0] and "description" not in read


def test_k9_defaults_of_the_application(serinus):
    stored = serinus.store_config(config())
    assert serinus.judge(config(), canary_request())["application"] == "ad-hoc"
    instance = serinus.judge(stored, canary_request())["application"]
    assert "@" in instance
    assert serinus.judge(config(), canary_request(), application="")["application"] == instance
    body = analysed(serinus, ad_hoc(config(), analysis_request()))
    assert (body["application"], body["user"]) == ("ad-hoc", "anonymous")
    assert {one["application"] for one in serinus.get("/canary/executions").json()} == {"ad-hoc"}


def test_k14_the_first_scope_rules(serinus):
    request = analysis_request()
    request["scopes"].append({**request["scopes"][0], "scopeName": "other", "startTimeIso": "2026-01-01T00:00:00Z",
                              "endTimeIso": "2026-01-01T00:10:00Z", "step": 3600})
    body = analysed(serinus, ad_hoc(config(), request))
    child = body["canaryAnalysisExecutionResult"]["canaryExecutionResults"][0]["executionId"]
    scopes = serinus.get(f"/canary/{child}").json()["canaryExecutionRequest"]["scopes"]
    assert {(side["start"], side["end"], side["step"]) for pair in scopes.values() for side in pair.values()} == {
        (*WINDOW, 60)}


def test_k15_groups_share_what_is_left(serinus):
    """Latency is High. With 40 given to Errors, the other three share 60."""
    weighted = demo_config(name=unique("shared"))
    weighted["classifier"]["groupWeights"] = {"Errors": 40}
    score = serinus.judge(weighted, canary_request("v44"))["result"]["judgeResult"]["score"]
    assert score["score"] == 80.0


# --- times ---

@pytest.mark.parametrize("start", [
    "2026-01-01T01:00:00Z", "2026-01-01T01:00:00.000Z", "2026-01-01T03:00:00+02:00", 1767229200, 1767229200.0])
def test_how_a_time_can_be_written(serinus, start):
    control, experiment = scope("v41", "baseline", start=start), scope("v42", "canary", start=start)
    body = serinus.judge(config(), canary_request(control=control, experiment=experiment))
    assert body["canaryExecutionRequest"]["scopes"]["default"]["controlScope"]["start"] == WINDOW[0]
    assert body["result"]["canaryDuration"] == "PT1H"


def test_fractions_of_a_second(serinus):
    control = scope("v41", "baseline", start="2026-01-01T01:00:00.250Z", end="2026-01-01T01:45:30.250Z")
    experiment = scope("v42", "canary", start="2026-01-01T01:00:00.250Z", end="2026-01-01T01:45:30.250Z")
    body = serinus.judge(config(), canary_request(control=control, experiment=experiment))
    assert body["canaryExecutionRequest"]["scopes"]["default"]["controlScope"]["start"] == "2026-01-01T01:00:00.250Z"
    assert body["result"]["canaryDuration"] == "PT45M30S"
    shorter = scope("v42", "canary", end="2026-01-01T01:30:00Z")
    assert "canaryDuration" not in serinus.judge(config(), canary_request(experiment=shorter))["result"]


def test_metadata_is_shown_or_hidden(serinus):
    request = canary_request()
    request["metadata"] = [{"name": "commit", "value": "9f2c"}, {"name": "token", "value": 7, "hidden": "true"}]
    assert serinus.judge(config(), request)["canaryExecutionRequest"]["metadata"] == [
        {"name": "commit", "value": "9f2c", "hidden": False}, {"name": "token", "value": "7", "hidden": True}]


# --- fixed ---

NO_LIFETIME = "Canary StageExecution configuration must include either `endTime` or `lifetimeDuration`."


def metric(**changes):
    changed = config()
    changed["metrics"][0].update(changes)
    return changed


def query(**members):
    return metric(query={"type": "prometheus", **members})


NOWHERE = canary_request(control=without({"s": scope("v41", "baseline")}, "s", "location")["s"],
                         experiment=without({"s": scope("v42", "canary")}, "s", "location")["s"])


@pytest.mark.parametrize("sent, request_, words", [
    (without(config(), "metrics"), None, "at least one metric"),
    (without(config(), "metrics", 0, "query"), None, "Metric 'm' has no query."),
    (without(config(), "metrics", 0, "name"), None, "Metric config must specify a name."),
    (without(config(), "metrics", 0, "scopeName"), None, "Canary scope for metric named 'm' is null."),
    (metric(scopeName="other"), None, "which were not provided in the execution request: [other]"),
    (config(), without(canary_request(), "scopes"), "but no scopes were provided in the execution request."),
    (config(), without(canary_request(), "scopes", "default", "controlScope"),
     "Canary scope for named scope default is missing experimentScope or controlScope keys"),
    (config(), without(canary_request(), "scopes", "default", "controlScope", "start"), "Start time is required."),
    (config(), without(canary_request(), "scopes", "default", "experimentScope", "end"), "End time is required."),
    (config(), without(canary_request(), "scopes", "default", "experimentScope", "step"), "step"),
    (config(), without(canary_request(), "thresholds"), "Execution request must contain thresholds"),
    (config(), without(canary_request(), "thresholds", "marginal"), "Execution request must contain thresholds"),
    (config(judge={"name": "nobody"}), None, "Unable to resolve canary judge 'nobody'."),
    (metric(query={"type": "abacus"}), None, 'no metric store type is called "abacus"'),
    (metric(query={"type": "datadog", "metricName": "m"}), None, "datadog"),
    (query(metricName="m", customInlineTemplate="${nothing}"), None,
     "Problem evaluating custom filter template: ${nothing}"),
    (query(metricName="m", customFilterTemplate="x"), None,
     "Custom filter template 'x' was referenced, but no templates were defined."),
    ({**query(metricName="m", customFilterTemplate="x"), "templates": {"y": ""}}, None,
     "Custom filter template 'x' was not found."),
    (query(metricName="m", customFilter="x"), None, "CanaryMetricSetQueryConfig.customFilter is deprecated"),
    (query(metricName="m"), None, "Either a resource type or a custom filter is required."),
    (query(customInlineTemplate="x"), None, "Metric Name is required when query type is Default."),
    (query(metricName="m", resourceType="gce_instance"), NOWHERE,
     "Location (i.e. region) is required when resourceType is 'gce_instance'."),
    (query(metricName="m", resourceType="aws_ec2_instance"), NOWHERE,
     "Location (i.e. region) is required when resourceType is 'aws_ec2_instance'."),
    (query(metricName="m", resourceType="abacus"), None, "There is no explicit support for resourceType 'abacus'."),
])
def test_f5_f7_what_cannot_run_is_refused_at_once(serinus, sent, request_, words):
    answer = serinus.post("/canary", ad_hoc(sent, request_ or canary_request()))
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["message"]


@pytest.mark.parametrize("changes, words", [
    ({"scopes": None}, "must contain at least one scope"), ({"thresholds": {"pass": 1}}, "must contain thresholds"),
    ({"lifetimeDurationMins": 0, "no": "end"}, "lifetimeDurationMins"),
    ({"lifetimeDurationMins": -5, "no": "end"}, "lifetimeDurationMins"), ({"no": "end"}, NO_LIFETIME)])
def test_f7_analyses_too(serinus, changes, words):
    request = analysis_request()
    if changes.pop("no", None):
        del request["scopes"][0]["endTimeIso"]
    answer = serinus.post("/standalone_canary_analysis", ad_hoc(config(), {**request, **changes}))
    assert answer.status_code == 400 and words in answer.json()["message"]
    answer = serinus.post("/standalone_canary_analysis", ad_hoc(config(judge={"name": "nobody"}), analysis_request()))
    assert answer.json()["message"] == "Unable to resolve canary judge 'nobody'."
    answer = serinus.post("/standalone_canary_analysis",
                          ad_hoc(query(metricName="m", customInlineTemplate="${nothing}"), analysis_request()))
    assert answer.status_code == 400 and "${nothing}" in answer.json()["message"]


def test_nulls_in_an_analysis_are_absent(serinus):
    request = analysis_request(beginAfterMins=None, lookbackMins=None, analysisIntervalMins=None, siteLocal=None)
    request["scopes"][0].update(step=None, controlOffsetInMinutes=None, extendedScopeParams=None, scopeName=None)
    body = analysed(serinus, ad_hoc(config(), request))
    assert body["status"] == "succeeded" and len(body["canaryAnalysisExecutionResult"]["canaryScores"]) == 1


def test_f8_f9_accounts(start_serinus, prometheus):
    """The first of a kind is the default; what is named must be of the kind."""
    service = start_serinus(kayenta_yml({"first": prometheus.url, "second": "http://127.0.0.1:1"}))
    for _ in range(3):
        assert service.judge(config(), canary_request())["metricsAccountName"] == "first"
    for params, words in (({"metricsAccountName": "serinus"}, "Unable to resolve metrics service serinus."),
                          ({"storageAccountName": "first"}, "Unable to resolve storage service first."),
                          ({"metricsAccountName": "nobody"}, "Unable to resolve account nobody.")):
        answer = service.post("/canary", ad_hoc(config(), canary_request()), params=params)
        assert (answer.status_code, answer.json()["message"]) == (400, words)
    assert service.get("/canaryConfig?configurationAccountName=first").status_code == 200, "falls back"


def test_without_a_metric_store(start_serinus):
    service = start_serinus("kayenta: {}\n")
    for answer in (service.post("/canary", ad_hoc(config(), canary_request())),
                   service.get("/metadata/metricsService")):
        assert (answer.status_code, answer.json()["message"]) == (
            400, "Unable to resolve account of type METRICS_STORE.")
    assert service.get("/metricsServices").json() == []


def test_f10_accounts_show_no_secret(start_serinus):
    service = start_serinus(kayenta_yml({"p": {"endpoint": {"baseUrl": "http://user:hunter2@127.0.0.1:1"},
                                               "username": "u", "password": "hunter3"}}))
    assert "hunter" not in service.get("/credentials").text
    assert set(service.get("/credentials").json()[1]) == {"name", "type", "supportedTypes", "locations",
                                                          "recommendedLocations"}, "nothing of what is stored"


@pytest.mark.parametrize("changes", [
    {"name": "a,b"}, {"id": "a/b"}, {"id": "."}, {"id": ".."}, {"id": "a%2Fb"}, {"id": "a?b"}])
def test_f12_names_and_ids_that_no_path_can_hold(serinus, changes):
    assert serinus.post("/canaryConfig", config(**changes)).status_code == 400


def test_f12_the_id_in_the_body_is_the_id_in_the_path(serinus):
    stored = serinus.store_config(config())
    answer = serinus.put(f"/canaryConfig/{stored}", config(id="another"))
    assert answer.status_code == 400 and answer.json()["details"][0]["pointer"] == "/id"


def test_f13_ids_are_whole(serinus):
    """A store of objects finds by prefix."""
    stored = serinus.store_config(config(id=unique("whole")))
    assert serinus.store_config(config(id=stored + "-and-more")) == stored + "-and-more"
    assert serinus.get(f"/canaryConfig/{stored}").status_code == 200
    assert serinus.get(f"/canaryConfig/{stored[:-1]}").status_code == 404
    dotted = serinus.store_config(config(id=unique("v1.2.3")))
    assert serinus.get(f"/canaryConfig/{dotted}").json()["id"] == dotted


def test_f14_f24_f26_lists(start_serinus):
    """Complete from the start, in one order, with the time that the config itself shows."""
    service = start_serinus(kayenta_yml({"p": "http://127.0.0.1:1"}))
    assert service.get("/canaryConfig").json() == []
    ids = [service.store_config(config(updatedTimestamp=1700000000000 + i)) for i in range(5)]
    listed = service.get("/canaryConfig").json()
    assert {one["id"] for one in listed} == set(ids) and listed == service.get("/canaryConfig").json()
    for one in listed:
        assert one["updatedTimestamp"] == service.get(f"/canaryConfig/{one['id']}").json()["updatedTimestamp"]
    service.restart()
    assert service.get("/canaryConfig").json() == listed


def test_f27_a_change_keeps_when_it_was_made(serinus):
    stored = serinus.store_config(config(createdTimestamp=1700000000000))
    assert serinus.put(f"/canaryConfig/{stored}", config()).status_code == 200
    read = serinus.get(f"/canaryConfig/{stored}").json()
    assert read["createdTimestamp"] == 1700000000000 < read["updatedTimestamp"]


def test_a_side_without_tags_has_no_data(serinus):
    """Control has no labels left, the experiment has: in Kayenta's way they do not go together (10.2)."""
    sums = one_metric_config({"customInlineTemplate": 'PromQL:sum ${by} (rate(http_requests_total'
                                                      '{version="${scope}",cluster="${location}"}[2m]))'})
    sums["judge"]["judgeConfigurations"] = {"seriesPairing": "kayenta"}
    request = canary_request(control=scope("v41", "baseline", extendedScopeParams={"by": ""}),
                             experiment=scope("v42", "canary", extendedScopeParams={"by": "by (version)"}))
    body = serinus.judge(sums, request)
    pairs = serinus.get(f"/metricSetPairList/{body['metricSetPairListId']}").json()
    assert [pair["tags"] for pair in pairs] == [{"version": "v42"}]
    assert set(pairs[0]["values"]["control"]) == {"NaN"} and "NaN" not in pairs[0]["values"]["experiment"]
    assert body["result"]["judgeResult"]["results"][0]["classification"] == "Nodata"


def test_f20_f21_windows_of_an_analysis(serinus):
    """The control's are what they were; the experiment's stand beside them. The past is not waited for."""
    request = analysis_request(analysisIntervalMins=30, beginAfterMins=600)
    request["scopes"][0]["controlOffsetInMinutes"] = 30
    body = analysed(serinus, ad_hoc(config(), request))
    results = body["canaryAnalysisExecutionResult"]["canaryExecutionResults"]
    windows = [[one[name + "Iso"][11:16] for name in ("judgementStartTime", "judgementEndTime", "experimentStartTime",
                                                      "experimentEndTime")] for one in results]
    assert windows == [["00:30", "01:00", "01:00", "01:30"], ["00:30", "01:30", "01:00", "02:00"]]
    assert results[0]["experimentEndTimeMillis"] - results[0]["judgementEndTimeMillis"] == 30 * 60000


def test_f20_a_judgement_names_its_analysis(serinus):
    body = analysed(serinus, ad_hoc(config(), analysis_request()))
    judgement = serinus.get("/canary/" + body["canaryAnalysisExecutionResult"]["canaryExecutionResults"][0]["executionId"])
    assert judgement.json()["canaryAnalysisExecutionId"] == body["pipelineId"]
    assert "canaryAnalysisExecutionId" not in serinus.judge(config(), canary_request())


# --- how runs fail ---

def many_metrics(n):
    made = one_metric_config({"metricName": "m", "customInlineTemplate": 'version="${scope}"'})
    first = made["metrics"][0]
    made["metrics"] = [{**first, "name": f"m{i}", "query": {**first["query"], "metricName": f"m{i}"}}
                       for i in range(n)]
    return made


def bad_query(text):
    return 400, {}, json.dumps({"status": "error", "errorType": "bad_data", "error": text}).encode()


def test_the_first_failed_stage_is_shown(start_serinus, scripted_store):
    """In the order of the stages' names: fetchControl10 stands before fetchControl2."""
    both = threading.Barrier(2, timeout=20)

    def answer(path, asked):
        for name in ("m2{", "m10{"):
            if name in asked["query"] and "v41" in asked["query"]:
                both.wait()
                return bad_query("bad " + name[:-1])
        return 200, {}, matrix(range(61))

    scripted_store.answer = answer
    service = start_serinus(kayenta_yml({"p": scripted_store.url}))
    body = service.judge(many_metrics(12), canary_request())
    failed = sorted(name for name, status in body["stageStatus"].items() if status == "terminal")
    assert set(failed) <= {"fetchControl10", "fetchControl2"}
    assert ("m10" if failed[0] == "fetchControl10" else "m2") in body["exception"]["details"]["errors"][0]
    assert (body["stageStatus"]["mixMetrics"], body["stageStatus"]["judge"]) == ("not_started", "not_started")


def test_what_still_runs_is_cancelled(start_serinus, scripted_store):
    held = threading.Event()

    def answer(path, asked):
        if "v41" in asked["query"]:
            return bad_query("no")
        held.wait(20)
        return None

    scripted_store.answer = answer
    service = start_serinus(kayenta_yml({"p": scripted_store.url}))
    body = service.judge(many_metrics(1), canary_request())
    held.set()
    assert body["status"] == "terminal"
    assert body["stageStatus"] == {"setupContext": "succeeded", "fetchControl0": "terminal",
                                   "fetchExperiment0": "canceled", "mixMetrics": "not_started", "judge": "not_started"}


@pytest.mark.parametrize("reply, kind, kind_of_exception, status", [
    ((422, {}, b'{"status":"error","errorType":"execution","error":"too many samples"}'), "HTTP",
     "SpinnakerHttpException", 422),
    ((404, {}, b"<html>nothing here</html>"), "HTTP", "SpinnakerHttpException", 404),
    ((200, {}, b"<html>sign in</html>"), "UNEXPECTED", "SpinnakerConversionException", None),
    ((200, {}, b'{"status":"success"}'), "UNEXPECTED", "SpinnakerConversionException", None),
    (None, "NETWORK", "SpinnakerNetworkException", None),
])
def test_f2_why_a_store_failed(start_serinus, scripted_store, reply, kind, kind_of_exception, status):
    scripted_store.answer = lambda path, asked: reply
    service = start_serinus(kayenta_yml({"p": scripted_store.url},
                                        "  metrics: {retry: {attempts: 2, backoffPeriodMultiplierMs: 1}}\n"))
    exception = service.judge(many_metrics(1), canary_request())["exception"]
    details = exception["details"]
    assert (exception["exceptionType"], exception["operation"]) == (kind_of_exception, "prometheusFetch")
    assert (details["kind"], details.get("status"), details["method"]) == (kind, status, "GET")
    assert details["url"].startswith(scripted_store.url)
    assert details["errors"][0].startswith('account "p", metric "m0"')
    if status == 422:
        assert "too many samples" in details["errors"][0]


def test_an_analysis_ends_with_a_cancelled_judgement(start_serinus, scripted_store):
    """Cancelling one of its runs is no cancel of the analysis: it ends, and says why (16.5)."""
    held = threading.Event()
    scripted_store.answer = lambda path, asked: held.wait(20) and (200, {}, matrix(range(61)))
    service = start_serinus(kayenta_yml({"p": scripted_store.url}))
    started = service.post("/standalone_canary_analysis",
                           ad_hoc(many_metrics(1), analysis_request(analysisIntervalMins=20)))
    path = "/standalone_canary_analysis/" + started.json()["canaryAnalysisExecutionId"]
    wait_until(lambda: scripted_store.requests, "the first query")
    child = service.get(path).json()["stageStatus"][0]["executionId"]
    assert service.put(f"/pipelines/{child}/cancel", "").status_code == 202
    held.set()
    body = wait_until(lambda: (lambda got: got if got["complete"] else None)(service.get(path).json()), path)
    assert (body["status"], body["executionStatus"]) == ("terminal", "TERMINAL")
    assert body["exception"] == {"details": {"errors": ["Canary execution was canceled."]}}
    assert [stage["status"] for stage in body["stageStatus"]] == ["TERMINAL", "TERMINAL", "SUCCEEDED"]
    result = body["canaryAnalysisExecutionResult"]
    assert (result["didPassThresholds"], result["canaryScores"]) == (False, [0.0])
    assert result["canaryExecutionResults"][0]["executionStatus"] == "CANCELED"
    assert "exception" not in result["canaryExecutionResults"][0]
