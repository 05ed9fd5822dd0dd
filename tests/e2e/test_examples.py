"""Kayenta's own documents: every request in fixtures/kayenta-api is taken as it is, every answer has
the shape of the example. The story behind them is told once more, with its own series."""
import glob
import json
import os
import threading

import pytest
from conftest import ScriptedStore, Serinus, empty_matrix, kayenta_yml, wait_until
from kayenta_examples import (FOLDER, STORY_PARAMETERS, StoryStore, assert_answer, assert_like, differences, example,
                              story_settings)

# Not sent: the cause as a trace of Java frames.
NO_TRACE = ("stackTrace",)
# Our own: a word for programs in each exception.
OURS = ("code",)


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """The service of the story, its config stored under the id of the examples."""
    store = ScriptedStore()
    StoryStore(store)
    service = Serinus(tmp_path_factory.mktemp("story"), story_settings(store.url))
    service.scripted = store
    service.config_id = example("canaryConfig-POST-response-200")["canaryConfigId"]
    service.store_config({**example("canaryConfig-POST-request-prometheus"), "id": service.config_id})
    yield service
    code = service.stop()
    store.close()
    assert code == 0, service.log_text()[-4000:]


def start(story):
    answer = story.post(f"/canary/{story.config_id}", example("canary-POST-by-config-id-request"),
                        params=STORY_PARAMETERS)
    assert_answer(answer, "canary-POST-response-200")
    return answer.json()["canaryExecutionId"]


def plain(text):
    return text.replace("$\\{", "${")


def groups(judge_result):
    return {group["name"]: group for group in judge_result["groupScores"]}  # their order means nothing


@pytest.mark.smoke
def test_the_story_ends_as_it_did(story):
    StoryStore(story.scripted)
    body = story.wait_for(start(story))
    assert_like(body, "canary-GET-response-200-succeeded-pass")
    wanted = example("canary-GET-response-200-succeeded-pass")
    for name in ("application", "parentPipelineExecutionId", "stageStatus", "complete", "status", "canaryConfigId",
                 "canaryExecutionRequest", "storageAccountName", "metricsAccountName", "configurationAccountName"):
        assert body[name] == wanted[name], name
    assert body["result"]["canaryDuration"] == wanted["result"]["canaryDuration"]
    for got, want in zip(body["result"]["judgeResult"]["results"], wanted["result"]["judgeResult"]["results"]):
        for name in ("name", "tags", "classification", "groups", "critical", "muted"):
            assert got[name] == want[name]
        for side in ("controlMetadata", "experimentMetadata"):
            assert got[side]["stats"] == pytest.approx(want[side]["stats"], rel=1e-12)
        assert got["resultMetadata"]["ratio"] == pytest.approx(want["resultMetadata"]["ratio"], rel=1e-12)
    got, want = body["result"]["judgeResult"], wanted["result"]["judgeResult"]
    assert (got["score"], got["judgeName"], groups(got)) == (want["score"], want["judgeName"], groups(want))
    config = {**wanted["config"], "templates": {k: plain(v) for k, v in wanted["config"]["templates"].items()}}
    for metric in config["metrics"]:
        if "customInlineTemplate" in metric["query"]:
            metric["query"]["customInlineTemplate"] = plain(metric["query"]["customInlineTemplate"])
    for name in set(config) - {"createdTimestamp", "createdTimestampIso", "updatedTimestamp", "updatedTimestampIso"}:
        assert body["config"][name] == config[name], name

    pairs = story.get(f"/metricSetPairList/{body['metricSetPairListId']}?accountName=kayenta-s3")
    assert_answer(pairs, "metricSetPairList-GET-by-id-response-200")
    for got, want in zip(pairs.json(), example("metricSetPairList-GET-by-id-response-200")):
        assert {**got, "id": None} == {**want, "id": None}
    one = story.get(f"/metricSetPairList/{body['metricSetPairListId']}/{pairs.json()[0]['id']}")
    assert_answer(one, "metricSetPairList-GET-single-pair-response-200")
    assert_answer(story.get("/metricSetPairList"), "metricSetPairList-GET-list-response-200")
    assert_answer(story.get("/canary/executions?application=checkout&limit=1"), "canary-GET-executions-response-200")


