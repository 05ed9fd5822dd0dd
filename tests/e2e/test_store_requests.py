"""What Graphite, InfluxDB, Wavefront and Atlas are asked, and what becomes of their answers: the real
binary against a scripted server that sees each request and answers in the store's own format."""
import base64
import json
import os
import re
import urllib.parse

import pytest
from conftest import T0, TOP, WINDOW, ScriptedStore, Serinus, run_cli

START = T0 + 3600
POINTS = 60
SECRET = "canary-93c1f0"


PATHS = ["", "/", "/some/path", "/some/path/"]
ACCOUNTS_PER_STORE = 24


def account(name, **keys):
    return {"name": name, "supportedTypes": ["METRICS_STORE"],
            "retry": {"attempts": 4, "backoffPeriodMultiplierMs": 1}, **keys}


def settings(accounts):
    return json.dumps({"kayenta": {store: {"enabled": True, "accounts": some} for store, some in accounts.items()}})


def values(is_bad=False):
    return [(2 if is_bad else 1) * (40 + i * 7919 % 13) for i in range(POINTS)]


def graphite_reply(target, numbers):
    return json.dumps([{"target": target, "datapoints": [[n, START + 60 * i] for i, n in enumerate(numbers)]}])


def influxdb_reply(_, numbers):
    rows = [[f"2026-01-01T01:{i:02d}:00Z", n] for i, n in enumerate(numbers)]
    return json.dumps({"results": [{"statement_id": 0, "series": [
        {"name": "cpu", "columns": ["time", "value"], "values": rows}]}]}) + "\n"


def wavefront_reply(query, numbers):
    data = [[START + 60 * i, n] for i, n in enumerate(numbers)]
    return json.dumps({"query": query, "timeseries": [{"label": "cpu", "host": "h", "tags": {}, "data": data}]})


def atlas_message(**members):
    return "data: " + json.dumps(members) + "\n\n"


def atlas_reply(_, numbers):
    start = START * 1000
    return atlas_message(type="timeseries", id="a", tags={"name": "x"}, start=start, step=60000,
                         end=start + 60000 * len(numbers), data={"type": "array", "values": numbers}
                         ) + atlas_message(type="close")


class Story:
    """One store: its query, its scopes and what a server of its kind does."""

    def __init__(self, store, query, scopes, path, text, reply, empty, parameters, keys, authorization):
        self.store, self.query, self.scopes, self.path, self.text = store, query, scopes, path, text
        self.reply, self.empty, self.parameters, self.keys = reply, empty, parameters, keys
        self.authorization = authorization

    def account_at(self, url, name):
        return account(name, endpoint={"baseUrl": url}, **self.keys)

    def config(self):
        return {"name": "c", "applications": ["a"], "judge": {"name": "NetflixACAJudge-v1.0"},
                "metrics": [{"name": "m", "query": {"type": self.store, **self.query}, "groups": ["g"],
                             "analysisConfigurations": {"canary": {"direction": "increase"}}, "scopeName": "default"}],
                "classifier": {"groupWeights": {"g": 100}}}

    def request(self):
        sides = [{"scope": scope, "location": "us-east-1", "start": WINDOW[0], "end": WINDOW[1], "step": 60}
                 for scope in self.scopes]
        return {"scopes": {"default": {"controlScope": sides[0], "experimentScope": sides[1]}},
                "thresholds": {"pass": 95, "marginal": 75}}


