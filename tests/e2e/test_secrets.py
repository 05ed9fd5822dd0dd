"""A credential in every key of every store's account, and a store that says back whatever it was sent: nothing that
prints may show one, neither as it is, nor percent-encoded, nor inside Base64."""
import base64
import concurrent.futures
import http.server
import json
import re
import subprocess
import threading
import urllib.parse

import pytest
from conftest import WINDOW, Serinus, canary_request, one_metric_config, run_cli, scope

ENVIRONMENT = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}


class Vault:
    """Makes credentials, and finds what is left of them in a text."""

    def __init__(self):
        self.cores = []
        self.key_lines = []

    def plant(self, tail='+/=%&"x'):
        """Each is its own, with characters that every encoding treats in its own way."""
        core = f"Pl4nted{len(self.cores):03d}z"
        self.cores.append(core)
        return core + tail

    def private_key(self):
        key = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                             check=True, capture_output=True, text=True).stdout
        self.key_lines += key.splitlines()[1:-2]
        return key

    def found_in(self, text):
        for word in self.key_lines:
            if word in text:
                yield "a line of the private key"
        for core in set(re.findall(r"Pl4nted\d\d\dz", urllib.parse.unquote(text))):
            yield core
        # Base64 of anything that holds "Pl4nted", by where in a group of three it starts.
        for shift in range(3):
            encoded = base64.b64encode(b"\0" * shift + b"Pl4nted").decode()
            if encoded[[0, 2, 3][shift]:-4] in text:
                yield f"Base64 at {shift}: ...{text[text.index(encoded[[0, 2, 3][shift]:-4]) - 20:][:60]}"


class Echo:
    """Says back what it was asked, in whatever way `mode` is about."""

    MODES = ["refused", "unauthorized", "forbidden", "error in a 200", "trouble", "redirect", "garbage", "hang up"]

    def __init__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                if self.path.endswith("/good-token"):
                    return self.say(200, {}, json.dumps({"access_token": outer.token, "expires_in": 3600}).encode())
                if outer.mode == "hang up":
                    self.close_connection = True
                    return None
                return self.say(*outer.answer(outer.heard(self.path, self.headers, body)))

            def say(self, status, headers, body):
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True  # the client does not want the rest

            do_GET = do_POST = do_any

        self.mode = self.MODES[0]
        self.token = "none"
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        self.url = f"http://{self.host}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @staticmethod
    def heard(target, headers, body):
        """What came, and what a store could make of it."""
        words = [body, urllib.parse.unquote_plus(body), target, urllib.parse.unquote(target)]
        for name, value in headers.items():
            words += [f"{name}={value}", value.lower() if name == "Host" else value]
            scheme, _, rest = value.partition(" ")
            words += [rest, urllib.parse.quote(rest or value, safe=""), urllib.parse.quote_plus(value).lower()[:0]]
            words.append(base64.b64encode((rest or value).encode()).decode())
            if scheme == "Basic":
                pair = base64.b64decode(rest).decode()
                password = pair.partition(":")[2]
                words += [pair, password, urllib.parse.quote(password, safe=""),
                          base64.b64encode(password.encode()).decode()]
        return " | ".join(words)

    def answer(self, text):
        problem = json.dumps({"status": "error", "errorType": "bad", "error": text, "message": text,
                              "errors": [{"message": text}], "__type": "x#Nonsense"}).encode()
        return {
            "refused": lambda: (400, {}, problem),
            "unauthorized": lambda: (401, {"WWW-Authenticate": "Basic"}, text.encode()),
            "forbidden": lambda: (403, {"Content-Type": "text/html"}, f"<html>{text}</html>".encode()),
            "error in a 200": lambda: (200, {}, problem),
            "trouble": lambda: (503, {"Retry-After": "0"}, problem),
            "redirect": lambda: (302, {"Location": "/elsewhere?" + urllib.parse.quote(text[:6000])}, text.encode()),
            "garbage": lambda: (200, {}, b"{" + text.encode()),
        }[self.mode]()


