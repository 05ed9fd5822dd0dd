"""Canaries on real InfluxDB, Graphite and VictoriaMetrics: ordinary processes on loopback ports, each
over a history of three releases. v42 is as good as the baseline v41, v43 is not."""
import json
import math
import os
import subprocess
import time

import pytest
import requests
from conftest import T0, WINDOW, free_port, run_cli, stop

VERSIONS = {"v41": 1.0, "v42": 1.0, "v43": 1.8}  # how many times as high as the baseline
PERIOD_S = 60
POINTS = 121


def level(version, i):
    """Values that repeat for nobody: a slow wave, and noise that is the same in each run."""
    noise = (i * 7919 + ord(version[-1]) * 104729) % 1000 / 1000
    return VERSIONS[version] * (40 + 5 * math.sin(i / 9) + 4 * noise)


def points(start):
    return [(version, start + PERIOD_S * i, level(version, i)) for version in VERSIONS for i in range(POINTS)]


class Server:
    """One real server; `start` is called with a free port and returns its command and environment."""

    def __init__(self, directory, start, ready):
        for _ in range(5):  # the port may be taken between the look and the start
            self.port = free_port()
            self.url = f"http://127.0.0.1:{self.port}"
            command, environment = start(self.port)
            self.log = os.path.join(directory, "server.log")
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                cwd=directory, env={**os.environ, **environment})
            if self.is_up(ready):
                return
            stop(self.process)
        raise AssertionError(f"{command[0]} does not start, see {self.log}")

    def is_up(self, path):
        for _ in range(600):
            if self.process.poll() is not None:
                return False
            try:
                if requests.get(self.url + path, timeout=5).ok:
                    return True
            except requests.ConnectionError:
                pass
            time.sleep(0.05)
        return False


# --- the stores ---

def start_influxdb(directory, auth=False):
    def start(port):
        settings = os.path.join(directory, "influxdb.conf")
        with open(settings, "w", encoding="utf-8") as out:
            out.write(f"""reporting-disabled = true
bind-address = "127.0.0.1:{free_port()}"
[meta]
  dir = "{directory}/meta"
[data]
  dir = "{directory}/data"
  wal-dir = "{directory}/wal"
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
  auth-enabled = {str(auth).lower()}
""")
        return ["influxd", "-config", settings], {}

    server = Server(directory, start, "/ping")
    sign = {"u": "canary", "p": "s3cret"} if auth else {}
    if auth:
        ask = "CREATE USER canary WITH PASSWORD 's3cret' WITH ALL PRIVILEGES"
        requests.post(server.url + "/query", params={"q": ask}, timeout=30).raise_for_status()
    requests.post(server.url + "/query", params={"q": "CREATE DATABASE app", **sign}, timeout=30).raise_for_status()
    lines = "\n".join(f"cpu,server-group=checkout-{version},host=h1 value={value:.4f} {at}000000000"
                      for version, at, value in points(T0 + 3600))
    requests.post(server.url + "/write", params={"db": "app", **sign}, data=lines, timeout=30).raise_for_status()
    return server


@pytest.fixture(scope="module")
def influxdb(tmp_path_factory):
    server = start_influxdb(str(tmp_path_factory.mktemp("influxdb")))
    yield server
    stop(server.process)


@pytest.fixture(scope="module")
def guarded_influxdb(tmp_path_factory):
    server = start_influxdb(str(tmp_path_factory.mktemp("influxdb")), auth=True)
    yield server
    stop(server.process)


# An archive keeps so many points back from now; the last two full hours are always in a day's.
GRAPHITE_START = int(time.time()) // 3600 * 3600 - 7200
WRITE_WHISPER = """import json, sys, whisper
for path, points in json.load(sys.stdin).items():
    whisper.create(path, [(60, 1440)], 0, "average")
    whisper.update_many(path, points)
"""