@pytest.mark.parametrize("change, name", [
    ({("cpu seconds", "app", "experiment"): lambda value: value * 1.29}, "canary-GET-response-200-succeeded-marginal"),
    ({("error rate", None, "experiment"): lambda value: value * 5 + 0.2,
      ("request latency p99", None, "experiment"): lambda value: value * 1.36},
     "canary-GET-response-200-succeeded-fail-critical"),
])
def test_other_ends(story, change, name):
    StoryStore(story.scripted, change)
    body = story.wait_for(start(story))
    assert_like(body, name)
    got, wanted = body["result"]["judgeResult"], example(name)["result"]["judgeResult"]
    assert (got["score"], groups(got)) == (wanted["score"], groups(wanted))
    for one, like in zip(got["results"], wanted["results"]):
        for member in ("name", "tags", "classification", "classificationReason", "critical"):
            assert one.get(member) == like.get(member)


def test_a_store_that_refuses(story):
    refused = json.dumps({"status": "error", "errorType": "bad_data", "error": "parse error: unexpected end"}).encode()
    store = StoryStore(story.scripted)
    story.scripted.answer = lambda path, query: ((400, {}, refused) if "http_errors" in query["query"]
                                                 else store.answer(path, query))
    body = story.wait_for(start(story))
    name = "canary-GET-response-200-terminal-store-http-400"
    wanted = example(name)
    # The store's own words are in `errors`, which Kayenta leaves empty.
    wanted["exception"]["details"]["errors"] = ["words"]
    assert not differences(body, wanted, more=OURS)
    assert body["status"] == "terminal" and body["exception"]["details"]["status"] == 400
    assert "parse error: unexpected end" in body["exception"]["details"]["errors"][0]
    assert body["exception"]["exceptionType"] == wanted["exception"]["exceptionType"]
    assert body["exception"]["operation"] == wanted["exception"]["operation"]
    assert "/api/v1/query_range" in body["exception"]["details"]["url"]


def test_from_not_started_to_canceled(story):
    """One run, held at each of its states."""
    opened = threading.Event()
    store = StoryStore(story.scripted)
    n_asked = []

    def answer(path, query):
        n_asked.append(1)
        if len(n_asked) > 2:
            opened.wait(30)
        return store.answer(path, query)

    story.scripted.answer = answer
    enabled = example("admin-orca-instance-enabled-POST-request")
    assert enabled == {"enabled": True}
    assert story.post("/admin/orca/instance/enabled", {"enabled": False}).status_code == 200
    execution = start(story)
    assert_answer(story.get(f"/canary/{execution}"), "canary-GET-response-200-not-started")
    assert story.get(f"/canary/{execution}").json()["status"] == "not_started"
    resumed = story.post("/admin/orca/instance/enabled", enabled)
    assert (resumed.status_code, resumed.content) == (200, b"")
    wait_until(lambda: len(n_asked) > 2, "the third query")
    running = story.get(f"/canary/{execution}")
    assert_answer(running, "canary-GET-response-200-running")
    assert running.json()["status"] == "running" and "running" in running.json()["stageStatus"].values()
    answer = story.session.put(f"{story.url}/pipelines/{execution}/cancel", data=b'""',
                               headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.content) == (202, b"")
    opened.set()
    assert_answer(story.get(f"/canary/{execution}"), "canary-GET-response-200-canceled")
    assert story.get(f"/canary/{execution}").json()["status"] == "canceled"


def test_what_cannot_be_started(story):
    request = example("canary-POST-by-config-id-request")
    ad_hoc = example("canary-POST-adhoc-request")
    no_metrics = {**ad_hoc, "canaryConfig": {**ad_hoc["canaryConfig"], "metrics": []}}
    for answer, name in [
            (story.post(f"/canary/{story.config_id}", {**request, "scopes": {"other": request["scopes"]["default"]}}),
             "canary-POST-response-400-missing-scope"),
            (story.post("/canary", no_metrics), "canary-POST-response-400-no-metrics"),
            (story.post(f"/canary/{story.config_id}", {"scopes": request["scopes"]}),
             "canary-POST-response-400-no-thresholds"),
            (story.get("/canary/executions?application=checkout&statuses=DONE"),
             "canary-GET-executions-response-400-bad-status")]:
        assert answer.status_code == 400
        assert answer.json()["message"] == example(name)["message"], name


