"""Requests and metric stores that are wrong in every way we could think of. Each gets an error that
names the field or the store and the cause, and the service goes on."""
import gzip
import time

import pytest
from conftest import (canary_request, demo_config, empty_matrix, kayenta_yml, matrix, one_metric_config, scope)

# Few and short retries, so that a test of a failing store takes no minutes.
QUICK_RETRY = "  metrics: {retry: {attempts: 2, backoffPeriodMultiplierMs: 10}}\n"
CPU = {"metricName": "cpu", "customInlineTemplate": 'version="${scope}"'}


@pytest.fixture
def service(start_serinus, scripted_store):
    return start_serinus(kayenta_yml({"scripted": scripted_store.url}, QUICK_RETRY))


# --- requests ---

def refused(answer, *words, status=400):
    assert answer.status_code == status, answer.text
    message = answer.json()["message"]
    for word in words:
        assert word in message, message


@pytest.mark.smoke
def test_starts_that_cannot_work_are_refused_at_once(serinus):
    config = demo_config()
    start = {"canaryConfig": config, "executionRequest": canary_request()}

    def post(**changes):
        return serinus.post("/canary", {**start, **changes})

    refused(post(canaryConfig=None), "canaryConfig must be provided for ad-hoc requests")
    refused(post(executionRequest=None), "executionRequest must be provided for ad-hoc requests")
    refused(post(canaryConfig={**config, "metrics": []}),
            "The canary config must specify at least one metric. Otherwise we're not analyzing anything. :)")
    refused(post(canaryConfig={k: v for k, v in config.items() if k != "metrics"}), "metric")
    refused(post(executionRequest={"thresholds": {"pass": 95, "marginal": 75}}),
            "Canary metrics require scopes, but no scopes were provided in the execution request.")
    refused(post(executionRequest={**canary_request(), "scopes": {"other": canary_request()["scopes"]["default"]}}),
            "Canary metrics require scopes which were not provided in the execution request: [default]")
    without = canary_request()
    del without["thresholds"]
    refused(post(executionRequest=without), "Execution request must contain thresholds")
    half = canary_request()
    del half["scopes"]["default"]["experimentScope"]
    refused(post(executionRequest=half),
            "Canary scope for named scope default is missing experimentScope or controlScope keys")
    bare = one_metric_config(CPU)
    del bare["metrics"][0]["query"]
    refused(post(canaryConfig=bare), "query")
    bare = one_metric_config(CPU)
    del bare["metrics"][0]["scopeName"]
    refused(post(canaryConfig=bare), "Canary scope for metric named 'm' is null.")
    alien = one_metric_config(CPU)
    alien["metrics"][0]["query"]["type"] = "oracle"
    assert post(canaryConfig=alien).status_code == 400
    refused(post(canaryConfig={**config, "judge": {"name": "nobody"}}), "Unable to resolve canary judge 'nobody'.")


@pytest.mark.parametrize("broken, word", [
    ({"start": None}, "start"), ({"end": None}, "end"),
    ({"start": "yesterday"}, "start"), ({"end": "2026-02-30T00:00:00Z"}, "end"),
    ({"start": "2026-01-01T02:00:00Z", "end": "2026-01-01T01:00:00Z"}, "end"),
    ({"start": "2026-01-01T01:00:00Z", "end": "2026-01-01T01:00:00Z"}, "end"),
    ({"step": 0}, "step"), ({"step": -1}, "step"), ({"step": None}, "step"), ({"step": 10**12}, "step"),
])
def test_windows_that_cannot_be_asked_for(serinus, broken, word):
    bad = {key: value for key, value in {**scope("v42", "canary"), **broken}.items() if value is not None}
    answer = serinus.post("/canary", {"canaryConfig": demo_config(),
                                      "executionRequest": canary_request(experiment=bad)})
    assert answer.status_code == 400
    assert word in answer.text.lower()  # in the message or in the pointer to the field


def test_unknown_accounts(serinus):
    body = {"canaryConfig": demo_config(), "executionRequest": canary_request()}
    for parameter in ("metricsAccountName", "storageAccountName"):
        refused(serinus.post(f"/canary?{parameter}=nobody", body), "Unable to resolve account nobody.")
    config_id = serinus.store_config(demo_config(name="unknown-accounts"))
    for parameter in ("metricsAccountName", "storageAccountName", "configurationAccountName"):
        refused(serinus.post(f"/canary/{config_id}?{parameter}=nobody", canary_request()),
                "Unable to resolve account nobody.")
    refused(serinus.post("/canary/nobody", canary_request()), status=404)


def test_templates_that_cannot_be_expanded_are_refused_at_once(serinus):
    def post(query, templates=None):
        config = one_metric_config(query)
        if templates is not None:
            config["templates"] = templates
        return serinus.post("/canary", {"canaryConfig": config, "executionRequest": canary_request()})

    refused(post({"metricName": "cpu", "customFilterTemplate": "t"}),
            "Custom filter template 't' was referenced, but no templates were defined.")
    refused(post({"metricName": "cpu", "customFilterTemplate": "t"}, {"u": "x"}),
            "Custom filter template 't' was not found.")
    refused(post({"metricName": "cpu", "customInlineTemplate": "${nobody}"}),
            "Problem evaluating custom filter template: ${nobody}")


# --- metric stores ---

