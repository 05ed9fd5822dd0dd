"""Every metric store, and everything that can be wrong with an answer: the rows S1 to S9, S11 to S17 and S19 of the
catalogue of bad input that any store can get into. But for what is merely odd, each ends the execution with an error
that names store and account; none passes, none counts as no data, none hangs. What only Prometheus can say wrongly is
in test_bad_input.py and test_faults.py."""
import gzip
import json
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest
from conftest import T0, Serinus, canary_request, matrix, one_metric_config, scope

ENVIRONMENT = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}
READ_TIMEOUT_MS = 1000
MAX_BYTES = 1 << 20
TIME_LIMIT_S = 12  # for an execution: two tries of both sides, or four of a store that sends no end

POINTS = {"reply": {"series": "/series/*", "points": {"shape": "pairs", "at": "/x"}, "timeUnit": "s"}}
PROMQL = {"customInlineTemplate": 'PromQL:x{v="${scope}"}'}
STORES = {  # by account: the store, keys, query
    "prometheus": ("prometheus", {}, PROMQL),
    "prometheus-post": ("prometheus", {"method": "POST"}, PROMQL),
    "datadog": ("datadog", {"apiKey": "key", "applicationKey": "key"}, {"metricName": "avg:x"}),
    "datadog-v2": ("datadog", {"apiKey": "key", "applicationKey": "key", "apiVersion": "v2"}, {"metricName": "avg:x"}),
    "insights": ("newrelic", {"apiKey": "key", "applicationKey": "1", "defaultScopeKey": "v"},
                 {"select": "SELECT count(*) FROM T"}),
    "nerdgraph": ("newrelic", {"api": "nerdgraph", "userKey": "key", "applicationKey": "1", "defaultScopeKey": "v"},
                  {"select": "SELECT count(*) FROM T"}),
    "signalfx": ("signalfx", {"accessToken": "key", "defaultScopeKey": "v"}, {"metricName": "x"}),
    "graphite": ("graphite", {}, {"metricName": "a.$scope"}),
    "influxdb": ("influxdb", {"database": "d"}, {"metricName": "cpu", "fields": ["x"]}),
    "wavefront": ("wavefront", {"apiToken": "key"}, {"metricName": "x", "aggregate": "avg", "summarization": "MEAN"}),
    "atlas": ("atlas", {}, {"q": "name,x,:eq,:sum"}),
    "atlas-graph": ("atlas", {"api": "graph"}, {"q": "name,x,:eq,:sum"}),
    "google": ("google", {"project": "p", "bearerToken": "key"}, {"metricType": "x", "resourceType": "global"}),
    "google-mql": ("google", {"project": "p", "bearerToken": "key"}, {
        "resourceType": "global", "customInlineTemplate": "MQL:fetch x | filter v = '${scope}'"}),
    "google-promql": ("google", {"project": "p", "bearerToken": "key"}, {"resourceType": "global", **PROMQL}),
    "cloudwatch": ("cloudwatch", {"region": "us-east-1", "accessKeyId": "AKIAEXAMPLE", "secretAccessKey": "key"},
                   {"namespace": "N", "metricName": "M", "dimensions": {"V": "${scope}"}}),
    "described": ("http-json", {"requests": {"q": {"path": "q", "query": {"v": "${scope}"}, **POINTS}}},
                  {"expression": "x"}),
}


# --- what a store does with a connection ---

def head(status, *lines):
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "Connection: close", "", ""]).encode()


def say(body, *lines, status="200 OK"):
    def do(connection):
        connection.sendall(head(status, f"Content-Length: {len(body)}", *lines) + body)

    return do


def raw(text):
    return lambda connection: connection.sendall(text)


def drip(connection):
    connection.sendall(head("200 OK", "Content-Length: 100000"))
    for _ in range(200):
        connection.sendall(b" ")
        time.sleep(0.1)


def endless(piece, *lines):
    def do(connection):
        connection.sendall(head("200 OK", *lines))
        for _ in range(20000):
            connection.sendall(piece)

    return do


def reset(connection):
    connection.sendall(head("200 OK", "Content-Length: 1000") + b"{")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


