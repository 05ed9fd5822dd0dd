"""A whole canary through the stores that Kayenta does not have. v42 is like the baseline v41, v44 is half as much
again."""
import datetime
import gzip
import hashlib
import hmac
import http.server
import json
import os
import re
import threading
import urllib.parse

import pytest

from conftest import T0, TOP, WINDOW, one_metric_config, run_cli, scope, canary_request
from test_hosted_stores import START, N_POINTS, check_failure, check_verdicts, fetched, iso, settings, values
from test_hosted_stores import service_account  # noqa: F401  (a fixture)


def csv_text():
    rows = ["time,metric,side,value,route"]
    for side in ("v41", "v42", "v44"):
        rows += [f"{iso(START + 60 * i)},latency,{side},{v},/pay" for i, v in enumerate(values(side))]
    return "\n".join(rows) + "\n"


def openmetrics_text():
    lines = ["# TYPE latency gauge"]
    for side in ("v41", "v42", "v44"):
        lines += [f'latency{{version="{side}"}} {v} {START + 60 * i}' for i, v in enumerate(values(side))]
    return "\n".join(lines + ["# EOF"]) + "\n"


def file_settings(path, **more):
    return settings({"name": "recorded", "type": "file", "path": str(path), **more})


def test_files_in_place_of_a_store(tmp_path, start_serinus):
    folder = tmp_path / "recorded"
    (folder / "day1").mkdir(parents=True)
    (folder / "run.csv.gz").write_bytes(gzip.compress(csv_text().encode()))
    (folder / "day1" / "run.om").write_text(openmetrics_text())
    os.symlink("/etc/passwd", folder / "passwd.csv")
    service = start_serinus(file_settings(folder))
    check_verdicts(service, one_metric_config({"type": "file", "series": "latency", "file": "run.csv.gz"}), [])
    check_verdicts(service, one_metric_config({"type": "file", "file": "day1/run.om",
                                               "customInlineTemplate": 'latency{version="${scope}"}'}), [])
    check_failure(service, one_metric_config({"type": "file", "series": "latency", "file": "passwd.csv"}),
                  "leads out of the account's folder", ["root:"])
    check_failure(service, one_metric_config({"type": "file", "series": "latency"}), "it is a folder", [])
    names = service.get("/metadata/metricsService", params={"filter": "LAT"}).json()
    assert names == [{"name": "latency", "file": "run.csv.gz"}]
    by_hand = {"metricSetName": "m", "series": "latency", "file": "run.csv.gz", "scope": "v41",
               "start": iso(START), "end": iso(START + 3600), "step": 60}
    sets = fetched(service, "file", by_hand)
    assert sets[0]["tags"] == {"route": "/pay"} and len(sets[0]["values"]) == N_POINTS
    dry = service.post("/fetch/file/query", params={**by_hand, "dryRun": "true"})
    assert dry.json() == {"query": "run.csv.gz#latency"}
    refused = service.post("/fetch/file/query", params={**by_hand, "file": "../x.csv"})
    assert refused.status_code == 400 and "file name '../x.csv' is not allowed" in refused.text
    assert service.get("/metadata/metricsService", params={"filter": "other"}).json() == []


def test_a_bundle_is_judged_again_as_a_store(tmp_path, start_serinus):
    """What --save-bundle writes can be asked, by a service and by a run without one; no network anywhere."""
    (tmp_path / "run.csv").write_text(csv_text())
    (tmp_path / "csv.json").write_text(file_settings(tmp_path / "run.csv"))
    (tmp_path / "bundle.json.yml").write_text(file_settings(tmp_path / "saved.json"))
    config = one_metric_config({"type": "file", "series": "latency"}, name="latency")
    (tmp_path / "config.json").write_text(json.dumps(config))
    common = ["--start", WINDOW[0], "--end", WINDOW[1], "-f", tmp_path / "config.json"]
    first = run_cli("run", "--accounts", tmp_path / "csv.json", "--baseline", "v41", "--canary", "v44",
                    "--save-bundle", tmp_path / "saved.json", *common)
    assert first.returncode == 11, first.stdout + first.stderr
    second = run_cli("run", "--accounts", tmp_path / "bundle.json.yml", "--baseline", "control",
                     "--canary", "experiment", *common)
    assert second.returncode == 11, second.stdout + second.stderr
    service = start_serinus(file_settings(tmp_path / "saved.json"))
    body = service.judge(config, canary_request(control=scope("control", "eu"), experiment=scope("canary", "eu")))
    assert body["result"]["judgeResult"]["score"]["classification"] == "Fail"
    assert service.get("/metadata/metricsService").json() == [{"name": "latency", "file": "saved.json"}]