def accounts_of(vault, url, host, folder):
    """name -> (type, keys, query)"""
    def planted_file(name, text=None):
        path = folder / name
        path.write_text((text or vault.plant()) + "\n")
        path.chmod(0o600)
        return str(path)

    def google(name, token_uri):
        return planted_file(name, json.dumps({"type": "service_account", "client_email": "a@b.c", "private_key_id": "k",
                                              "private_key": vault.private_key(), "token_uri": token_uri}))

    promql = {"customInlineTemplate": 'PromQL:x{v="${scope}"}'}
    graphite = {"metricName": "a.$scope"}
    influx = {"metricName": "cpu", "fields": ["x"]}
    new_relic = {"applicationKey": "1", "defaultScopeKey": "v"}
    stackdriver = {"metricType": "custom.googleapis.com/x", "resourceType": "global"}
    request = {"reply": {"error": ["/error"], "series": "", "points": {"shape": "pairs", "at": "/x"}, "timeUnit": "s"}}
    at = {"endpoint": {"baseUrl": url}}
    some = {
        "basic": ("prometheus", {**at, "username": "u", "password": vault.plant()}, promql),
        "password-file": ("prometheus", {**at, "username": "u", "passwordFile": planted_file("p")}, promql),
        "both-file": ("prometheus", {**at, "usernamePasswordFile": planted_file("up", "u:" + vault.plant())}, promql),
        "bearer": ("prometheus", {**at, "bearerToken": vault.plant()}, promql),
        "bearer-file": ("prometheus", {**at, "bearerTokenFile": planted_file("b")}, promql),
        "in-url": ("prometheus", {"endpoint": {"baseUrl": f"http://u:{vault.plant('')}@{host}/x"}}, promql),
        "headers": ("prometheus", {**at, "headers": {
            "X-Key": vault.plant(), "Cookie": "session=" + vault.plant(),
            "X-File": "file:" + planted_file("h")}}, promql),
        "query": ("prometheus", {**at, "queryParams": {"api_key": vault.plant(), "dedup": "true"}}, promql),
        "post": ("prometheus", {**at, "method": "POST", "queryParams": {"token": vault.plant()}}, promql),
        "oauth2": ("prometheus", {**at, "oauth2": {
            "tokenUrl": url + "/token", "clientId": "me", "clientSecret": vault.plant(), "scopes": ["a"]}}, promql),
        "oauth2-token": ("prometheus", {**at, "oauth2": {
            "tokenUrl": url + "/good-token", "clientId": "me", "clientSecretFile": planted_file("cs")}}, promql),
        "oauth2-params": ("prometheus", {**at, "oauth2": {
            "tokenUrl": url + "/token", "clientId": "me", "clientSecret": vault.plant(),
            "endpointParams": {"password": vault.plant(), "audience": "everybody"}}}, promql),
        "sigv4": ("prometheus", {**at, "sigv4": {
            "region": "us-east-1", "accessKeyId": "AKIAEXAMPLE", "secretAccessKey": vault.plant(),
            "sessionToken": vault.plant()}}, promql),
        "proxy": ("prometheus", {**at, "proxy": f"http://u:{vault.plant('')}@{host}"}, promql),
        "no-proxy": ("prometheus", {**at, "proxy": f"http://u:{vault.plant('')}@127.0.0.1:1"}, promql),
        "tls": ("prometheus", {"endpoint": {"baseUrl": f"https://{host}"}, "tls": {
            "certFile": str(folder / "none.pem"), "keyFile": str(folder / "none.pem"), "keyPassword": vault.plant()}},
            promql),
        "datadog": ("datadog", {**at, "apiKey": vault.plant(), "applicationKey": vault.plant()},
                    {"metricName": "avg:x"}),
        "datadog-2": ("datadog", {**at, "apiVersion": "v2", "apiKeyFile": planted_file("dd"),
                                  "applicationKey": vault.plant()}, {"metricName": "avg:x"}),
        "newrelic": ("newrelic", {**at, "apiKey": vault.plant(), **new_relic}, {"select": "count(*) FROM T"}),
        "nerdgraph": ("newrelic", {**at, "api": "nerdgraph", "userKey": vault.plant(), **new_relic},
                      {"select": "count(*) FROM T"}),
        "signalfx": ("signalfx", {**at, "accessToken": vault.plant(), "defaultScopeKey": "v"}, {"metricName": "x"}),
        "graphite": ("graphite", {**at, "username": "u", "password": vault.plant()}, graphite),
        "influxdb": ("influxdb", {**at, "token": vault.plant(), "database": "d"}, influx),
        "influxdb-1": ("influxdb", {**at, "username": "u", "password": vault.plant(), "database": "d"}, influx),
        "wavefront": ("wavefront", {**at, "apiToken": vault.plant()},
                      {"metricName": "x", "aggregate": "avg", "summarization": "MEAN"}),
        "atlas": ("atlas", {**at, "bearerToken": vault.plant()}, {"q": "name,x,:eq,:sum"}),
        "atlas-backends": ("atlas", {"backendsJsonBaseUrl": f"http://u:{vault.plant('')}@{host}/docs"},
                           {"q": "name,x,:eq,:sum"}),
        "google": ("google", {**at, "project": "p", "jsonPath": google("g.json", url + "/token")}, stackdriver),
        "google-token": ("google", {**at, "project": "p", "jsonPath": google("h.json", url + "/good-token")},
                         stackdriver),
        "cloudwatch": ("cloudwatch", {**at, "region": "us-east-1", "accessKeyId": "AKIAEXAMPLE",
                                      "secretAccessKey": vault.plant(), "sessionToken": vault.plant()},
                       {"namespace": "N", "metricName": "M"}),
        "cloudwatch-web": ("cloudwatch", {**at, "region": "us-east-1", "stsEndpoint": url + "/sts", "webIdentity": {
            "roleArn": "arn:aws:iam::111122223333:role/r", "tokenFile": planted_file("web")}},
            {"namespace": "N", "metricName": "M"}),
        "described": ("http-json", {**at, "requests": {"q": {
            "path": "q", "headers": {"X-Api-Key": vault.plant()},
            "query": {"e": "${expression}", "api_key": vault.plant("+/=%&x")}, **request}}}, {"expression": "x"}),
        "described-body": ("http-json", {**at, "vars": {"apiToken": vault.plant("+/=%&x")}, "requests": {"q": {
            "method": "POST", "path": "q", "vars": {"secret": vault.plant("+/=%&x")},
            "body": '{"e":"${expression}","t":"${apiToken}","s":"${secret}"}', **request}}}, {"expression": "x"}),
        "described-form": ("http-json", {**at, "requests": {"q": {
            "method": "POST", "path": "q", "form": {"e": "${expression}", "password": vault.plant("+/=%&x")},
            **request}}}, {"expression": "x"}),
    }
    quick = {"supportedTypes": ["METRICS_STORE"], "retry": {"attempts": 2, "backoffPeriodMultiplierMs": 1}}
    return {name: (kind, {**quick, **keys}, query) for name, (kind, keys, query) in some.items()}