BOMB = gzip.compress(b" " * (32 << 20))
PAGE = b"<!DOCTYPE html><html><title>Sign in</title></html>"
ROWS = {
    "S1 nothing": say(b""),
    "S1 a page to sign in": say(PAGE, "Content-Type: text/html"),
    "S1 cut off": say(b'{"status":"success","data":{"resultType":"matrix","resu'),
    "S1 two documents": say(b"{} {}"),
    "S1 null": say(b"null"),
    "S1 a number": say(b"12"),
    "S1 another object": say(b'{"hello":"world"}'),
    "S1 a list of lists": say(b"[[[]]]"),
    "S1 deep": say(b"[" * 100000),
    **{f"S3 {status}": say(b'{"message":"no"}', status=f"{status} No") for status in (400, 401, 403, 404, 422)},
    **{f"S4 {status}": say(b"{}", status=f"{status} No") for status in (408, 429, 500, 502, 503, 504)},
    **{f"S5 429 and {when}": say(b"{}", f"Retry-After: {when}", status="429 Slow") for when in ("0", "-1", "soon")},
    "S5 429 and 1970": say(b"{}", "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT", status="429 Slow"),
    "S6 to the metadata address": say(b"", "Location: http://169.254.169.254/latest/", status="302 Found"),
    "S6 to a file": say(b"", "Location: file:///etc/passwd", status="307 Found"),
    "S6 to itself": say(b"", "Location: ?", status="301 Moved"),
    "S6 to nowhere": say(b"", status="302 Found"),
    "S7 too short": raw(head("200 OK", "Content-Length: 100") + b'{"series":[]}'),
    "S7 a chunk that is cut": raw(head("200 OK", "Transfer-Encoding: chunked") + b'100\r\n{"series":[]}'),
    "S7 no last chunk": raw(head("200 OK", "Transfer-Encoding: chunked") + b"2\r\n[]\r\n"),
    "S8 a bomb": say(BOMB, "Content-Encoding: gzip"),
    "S8 without end": endless(b" " * 65536),
    "S8 headers": say(b"{}", *(f"X-{i}: {'x' * 8000}" for i in range(9))),
    "S17 an unknown encoding": say(b"[]", "Content-Encoding: zip"),
    "S17 no gzip": say(b"[]", "Content-Encoding: gzip"),
    "S17 gzip that is cut": say(gzip.compress(b"[" + b" " * 5000 + b"]")[:-12], "Content-Encoding: gzip"),
    "S17 UTF-16": say('{"series":[]}'.encode("utf-16"), "Content-Type: application/json; charset=utf-16"),
    "silent": lambda connection: time.sleep(5),
    "drips": drip,
    "hangs up": lambda connection: None,
    "resets": reset,
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.2p1\r\n"),
    "HTTP/0.9": raw(b'{"series":[]}'),
}


CODES = {  # by the row's number
    "S1": {"store_bad_response", "store_error"}, "S3": {"store_rejected"}, "S4": {"store_unavailable"},
    "S5": {"store_unavailable"}, "S6": {"store_redirect"}, "S7": {"store_bad_response"},
    "S8": {"store_response_too_large"}, "S17": {"store_bad_response", "store_error"},
}


class BadStore:
    """Reads a request, then does what the row of its path says."""

    def __init__(self, rows):
        self.rows = rows
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        with connection:
            try:
                text = b""
                while b"\r\n\r\n" not in text:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    text += piece
                request, _, body = text.partition(b"\r\n\r\n")
                length = 0
                for line in request.decode().split("\r\n")[1:]:
                    name, _, value = line.partition(": ")
                    length = int(value) if name.lower() == "content-length" else length
                while len(body) < length:
                    body += connection.recv(65536)
                row = int(request.split(b" ")[1].split(b"/")[1])
                self.rows[row](connection)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass


def account(name, row, url, at):
    kind, keys, _ = STORES[name]
    return {"name": f"{name} {row}", "type": kind, **keys, "endpoint": {"baseUrl": f"{url}/{at}"},
            "supportedTypes": ["METRICS_STORE"], "retry": {"attempts": 2, "backoffPeriodMultiplierMs": 1},
            "readTimeoutMs": READ_TIMEOUT_MS, "connectTimeoutMs": 1000, "maxResponseBytes": MAX_BYTES}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    store = BadStore(list(ROWS.values()))
    accounts = [account(name, row, store.url, at) for name in STORES for at, row in enumerate(ROWS)]
    service = Serinus(tmp_path_factory.mktemp("bad-stores"), json.dumps({"accounts": accounts}) + "\n",
                      environment=ENVIRONMENT)
    yield service
    assert service.stop() == 0, service.log_text()[-4000:]
    store.listener.close()


@pytest.mark.parametrize("name", STORES)
def test_every_store_with_every_bad_answer(service, name):
    kind, _, query = STORES[name]
    collector = "stackdriver" if kind == "google" else kind
    config = one_metric_config({"type": collector, **query})
    prefix = "v:" if kind == "influxdb" else ""
    request = canary_request(control=scope(prefix + "v41", "eu"), experiment=scope(prefix + "v42", "eu"))
    started = time.monotonic()
    executions = {row: service.start_canary(config, request, metricsAccountName=f"{name} {row}") for row in ROWS}
    problems = []
    for row, execution in executions.items():
        body = service.wait_for(execution, timeout_s=2 * TIME_LIMIT_S)
        words = json.dumps(body.get("exception"))
        code = body.get("exception", {}).get("details", {}).get("code")
        if body["status"] != "terminal" or "result" in body:
            problems.append(f"{row}: {body['status']}, {json.dumps(body.get('result'))[:200]}")
        elif body["exception"]["operation"] != f"{collector}Fetch" or f"{name} {row}" not in words:
            problems.append(f"{row}: does not say where: {words[:500]}")
        elif code not in CODES.get(row.split()[0], [code]):
            problems.append(f"{row}: {code}: {words[:300]}")
    assert not problems, "\n".join(problems)
    assert time.monotonic() - started < 2 * TIME_LIMIT_S
    assert service.process.poll() is None


# --- replies of the right shape with something wrong in them: S9, S11 to S16, S19 ---

START = T0 + 3600  # of conftest.WINDOW
GOOD = [(START + 60 * i, 10 + i) for i in range(60)]


def iso(unix_s):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_s)) if isinstance(unix_s, int) else unix_s


def times(factor, points):
    return [[t * factor if isinstance(t, int) else t, v] for t, v in points]


def google_series(labels, points):
    return {"metric": {"type": "x", "labels": labels}, "resource": {"type": "global", "labels": {}},
            "metricKind": "GAUGE", "valueType": "DOUBLE", "points": points if not isinstance(points, list) else [
                {"interval": {"startTime": iso(t), "endTime": iso(t)}, "value": {"doubleValue": v}}
                for t, v in reversed(points)]}


# What a store says of [(labels, points)]; points that are no list are put where the list would be.
SAY = {
    "prometheus": lambda series: {"status": "success", "data": {"resultType": "matrix", "result": [
        {"metric": labels, "values": [[t, str(v)] for t, v in points] if isinstance(points, list) else points}
        for labels, points in series]}},
    "datadog": lambda series: {"status": "ok", "series": [
        {"start": START * 1000, "end": (START + 3600) * 1000 - 1, "interval": 60, "tag_set": [
            f"{k}:{v}" for k, v in labels.items()],
         "pointlist": times(1000, points) if isinstance(points, list) else points}
        for labels, points in series]},
    "graphite": lambda series: [
        {"target": "a", "tags": labels,
         "datapoints": [[v, t] for t, v in points] if isinstance(points, list) else points}
        for labels, points in series],
    "influxdb": lambda series: {"results": [{"statement_id": 0, **({"series": [
        {"name": "cpu", "tags": labels, "columns": ["time", "x"],
         "values": [[iso(t), v] for t, v in points] if isinstance(points, list) else points}
        for labels, points in series]} if series else {})}]},
    "wavefront": lambda series: {"query": "x", "timeseries": [
        {"label": "x", "host": "h", "tags": labels, "data": times(1, points) if isinstance(points, list) else points}
        for labels, points in series]},
    "google": lambda series: {"timeSeries": [google_series(labels, points) for labels, points in series]},
    "cloudwatch": lambda series: {"MetricDataResults": [
        {"Id": "m1", "Label": f"{i}", "StatusCode": "Complete",
         "Timestamps": [t for t, _ in points] if isinstance(points, list) else points,
         "Values": [v for _, v in points] if isinstance(points, list) else []}
        for i, (_, points) in enumerate(series)]},
    "described": lambda series: {"series": [
        {"l": labels, "x": times(1, points) if isinstance(points, list) else points} for labels, points in series]},
}
LABELLED = {"prometheus", "datadog", "influxdb", "wavefront", "google", "described"}
ODD = 'a "b" \\ <script>&\n\u2028é'