@pytest.fixture(scope="module")
def graphite(tmp_path_factory):
    """graphite-web over files written by whisper: what carbon would have left behind."""
    directory = str(tmp_path_factory.mktemp("graphite"))
    files = {}
    for version, at, value in points(GRAPHITE_START):
        folder = os.path.join(directory, "whisper", "requests", "us-central1", f"checkout-{version}")
        os.makedirs(folder, exist_ok=True)
        files.setdefault(os.path.join(folder, "latency.wsp"), []).append((at, value))
    subprocess.run(["/usr/bin/python3", "-c", WRITE_WHISPER], input=json.dumps(files), text=True, check=True)
    with open(os.path.join(directory, "graphite_settings.py"), "w", encoding="utf-8") as out:
        out.write(f"""SECRET_KEY = 'nothing secret'
ALLOWED_HOSTS = ['*']
TIME_ZONE = 'UTC'
LOG_ROTATION = False
GRAPHITE_ROOT = '/usr/share/graphite-web'
CONF_DIR = STORAGE_DIR = LOG_DIR = '{directory}'
INDEX_FILE = '{directory}/index'
WHISPER_DIR = '{directory}/whisper'
CARBONLINK_HOSTS = []
DATABASES = {{'default': {{'NAME': '{directory}/graphite.db', 'ENGINE': 'django.db.backends.sqlite3'}}}}
""")
    environment = {"PYTHONPATH": directory, "PYTHONDONTWRITEBYTECODE": "1",
                   "GRAPHITE_SETTINGS_MODULE": "graphite_settings",
                   "DJANGO_SETTINGS_MODULE": "graphite.settings"}
    server = Server(directory, lambda port: (["graphite-manage", "runserver", "--noreload", "--insecure",
                                              f"127.0.0.1:{port}"], environment), "/version")
    yield server
    stop(server.process)


@pytest.fixture(scope="module")
def victoriametrics(tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("victoriametrics"))
    server = Server(directory, lambda port: (
        ["victoria-metrics", f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={directory}/data",
         "-retentionPeriod=100y", "-search.latencyOffset=0s", "-loggerLevel=WARN", "-memory.allowedBytes=256MB",
         "-httpAuth.username=canary", "-httpAuth.password=s3cret"], {}), "/health")
    sign = ("canary", "s3cret")
    text = "\n".join(f'cpu{{version="{version}",cluster="east"}} {value:.4f} {at}000'
                     for version, at, value in points(T0 + 3600)) + "\n"
    requests.post(server.url + "/api/v1/import/prometheus", data=text, auth=sign, timeout=30).raise_for_status()
    requests.get(server.url + "/internal/force_flush", auth=sign, timeout=30).raise_for_status()
    yield server
    stop(server.process)


# --- what is asked of them ---

def instant(unix_s):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_s))


STORES = {
    "influxdb": {
        "account": {"database": "app"},
        "queries": [
            {"metricName": "cpu", "fields": ["value"]},
            {"customInlineTemplate": "SELECT mean(value) FROM cpu WHERE $\\{scope} AND $\\{timeFilter} "
                                     "GROUP BY time($\\{step})"},
        ],
        "scope": "server-group:checkout-{}",
        "bad_query": ({"customInlineTemplate": "SELECT nope(value) FROM cpu WHERE ${scope} AND ${timeFilter}"},
                      "undefined function nope()"),
    },
    "graphite": {
        "account": {},
        "queries": [
            {"metricName": "requests.$location.$scope.latency"},
            {"metricName": "movingAverage(requests.*.$scope.latency,5)"},
        ],
        "scope": "checkout-{}",
        "window": (instant(GRAPHITE_START), instant(GRAPHITE_START + 3600)),
        "bad_query": ({"metricName": "fooBar(requests.*.$scope.latency)"}, "unknown function: fooBar"),
    },
    "victoriametrics": {
        "type": "prometheus",
        "account": {"username": "canary", "password": "s3cret"},
        "queries": [
            {"metricName": "cpu", "customInlineTemplate": 'version="${scope}",cluster="east"'},
            {"customInlineTemplate": 'PromQL:sum(cpu{version="${scope}"}) by (cluster) * 2'},
        ],
        "scope": "{}",
        "bad_query": ({"customInlineTemplate": 'PromQL:nope(cpu{version="${scope}"})'}, "nope"),
    },
}


class Subject:
    """A store with its settings, configs and requests."""

    def __init__(self, name, server, **account):
        self.story = STORES[name]
        self.type = self.story.get("type", name)
        self.account = {"name": "metrics", "supportedTypes": ["METRICS_STORE"], "endpoint": {"baseUrl": server.url},
                        "retry": {"attempts": 3, "backoffPeriodMultiplierMs": 10}, **self.story["account"], **account}

    def settings(self):
        return json.dumps({"kayenta": {self.type: {"enabled": True, "accounts": [self.account]}}})

    def config(self, *queries):
        return {
            "name": "real-store", "applications": ["checkout"], "judge": {"name": "NetflixACAJudge-v1.0"},
            "metrics": [{"name": f"m{i}", "query": {"type": self.type, **query}, "groups": ["g"],
                         "analysisConfigurations": {"canary": {"direction": "increase"}}, "scopeName": "default"}
                        for i, query in enumerate(queries or self.story["queries"])],
            "classifier": {"groupWeights": {"g": 100}},
        }

    def window(self):
        return self.story.get("window", WINDOW)

    def scope(self, version):
        start, end = self.window()
        return {"scope": self.story["scope"].format(version), "location": "us-central1", "start": start, "end": end,
                "step": PERIOD_S}

    def request(self, canary):
        return {"scopes": {"default": {"controlScope": self.scope("v41"), "experimentScope": self.scope(canary)}},
                "thresholds": {"pass": 95, "marginal": 75}}