def judged(service, store, answer, timeout_s=60):
    store.answer = answer
    body = service.wait_for(service.start_canary(one_metric_config(CPU), canary_request()), timeout_s)
    # Whatever happened, the next request with a store that works is answered.
    store.answer = lambda path, query: (200, {}, matrix(range(61)))
    after = service.judge(one_metric_config(CPU), canary_request())
    assert after["result"]["judgeResult"]["score"]["classification"] == "Pass"
    return body


def failed(body, *words):
    assert (body["status"], body["complete"]) == ("terminal", True)
    assert "result" not in body
    exception = body["exception"]
    assert exception["operation"] == "prometheusFetch"
    assert exception["timestamp"] > 0 and exception["shouldRetry"] is False
    text = str(exception["details"])
    for word in words:
        assert word in text, text


def json_error(text):
    return ('{"status":"error","errorType":"bad_data","error":"%s"}' % text).encode()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_store_that_refuses_is_asked_once(service, scripted_store, status):
    body = judged(service, scripted_store, lambda path, query: (status, {}, json_error("no such thing as that")))
    failed(body, str(status), "no such thing as that")
    asked = [query for _, query, _ in scripted_store.requests if query["query"] == 'avg(cpu{version="v41"})']
    assert len(asked) == 2  # one for this run, one for the run after it


@pytest.mark.smoke
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_store_in_trouble_is_asked_again(service, scripted_store, status):
    failed(judged(service, scripted_store, lambda path, query: (status, {}, b"oh no")), str(status))
    asked = [query for _, query, _ in scripted_store.requests if query["query"] == 'avg(cpu{version="v41"})']
    assert len(asked) in (2, 3)  # two attempts unless the other side failed first, and the run after it


def test_a_store_that_recovers_is_enough(service, scripted_store):
    asked = set()

    def answer(path, query):
        if query["query"] in asked:
            return 200, {}, matrix(range(61))
        asked.add(query["query"])
        return 503, {}, b""

    body = judged(service, scripted_store, answer)
    assert body["status"] == "succeeded"


@pytest.mark.smoke
@pytest.mark.parametrize("garbage", [
    b"", b"null", b"[]", b"{}", b"<html>Sign in</html>", b'{"status":"success"}', b'{"status":"success","data":',
    b'{"status":"success","data":{"resultType":"vector","result":[]}}', b"\x00\xff\xfe", b"[" * 100000,
    b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1767229200,"abc"]]}]}}',
])
def test_a_store_that_answers_garbage(service, scripted_store, garbage):
    failed(judged(service, scripted_store, lambda path, query: (200, {}, garbage)))


def test_a_store_that_says_error_in_a_200(service, scripted_store):
    failed(judged(service, scripted_store, lambda path, query: (200, {}, json_error("query timed out"))),
           "query timed out")


def test_a_store_that_hangs_up(service, scripted_store):
    failed(judged(service, scripted_store, lambda path, query: None))


def test_a_store_that_is_not_there(start_serinus):
    service = start_serinus(kayenta_yml({"gone": "http://127.0.0.1:1"}, QUICK_RETRY))
    body = service.judge(one_metric_config(CPU), canary_request())
    failed(body, "127.0.0.1:1")


def test_a_store_that_is_silent(start_serinus, scripted_store):
    account = {"endpoint": {"baseUrl": scripted_store.url}, "readTimeoutMs": 300}
    service = start_serinus(kayenta_yml({"silent": account}, QUICK_RETRY))

    def answer(path, query):
        time.sleep(1)
        return 200, {}, empty_matrix()

    failed(judged(service, scripted_store, answer))


def test_a_store_with_nothing_to_say(service, scripted_store):
    body = judged(service, scripted_store, lambda path, query: (200, {}, empty_matrix()))
    assert body["status"] == "succeeded"
    assert body["result"]["judgeResult"]["results"][0]["classification"] == "Nodata"


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_40_megabytes_of_one_series_are_too_many_points(service, scripted_store):
    """A valid reply, 40 MB of it: read as a stream, refused at the limit of points."""
    head = b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":['
    sample = b'[1767229200,"0.123456789"],'

    def answer(path, query):
        def body():
            yield head
            for _ in range(40 * 1024):
                yield sample * (1024 // len(sample) + 1)
            yield b'[1767229200,"1"]]}]}}'

        return 200, {}, body()

    failed(judged(service, scripted_store, answer), "points")


def test_a_bomb_of_zeros_stops_at_the_byte_limit(service, scripted_store):
    bomb = gzip.compress(bytes(100 << 20), 9)  # 100 MiB of zeros in 100 kB
    before = resident_kib(service.pid)
    body = judged(service, scripted_store, lambda path, query: (200, {"Content-Encoding": "gzip"}, bomb))
    failed(body)
    if "asan" not in service.log_path:
        assert resident_kib(service.pid) - before < 150 << 10


def test_the_url_of_the_failure_shows_no_credential(start_serinus, scripted_store):
    url = scripted_store.url.replace("http://", "http://canary:pw-planted-1@")
    account = {"endpoint": {"baseUrl": url}}
    service = start_serinus(kayenta_yml({"scripted": account}, QUICK_RETRY))
    scripted_store.answer = lambda path, query: (400, {}, json_error("no"))
    body = service.judge(one_metric_config(CPU), canary_request())
    failed(body, scripted_store.url.replace("http://", ""))
    assert "pw-planted-1" not in str(body) + service.log_text()
    assert scripted_store.requests[0][2]["Authorization"].startswith("Basic ")