class Site:
    def __init__(self, folder):
        self.vault = Vault()
        self.echo = Echo()
        self.echo.token = self.vault.plant("/+=")
        self.accounts = accounts_of(self.vault, self.echo.url, self.echo.host, folder)
        sink = self.echo.host + "/hook/" + self.vault.plant("")
        settings = {
            "accounts": [{"name": name, "type": kind, **keys} for name, (kind, keys, _) in self.accounts.items()],
            "notify": [{"name": "hook", "type": "webhook", "url": f"http://u:{self.vault.plant('')}@{sink}",
                        "headers": {"X-Sign": self.vault.plant()}, "timeout": "1s"}],
        }
        self.settings = folder / "serinus.yml"
        self.settings.write_text(json.dumps(settings) + "\n")
        self.settings.chmod(0o600)
        for name in self.accounts:
            (folder / f"{name}.json").write_text(json.dumps(self.config(name)))
        self.folder = folder
        self.leaks = []
        self.service = Serinus(folder / "service", json.dumps(settings) + "\n", ["--log-level", "debug"], ENVIRONMENT)

    def config(self, name):
        kind, _, query = self.accounts[name]
        return one_metric_config({"type": "stackdriver" if kind == "google" else kind, **query})

    def sides(self, name):
        prefix = "v:" if self.accounts[name][0] == "influxdb" else ""
        return prefix + "v41", prefix + "v42"

    def arguments(self, name):
        baseline, canary = self.sides(name)
        return ["-f", self.folder / f"{name}.json", "--accounts", self.settings, "--account", name, "--baseline",
                baseline, "--canary", canary, "--start", WINDOW[0], "--end", WINDOW[1]]

    def request(self, name):
        baseline, canary = self.sides(name)
        return canary_request(control=scope(baseline, "eu"), experiment=scope(canary, "eu"))

    def check(self, text, what):
        assert text, what
        if set(self.vault.found_in(text)):
            spots = [text[max(0, at.start() - 60):at.start() + 60]
                     for at in re.finditer("Pl4nted|UGw0bnRl|BsNG50Z|bDRudGVk", text)]
            self.leaks.append(f"{what}: {spots[:3]}")

    def cli(self, *arguments):
        done = run_cli(*arguments, environment=ENVIRONMENT)
        self.check(done.stdout + done.stderr, " ".join(map(str, arguments)))
        return done


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("secrets"))
    yield site
    code = site.service.stop()
    site.check(site.service.log_text(), "the log")
    assert not site.leaks
    assert code == 0, site.service.log_text()[-4000:]


@pytest.fixture(autouse=True)
def no_leaks(site):
    site.leaks.clear()
    yield
    leaks = "\n".join(site.leaks)
    assert not leaks, leaks


def test_that_a_leak_would_be_found():
    vault = Vault()
    secret = vault.plant()
    for text in (secret, urllib.parse.quote(secret), json.dumps(secret), base64.b64encode(secret.encode()).decode(),
                 base64.b64encode(f"u:{secret}".encode()).decode(), base64.b64encode(f"us:{secret}".encode()).decode()):
        assert list(vault.found_in(f"x {text} y")), text
    assert not list(vault.found_in("Plain text, with *** in place of what was there"))