@pytest.fixture(scope="module", params=STORES)
def subject(request):
    return Subject(request.param, request.getfixturevalue(request.param))


@pytest.mark.smoke
def test_a_good_canary_passes_and_its_data_is_what_was_stored(subject, start_serinus):
    service = start_serinus(subject.settings())
    body = service.judge(subject.config(), subject.request("v42"))
    assert body["status"] == "succeeded", body
    assert body["result"]["judgeResult"]["score"]["classification"] == "Pass"
    pairs = service.get(f"/metricSetPairList/{body['metricSetPairListId']}").json()
    assert len(pairs) == 2
    for side, version in (("control", "v41"), ("experiment", "v42")):
        values = pairs[0]["values"][side]
        assert 59 <= len(values) <= 61
        first = {round(level(version, i), 3) for i in (0, 1)}  # a window may exclude its start
        assert round(values[0], 3) in first
        scope = pairs[0]["scopes"][side]
        assert scope["stepMillis"] == PERIOD_S * 1000
    assert {one["classification"] for one in body["result"]["judgeResult"]["results"]} == {"Pass"}


def test_a_bad_canary_fails(subject, tmp_path):
    start, end = subject.window()
    (tmp_path / "accounts.yml").write_text(subject.settings())
    (tmp_path / "config.json").write_text(json.dumps(subject.config()))
    done = run_cli("run", "-f", tmp_path / "config.json", "--accounts", tmp_path / "accounts.yml", "--account",
                   "metrics", "--baseline", subject.story["scope"].format("v41"), "--canary",
                   subject.story["scope"].format("v43"), "--location", "us-central1", "--start", start, "--end", end,
                   "-o", "json")
    assert done.returncode == 11, done.stdout + done.stderr


def test_a_release_without_data_is_no_data(subject, start_serinus):
    service = start_serinus(subject.settings())
    body = service.judge(subject.config(), subject.request("v99"))
    results = body["result"]["judgeResult"]["results"]
    assert {one["classification"] for one in results} == {"Nodata"}, results


def test_a_query_the_store_refuses_ends_with_its_words(subject, start_serinus):
    query, words = subject.story["bad_query"]
    service = start_serinus(subject.settings())
    body = service.judge(subject.config(query), subject.request("v42"))
    assert body["status"] == "terminal"
    assert words in json.dumps(body["exception"]), body["exception"]


def test_graphite_completes_what_is_typed(graphite, start_serinus):
    service = start_serinus(Subject("graphite", graphite).settings())
    for text, names in (("", ["requests."]), ("requests.$location.che", [
            f"requests.$location.checkout-{version}." for version in VERSIONS]), (
            "requests.$location.$scope.", ["requests.$location.$scope.latency"]), (
            "requests.$l", ["requests.$scope", "requests.$location"])):
        answer = service.get("/metadata/metricsService", params={"metricsAccountName": "metrics", "filter": text})
        assert sorted(one["name"] for one in answer.json()) == sorted(names), text


def test_influxdb_says_when_there_is_no_such_database(influxdb, start_serinus):
    subject = Subject("influxdb", influxdb, database="nope")
    body = start_serinus(subject.settings()).judge(subject.config(), subject.request("v42"))
    assert body["status"] == "terminal"
    assert "database not found: nope" in json.dumps(body["exception"])


@pytest.mark.parametrize("password, status", [("s3cret", "succeeded"), ("wr0ng-canary", "terminal")])
def test_influxdb_that_asks_who_is_there(guarded_influxdb, start_serinus, password, status):
    subject = Subject("influxdb", guarded_influxdb, username="canary", password=password)
    service = start_serinus(subject.settings())
    body = service.judge(subject.config(), subject.request("v42"))
    assert body["status"] == status, body
    if status == "terminal":
        assert "authorization failed" in json.dumps(body["exception"])
        assert password not in json.dumps(body) + service.log_text()


def test_influxdb_takes_a_scope_for_a_value_only(influxdb, start_serinus):
    subject = Subject("influxdb", influxdb)
    request = subject.request("v42")
    request["scopes"]["default"]["experimentScope"]["scope"] = "server-group:x' OR \"host\"='h1"
    body = start_serinus(subject.settings()).judge(subject.config(), request)
    assert {one["classification"] for one in body["result"]["judgeResult"]["results"]} == {"Nodata"}
