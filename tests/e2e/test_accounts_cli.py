"""`serinus accounts`: what is wrong with an account, and what to change."""
import json
import os
import ssl
import subprocess

import pytest
from conftest import kayenta_yml, run_cli

SECRET = "sesame-4711"
NAMES = b'{"status":"success","data":["up","http_requests_total"]}'


def accounts(tmp_path, settings, *more):
    path = tmp_path / "kayenta.yml"
    path.write_text(settings)
    done = run_cli("accounts", "check", "-c", path, *more)
    assert SECRET not in done.stdout + done.stderr
    return done


def one(tmp_path, account, *more):
    done = accounts(tmp_path, kayenta_yml({"prod": account}), "-o", "json", "--account", "prod", *more)
    return done, json.loads(done.stdout)[0]


def store_with(scripted_store, status, headers=None, body=b"{}"):
    scripted_store.answer = lambda path, query: (status, headers or {}, body)
    return {"endpoint": {"baseUrl": scripted_store.url}, "username": "kayenta", "password": SECRET}


@pytest.mark.smoke
def test_a_real_prometheus_is_usable(prometheus, tmp_path):
    done = accounts(tmp_path, kayenta_yml({"prod": prometheus.url}))
    assert done.returncode == 0, done.stdout + done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("prod "))
    assert line.split()[1:5] == ["prometheus", "yes", "yes", "yes"]
    version = subprocess.run(["prometheus", "--version"], capture_output=True, text=True, check=True)
    words = (version.stdout + version.stderr).split()
    assert line.split()[5] == words[words.index("version") + 1]
    assert line.rstrip().endswith("ms")


@pytest.mark.parametrize("probe, status, usable", [("api/v1/status?brief=1", 200, True), ("api/v1/status", 401, False),
                                                   (None, 200, None)])
def test_a_store_that_its_account_describes(scripted_store, tmp_path, probe, status, usable):
    """Only its account can say what may be asked of it at no cost."""
    scripted_store.answer = lambda path, query: (status, {}, b"{}")
    account = {"name": "prod", "type": "http-json", "endpoint": {"baseUrl": scripted_store.url + "/tsdb"},
               "bearerToken": SECRET, "requests": {"q": {"path": "q", "reply": {
                   "series": "/x/*", "points": {"shape": "pairs", "at": "/p"}, "timeUnit": "s"}}}}
    if probe:
        account["probe"] = probe
    done = accounts(tmp_path, json.dumps({"accounts": [account]}) + "\n", "-o", "json", "--account", "prod")
    shown = json.loads(done.stdout)[0]
    assert [path for path, _, _ in scripted_store.requests] == (["/tsdb/api/v1/status"] if probe else [])
    assert shown["usable"] is usable, shown
    if not probe:
        assert "probe" in shown["detail"]


def test_every_account_is_asked_and_one_that_fails_is_69(scripted_store, tmp_path):
    scripted_store.answer = lambda path, query: (200, {}, NAMES)
    done = accounts(tmp_path, kayenta_yml({"good": scripted_store.url, "bad": "http://127.0.0.1:1"}))
    assert done.returncode == 69
    by_name = {line.split()[0]: line for line in done.stdout.splitlines()[1:]}
    assert by_name["good"].split()[2:5] == ["yes", "yes", "yes"]
    assert by_name["bad"].split()[2:5] == ["no", "no", "-"]
    assert "host and port in endpoint.baseUrl" in by_name["bad"]


@pytest.mark.parametrize("status, headers, body, reached, signed_in, words", [
    (401, {}, b"no", True, False, "username and password"),
    (403, {}, b"no", True, False, "may not read"),
    (404, {}, b"404 page not found", True, None, "endpoint.baseUrl"),
    (503, {}, b"", True, None, "in trouble"),
    (200, {"Content-Type": "text/html"}, b"<html>Sign in</html>", True, None, "sign-in page"),
    (302, {"Location": "https://login.example.com/"}, b"", True, None, "sends us elsewhere"),
    (200, {}, b'{"hello":"world"}', True, None, "not this store's"),
])
def test_what_to_change(scripted_store, tmp_path, status, headers, body, reached, signed_in, words):
    done, account = one(tmp_path, store_with(scripted_store, status, headers, body))
    assert done.returncode == 69
    assert (account["usable"], account["reached"], account["signedIn"]) == (False, reached, signed_in), account
    assert words in account["detail"], account


def test_the_stores_words_do_not_give_the_secret_away(scripted_store, tmp_path):
    done, account = one(tmp_path, store_with(scripted_store, 401, body=f"bad password {SECRET}\x1b[2J".encode()))
    assert done.returncode == 69 and "\x1b" not in account["detail"]


def test_a_certificate_that_nobody_knows(scripted_store, tmp_path):
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    scripted_store.server.socket = context.wrap_socket(scripted_store.server.socket, server_side=True)
    scripted_store.answer = lambda path, query: (200, {}, NAMES)
    url = scripted_store.url.replace("http:", "https:")
    done, account = one(tmp_path, url)
    assert done.returncode == 69 and account["reached"] is False and "tls.caFile" in account["detail"], account
    done, account = one(tmp_path, {"endpoint": {"baseUrl": url}, "tls": {"caFile": str(cert)}})
    assert done.returncode == 0 and account["usable"], account


def test_stores_without_metadata_are_asked_a_query_for_nothing(scripted_store, tmp_path):
    scripted_store.answer = lambda path, query: (200, {"X-Influxdb-Version": "1.8.10"},
                                                 b'{"results":[{"statement_id":0}]}')
    settings = ("kayenta:\n  influxdb:\n    enabled: true\n    accounts:\n"
                "      - {name: influx, endpoint: {baseUrl: \"%s\"}, supportedTypes: [METRICS_STORE]}\n"
                % scripted_store.url)
    done = accounts(tmp_path, settings, "-o", "json")
    account = next(entry for entry in json.loads(done.stdout) if entry["name"] == "influx")
    assert done.returncode == 0 and account["usable"] and account["version"] == "1.8.10", account
    assert scripted_store.requests[0][1]["q"] == "SHOW DATABASES"


def test_a_store_that_never_answers(scripted_store, tmp_path):
    gate = scripted_store.hold_back()
    done, account = one(tmp_path, scripted_store.url, "--timeout", "1s")
    gate.set()
    assert done.returncode == 69 and "no answer in time" in account["detail"], account


@pytest.mark.parametrize("arguments, code", [(["nobody"], 64), (["-o", "xml"], 64), (["--account", "x"], 64),
                                             (["-c", "/nonexistent/k.yml"], 66)])
def test_wrong_arguments(tmp_path, arguments, code):
    (tmp_path / "kayenta.yml").write_text(kayenta_yml({"a": "http://127.0.0.1:1"}))
    done = run_cli("accounts", *([] if "-c" in arguments else ["-c", os.path.join(tmp_path, "kayenta.yml")]),
                   *arguments)
    assert done.returncode == code and not done.stdout, done.stderr