STORIES = [
    Story("graphite", {"metricName": "requests.$location.$scope.errors"}, ["v041", "v042"], "/render", "target",
          graphite_reply, "[]",
          {"target": "requests.us-east-1.{}.errors", "from": str(START), "until": str(START + 3600), "format": "json"},
          {"username": "u", "password": SECRET},
          "Basic " + base64.b64encode(f"u:{SECRET}".encode()).decode()),
    Story("influxdb", {"metricName": "cpu", "fields": ["value"]}, ["sg:v041", "sg:it's v042"], "/query", "q",
          influxdb_reply, '{"results":[{"statement_id":0}]}\n',
          {"db": "app", "q": "SELECT value FROM cpu WHERE time >= '2026-01-01T01:00:00Z' AND "
                             "time < '2026-01-01T02:00:00Z' AND sg = '{}'"},
          {"database": "app", "token": SECRET}, f"Token {SECRET}"),
    Story("wavefront", {"metricName": "cpu", "aggregate": "avg", "summarization": "MEAN"}, ["sg=v041", "sg=v042"],
          "/api/v2/chart/api", "q", wavefront_reply, '{"query":"x","warnings":"No metrics matching"}',
          {"n": "Serinus-Query", "q": "avg(ts(cpu, {}))", "s": f"{START}000", "e": f"{START + 3600}000", "g": "m",
           "summarization": "MEAN", "listMode": "true", "strict": "true", "sorted": "true"},
          {"apiToken": SECRET}, f"Bearer {SECRET}"),
    Story("atlas", {"q": "name,x,:eq,:sum"}, ["v041", "v042"], "/api/v2/fetch", "q", atlas_reply,
          atlas_message(type="close"),
          {"q": "name,x,:eq,:sum,:list,(,nf.cluster,{},:eq,:cq,),:each", "s": f"{START}000", "e": f"{START + 3600}000",
           "step": "PT1M", "id": "serinus"},
          {"fetchId": "serinus", "bearerToken": SECRET}, f"Bearer {SECRET}"),
]


@pytest.fixture(params=STORIES, ids=lambda story: story.store)
def story(request):
    return request.param


class Site:
    """One service and one server for all tests here; every judgement has an account of its own."""

    def __init__(self, directory):
        self.store = ScriptedStore()
        self.service = Serinus(directory, settings({one.store: self.accounts(one) for one in STORIES}))
        self.numbers = dict.fromkeys((one.store for one in STORIES), 0)

    def accounts(self, story):
        plain = [story.account_at(self.store.url, f"{story.store}-{i}") for i in range(ACCOUNTS_PER_STORE)]
        paths = [story.account_at(self.store.url + path, story.store + path) for path in PATHS]
        backends = account("backends", backendsJsonBaseUrl=self.store.url + "/docs", scheme="http")
        return plain + paths + ([backends] if story.store == "atlas" else [])

    def next_account(self, story):
        self.numbers[story.store] += 1
        return f"{story.store}-{self.numbers[story.store] - 1}"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("stores"))
    yield site
    assert SECRET not in site.service.log_text() + site.service.get("/credentials").text
    code = site.service.stop()
    site.store.close()
    assert code == 0, site.service.log_text()[-4000:]


@pytest.fixture
def scripted_store(site):
    site.store.requests.clear()
    return site.store


@pytest.fixture
def judged(story, site):
    """Judge one canary, and give back its complete status."""
    def judge(account=None):
        body = site.service.judge(story.config(), story.request(),
                                  metricsAccountName=account or site.next_account(story))
        assert SECRET not in json.dumps(body)
        return body

    return judge


def results(body):
    assert body["status"] == "succeeded", body
    return {one["classification"] for one in body["result"]["judgeResult"]["results"]}


def is_canary(story, query):
    return "v042" in query[story.text]


@pytest.mark.parametrize("path", PATHS)
def test_what_is_asked(story, scripted_store, judged, path):
    scripted_store.answer = lambda _, query: (200, {}, story.reply(query[story.text], values()).encode())
    assert results(judged(story.store + path)) == {"Pass"}
    assert len(scripted_store.requests) == 2
    expected = [{key: text.replace("{}", scope) for key, text in story.parameters.items()}
                for scope in ([one.split(":")[-1].replace("'", "\\'") for one in story.scopes]
                              if story.store == "influxdb" else story.scopes)]
    for asked_path, query, headers in scripted_store.requests:
        assert asked_path == path.rstrip("/") + story.path
        query.pop("kayentaQueryUUID", None)
        assert query in expected
        assert headers["Authorization"] == story.authorization  # on the first request, not after a 401
        assert "application/json" in headers["Accept"] and "gzip" in headers["Accept-Encoding"]
        assert headers["User-Agent"].startswith("serinus/")


def test_a_canary_that_is_worse_fails(story, scripted_store, judged):
    scripted_store.answer = lambda _, query: (
        200, {}, story.reply(query[story.text], values(is_canary(story, query))).encode())
    assert results(judged()) == {"High"}


def test_no_data(story, scripted_store, judged):
    scripted_store.answer = lambda _, query: (200, {}, story.empty.encode())
    body = judged()
    assert results(body) == {"Nodata"}