def test_a_variable_without_value_is_refused_at_once(story):
    """Kayenta starts such a run and lets it end as terminal."""
    started = example("canary-GET-response-200-terminal-undefined-template-variable")
    request = example("canary-POST-by-config-id-request")
    for side in request["scopes"]["default"].values():
        del side["extendedScopeParams"]
    answer = story.post(f"/canary/{story.config_id}", request)
    assert answer.status_code == 400
    words = started["exception"]["details"]["errors"][0].split(": ")[0]
    assert words in answer.json()["message"] and "'namespace'" in answer.json()["message"]


def test_runs_that_end_in_their_judge_look_alike(story):
    """The shape of the run above, from a failure that shows only later."""
    StoryStore(story.scripted)
    config = example("canaryConfig-POST-request-prometheus")
    config["name"] = "bad-" + os.urandom(4).hex()
    config["metrics"][0]["analysisConfigurations"]["canary"]["critical"] = "perhaps"
    config_id = story.store_config(config)
    execution = story.post(f"/canary/{config_id}", example("canary-POST-by-config-id-request"), params=STORY_PARAMETERS)
    body = story.wait_for(execution.json()["canaryExecutionId"])
    assert_like(body, "canary-GET-response-200-terminal-undefined-template-variable", without=NO_TRACE,
                more=OURS + ("metricSetPairListId", "critical"))
    assert body["exception"]["operation"] == "canaryJudge"


def test_ad_hoc(story):
    StoryStore(story.scripted)
    answer = story.post("/canary", example("canary-POST-adhoc-request"), params={"application": "checkout"})
    assert_answer(answer, "canary-POST-response-200")
    body = story.wait_for(answer.json()["canaryExecutionId"])
    assert body["canaryConfigId"] == "ad-hoc" and body["status"] == "succeeded"
    for name, value in example("canary-POST-adhoc-request")["executionRequest"].items():
        assert body["canaryExecutionRequest"][name] == value


# --- configs ---

def test_every_kind_of_config_is_kept(story):
    """All nine metric stores' queries survive being stored, whether this build can ask them or not."""
    stores = set()
    for path in sorted(glob.glob(os.path.join(FOLDER, "canaryConfig-POST-request-*.json"))):
        config = example(os.path.basename(path)[:-len(".json")])
        config["name"] += "-" + os.urandom(4).hex()
        config_id = story.store_config(config)
        kept = story.get(f"/canaryConfig/{config_id}").json()
        for metric in config["metrics"]:
            metric["query"]["serviceType"] = metric["query"]["type"]
            stores.add(metric["query"]["type"])
        assert {name: kept[name] for name in config} == config, path
        assert set(kept) - set(config) <= {"id", "templates", "createdTimestamp", "createdTimestampIso",
                                           "updatedTimestamp", "updatedTimestampIso"}
    assert stores == {"atlas", "datadog", "graphite", "influxdb", "newrelic", "prometheus", "signalfx",
                      "stackdriver", "wavefront"}


def test_the_life_of_a_config(story):
    assert_answer(story.get(f"/canaryConfig/{story.config_id}"), "canaryConfig-GET-by-id-response-200")
    assert_answer(story.get("/canaryConfig?application=checkout"), "canaryConfig-GET-list-response-200")
    put = story.put(f"/canaryConfig/{story.config_id}", example("canaryConfig-PUT-request"))
    assert_answer(put, "canaryConfig-PUT-response-200")
    assert put.json() == example("canaryConfig-PUT-response-200")
    changed = story.get(f"/canaryConfig/{story.config_id}").json()
    assert changed["description"] == example("canaryConfig-PUT-request")["description"]
    original = {**example("canaryConfig-POST-request-prometheus"), "id": story.config_id}
    assert story.put(f"/canaryConfig/{story.config_id}", original).status_code == 200