# row -> what the store has, and what comes of it: the code of the error, or how many points each side has, or None for
# either, as the store has it; in order of time in any case
SHAPES = {
    "S9 nothing": ([], 0),
    "S9 a series without points": ([({}, [])], 0),
    "S11 a time that is none": ([({}, [("soon", 1)] + GOOD[1:])], "store_bad_response"),
    "S11 in reverse": ([({}, GOOD[::-1])], None),
    "S11 in no order": ([({}, GOOD[30:] + GOOD[:30])], None),
    "S11 a time twice": ([({}, GOOD[:10] + GOOD[9:])], None),
    "S12 gaps": ([({}, GOOD[:20] + GOOD[23:40] + GOOD[44:])], 53),
    "S13 too many series": ([({"k": str(i)}, GOOD[:2]) for i in range(1001)], "store_too_many_series"),
    "S16 a text in place of points": ([({}, "points")], "store_bad_response"),
    "S16 a number in place of points": ([({}, 12)], "store_bad_response"),
    "S16 an object in place of points": ([({}, {"a": {}})], "store_bad_response"),
}
LABEL_SHAPES = {
    "S13 a label of 5 KiB": ([({"k": "x" * 5000}, GOOD)], "store_bad_response"),
    "S13 too many labels": ([({f"k{i}": "x" for i in range(129)}, GOOD)], "store_bad_response"),
    "S14 the same labels twice": ([({"k": "x"}, GOOD), ({"k": "x"}, GOOD)], None),
    "S15 odd text": ([({"k": ODD}, GOOD)], 60),
    "S15 no UTF-8": ([({"k": "@@@"}, GOOD)], "store_bad_response"),
}
PARTIAL = {
    "cloudwatch": ({"MetricDataResults": [{"Id": "m1", "Label": "M", "StatusCode": "PartialData", "Timestamps": [START],
                                           "Values": [1]}]}, "store_unavailable"),
    "influxdb": ({"results": [{"statement_id": 0, "series": [{"name": "cpu", "columns": ["time", "x"], "values": [
        [iso(START), 1]], "partial": True}]}]}, "store_error"),
    "google": ({"executionErrors": [{"code": 14, "message": "a zone was down"}]}, "store_error"),
}


def shapes(name):
    rows = {**SHAPES, **(LABEL_SHAPES if name in LABELLED else {})}
    bodies = {row: (json.dumps(SAY[name](series)).encode().replace(b"@@@", b"\xff\xfe"), wanted)
              for row, (series, wanted) in rows.items()}
    if name in PARTIAL:
        bodies["S19 a part"] = (json.dumps(PARTIAL[name][0]).encode(), PARTIAL[name][1])
    return bodies


@pytest.fixture(scope="module")
def shaped(tmp_path_factory):
    bodies = {f"{name} {row}": body for name in SAY for row, (body, _) in shapes(name).items()}
    store = BadStore([say(body, "Content-Type: application/json") for body in bodies.values()])
    accounts = []
    for i, key in enumerate(bodies):
        one = account(key.split()[0], key.partition(" ")[2], store.url, i)
        one.update({"datadog": {"tagsFromGroups": True}, "influxdb": {"strictSeries": True}}.get(one["type"], {}))
        if one["type"] == "http-json":
            one["requests"]["q"]["reply"] = {**POINTS["reply"], "labels": "/l"}
        accounts.append(one)
    service = Serinus(tmp_path_factory.mktemp("shapes"), json.dumps({"accounts": accounts}) + "\n",
                      environment=ENVIRONMENT)
    yield service
    assert service.stop() == 0, service.log_text()[-4000:]
    store.listener.close()


