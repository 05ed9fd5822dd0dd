"""A whole canary through each metric store that exists only as a service: the real binary against a
stand-in on a real socket that checks what it is asked and answers in the store's own format. v42 is
like the baseline v41, v44 is half as much again."""
import datetime
import json
import math
import os

import pytest
from conftest import T0, TOP, canary_request, one_metric_config, run_cli, scope

START = T0 + 3600  # of conftest.WINDOW
N_POINTS = 60


def values(text):
    """A noisy series for the release that is named in `text`."""
    factor = 1.5 if "v44" in text else 1.0
    seed = 7 if "v41" in text else 3
    return [factor * (10 + math.sin(i * seed) / 5) for i in range(N_POINTS)]


def settings(account):
    return json.dumps({"accounts": [account]}) + "\n"


def iso(unix_s):
    return datetime.datetime.fromtimestamp(unix_s, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_verdicts(service, config, secrets, prefix="", **more):
    """Both releases get the verdict they deserve, and no credential is to be seen anywhere."""
    for release, verdict in (("v42", "Pass"), ("v44", "Fail")):
        request = canary_request(control=scope(prefix + "v41", "eu", **more),
                                 experiment=scope(prefix + release, "eu", **more))
        body = service.judge(config, request)
        assert body["status"] == "succeeded", body
        assert body["result"]["judgeResult"]["score"]["classification"] == verdict
    shown = json.dumps(body) + service.log_text() + service.get("/credentials").text
    for secret in secrets:
        assert secret not in shown
    return body


def check_failure(service, config, words, secrets, prefix=""):
    body = service.judge(config, canary_request(control=scope(prefix + "v41", "eu"),
                                                experiment=scope(prefix + "v42", "eu")))
    assert body["status"] == "terminal"
    text = json.dumps(body["exception"])
    assert words in text
    for secret in secrets:
        assert secret not in text + service.log_text()


def fetched(service, store, parameters, **kwargs):
    """The metric sets of one query by hand."""
    answer = service.post(f"/fetch/{store}/query", params=parameters, **kwargs)
    assert answer.status_code == 200, answer.text
    return service.get("/metricSetList/" + answer.json()["metricSetListId"]).json()


def test_datadog(scripted_store, start_serinus):
    def answer(path, query):
        if path == "/api/v1/metrics":
            return 200, {}, b'{"metrics":["checkout.latency","other"]}'
        assert path == "/api/v1/query"
        assert (query["from"], query["to"]) == (str(START), str(START + 3600))
        points = [[(START + 60 * i) * 1000, v] for i, v in enumerate(values(query["query"]))]
        return 200, {}, json.dumps({"status": "ok", "series": [{
            "start": START * 1000, "end": (START + 3600) * 1000 - 1000, "interval": 60, "tag_set": [],
            "pointlist": points}]}).encode()

    secrets = ["dd-api-key-1", "dd-app-key-2"]
    scripted_store.answer = answer
    service = start_serinus(settings({"name": "dd", "type": "datadog", "apiKey": secrets[0],
                                      "applicationKey": secrets[1], "url": scripted_store.url}))
    config = one_metric_config({"type": "datadog", "metricName": "avg:checkout.latency"})
    check_verdicts(service, config, secrets, prefix="service:checkout,version:")
    assert {q["query"] for p, q, _ in scripted_store.requests[:2]} == {
        "avg:checkout.latency{service:checkout,version:v41}",
        "avg:checkout.latency{service:checkout,version:v42}"}
    for _, _, headers in scripted_store.requests:
        assert (headers["DD-API-KEY"], headers["DD-APPLICATION-KEY"]) == tuple(secrets)
    names = service.get("/metadata/metricsService", params={"filter": "LATENCY"}).json()
    assert names == [{"name": "checkout.latency"}]
    sets = fetched(service, "datadog", {"metricSetName": "m", "metricName": "avg:x", "scope": "a:v41",
                                        "start": iso(START), "end": iso(START + 3600)})
    assert len(sets[0]["values"]) == N_POINTS and sets[0]["stepMillis"] == 60000
    scripted_store.answer = lambda path, query: (
        403, {}, b'{"errors":["Forbidden for dd-api-key-1"]}')
    check_failure(service, config, "Forbidden for ***", secrets, prefix="version:")


def test_newrelic(scripted_store, start_serinus):
    def answer(path, query):
        assert path == "/v1/accounts/1234567/query"
        assert f"TIMESERIES 60 seconds SINCE {START} UNTIL {START + 3600} WHERE" in query["nrql"]
        buckets = [{"results": [{"average": v}], "beginTimeSeconds": START + 60 * i,
                    "endTimeSeconds": START + 60 * i + 60, "inspectedCount": 5}
                   for i, v in enumerate(values(query["nrql"]))]
        return 200, {}, json.dumps({"timeSeries": buckets, "metadata": {
            "beginTimeMillis": START * 1000, "endTimeMillis": (START + 3600) * 1000}}).encode()

    scripted_store.answer = answer
    service = start_serinus(settings({
        "name": "nr", "type": "newrelic", "apiKey": "nr-query-key-1", "applicationKey": "1234567",
        "defaultScopeKey": "asg_name", "defaultLocationKey": "region", "url": scripted_store.url}))
    config = one_metric_config({"type": "newrelic", "select": "average(duration) FROM Transaction"})
    check_verdicts(service, config, ["nr-query-key-1"])
    assert all(headers["X-Query-Key"] == "nr-query-key-1" for _, _, headers in scripted_store.requests)
    sets = fetched(service, "newrelic", {"start": iso(START), "end": iso(START + 3600), "step": 60,
                                         "scope": "v41"},
                   body={"canaryMetricConfig": config["metrics"][0]})
    assert sets[0]["name"] == "m" and len(sets[0]["values"]) == N_POINTS
    dry = service.session.post(service.url + "/fetch/newrelic/query", params={
        "start": iso(START), "end": iso(START + 3600), "step": 60, "scope": "v41", "dryRun": "true"},
        data=json.dumps({"canaryMetricConfig": config["metrics"][0]}))  # no Content-Type
    assert dry.json()["query"].startswith("SELECT average(duration) FROM Transaction TIMESERIES 60")
    scripted_store.answer = lambda path, query: (200, {}, b'{"facets":[]}')
    check_failure(service, config, "query must use TIMESERIES and no FACET", ["nr-query-key-1"])


def test_newrelic_refuses_too_many_buckets_at_once(scripted_store, start_serinus):
    service = start_serinus(settings({
        "name": "nr", "type": "newrelic", "apiKey": "k", "applicationKey": "1",
        "defaultScopeKey": "asg_name", "url": scripted_store.url}))
    answer = service.post("/canary", {
        "canaryConfig": one_metric_config({"type": "newrelic", "select": "count(*) FROM T"}),
        "executionRequest": canary_request(control=scope("v41", "", step=5),
                                           experiment=scope("v42", "", step=5))})
    assert answer.status_code == 400
    assert "a step of 10 seconds would fit" in answer.text
    assert scripted_store.requests == []


def signalfx_events(series):
    """As SignalFlow writes them: JSON over several data lines."""
    def event(name, document):
        lines = json.dumps(document, indent=2).split("\n")
        return (f"event: {name}\n" + "".join(f"data: {line}\n" for line in lines) + "\n").encode()

    yield event("control-message", {"event": "STREAM_START", "timestampMs": 1})
    yield event("metadata", {"tsId": "A", "properties": {"sf_metric": "x"}})
    for i, value in enumerate(series):
        yield event("data", {"data": [{"tsId": "A", "value": value}],
                             "logicalTimestampMs": (START + 60 * i) * 1000})
    yield event("control-message", {"event": "END_OF_CHANNEL", "timestampMs": 1})


def test_signalfx(scripted_store, start_serinus):
    stream = {"Content-Type": "text/event-stream"}

    def answer(path, query):
        assert path == "/v2/signalflow/execute"
        assert query == {"start": str(START * 1000), "stop": str((START + 3600) * 1000),
                         "resolution": "60000", "maxDelay": "0", "immediate": "true"}
        # One release each: the program that came last may be the other side's.
        program = next(b for b in reversed(scripted_store.bodies) if b not in answered)
        answered.append(program)
        return 200, stream, signalfx_events(values(program))

    answered = []
    scripted_store.answer = answer
    service = start_serinus(settings({
        "name": "sfx", "type": "signalfx", "accessToken": "sfx-token-1", "maxConcurrentRequests": 1,
        "defaultScopeKey": "version", "url": scripted_store.url}))
    config = one_metric_config({"type": "signalfx", "metricName": "latency", "queryPairs": [
        {"key": "app", "value": "checkout"}]})
    for release, verdict in (("v42", "Pass"), ("v44", "Fail")):
        answered.clear()
        body = service.judge(config, canary_request(control=scope("v41", ""),
                                                    experiment=scope(release, "")))
        assert body["result"]["judgeResult"]["score"]["classification"] == verdict
    assert ("data('latency', filter=filter('app', 'checkout') and filter('version', 'v44'))"
            ".mean(by=['version']).publish()") in scripted_store.bodies
    assert "sfx-token-1" not in json.dumps(body) + service.log_text()
    assert all(h["X-SF-TOKEN"] == "sfx-token-1" for _, _, h in scripted_store.requests)
    scripted_store.answer = lambda path, query: (
        200, stream, b'event: error\ndata: {"message":"no sfx-token-1 here"}\n\n')
    check_failure(service, config, "no *** here", ["sfx-token-1"])


@pytest.fixture
def service_account(tmp_path):
    """A Google credentials file with a key made on the spot."""
    import subprocess
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                         check=True, capture_output=True, text=True).stdout
    path = tmp_path / "sa.json"

    def write(token_uri):
        path.write_text(json.dumps({"type": "service_account", "client_email": "sa@p.iam",
                                    "private_key": key, "private_key_id": "k1",
                                    "token_uri": token_uri}))
        return str(path)

    return write