# --- the command line ---

def test_settings(site):
    for arguments in (["show"], ["show", "--origin"]):
        done = site.cli("config", *arguments, "-c", site.settings)
        assert done.returncode == 0 and "********" in done.stdout
    site.cli("config", "convert", site.settings)
    site.cli("validate", "--kind", "settings", site.settings)
    site.cli("validate", "--kind", "settings", "-o", "json", site.settings)
    done = site.cli("serve", "--check", "-c", site.settings, "--strict-config")
    assert done.returncode == 78, done.stderr


@pytest.mark.parametrize("wrong", [
    lambda s: f"accounts: [{{name: a, type: prometheus, url: 'http://x', password: [{s}]}}]",
    lambda s: f"accounts: [{{name: a, type: prometheus, url: 'http://x', bearerToken: {{a: {s}}}}}]",
    lambda s: f"accounts: [{{name: a, type: prometheus, url: 'http://x', pasword: {s}}}]",
    lambda s: f"accounts: [{{name: a, type: prometheus, url: 'ftp://u:{s}@x'}}]",
    lambda s: f"accounts: [{{name: a, type: prometheus, url: 'http://u:{s}@x/?a=b#c'}}]",
    lambda s: f"accounts: [{{name: a, type: prometheus, url: 'http://x', headers: {{X-Key: [{s}]}}}}]",
    lambda s: f"accounts: [{{name: a, type: prometheus, url: 'http://x', headers: {{X-Key: \"{s}\\nX: y\"}}}}]",
    lambda s: f"accounts: [{{name: a, type: datadog, apiKey: '{s}\n', : x}}]",
    lambda s: f"accounts:\n  - name: a\n    type: prometheus\n    password: {s}\n   bad: indent\n",
    lambda s: f"accounts: [{{name: a, type: prometheus, url: 'http://x', proxy: ['http://u:{s}@x']}}]",
    lambda s: f"notify: [{{name: a, type: webhook, url: 'ftp://x/{s}'}}]",
    lambda s: f"notify: [{{name: a, type: webhook, url: 'http://x/{s}', headers: [{s}]}}]",
])
def test_settings_that_are_wrong(wrong, tmp_path):
    vault = Vault()
    path = tmp_path / "serinus.yml"
    path.write_text(wrong(vault.plant("")) + "\n")
    path.chmod(0o600)
    for arguments in (["config", "show", "-c"], ["config", "convert"], ["serve", "--check", "-c"], ["validate"],
                      ["accounts", "check", "-c"]):
        done = run_cli(*arguments, path, environment=ENVIRONMENT)
        assert not list(vault.found_in(done.stdout + done.stderr)), (arguments, done.stdout + done.stderr)


def test_queries_alone(site):
    for name in site.accounts:
        done = site.cli("fetch", *site.arguments(name), "--print-query")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("mode", Echo.MODES)
def test_a_store_that_says_it_back(site, mode):
    site.echo.mode = mode
    for arguments in ([], ["-o", "json"]):
        done = site.cli("accounts", "check", "-c", site.settings, *arguments)
        assert done.returncode == 69

    def ask(name):
        common = site.arguments(name)
        done = site.cli("run", *common, "-o", "json")
        assert done.returncode in (66, 69), (name, done.stdout, done.stderr)
        if mode == "refused":
            site.cli("run", *common, "--save-bundle", site.folder / f"bundle-{name}.json")
            site.cli("fetch", *common)
            site.cli("fetch", *common, "--raw")
            site.cli("validate", "--dry-run", "-o", "json", common[1], *common[2:])

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, site.accounts))


def test_the_service(site):
    service = site.service
    for mode in Echo.MODES:
        site.echo.mode = mode
        started = {name: service.start_canary(site.config(name), site.request(name), metricsAccountName=name)
                   for name in site.accounts}
        for name, execution in started.items():
            body = service.wait_for(execution)
            assert body["status"] == "terminal", (mode, name, body)
            site.check(json.dumps(body), f"{mode}: the execution with {name}")
            for path in (f"/api/v1/executions/{execution}", f"/api/v1/executions/{execution}/bundle"):
                site.check(service.get(path).text, f"{mode}: {path} with {name}")
        for name in site.accounts:
            answer = service.get("/metadata/metricsService", params={"metricsAccountName": name, "filter": "x"})
            site.check(answer.text, f"{mode}: names of {name}")
    for path in ("/credentials", "/api/v1/executions", "/metrics", "/readyz", "/health"):
        site.check(service.get(path).text, path)
    site.check(service.log_text(), "the log")