def test_what_a_config_is_refused_for(story):
    config = example("canaryConfig-POST-request-prometheus")
    refusals = [
        (story.post("/canaryConfig", {**config, "name": "checkout golden signals"}),
         "canaryConfig-POST-response-400-bad-name"),
        (story.post("/canaryConfig", {**config, "applications": []}), "canaryConfig-POST-response-400-no-application"),
        (story.post("/canaryConfig", {**config, "metrics": [{**config["metrics"][0], "name": "mem"}] * 2}),
         "canaryConfig-POST-response-400-duplicate-metric-name"),
        (story.post("/canaryConfig", {**config, "id": story.config_id}), "canaryConfig-POST-response-400-id-exists"),
        (story.post("/canaryConfig", config), "canaryConfig-POST-response-400-name-collision"),
        (story.put("/canaryConfig/does-not-exist", config), "canaryConfig-PUT-response-400-missing-config"),
        (story.get("/canaryConfig/x?configurationAccountName=unknown-account"),
         "canaryConfig-GET-by-id-response-400-unknown-account"),
    ]
    for answer, name in refusals:
        assert answer.status_code == 400, name
        assert answer.json()["message"] == example(name)["message"]
    missing = example("canaryConfig-GET-by-id-response-404-memory-store")["message"]
    answer = story.get("/canaryConfig/" + missing.rsplit(" ", 1)[1])
    assert (answer.status_code, answer.json()["message"]) == (404, missing)


# --- accounts, health ---

ALL_ACCOUNTS = """kayenta:
  prometheus:
    enabled: true
    accounts:
      - name: prometheus-prod
        endpoint: {baseUrl: "http://prometheus.monitoring:9090"}
        username: kayenta
        password: secret
  datadog:
    enabled: true
    accounts: [{name: datadog-eu, apiKey: a, applicationKey: b, endpoint: {baseUrl: "https://api.datadoghq.eu"}}]
  google:
    enabled: true
    accounts:
      - {name: gcp-prod, project: acme-prod, bucket: acme-kayenta, bucketLocation: eu, rootFolder: kayenta,
         supportedTypes: [METRICS_STORE, OBJECT_STORE, CONFIGURATION_STORE]}
  gcs: {enabled: true}
  stackdriver: {enabled: true}
  aws:
    enabled: true
    accounts:
      - {name: kayenta-s3, bucket: kayenta-prod, region: eu-west-1, rootFolder: kayenta,
         supportedTypes: [OBJECT_STORE, CONFIGURATION_STORE]}
  s3: {enabled: true}
  atlas:
    enabled: true
    accounts:
      - {name: atlas-main, backendsJsonBaseUrl: "http://backends", fetchId: kayenta,
         recommendedLocations: [us-east-1, us-west-2], supportedTypes: [METRICS_STORE]}
"""


def test_accounts_of_every_kind(start_serinus):
    service = start_serinus(ALL_ACCOUNTS)
    got = {account["name"]: account for account in service.get("/credentials").json()}
    wanted = {account["name"]: account for account in example("credentials-GET-response-200")}
    # The locations of atlas come from a directory that nobody answers for here.
    wanted["atlas-main"]["locations"] = []
    assert got == wanted
    shown = {one["name"]: one for one in service.get("/metricsServices").json()}
    assert set(shown) == {"prometheus-prod", "datadog-eu", "gcp-prod", "atlas-main"}
    for want in example("metricsServices-GET-response-200"):
        assert shown[want["name"]] == {**want, "locations": []}
    assert shown["gcp-prod"]["type"] == "google"


def test_names_of_metrics(story):
    names = [one["name"] for one in example("metadata-metricsService-GET-response-200-prometheus")]
    story.scripted.answer = lambda path, query: (
        200, {}, json.dumps({"status": "success", "data": names}).encode())
    answer = wait_until(lambda: (lambda got: got if got.json() else None)(story.get("/metadata/metricsService")),
                        "the names")
    assert_answer(answer, "metadata-metricsService-GET-response-200-prometheus")
    assert [one["name"] for one in answer.json()] == names


def test_names_of_a_store_that_lists_none(start_serinus):
    """Google's descriptors are handed on as they are, where that store is built in."""
    service = start_serinus(OTHER_STORES)
    answer = service.get("/metadata/metricsService?metricsAccountName=g")
    assert answer.status_code == 200
    for element in answer.json():
        assert_like([element], "metadata-metricsService-GET-response-200-stackdriver")