def test_collect_shows_what_a_file_becomes(tmp_path):
    line = {"id": 1, "store": "file", "account": {}, "metric": {"name": "latency", "query": {"type": "file"}},
            "scope": {"scope": "v42", "start": iso(START), "end": iso(START + 3600), "step": 60},
            "replies": [{"body": csv_text()}]}
    answer = json.loads(run_cli("collect", "--batch", stdin=json.dumps(line) + "\n").stdout)
    assert answer["requests"][0]["method"] == "GET" and answer["requests"][0]["url"].startswith("file://")
    assert len(answer["metricSets"][0]["values"]) == N_POINTS


# --- stores that are asked with a body ---


class BodyStore:
    """A store on a real socket; `answer` gets method, path, headers and body."""

    def __init__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                outer.requests.append((self.command, self.path, dict(self.headers), body))
                status, answer, *more = outer.answer(self.command, self.path, self.headers, body)
                text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response_only(status)
                for name, value in {"Date": self.date_time_string(), **(more[0] if more else {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_any

        self.requests = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def body_store():
    store = BodyStore()
    yield store
    store.server.shutdown()
    store.server.server_close()


def signature_is_right(method, path, headers, body, secret, service, region="us-east-1"):
    """A second implementation of Signature Version 4, over what has really arrived."""
    scheme, fields = headers["Authorization"].split(" ", 1)
    fields = dict(field.split("=", 1) for field in fields.split(", "))
    names = fields["SignedHeaders"].split(";")
    target, _, query = path.partition("?")
    pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
    query = "&".join(f"{urllib.parse.quote(k, safe='-_.~')}={urllib.parse.quote(v, safe='-_.~')}" for k, v in pairs)
    canonical = "\n".join([method, target, query, *(f"{n}:{headers[n].strip()}" for n in names), "",
                           ";".join(names), hashlib.sha256(body.encode()).hexdigest()])
    time = headers["X-Amz-Date"]
    scope_text = f"{time[:8]}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", time, scope_text, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in (time[:8], region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    assert scheme == "AWS4-HMAC-SHA256" and {"host", "x-amz-date"} <= set(names)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest() == fields["Signature"]


AWS = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}
SECRETS = ["cw-secret-key-1", "cw-session-token-1"]


def cloudwatch_answer(method, path, headers, body):
    if headers.get("X-Amz-Security-Token") != SECRETS[1] or not signature_is_right(
            method, path, headers, body, SECRETS[0], "monitoring"):
        return 403, {"__type": "x#SignatureDoesNotMatch", "message": "not signed with cw-secret-key-1"}
    asked = json.loads(body)
    if headers["X-Amz-Target"].endswith(".ListMetrics"):
        return 200, {"Metrics": [{"Namespace": "Shop", "MetricName": "Latency",
                                  "Dimensions": [{"Name": "Version", "Value": "v41"}]}]}
    assert (asked["StartTime"], asked["EndTime"]) == (START, START + 3600)
    points = list(enumerate(values(json.dumps(asked["MetricDataQueries"]))))
    half = points[:30] if "NextToken" not in asked else points[30:]
    page = {"MetricDataResults": [{"Id": "m1", "Label": "Latency",
                                   "StatusCode": "PartialData" if half[0][0] == 0 else "Complete",
                                   "Timestamps": [START + 60 * i for i, _ in half], "Values": [v for _, v in half]}]}
    return 200, {**page, **({"NextToken": "page-2"} if half[0][0] == 0 else {})}


def cloudwatch_account(store, **more):
    return settings({"name": "aws", "type": "cloudwatch", "region": "us-east-1", "url": store.url, **more})


def test_cloudwatch(body_store, start_serinus):
    body_store.answer = cloudwatch_answer
    service = start_serinus(cloudwatch_account(body_store, accessKeyId="AKIAEXAMPLE", secretAccessKey=SECRETS[0],
                                               sessionToken=SECRETS[1]), environment=AWS)
    config = one_metric_config({"type": "cloudwatch", "namespace": "Shop", "metricName": "Latency",
                                "dimensions": {"Version": "${scope}"}, "stat": "p99"})
    check_verdicts(service, config, SECRETS)
    assert len(body_store.requests) == 8  # two pages for each side of each canary
    for _, _, headers, _ in body_store.requests:
        assert headers["Content-Type"] == "application/x-amz-json-1.0"
    by_hand = {"metricSetName": "m", "namespace": "Shop", "metricName": "Latency", "dimensions": ["Version=${scope}"],
               "stat": "Sum", "scope": "v41", "start": iso(START), "end": iso(START + 3600), "step": 60}
    assert len(fetched(service, "cloudwatch", by_hand)[0]["values"]) == N_POINTS
    dry = service.post("/fetch/cloudwatch/query", params={**by_hand, "dryRun": "true"}).json()["query"]
    assert json.loads(dry)[0]["MetricStat"]["Metric"]["Dimensions"] == [{"Name": "Version", "Value": "v41"}]
    names = service.get("/metadata/metricsService", params={"filter": "shop/lat"}).json()
    assert [name["name"] for name in names] == ["Shop/Latency"]
    body_store.answer = lambda *_: (403, {"__type": "x#AccessDeniedException",
                                          "message": "user x with cw-secret-key-1 may not"})
    check_failure(service, config, "AccessDeniedException: user x with ***", SECRETS)


def cloudwatch_query(start_serinus, body_store, answer):
    body_store.answer = answer
    service = start_serinus(cloudwatch_account(body_store, accessKeyId="AKIAEXAMPLE", secretAccessKey=SECRETS[0],
                                               sessionToken=SECRETS[1]), environment=AWS)
    config = one_metric_config({"type": "cloudwatch", "namespace": "Shop", "metricName": "Latency",
                                "dimensions": {"Version": "${scope}"}})
    request = canary_request(control=scope("v41", "eu"), experiment=scope("v42", "eu"))
    return service, service.judge(config, request)


@pytest.mark.parametrize("n_lost", [1, 2])
def test_cloudwatch_forgets_a_page_token(body_store, start_serinus, n_lost):
    """The query begins anew with its first page, once: a store that forgets again is an error."""
    asked = []

    def answer(method, path, headers, body):
        text = body.decode() if isinstance(body, bytes) else body
        page, side = "NextToken" in text, "v41" in text
        asked.append((side, page))
        if page and asked.count((side, True)) <= n_lost:
            return 400, {"__type": "x#InvalidNextToken", "message": "the token is too old"}
        return cloudwatch_answer(method, path, headers, body)

    _, body = cloudwatch_query(start_serinus, body_store, answer)
    for side in (True, False):
        assert [page for s, page in asked if s == side] == [False, True, False, True]
    if n_lost == 1:
        assert body["status"] == "succeeded", body
        assert body["result"]["judgeResult"]["score"]["classification"] == "Pass"
    else:
        assert body["status"] == "terminal" and "InvalidNextToken" in json.dumps(body["exception"])


def test_cloudwatch_lists_metrics_page_by_page(body_store, start_serinus):
    def answer(method, path, headers, body):
        asked = json.loads(body)
        if not headers["X-Amz-Target"].endswith(".ListMetrics"):
            return cloudwatch_answer(method, path, headers, body)
        page = int(asked.get("NextToken", 1))
        if page == 4:
            return 500, {}
        return 200, {"NextToken": str(page + 1), "Metrics": [
            {"Namespace": "Shop", "MetricName": name, "Dimensions": []} for name in (f"m{page}", "same")]}

    service, _ = cloudwatch_query(start_serinus, body_store, answer)
    names = service.get("/metadata/metricsService", params={"filter": ""}).json()
    assert [name["name"] for name in names] == ["Shop/m1", "Shop/same", "Shop/m2", "Shop/m3"]


def test_cloudwatch_keeps_minutes_for_days_only(body_store, tmp_path):
    """A period that is too fine for so old a window gives no points and no error; a dry run says why."""
    body_store.answer = cloudwatch_answer
    accounts, config = tmp_path / "accounts.yml", tmp_path / "config.json"
    accounts.write_text(cloudwatch_account(body_store, accessKeyId="AKIAEXAMPLE", secretAccessKey=SECRETS[0],
                                           sessionToken=SECRETS[1]))
    accounts.chmod(0o600)
    config.write_text(json.dumps(one_metric_config({"type": "cloudwatch", "namespace": "Shop", "metricName": "Latency",
                                                    "dimensions": {"Version": "${scope}"}})))
    done = run_cli("validate", "--dry-run", config, "--accounts", accounts, "--baseline", "v41", "--canary", "v42",
                   "--start", WINDOW[0], "--end", WINDOW[1], environment=AWS)
    assert done.returncode == 0 and "warning   the canary: CloudWatch " in done.stdout, done.stdout + done.stderr


def test_cloudwatch_with_keys_of_its_container(body_store, start_serinus):
    """Keys are asked for once, and again when the store says that they are over; and a clock that is wrong is put
    right."""
    given, answered = [], []

    def answer(method, path, headers, body):
        if path == "/credentials":
            assert headers["Authorization"] == "container-token-1"
            given.append(1)
            return 200, {"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": SECRETS[0], "Token": SECRETS[1],
                         "Expiration": iso(int(datetime.datetime.now().timestamp()) + 7200)}
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        ours = datetime.datetime.strptime(headers["X-Amz-Date"] + "+0000", "%Y%m%dT%H%M%SZ%z")
        if abs((now - ours).total_seconds()) > 300:
            return (403, {"__type": "x#RequestTimeTooSkewed", "message": "no"},
                    {"Date": now.strftime("%a, %d %b %Y %H:%M:%S GMT")})
        answered.append(1)
        return cloudwatch_answer(method, path, headers, body)

    body_store.answer = answer
    service = start_serinus(cloudwatch_account(body_store), environment={
        **AWS, "AWS_CONTAINER_CREDENTIALS_FULL_URI": body_store.url + "/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "container-token-1"})
    config = one_metric_config({"type": "cloudwatch", "namespace": "Shop", "metricName": "Latency",
                                "dimensions": {"Version": "${scope}"}})
    check_verdicts(service, config, SECRETS + ["container-token-1"])
    assert 2 <= len(given) <= 4 and len(answered) == 8


def test_prometheus_of_amazon(body_store, start_serinus):
    def answer(method, path, headers, body):
        assert signature_is_right(method, path, headers, body, SECRETS[0], "aps")
        assert (method, path) == ("POST", "/workspaces/ws-1/api/v1/query_range")
        query = dict(urllib.parse.parse_qsl(body))["query"]
        return 200, {"status": "success", "data": {"resultType": "matrix", "result": [
            {"metric": {}, "values": [[START + 60 * i, str(v)] for i, v in enumerate(values(query))]}]}}

    body_store.answer = answer
    service = start_serinus(settings({
        "name": "amp", "type": "prometheus", "url": body_store.url + "/workspaces/ws-1",
        "sigv4": {"region": "us-east-1", "accessKeyId": "AKIAEXAMPLE", "secretAccessKey": SECRETS[0]}}),
        environment=AWS)
    check_verdicts(service, one_metric_config({"customInlineTemplate": 'PromQL:x{v="${scope}"}'}), SECRETS)


def test_a_store_that_the_account_describes(body_store, start_serinus):
    def answer(method, path, headers, body):
        assert (method, path) == ("POST", "/tsdb/api/query?arrays=false")
        assert headers["X-Api-Key"] == "described-key-1"
        asked = json.loads(body)
        assert (asked["start"], asked["end"]) == (START * 1000, START * 1000 + 3600000)
        half = list(enumerate(values(asked["filter"])))
        half = half[30:] if asked.get("after") else half[:30]
        return 200, {"series": [{"tags": {"host": "a"}, "dps": {str((START + 60 * i) * 1000): v for i, v in half}}],
                     "next": None if asked.get("after") else "p2"}

    body_store.answer = answer
    service = start_serinus(settings({
        "name": "tsdb", "type": "http-json", "url": body_store.url + "/tsdb",
        "requests": {"query-one": {
            "method": "POST", "path": "api/query", "query": {"arrays": "false"},
            "headers": {"X-Api-Key": "described-key-1"},
            "body": '{"start":${startMillis},"end":${endMillis},"metric":"${expression}","filter":"${scope}"}',
            "reply": {"error": ["/error/message"], "series": "/series/*", "labels": {"host": "/tags/host"},
                      "points": {"shape": "map", "at": "/dps"}, "timeUnit": "ms"},
            "paging": {"kind": "token", "next": "/next", "setBody": "/after"}}}}))
    config = one_metric_config({"type": "http-json", "expression": "checkout.latency"})
    check_verdicts(service, config, ["described-key-1"])
    by_hand = {"metricSetName": "m", "expression": 'a"b', "scope": "v41", "start": iso(START),
               "end": iso(START + 3600), "step": 60}
    sets = fetched(service, "http-json", by_hand)
    assert sets[0]["tags"] == {"host": "a"} and len(sets[0]["values"]) == N_POINTS
    dry = service.post("/fetch/http-json/query", params={**by_hand, "dryRun": "true"}).json()["query"]
    assert dry.startswith("POST api/query?arrays=false\n\n{") and '"metric":"a\\"b"' in dry
    body_store.answer = lambda *_: (200, {"error": {"message": "no such metric, described-key-1"}})
    check_failure(service, config, "no such metric, ***", ["described-key-1"])
    body_store.answer = lambda *_: (400, {"error": {"code": 400, "message": "no such metric, described-key-1"}})
    check_failure(service, config, "Message: no such metric, ***", ["described-key-1"])


# --- the example of every store, on what such stores have said ---

def recorded(name):
    with open(os.path.join(TOP, "fixtures/replies", name), "rb") as source:
        return source.read()


def cloudwatch_recording(path, body):
    """By what is asked for: a metric, metric math, Metrics Insights."""
    wanted = [query for query in json.loads(body)["MetricDataQueries"] if query["ReturnData"]]
    if wanted[0]["Id"] == "e1":
        return recorded("cloudwatch/03-math-expression.response.json")
    return recorded("cloudwatch/01-metric-stat.response.json").replace(b'"m1"', json.dumps(wanted[0]["Id"]).encode())


def stackdriver_recording(path, body):
    if path == "/token":
        return recorded("stackdriver/20-oauth-token.response.json")
    if "query_range" in path:
        return recorded("prometheus/01-paved-gce-instance.response.json")
    return recorded("stackdriver/02-list-reduced-gauge.response.json")


def always(name):
    return lambda path, body: recorded(name)


# Example: what answers, the recording's window (minutes from the start of 2026 on, or both ends), the scopes.
EXAMPLES = {
    "atlas": (always("atlas/01-two-series-chunked-in-time.response.txt"), 6, "v41", "v42"),
    "canary": (always("prometheus/01-paved-gce-instance.response.json"), 30, "v41", "v42"),
    "cloudwatch": (cloudwatch_recording, 5, "v41", "v42"),
    "datadog": (always("datadog/01-v1-query-single.response.json"), "2022-01-05T00:55:00Z 2022-01-06T00:55:00Z",
                "version:v41", "version:v42"),
    "file": (None, 5, "canary", "canary"),  # the two sides of the recording differ
    "graphite": (always("graphite/01-single.response.json"), 10, "v41", "v42"),
    "http-json": (always("http-json/01-opentsdb-map.response.json"), 5, "v41", "v42"),
    "influxdb": (always("influxdb/01-two-fields.response.json"), 5, "sg:v41", "sg:v42"),
    "newrelic": (always("newrelic/20-nerdgraph.response.json"), 5, "v41", "v42"),
    "signalfx": (always("signalfx/02-ok.response.txt"), 5, "v41", "v42"),
    "stackdriver": (stackdriver_recording, 5, "v41", "v42"),
    "wavefront": (always("wavefront/03-gap.response.json"), 6, "g=v41", "g=v42"),
}


def example_account(name, url, folder, service_account):
    """The account in the example's comment, but for where it is and its credentials."""
    with open(os.path.join(TOP, "examples", name + ".yml"), encoding="utf-8") as source:
        comment = [line[2:] for line in source if line.startswith("# ")]
    if name == "canary":
        return f"accounts: [{{name: p, type: prometheus, url: '{url}'}}]\n"
    lines = comment[comment.index("accounts:\n"):]
    text = "".join(line for i, line in enumerate(lines) if i == 0 or re.match(" {1,20}[^ ]", line))
    text = re.sub(r"(endpoint|backendsJsonBaseUrl): .*\n", f"url: {url}\n", text, count=1)
    if name == "file":
        rows = recorded("file/01-csv-canary.response.csv")
        (folder / "run.csv").write_bytes(rows.replace(b"http_errors", b"latency") + rows.replace(
            b"http_errors", b"http_errors_total").partition(b"\n")[2])
        return text.replace("/var/lib/serinus", str(folder))
    if f"url: {url}" not in text:
        text += f"    url: {url}\n"
    if name == "cloudwatch":
        text += "    accessKeyId: AKIAEXAMPLE\n    secretAccessKey: example\n"
    text = text.replace("/etc/serinus/google.json", service_account(url + "/token"))
    for secret in re.findall(r"/etc/serinus/(\S+)", text):
        (folder / secret).write_text("not-a-real-credential\n")
        (folder / secret).chmod(0o600)
    return text.replace("/etc/serinus", str(folder))


@pytest.mark.smoke
def test_there_is_a_recording_for_every_example():
    assert set(EXAMPLES) == {name[:-len(".yml")] for name in os.listdir(os.path.join(TOP, "examples"))
                             if name.endswith(".yml")}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_canary_from_the_example(name, body_store, tmp_path, service_account):
    """Both sides are told the same, so it passes."""
    answer, window, *scopes = EXAMPLES[name]
    body_store.answer = lambda method, path, headers, body: (200, answer(path, body))
    if isinstance(window, int):
        window = f"2026-01-01T00:00:00Z 2026-01-01T00:{window:02d}:00Z"
    start, end = window.split()
    accounts = tmp_path / "accounts.yml"
    accounts.write_text(example_account(name, body_store.url, tmp_path, service_account))
    accounts.chmod(0o600)
    done = run_cli("run", "-f", os.path.join(TOP, "examples", name + ".yml"), "--accounts", accounts,
                   "--location", "eu", "--baseline", scopes[0], "--canary", scopes[1], "--start", start,
                   "--end", end, "-o", "json", environment=AWS)
    assert done.returncode == 0, done.stdout + done.stderr + accounts.read_text()
    report = json.loads(done.stdout)
    assert report["verdict"] == "pass", report
    assert len(body_store.requests) >= (0 if name == "file" else 4)