def test_stackdriver(scripted_store, start_serinus, service_account):
    """Two pages for each query; one token for all of them, from the file's token endpoint."""
    def answer(path, query):
        if path == "/token":
            assert query["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
            assert len(query["assertion"].split(".")) == 3
            return 200, {}, b'{"access_token":"ya29-secret","expires_in":3599,"token_type":"Bearer"}'
        if path == "/v3/projects/acme/metricDescriptors":
            return 200, {}, b'{"metricDescriptors":[{"name":"projects/acme/x","type":"t"}]}'
        assert path == "/v3/projects/acme/timeSeries"
        half = N_POINTS // 2 if "pageToken" in query else 0
        points = [{"interval": {"endTime": iso(START + 60 * i + 60)}, "value": {"doubleValue": v}}
                  for i, v in enumerate(values(query["filter"]))]
        points.reverse()  # newest first
        page = {"timeSeries": [{"metric": {"type": "t"}, "resource": {"labels": {"project_id": "acme"}},
                                "valueType": "DOUBLE", "points": points[half:half + N_POINTS // 2]}]}
        if not half:
            page["nextPageToken"] = "second"
        return 200, {}, json.dumps(page).encode()

    scripted_store.answer = answer
    path = service_account(scripted_store.url + "/token")
    service = start_serinus(json.dumps({"accounts": [{
        "name": "g", "type": "google", "project": "acme", "jsonPath": path,
        "supportedTypes": ["METRICS_STORE"], "endpoint": {"baseUrl": scripted_store.url}}]}) + "\n")
    config = one_metric_config({"type": "stackdriver", "metricType": "custom.googleapis.com/latency",
                                "resourceType": "gce_instance"})
    check_verdicts(service, config, ["ya29-secret", "PRIVATE KEY"])
    paths = [p for p, _, _ in scripted_store.requests]
    assert paths.count("/token") == 1
    assert paths.count("/v3/projects/acme/timeSeries") == 8  # two runs, two sides, two pages
    assert all(h.get("Authorization") == "Bearer ya29-secret"
               for p, _, h in scripted_store.requests if p != "/token")
    sets = fetched(service, "stackdriver", {
        "metricSetName": "m", "metricType": "t", "step": 60, "startTimeIso": iso(START),
        "endTimeIso": iso(START + 3600), "resourceType": "gce_instance", "scope": "v41",
        "location": "eu"}, body={})
    assert len(sets[0]["values"]) == N_POINTS
    assert service.get("/metadata/metricsService").json() == [{"name": "projects/acme/x", "type": "t"}]
    scripted_store.answer = lambda path, query: (
        400, {}, b'{"error":{"code":400,"message":"no ya29-secret","status":"INVALID_ARGUMENT"}}')
    check_failure(service, config, "INVALID_ARGUMENT: no ***", ["ya29-secret"])


def test_stackdriver_without_a_token(scripted_store, start_serinus, service_account):
    scripted_store.answer = lambda path, query: (
        400, {}, b'{"error":"invalid_grant","error_description":"Invalid JWT"}')
    path = service_account(scripted_store.url + "/token")
    service = start_serinus(json.dumps({"accounts": [{
        "name": "g", "type": "google", "project": "acme", "jsonPath": path,
        "supportedTypes": ["METRICS_STORE"], "endpoint": {"baseUrl": scripted_store.url}}]}) + "\n")
    config = one_metric_config({"type": "stackdriver", "metricType": "t", "resourceType": "global"})
    check_failure(service, config, "could not sign in", ["PRIVATE KEY"])
    assert [p for p, _, _ in scripted_store.requests] == ["/token"]


def test_prometheus_with_client_credentials(scripted_store, start_serinus):
    from conftest import matrix

    def answer(path, query):
        if path == "/oauth/token":
            assert query == {"grant_type": "client_credentials", "client_id": "me",
                             "client_secret": "oauth-secret-1", "scope": "a b"}
            return 200, {}, b'{"access_token":"oauth-token-2","expires_in":60}'
        return 200, {}, matrix(values(query["query"]))

    scripted_store.answer = answer
    service = start_serinus(settings({
        "name": "azure", "type": "prometheus", "url": scripted_store.url, "oauth2": {
            "tokenUrl": scripted_store.url + "/oauth/token", "clientId": "me",
            "clientSecret": "oauth-secret-1", "scopes": ["a", "b"]}}))
    config = one_metric_config({"customInlineTemplate": "PromQL:latency{version=\"${scope}\"}"})
    check_verdicts(service, config, ["oauth-secret-1", "oauth-token-2"])
    assert [p for p, _, _ in scripted_store.requests].count("/oauth/token") == 1
    assert all(h.get("Authorization") == "Bearer oauth-token-2"
               for p, _, h in scripted_store.requests if p != "/oauth/token")


def test_collect_reads_pages():
    """Offline: replies in the order of the requests, a page's behind the one that led to it."""
    folder = os.path.join(TOP, "fixtures/replies/stackdriver/")
    with open(folder + "05-list-two-pages.case.json", encoding="utf-8") as source:
        case = json.load(source)
    bodies = []
    for page in case["input"]["pages"]:
        with open(folder + page, encoding="utf-8") as source:
            bodies.append(json.load(source))
    line = {"id": 1, "store": "stackdriver", "account": {"project": "acme-prod"},
            "metric": {"name": "errors"}, "queryText": case["input"]["filter"],
            "scope": case["input"]["scope"]}
    lines = [{**line, "replies": [{"status": 200, "body": body} for body in part]}
             for part in (bodies, bodies[:1], [*bodies, bodies[1]])]
    done = run_cli("collect", "--batch", stdin="\n".join(map(json.dumps, lines)) + "\n")
    both, too_few, too_many = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 65
    assert both["metricSets"] == case["expected"]["required"]
    assert len(both["requests"]) == 2 and "&pageToken=CAIQ" in both["requests"][1]["url"]
    assert too_few["error"] == "there are 1 replies to 2 requests"
    assert too_many["error"] == "there are 3 replies to 2 requests"


@pytest.mark.parametrize("account, words", [
    ({"type": "datadog", "apiKey": "k"}, 'lacks "apiKey" and "applicationKey"'),
    ({"type": "newrelic", "apiKey": "k"}, '"applicationKey" must be the number'),
    ({"type": "signalfx"}, 'lacks "accessToken"'),
    ({"type": "google", "roles": ["metrics"]}, 'lacks "project"'),
])
def test_an_account_that_cannot_be_queried(account, words, tmp_path):
    path = tmp_path / "serinus.yml"
    path.write_text(settings({"name": "incomplete", **account}))
    path.chmod(0o600)
    done = run_cli("config", "show", "--config", path)
    assert done.returncode == 0
    assert 'account "incomplete" cannot be queried' in done.stderr and words in done.stderr
    assert run_cli("config", "show", "--strict-config", "--config", path).returncode == 78


@pytest.mark.parametrize("store", ["datadog", "newrelic", "signalfx", "stackdriver"])
def test_examples(store, start_serinus):
    """The account in the comment of each is taken as it stands."""
    path = os.path.join(TOP, "examples", store + ".yml")
    with open(path, encoding="utf-8") as source:
        comment = [line[2:] for line in source if line.startswith("# ")]
    start = comment.index("accounts:\n")
    account = [line for line in comment[start:] if line == "accounts:\n" or line.startswith(" ")]
    service = start_serinus("".join(account))
    types = {a["type"] for a in service.get("/credentials").json() if "METRICS_STORE" in a["supportedTypes"]}
    assert types == {"google" if store == "stackdriver" else store}
    assert "is not known" not in service.log_text()