def test_health(start_serinus):
    service = start_serinus(kayenta_yml({"p": "http://127.0.0.1:1"}))
    up, down = example("health-GET-response-200-up"), example("health-GET-response-503-down")
    # Components are what there is: one result store here, Redis and an index there.
    answer = service.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, up["status"])
    assert answer.json()["components"]["ping"] == up["components"]["ping"]
    os.rename(service.data_dir, service.data_dir + "-away")
    wait_until(lambda: service.get("/health").status_code != 200, "the store to be missed")
    answer = service.get("/health")
    os.rename(service.data_dir + "-away", service.data_dir)
    assert (answer.status_code, answer.json()["status"]) == (503, down["status"])
    assert answer.json()["components"]["ping"] == down["components"]["ping"]
    assert answer.json()["components"]["resultStore"]["status"] == down["components"]["prometheus"]["status"]
    wait_until(lambda: service.get("/health").status_code == 200, "it to be well again")


def test_judges(story):
    assert_answer(story.get("/judges"), "judges-GET-response-200")


def test_a_comparison_is_never_seen_running(story):
    """It is judged before its id is given, so that this answer is for no one."""
    StoryStore(story.scripted)
    assert example("judges-comparison-GET-response-200-still-running") == {}
    pairs = story.wait_for(start(story))["metricSetPairListId"]
    answer = story.post("/judges/comparison", params={
        "canaryConfigId": story.config_id, "metricSetPairListId": pairs, "passThreshold": 95, "marginalThreshold": 75})
    assert_answer(answer, "judges-comparison-POST-response-200")
    answer = story.get("/judges/comparison/" + answer.json()["canaryExecutionId"])
    assert_answer(answer, "judges-comparison-GET-response-200", more=("classificationReason", "resultMetadata"))


# --- errors ---

def assert_problem(answer, name):
    """Every member of Kayenta's document, and the message that clients print."""
    wanted = example(name)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {key: answer.json()[key] for key in wanted} == wanted
    assert answer.status_code == wanted["status"] and answer.json()["message"]


def test_what_the_framework_refuses(story):
    assert_problem(story.post("/fetch/prometheus/query", params={"metricSetName": "m", "metricName": "m"}),
                   "error-400-missing-parameter")
    as_json = {"Content-Type": "application/json"}
    for body in (b"{", b"", b"[1,]", b'{"metrics":[{"name":"m","query":{"type":"abacus"}}]}', b'{"name":NaN}'):
        assert_problem(story.session.post(story.url + "/canaryConfig", data=body, headers=as_json),
                       "error-400-unreadable-body")
    assert_problem(story.put("/metricSetPairList", []), "error-405-method")
    assert_problem(story.session.post(story.url + "/canary", data=b"{}", headers={"Content-Type": "text/plain"}),
                   "error-415-content-type")


def test_an_unknown_path(story):
    """In the example the path is unknown because the module is off. Ours is always on."""
    wanted = example("error-404-unknown-path")
    answer = story.get(wanted["instance"] + "/a/b")
    assert answer.status_code == 404
    assert answer.json()["detail"] == wanted["detail"][:-1] + "/a/b."
    assert {key: answer.json()[key] for key in ("type", "title", "status")} == {
        key: wanted[key] for key in ("type", "title", "status")}


def test_what_was_a_server_error_names_the_member(story):
    """Kayenta fails here with 500 and a null pointer; the form of the body is the same."""
    wanted = example("error-500-unhandled")
    ad_hoc = example("canary-POST-adhoc-request")
    del ad_hoc["canaryConfig"]["metrics"]
    answer = story.post("/canary", ad_hoc)
    assert (answer.status_code, answer.json()["error"]) == (400, "Bad Request")
    assert set(answer.json()) >= set(wanted) - {"exception"}
    assert "metric" in answer.json()["message"] and answer.json()["details"][0]["pointer"].endswith("/metrics")


# --- fetch ---

FETCH = {"metricSetName": "error rate", "metricName": "http_errors_per_second", "step": 60,
         "scope": "checkout-v042-canary", "customFilter": "namespace='prod',version='${scope}'",
         "labelBindings": 'code=~"5.."', "start": "2026-08-20T10:00:00Z", "end": "2026-08-20T11:00:00Z"}