def problem_of(service, body, name, row, wanted):
    """What is wrong with what came of it; None: nothing."""
    if body["status"] == "terminal":
        code = body["exception"]["details"]["code"]
        words = json.dumps(body["exception"])
        return None if wanted in (code, None) and f"{name} {row}" in words else f"{code}, not {wanted}: {words[:400]}"
    if isinstance(wanted, str):
        return f"{wanted} was expected: {json.dumps(body.get('result'))[:300]}"
    pairs = service.get("/metricSetPairList/" + body["metricSetPairListId"]).json()
    if len(pairs) != 1:
        return f"{len(pairs)} pairs"
    for side, values in pairs[0]["values"].items():
        numbers = [v for v in values if isinstance(v, (int, float))]
        if numbers != sorted(numbers) or (wanted is not None and len(numbers) != wanted):
            return f"{side}: {len(numbers)} points, {numbers[:70]}"
    if row.startswith("S15") and pairs[0]["tags"].get("k") != ODD:
        return f"tags {pairs[0]['tags']}"
    if wanted == 0 and body["result"]["judgeResult"]["results"][0]["classification"] != "Nodata":
        return "no data is " + body["result"]["judgeResult"]["results"][0]["classification"]
    return None


@pytest.mark.parametrize("name", SAY)
def test_every_store_with_odd_shapes(shaped, name):
    kind, _, query = STORES[name]
    collector = "stackdriver" if kind == "google" else kind
    prefix = "v:" if kind == "influxdb" else ""
    config = one_metric_config({"type": collector, **query})
    request = canary_request(control=scope(prefix + "v41", "eu"), experiment=scope(prefix + "v42", "eu"))
    rows = shapes(name)
    executions = {row: shaped.start_canary(config, request, metricsAccountName=f"{name} {row}") for row in rows}
    problems = []
    for row, execution in executions.items():
        problem = problem_of(shaped, shaped.wait_for(execution, timeout_s=2 * TIME_LIMIT_S), name, row, rows[row][1])
        if problem:
            problems.append(f"{row}: {problem}")
    assert not problems, "\n".join(problems)


# --- rows that need a certain kind of store ---

def one_account(start_serinus, keys, url):
    account = {"name": "prod", "type": "prometheus", "endpoint": {"baseUrl": url}, "readTimeoutMs": READ_TIMEOUT_MS,
               "retry": {"attempts": 2, "backoffPeriodMultiplierMs": 1}, **keys}
    return start_serinus(json.dumps({"accounts": [account]}) + "\n", environment=ENVIRONMENT)


def failed(service, query, code, account="prod"):
    body = service.judge(one_metric_config(query), canary_request(), metricsAccountName=account)
    assert body["status"] == "terminal" and "result" not in body, body
    assert body["exception"]["details"]["code"] == code, body["exception"]
    assert f'account "{account}"' in body["exception"]["details"]["errors"][0]
    return body["exception"]["details"]["errors"][0]


@pytest.mark.parametrize("status, body", [
    (200, {}), (200, {"access_token": ""}), (200, {"access_token": "t", "expires_in": -1}),
    (200, {"access_token": "t", "expires_in": "soon"}), (200, {"access_token": "t\nX: y", "expires_in": 60}),
    (200, []), (200, None), (500, {}), (400, {"error": "invalid_client"}), (302, {}),
])
def test_s20_a_token_endpoint_that_gives_none(start_serinus, scripted_store, status, body):
    def answer(path, query):
        return (status, {}, json.dumps(body).encode()) if path == "/token" else (200, {}, matrix(range(61)))

    scripted_store.answer = answer
    service = one_account(start_serinus, {"oauth2": {"tokenUrl": scripted_store.url + "/token", "clientId": "me",
                                                     "clientSecret": "a-secret"}}, scripted_store.url)
    failed(service, PROMQL, "store_auth_failed")
    assert {path for path, _, _ in scripted_store.requests} == {"/token"}
    assert len(scripted_store.requests) <= 8  # no tight loop