def test_what_may_pass_is_asked_again(story, scripted_store, judged):
    """503, a body that is cut on its way, and then the answer."""
    def answer(_, query):
        side = is_canary(story, query)
        n = sum(is_canary(story, one) == side for _, one, _ in scripted_store.requests)
        body = story.reply(query[story.text], values()).encode()
        if n == 1:
            return 503, {}, b"starting"
        if n == 2:
            return 200, {"Content-Length": str(len(body))}, iter([body[:len(body) // 2]])
        return 200, {}, body

    scripted_store.answer = answer
    assert results(judged()) == {"Pass"}
    assert len(scripted_store.requests) == 6


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_what_is_refused_is_asked_once(story, scripted_store, judged, status):
    scripted_store.answer = lambda _, query: (status, {}, f"no, {SECRET} is not the reason".encode())
    body = judged()
    assert body["status"] == "terminal"
    assert f"Status: {status}" in json.dumps(body["exception"])
    assert "no, *** is not the reason" in json.dumps(body["exception"])
    per_side = [is_canary(story, query) for _, query, _ in scripted_store.requests]
    assert sorted(per_side) in ([False, True], [False], [True])


def test_a_page_to_sign_in_is_no_empty_answer(story, scripted_store, judged):
    scripted_store.answer = lambda _, query: (200, {"Content-Type": "text/html"}, b"<html>Sign in</html>")
    body = judged()
    assert body["status"] == "terminal"
    per_side = [is_canary(story, query) for _, query, _ in scripted_store.requests]
    assert sorted(per_side) in ([False, True], [False], [True])


def test_a_store_that_stays_away_is_given_up(story, start_serinus):
    store = ScriptedStore()  # its own: the service will not soon ask this one again
    store.answer = lambda _, query: (503, {}, b"down for maintenance")
    body = start_serinus(settings({story.store: [story.account_at(store.url, "metrics")]})).judge(
        story.config(), story.request())
    store.close()
    assert body["status"] == "terminal"
    words = json.dumps(body["exception"])
    assert "down for maintenance" in words and "503" in words and f"{story.store}Fetch" in words


def test_one_query_by_hand(story, scripted_store, site):
    scripted_store.answer = lambda _, query: (200, {}, story.reply(query[story.text], values()).encode())
    service = site.service
    parameters = {"metricsAccountName": site.next_account(story), "metricSetName": "by hand",
                  "scope": story.scopes[1], "location": "us-east-1", "start": WINDOW[0], "end": WINDOW[1],
                  "step": "60", "type": "cluster", **story.query}
    answer = service.post(f"/fetch/{story.store}/query?" + urllib.parse.urlencode(parameters, doseq=True))
    assert answer.status_code == 200, answer.text
    sets = service.get("/metricSetList/" + answer.json()["metricSetListId"]).json()
    assert [one["name"] for one in sets] == ["by hand"]
    assert sets[0]["values"] == values()
    parameters["dryRun"] = "true"
    answer = service.post(f"/fetch/{story.store}/query?" + urllib.parse.urlencode(parameters, doseq=True))
    asked = scripted_store.requests[0][1][story.text]
    assert answer.json() == {"query": asked}


def test_the_example_is_taken_as_it_stands(story, scripted_store, tmp_path):
    """The account in its comment, but for where it is and its credential; and the config."""
    scripted_store.answer = lambda _, query: (200, {}, story.reply(query[story.text], values()).encode())
    example = os.path.join(TOP, "examples", story.store + ".yml")
    with open(example, encoding="utf-8") as source:
        comment = [line[2:] for line in source if line.startswith("# ")]
    account = "".join(comment[comment.index("accounts:\n"):])
    url = "endpoint: {baseUrl: " + scripted_store.url + "}\n"
    account = re.sub(r"(endpoint|backendsJsonBaseUrl): .*\n", url, account, count=1)
    account = account.replace("/etc/serinus/", f"{tmp_path}/")
    files = re.findall(r"File: \S*/(\S+)", account)
    for name in files:
        (tmp_path / name).write_text(SECRET)
    (tmp_path / "accounts.yml").write_text(account)
    done = run_cli("run", "-f", example, "--accounts", tmp_path / "accounts.yml", "--location", "us-east-1",
                   "--baseline", story.scopes[0], "--canary", story.scopes[1], "--start", WINDOW[0], "--end", WINDOW[1])
    assert done.returncode == 0, done.stdout + done.stderr + account
    assert len(scripted_store.requests) == 4
    assert all(("Authorization" in headers) == bool(files) for _, _, headers in scripted_store.requests)


# --- one store each ---

def only(*stores):
    return pytest.mark.parametrize("story", [one for one in STORIES if one.store in stores], indirect=True,
                                   ids=lambda story: story.store)


@only("graphite")
def test_an_unexpected_error_of_graphite_is_not_asked_again(story, scripted_store, judged):
    scripted_store.answer = lambda _, query: (
        500, {"Content-Type": "text/html"},
        b"<p>Graphite encountered an unexpected error while handling your request.</p>")
    body = judged()
    assert body["status"] == "terminal"
    assert "Message: Graphite encountered an unexpected error" in json.dumps(body["exception"])
    assert len(scripted_store.requests) <= 2


@only("wavefront")
def test_a_wavefront_that_is_asked_too_often(story, scripted_store, judged):
    def answer(_, query):
        n = sum(one[story.text] == query[story.text] for _, one, _ in scripted_store.requests)
        if n < 3:
            return (406, 429)[n - 1], {}, b"slow down"
        return 200, {}, story.reply(query[story.text], values()).encode()

    scripted_store.answer = answer
    assert results(judged()) == {"Pass"}
    assert len(scripted_store.requests) == 6


@only("atlas")
def test_an_atlas_stream_that_is_not_whole_is_asked_for_again(story, scripted_store, judged):
    whole = atlas_reply(None, values())
    replies = [whole.replace(atlas_message(type="close"), ""),
               atlas_message(type="error", message="TimeoutException") + atlas_message(type="close"), whole]

    def answer(_, query):
        n = sum(one[story.text] == query[story.text] for _, one, _ in scripted_store.requests)
        return 200, {"Content-Type": "text/event-stream"}, replies[n - 1].encode()

    scripted_store.answer = answer
    assert results(judged()) == {"Pass"}
    assert len(scripted_store.requests) == 6
    assert len({query["kayentaQueryUUID"] for _, query, _ in scripted_store.requests}) == 2


@only("atlas")
def test_an_expression_that_atlas_does_not_know_is_asked_once(story, scripted_store, judged):
    scripted_store.answer = lambda _, query: (200, {}, (
        atlas_message(type="error", message="IllegalStateException: unknown word ':eqx'")
        + atlas_message(type="close")).encode())
    body = judged()
    assert body["status"] == "terminal"
    assert "unknown word ':eqx'" in json.dumps(body["exception"])
    assert len(scripted_store.requests) <= 2


@only("atlas")
def test_the_atlas_server_is_looked_up(story, scripted_store, site):
    place = f"127.0.0.1:{scripted_store.port}"
    backends = [{"cname": place, "target": "x", "deployment": "main", "dataset": "regional", "environments": ["test"],
                 "regions": ["us-east-1"], "step": "PT1M", "description": ""}]
    files = {"/docs/api/v1/atlas/backends.json": backends, "/docs/api/v1/atlas/storage.json": {"atlas_storage": {}}}

    def answer(path, query):
        return 200, {}, (json.dumps(files[path]) if path in files else atlas_reply(None, values())).encode()

    scripted_store.answer = answer
    service = site.service
    body = service.judge(story.config(), story.request(), metricsAccountName="backends")
    assert results(body) == {"Pass"}
    assert sorted({path for path, _, _ in scripted_store.requests}) == sorted([*files, "/api/v2/fetch"])
    pair = service.get("/metricSetPairList/" + body["metricSetPairListId"]).json()[0]
    assert pair["attributes"]["control"]["baseURL"] == f"http://{place}"
    for _ in range(4):
        assert results(service.judge(story.config(), story.request(), metricsAccountName="backends")) == {"Pass"}
    asked = [path for path, _, _ in scripted_store.requests]
    assert asked.count("/api/v2/fetch") == 10
    for file in files:  # kept for two minutes, which may be over in between
        assert asked.count(file) <= 2
    request = story.request()
    request["scopes"]["default"]["experimentScope"]["location"] = "mars"
    body = service.judge(story.config(), request, metricsAccountName="backends")
    assert body["status"] == "terminal"
    assert "Unable to find an appropriate Atlas cluster for location=mars" in json.dumps(body["exception"])
