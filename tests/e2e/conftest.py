"""Fixtures of the end-to-end tests: the real binary (environment variable SERINUS, default
build/serinus) and a real Prometheus whose history starts at a fixed instant."""
import http.server
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

import pytest
import requests

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "scripts"), os.path.join(TOP, "tests/faults")]
import demo_history  # noqa: E402  (found through the line above)
import simulated_time  # noqa: E402

BINARY = os.path.join(TOP, os.environ.get("SERINUS", "build/serinus"))
# What starts the binary, for sanitizers that need help from outside.
WRAPPER = shlex.split(os.environ.get("SERINUS_WRAPPER", ""))
needs_faketime = pytest.mark.skipif(not simulated_time.is_available(BINARY),
                                    reason="needs libfaketime, and no sanitizer")
START_TIMEOUT_S = 30
T0 = 1767225600  # 2026-01-01T00:00:00Z, the first scrape
WINDOW = ("2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stop(process, timeout_s=20):
    """TERM, then KILL; the exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def wait_until(condition, what, timeout_s=START_TIMEOUT_S, pause_s=0.02):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(pause_s)
    raise AssertionError(f"waited {timeout_s} s for {what}")


class Prometheus:
    """A real server over a history written by promtool."""

    def __init__(self, directory, history):
        self.directory = directory
        data = os.path.join(directory, "data")
        text = os.path.join(directory, "history.om")
        with open(text, "w", encoding="utf-8") as out:
            history(out)
        subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", text, data],
                       check=True, stdout=subprocess.DEVNULL)
        os.remove(text)
        settings = os.path.join(directory, "prometheus.yml")
        with open(settings, "w", encoding="utf-8") as out:
            out.write("global: {scrape_interval: 15s}\n")
        for _ in range(5):  # the port may be taken between the look and the start
            self.port = free_port()
            self.url = f"http://127.0.0.1:{self.port}"
            with open(os.path.join(directory, "prometheus.log"), "ab") as log:
                self.process = subprocess.Popen(
                    ["prometheus", f"--config.file={settings}", f"--storage.tsdb.path={data}",
                     "--storage.tsdb.retention.time=100y", "--log.level=warn",
                     f"--web.listen-address=127.0.0.1:{self.port}"],
                    stdout=log, stderr=log)
            if self.is_up():
                return
        raise AssertionError(f"Prometheus does not start, see {directory}/prometheus.log")

    def is_up(self):
        for _ in range(300):
            if self.process.poll() is not None:
                return False
            try:
                if requests.get(self.url + "/-/ready", timeout=1).ok:
                    return True
            except requests.ConnectionError:
                pass
            time.sleep(0.1)
        return False


EXTRA_SERIES = "# TYPE not_a_number gauge\n" + "".join(
    f'not_a_number{{app="checkout",cluster="{cluster}",version="{version}"}} NaN {T0 + 15 * i}\n'
    for cluster, version in demo_history.SERVERS for i in range(721)
)


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory):
    server = Prometheus(str(tmp_path_factory.mktemp("prometheus")),
                        lambda out: demo_history.write_history(out, T0, 3, more=EXTRA_SERIES))
    yield server
    stop(server.process)


@pytest.fixture(scope="session")
def long_prometheus(tmp_path_factory):
    """Five hours of fewer releases, for analyses that wait."""
    servers = [server for server in demo_history.SERVERS if server[1] in ("v41", "v42", "v43", "v46")]
    server = Prometheus(str(tmp_path_factory.mktemp("long-prometheus")),
                        lambda out: demo_history.write_history(out, T0, 5, servers))
    yield server
    stop(server.process)


class ScriptedStore:
    """A metric store on a real socket that answers what a test tells it to.

    `answer` is called with the path and the decoded query, or form, and returns (status, headers,
    body); a body that is an iterator of bytes is streamed without a Content-Length; None drops the
    connection without a word."""

    def __init__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                split = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(split.query))
                outer.requests.append((split.path, query, dict(self.headers)))
                reply = outer.answer(split.path, query)
                if reply is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                status, headers, body = reply
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                try:
                    if isinstance(body, bytes):
                        self.send_header("Content-Length", str(len(body)))
                        self.end_headers()
                        self.wfile.write(body)
                        return
                    self.send_header("Connection", "close")
                    self.end_headers()
                    self.close_connection = True
                    for piece in body:
                        self.wfile.write(piece)
                except OSError:
                    self.close_connection = True  # the client has seen enough, or was killed

            def do_POST(self):
                length = int(self.headers.get("Content-Length", 0))
                text = self.rfile.read(length).decode()
                outer.bodies.append(text)
                if "form-urlencoded" in self.headers.get("Content-Type", "form-urlencoded"):
                    split = urllib.parse.urlsplit(self.path)
                    self.path = split.path + "?" + urllib.parse.urlencode(urllib.parse.parse_qsl(text))
                self.do_GET()

        self.requests = []
        self.bodies = []  # of those sent with POST
        self.answer = lambda path, query: (200, {}, empty_matrix())
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def hold_back(self, seconds=30):
        """From now on answers with one good series wait for the event that is given back."""
        gate = threading.Event()

        def answer(path, query):
            gate.wait(seconds)
            return 200, {}, matrix(range(61))

        self.answer = answer
        return gate

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def empty_matrix():
    return b'{"status":"success","data":{"resultType":"matrix","result":[]}}'


def matrix(values, start=T0 + 3600, step_s=60, labels=None):
    """A range reply with one series."""
    samples = [[start + i * step_s, str(value)] for i, value in enumerate(values)]
    result = [{"metric": labels or {}, "values": samples}]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


@pytest.fixture
def scripted_store():
    store = ScriptedStore()
    yield store
    store.close()


def kayenta_yml(accounts, more=""):
    """A kayenta.yml with Prometheus accounts: name -> URL, or name -> dict of account keys."""
    lines = ["kayenta:", "  prometheus:", "    enabled: true", "    accounts:"]
    for name, account in accounts.items():
        keys = dict(account) if isinstance(account, dict) else {"endpoint": {"baseUrl": account}}
        lines.append("      - " + json.dumps({"name": name, "supportedTypes": ["METRICS_STORE"], **keys}))
    return "\n".join(lines) + "\n" + more


class Serinus:
    """One process of the real service with its own data directory."""

    def __init__(self, directory, settings, arguments=(), environment=None, wrapper=()):
        self.wrapper = [*WRAPPER, *wrapper]
        self.directory = str(directory)
        os.makedirs(self.directory, exist_ok=True)
        self.settings_path = os.path.join(self.directory, "kayenta.yml")
        self.log_path = os.path.join(self.directory, "serinus.log")
        self.data_dir = os.path.join(self.directory, "data")
        self.arguments = list(arguments)
        self.environment = {**os.environ, **(environment or {})}
        self.session = requests.Session()
        self.session.trust_env = False
        with open(self.settings_path, "w", encoding="utf-8") as out:
            out.write(settings)
        self.process = None
        self.start()

    def launch(self):
        """Start the process without waiting for it to serve."""
        self.log_offset = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, BINARY, "serve", "--config", self.settings_path, "--listen",
                 "127.0.0.1:0", "--data-dir", self.data_dir, *self.arguments],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, env=self.environment)
        self.pid = self.process.pid

    def start(self):
        self.launch()

        def serving():
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.log_text()}"
            return re.search(r'"event":"serving".*?"port":(\d+)', self.log_text()[self.log_offset:])

        self.port = int(wait_until(serving, "the serving event", pause_s=0.01).group(1))
        self.url = f"http://127.0.0.1:{self.port}"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        simulated_time.forget(self.pid)
        self.session.close()

    def stop(self):
        code = stop(self.process)
        self.session.close()
        return code

    def restart(self):
        self.stop()
        self.start()

    def log_text(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    # --- HTTP; paths start with a slash ---

    def get(self, path, **kwargs):
        return self.session.get(self.url + path, timeout=60, **kwargs)

    def post(self, path, body=None, **kwargs):
        return self.session.post(self.url + path, json=body, timeout=60, **kwargs)

    def put(self, path, body=None, **kwargs):
        return self.session.put(self.url + path, json=body, timeout=60, **kwargs)

    def delete(self, path, **kwargs):
        return self.session.delete(self.url + path, timeout=60, **kwargs)

    def store_config(self, config):
        answer = self.post("/canaryConfig", config)
        assert answer.status_code == 200, answer.text
        return answer.json()["canaryConfigId"]

    def start_canary(self, config, request, **parameters):
        """Ad hoc when `config` is a dict, else by its id. The execution's id."""
        if isinstance(config, dict):
            answer = self.post("/canary", {"canaryConfig": config, "executionRequest": request},
                               params=parameters)
        else:
            answer = self.post(f"/canary/{config}", request, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["canaryExecutionId"]

    def wait_for(self, execution_id, timeout_s=60):
        def complete():
            answer = self.get(f"/canary/{execution_id}")
            assert answer.status_code == 200, answer.text
            body = answer.json()
            return body if body["complete"] else None

        return wait_until(complete, f"execution {execution_id} to complete", timeout_s)

    def judge(self, config, request, **parameters):
        """Start, wait, and give back the complete status."""
        return self.wait_for(self.start_canary(config, request, **parameters))


@pytest.fixture
def start_serinus(tmp_path):
    """A function that starts a service; all of them end with the test."""
    started = []

    def start(settings, arguments=(), environment=None, wrapper=()):
        service = Serinus(tmp_path / f"serinus-{len(started)}", settings, arguments, environment, wrapper)
        started.append(service)
        return service

    yield start
    for service in started:
        code = service.stop()
        assert code in (0, -signal.SIGKILL), f"ended with {code}: {service.log_text()[-4000:]}"


@pytest.fixture(scope="module")
def serinus(prometheus, tmp_path_factory):
    """One service for the tests of a file, on the real Prometheus."""
    service = Serinus(tmp_path_factory.mktemp("serinus"), kayenta_yml({"prometheus-prod": prometheus.url}))
    yield service
    code = service.stop()
    assert code == 0, f"ended with {code}: {service.log_text()[-4000:]}"


# --- requests ---

def demo_config(**changes):
    with open(os.path.join(TOP, "fixtures/demo/canary-config.json"), encoding="utf-8") as source:
        config = json.load(source)
    config.update(changes)
    return config


def scope(version, cluster, start=WINDOW[0], end=WINDOW[1], step=60, **more):
    return {"scope": version, "location": cluster, "start": start, "end": end, "step": step, **more}


def canary_request(canary="v42", control=None, experiment=None, marginal=75, passing=95):
    return {
        "scopes": {"default": {
            "controlScope": control or scope("v41", "baseline"),
            "experimentScope": experiment or scope(canary, "canary"),
        }},
        "thresholds": {"pass": passing, "marginal": marginal},
    }


def one_metric_config(query, name="m", **analysis):
    return {
        "name": "one-metric",
        "applications": ["checkout"],
        "judge": {"name": "NetflixACAJudge-v1.0"},
        "metrics": [{"name": name, "query": {"type": "prometheus", **query}, "groups": ["g"],
                     "analysisConfigurations": {"canary": analysis}, "scopeName": "default"}],
        "classifier": {"groupWeights": {"g": 100}},
    }


def run_cli(*arguments, stdin=None, timeout_s=120, environment=None, cwd=TOP):
    """The finished process of `serinus ARGUMENTS`, its streams as text."""
    return subprocess.run([*WRAPPER, BINARY, *map(str, arguments)], input=stdin, text=True,
                          capture_output=True, timeout=timeout_s, cwd=cwd,
                          env={**os.environ, **(environment or {})})