@pytest.mark.parametrize("seconds", [0, 1e12])
def test_s20_a_token_of_an_odd_age(start_serinus, scripted_store, seconds):
    """One that is over at once is asked for again for each query, not more often."""
    scripted_store.answer = lambda path, query: (200, {}, json.dumps(
        {"access_token": "a-token", "expires_in": seconds}).encode() if path == "/token" else matrix(range(61)))
    service = one_account(start_serinus, {"oauth2": {"tokenUrl": scripted_store.url + "/token", "clientId": "me",
                                                     "clientSecret": "a-secret"}}, scripted_store.url)
    body = service.judge(one_metric_config(PROMQL), canary_request(), metricsAccountName="prod")
    tokens = sum(path == "/token" for path, _, _ in scripted_store.requests)
    assert tokens <= 8, scripted_store.requests
    if body["status"] != "succeeded":
        assert body["exception"]["details"]["code"] == "store_auth_failed"


def test_s18_pages_without_end(start_serinus, scripted_store):
    """The same token again and again, and a new one each time."""
    account = {"type": "google", "project": "p", "bearerToken": "key"}
    service = one_account(start_serinus, account, scripted_store.url)
    query = {"type": "stackdriver", "metricType": "x", "resourceType": "global"}
    scripted_store.answer = lambda path, query: (200, {}, b'{"timeSeries":[],"nextPageToken":"again"}')
    failed(service, query, "store_too_many_pages")
    assert len(scripted_store.requests) <= 4
    scripted_store.answer = lambda path, query: (
        200, {}, b'{"timeSeries":[],"nextPageToken":"%d"}' % len(scripted_store.requests))
    failed(service, query, "store_too_many_pages")
    assert len(scripted_store.requests) <= 4 + 2 * 100


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "Inf", "1e400", "null", 1.5])
def test_s10_odd_values_are_read(start_serinus, scripted_store, value):
    """One of them among good ones does not stop a canary; what is no number at all is a failure."""
    def answer(path, query):
        reply = json.loads(matrix([10 + i % 3 for i in range(61)]))
        reply["data"]["result"][0]["values"][5][1] = None if value == "null" else value
        return 200, {}, json.dumps(reply).encode()

    scripted_store.answer = answer
    service = one_account(start_serinus, {}, scripted_store.url)
    body = service.judge(one_metric_config(PROMQL), canary_request(), metricsAccountName="prod")
    assert body["status"] == "succeeded", body["exception"]
    assert body["result"]["judgeResult"]["score"]["classification"] == "Pass"


@pytest.mark.parametrize("value", ["", "abc", "1,5", True, [], {}])
def test_s10_what_is_no_number(start_serinus, scripted_store, value):
    def answer(path, query):
        reply = json.loads(matrix([10 + i % 3 for i in range(61)]))
        reply["data"]["result"][0]["values"][5][1] = value
        return 200, {}, json.dumps(reply).encode()

    scripted_store.answer = answer
    failed(one_account(start_serinus, {}, scripted_store.url), PROMQL, "store_bad_response")


def certificate(folder, name, *more):
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", cert, "-subj", "/CN=localhost", *more], check=True, capture_output=True)
    return key, cert


@pytest.mark.parametrize("more, is_trusted, words", [
    (["-days", "2", "-addext", "subjectAltName=IP:127.0.0.1"], False, "self"),
    (["-days", "2", "-addext", "subjectAltName=DNS:elsewhere.example.com"], True, "127.0.0.1"),
    (None, False, ""),
])
def test_a_certificate_that_is_wrong(start_serinus, scripted_store, tmp_path, more, is_trusted, words):
    """Unknown, of somebody else; and a server that speaks no TLS."""
    scripted_store.answer = lambda path, query: (200, {}, matrix(range(61)))
    tls = {}
    if more:
        key, cert = certificate(tmp_path, "server", *more)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        scripted_store.server.socket = context.wrap_socket(scripted_store.server.socket, server_side=True)
        tls = {"tls": {"caFile": str(cert)}} if is_trusted else {}
    service = one_account(start_serinus, tls, scripted_store.url.replace("http:", "https:"))
    assert words in failed(service, PROMQL, "store_tls").lower()
    assert scripted_store.requests == []
