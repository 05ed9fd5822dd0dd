"""A metric may name an account of its own; Kayenta's clients never see that member."""
import pytest
from conftest import ScriptedStore, canary_request, kayenta_yml, matrix, one_metric_config, wait_until

QUERY = {"type": "prometheus", "metricName": "cpu", "customInlineTemplate": 'version="${scope}"'}


@pytest.fixture
def two_stores(scripted_store, second_store):
    for store, level in ((scripted_store, 10), (second_store, 90)):
        store.answer = lambda path, query, level=level: (200, {}, matrix([level + i % 3 for i in range(61)]))
    return scripted_store, second_store


@pytest.fixture
def second_store():
    store = ScriptedStore()
    yield store
    store.close()


@pytest.fixture
def service(start_serinus, two_stores):
    return start_serinus(kayenta_yml({"first": two_stores[0].url, "second": two_stores[1].url}))


def config_of(account):
    config = one_metric_config(QUERY)
    config["metrics"].append({**config["metrics"][0], "name": "other", "metricsAccountName": account})
    return config


def means(service, body):
    return {one["name"]: one["controlMetadata"]["stats"]["mean"] for one in body["result"]["judgeResult"]["results"]}


def test_each_metric_is_asked_where_it_says(service, two_stores):
    body = service.judge(service.store_config(config_of("second")), canary_request(), metricsAccountName="first")
    first = body["config"]["metrics"][0]["name"]
    assert means(service, body) == {first: pytest.approx(11, abs=0.1), "other": pytest.approx(91, abs=0.1)}
    assert [len(store.requests) for store in two_stores] == [2, 2]


def test_kayentas_paths_do_not_show_it_and_the_store_keeps_it(service):
    config = service.store_config(config_of("second"))
    body = service.judge(config, canary_request(), metricsAccountName="first")
    assert "metricsAccountName" not in body["config"]["metrics"][1]
    assert "metricsAccountName" not in service.get(f"/canaryConfig/{config}").json()["metrics"][1]
    # What was stored is what is run the next time.
    assert means(service, service.judge(config, canary_request(), metricsAccountName="first"))["other"] > 80


def test_the_judgements_of_an_analysis_ask_there_too(service, two_stores):
    started = service.post("/standalone_canary_analysis", params={"metricsAccountName": "first"}, body={
        "canaryConfig": config_of("second"),
        "executionRequest": {
            "scopes": [{"controlScope": "v41", "controlLocation": "x", "experimentScope": "v42",
                        "experimentLocation": "x", "startTimeIso": "2026-01-01T01:00:00Z",
                        "endTimeIso": "2026-01-01T02:00:00Z"}],
            "thresholds": {"pass": 95, "marginal": 75}}})
    assert started.status_code == 200, started.text
    path = "/standalone_canary_analysis/" + started.json()["canaryAnalysisExecutionId"]
    wait_until(lambda: service.get(path).json()["complete"], "the analysis to end")
    assert [len(store.requests) for store in two_stores] == [2, 2]


def test_an_unknown_account_is_named_before_an_id_is_given(service):
    answer = service.post("/canary", {"canaryConfig": config_of("third"), "executionRequest": canary_request()})
    assert answer.status_code == 400
    assert answer.json()["message"] == "Unable to resolve account third."
    assert answer.json()["details"][0]["pointer"] == "/canaryConfig/metrics/1/metricsAccountName"