def test_fetch(story):
    StoryStore(story.scripted)
    answer = story.post("/fetch/prometheus/query", params=FETCH)
    assert_answer(answer, "fetch-prometheus-query-POST-response-200")
    sets = story.get(f"/metricSetList/{answer.json()['metricSetListId']}")
    assert_answer(sets, "metricSetList-GET-by-id-response-200")
    dry = story.post("/fetch/prometheus/query", params={**FETCH, "groupByFields": "container", "dryRun": "true"})
    assert dry.status_code == 200 and dry.json() == example("fetch-prometheus-query-POST-response-200-dryRun")
    refused = story.post("/fetch/prometheus/query", params={**FETCH, "customFilter": ""})
    assert refused.status_code == 400
    assert refused.json()["message"] == example("fetch-prometheus-query-POST-response-400-no-filter")["message"]
    story.scripted.answer = lambda path, query: (200, {}, empty_matrix())
    nothing = story.post("/fetch/prometheus/query", params=FETCH).json()["metricSetListId"]
    assert_answer(story.get(f"/metricSetList/{nothing}"), "metricSetList-GET-by-id-response-200-no-data-placeholder")


def test_a_store_that_fails_during_fetch(start_serinus, scripted_store):
    scripted_store.answer = lambda path, query: (502, {}, b"")
    service = start_serinus(kayenta_yml({"p": scripted_store.url},
                                        "  metrics: {retry: {attempts: 2, backoffPeriodMultiplierMs: 10}}\n"))
    answer = service.post("/fetch/prometheus/query", params=FETCH)
    wanted = example("error-502-store-failure-from-fetch")
    assert answer.status_code == 502
    assert (answer.json()["status"], answer.json()["error"]) == (wanted["status"], wanted["error"])
    assert set(answer.json()) >= set(wanted) - {"exception"}
    assert "502" in answer.json()["message"]
    assert len(scripted_store.requests) == 2


OTHER_STORES = """kayenta:
  newrelic:
    enabled: true
    accounts: [{name: n, apiKey: k, applicationKey: "1", endpoint: {baseUrl: "http://127.0.0.1:1"}}]
  google: {enabled: true, accounts: [{name: g, project: acme-prod, supportedTypes: [METRICS_STORE]}]}
  stackdriver: {enabled: true}
"""


def test_fetch_bodies_of_other_stores(start_serinus):
    """Kayenta's bodies, where the store is built in; elsewhere the account cannot be queried."""
    service = start_serinus(OTHER_STORES)
    window = {"start": FETCH["start"], "end": FETCH["end"], "step": 60, "dryRun": "true"}
    newrelic = service.post("/fetch/newrelic/query", example("fetch-newrelic-query-POST-request"), params={
        **window, "metricsAccountName": "n", "scope": "checkout-v042-canary", "location": "eu-west-1"})
    assert_answer(newrelic, "fetch-newrelic-query-POST-response-200-dryRun")
    assert newrelic.json() == example("fetch-newrelic-query-POST-response-200-dryRun")
    stackdriver = service.post("/fetch/stackdriver/query", example("fetch-stackdriver-query-POST-request"), params={
        "metricsAccountName": "g", "metricSetName": "m", "metricType": "compute.googleapis.com/cpu", "step": 60,
        "resourceType": "k8s_container", "startTimeIso": FETCH["start"], "endTimeIso": FETCH["end"],
        "scope": "s", "location": "l", "dryRun": "true"})
    if "this build cannot query google" in service.log_text():
        assert stackdriver.status_code == 400 and "google" in stackdriver.json()["message"]
        return
    assert stackdriver.status_code == 200, stackdriver.text
    for value in example("fetch-stackdriver-query-POST-request").values():
        assert value in stackdriver.json()["query"] or value == "acme-prod", value


# --- all of them ---

def test_every_example_is_used():
    """A document that no test names proves nothing. Requests for configs are taken by their pattern."""
    sources = ""
    for path in glob.glob(os.path.join(os.path.dirname(__file__), "test_*.py")):
        with open(path, encoding="utf-8") as source:
            sources += source.read()
    names = {os.path.basename(path)[:-len(".json")] for path in glob.glob(os.path.join(FOLDER, "*.json"))}
    assert len(names) >= 93
    unused = {name for name in names if f'"{name}"' not in sources
              and not name.startswith("canaryConfig-POST-request-")}
    assert not unused, sorted(unused)
