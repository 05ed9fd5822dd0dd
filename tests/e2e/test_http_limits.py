"""Hostile and broken HTTP on a raw socket. Each test is a row of the bad-input catalogue (H: HTTP,
J: JSON, A: who may call) and bears its number; after each one the service still answers."""
import concurrent.futures
import json
import re
import signal
import socket
import time

import pytest
from conftest import Serinus, kayenta_yml, matrix

PATIENCE_S = 40
JSON_TYPE = b"Content-Type: application/json\r\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    server = Serinus(tmp_path_factory.mktemp("serinus"), kayenta_yml({"p": "http://127.0.0.1:1"}))
    yield server
    code = server.stop()
    assert code == 0, f"ended with {code}: {server.log_text()[-4000:]}"


@pytest.fixture(autouse=True)
def still_answers(service):
    yield
    assert service.process.poll() is None, service.log_text()[-4000:]
    assert get(service, "/livez", b"Connection: close").status == 200


class Answer:
    """What came back on one connection: the first answer taken apart, and everything there was."""

    def __init__(self, raw, is_closed, seconds):
        self.raw, self.is_closed, self.seconds = raw, is_closed, seconds
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1]) if raw else None
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()

    def json(self):
        return json.loads(self.body)

    def n_answers(self):
        return len(re.findall(rb"HTTP/1\.1 \d{3} ", self.raw))


def send_raw(service, data, half_close=False, wait_s=5):
    """Send, and read until the service closes or has been silent for a moment after an answer."""
    started = time.monotonic()
    raw, is_closed = b"", False
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before all was sent
        connection.settimeout(wait_s)
        try:
            while True:
                piece = connection.recv(65536)
                if not piece:
                    is_closed = True
                    break
                raw += piece
                connection.settimeout(0.15)
        except socket.timeout:
            pass
        except ConnectionResetError:
            is_closed = True
    return Answer(raw, is_closed, time.monotonic() - started)


def request(line, *headers, body=b"", host=b"Host: localhost\r\n"):
    return line + b" HTTP/1.1\r\n" + host + b"".join(h + b"\r\n" for h in headers) + b"\r\n" + body


def get(service, target, *headers):
    return send_raw(service, request(b"GET " + target.encode("latin-1"), *headers))


def post(service, target, body, *headers, content_type=JSON_TYPE.strip()):
    length = b"Content-Length: " + str(len(body)).encode()
    types = (content_type,) if content_type else ()
    return send_raw(service, request(b"POST " + target.encode("latin-1"), *types, length, *headers, body=body))


def refused(answer, *statuses, code=None, is_closed=None):
    """One answer with one of these statuses; None among them allows a close without a word. Answers
    that the HTTP library makes by itself have no code, and it repeats the head of some of them."""
    assert answer.status in statuses, answer.raw[:500]
    if answer.status is None:
        assert answer.is_closed
        return
    if code:
        assert answer.n_answers() == 1
        assert answer.json()["code"] == code
        assert answer.json()["status"] == answer.status
        assert answer.json()["message"]
        assert answer.json()["requestId"] == answer.headers["x-request-id"]
    if is_closed is not None:
        assert answer.is_closed == is_closed


# --- framing ---

START = b"POST /canary/x"


@pytest.mark.smoke
@pytest.mark.parametrize("data, code", [
    pytest.param(request(b"GET /judges", b"Host: localhost"), "bad_request", id="H2"),
    pytest.param(request(START, JSON_TYPE.strip(), b"Content-Length: 2", b"Content-Length: 2", body=b"{}"),
                 "bad_request", id="H3 twice the same"),
    pytest.param(request(START, JSON_TYPE.strip(), b"Content-Length: 2", b"Content-Length: 3", body=b"{}"),
                 "bad_request", id="H3 two lengths"),
    pytest.param(request(START, JSON_TYPE.strip(), b"Content-Length: 2, 2", body=b"{}"), None, id="H3 a list"),
    pytest.param(request(START, JSON_TYPE.strip(), b"Content-Length: 4", b"Transfer-Encoding: chunked",
                         body=b"0\r\n\r\nGET /judges HTTP/1.1\r\nHost: localhost\r\n\r\n"), "bad_request", id="H4"),
    pytest.param(request(START, JSON_TYPE.strip(), b"Transfer-Encoding: xchunked", body=b"{}"), None, id="H5 xchunked"),
    pytest.param(request(START, JSON_TYPE.strip(), b"Transfer-Encoding: gzip, chunked", body=b"{}"), None, id="H5 gzip"),
    pytest.param(request(START, JSON_TYPE.strip(), b"Transfer-Encoding: chunked, chunked", body=b"{}"), None,
                 id="H5 chunked twice"),
    pytest.param(request(b"GET /judges", host=b""), None, id="H1"),
    pytest.param(request(START, JSON_TYPE.strip(), b"Content-Length: -1"), None, id="H6 negative"),
    pytest.param(request(START, JSON_TYPE.strip(), b"Content-Length: +3"), None, id="H6 plus"),
    pytest.param(request(START, JSON_TYPE.strip(), b"Content-Length: 0x3"), None, id="H6 hex"),
    pytest.param(request(START, JSON_TYPE.strip(), b"Content-Length: "), None, id="H6 empty"),
    pytest.param(request(b"GET /judges", host=b"Host : localhost\r\n"), None, id="H13"),
    pytest.param(request(b"GET /judges", b"nonsense"), None, id="H14 no colon"),
    pytest.param(request(b"GET /judges", b"X-Request-Id: a\x01b"), "bad_request", id="H15 0x01"),
    pytest.param(request(b"GET /judges", b"X-Request-Id: a\x7fb"), "bad_request", id="H15 0x7f"),
])
def test_ambiguous_framing_is_refused_and_the_connection_closed(service, data, code):
    answer = send_raw(service, data)
    refused(answer, 400, 501, None, code=code, is_closed=True)
    assert answer.seconds < 2


def test_h14_folded_header(service):
    answer = get(service, "/judges", b"X-Request-Id: a\r\n b")
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert answer.headers["x-request-id"] != "a"


def test_h15_a_value_is_cut_at_a_nul_at_most(service):
    answer = get(service, "/judges", b"X-Request-Id: abc\0def")
    assert answer.status in (200, 400)
    assert "def" not in answer.headers.get("x-request-id", "")


def test_h7_a_length_beyond_all_numbers(service):
    refused(send_raw(service, request(START, JSON_TYPE.strip(), b"Content-Length: 99999999999999999999999")),
            413, 400, None, is_closed=True)


def test_h8_a_body_that_announces_too_much_is_not_read(service):
    refused(send_raw(service, request(START, JSON_TYPE.strip(), b"Content-Length: 2097153")), 413,
            code="body_too_large", is_closed=True)


def test_h9_a_chunked_body_that_grows_too_large(service):
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    head = request(START, JSON_TYPE.strip(), b"Transfer-Encoding: chunked")
    refused(send_raw(service, head + chunk * 40 + b"0\r\n\r\n"), 413, code="body_too_large")
    refused(send_raw(service, head + chunk * 100), 413, None, is_closed=True)


@pytest.mark.parametrize("size", [b"zz", b"11111111111111111", b"-1"])
def test_h10_chunk_sizes(service, size):
    data = request(START, JSON_TYPE.strip(), b"Transfer-Encoding: chunked", body=size + b"\r\n{}\r\n0\r\n\r\n")
    refused(send_raw(service, data), 400, 413, None, is_closed=True)


@pytest.mark.parametrize("headers, body", [
    pytest.param([b"Transfer-Encoding: chunked"], b"5\r\n{\"a\"", id="H11"),
    pytest.param([b"Content-Length: 30"], b"{\"a", id="H12"),
])
def test_a_body_cut_in_the_middle_starts_nothing(service, headers, body):
    answer = send_raw(service, request(b"POST /canaryConfig", JSON_TYPE.strip(), *headers, body=body),
                      half_close=True)
    assert answer.is_closed
    assert answer.status in (None, 400, 408)


# --- the target ---

@pytest.mark.parametrize("target", [
    pytest.param("/judges/\x01", id="H16 control"),
    pytest.param("/canary/%00", id="H17 path"),
    pytest.param("/canary/executions?application=%00", id="H17 parameter"),
    pytest.param("/canary/%zz", id="H18 zz"),
    pytest.param("/canary/%2", id="H18 one digit"),
    pytest.param("/canary/%", id="H18 none"),
    pytest.param("/canary/%c0%af", id="H21 overlong"),
    pytest.param("/canary/%ff", id="H21 ff"),
    pytest.param("/canary/\xff", id="H21 raw"),
    pytest.param("*", id="asterisk"),
])
def test_bad_targets(service, target):
    answer = get(service, target)
    assert answer.status == 400
    if answer.headers.get("content-type") != "text/html":
        assert answer.json()["code"] == "bad_target"


def test_h16_space_in_the_target(service):
    refused(get(service, "/judges /x"), 400, None)


def test_h16_nul_in_the_target(service):
    assert get(service, "/judges\0/x").status in (200, 400, 404, None)


@pytest.mark.parametrize("target", ["/canaryConfig/..%2f..%2fetc%2fpasswd", "/../../etc/passwd",
                                    "/canaryConfig/../../etc/passwd", "/canary/a%2fb", "/canary/a%5cb"])
def test_h19_h20_dots_and_slashes_are_only_text(service, target):
    answer = get(service, target)
    assert answer.status == 404, answer.raw
    assert b"root:" not in answer.raw


def test_h22_absolute_form(service):
    refused(get(service, "http://evil/judges"), 400, code="bad_request")
    assert get(service, "http://localhost/judges").status == 200


@pytest.mark.parametrize("method", [b"FOO", b"TRACE", b"get", b"PATCH", b"PUT"])
def test_h23_methods(service, method):
    answer = send_raw(service, request(method + b" /judges"))
    refused(answer, 405, code="method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert answer.json()["detail"] == f"Method '{method.decode()}' is not supported."
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("line", [b"CONNECT localhost:1", b"G\x01T /judges"])
def test_h23_odd_methods(service, line):
    refused(send_raw(service, request(line)), 400, 405, 501, None)


def test_h24_long_targets(service):
    assert get(service, "/" + "a" * 8191).status == 404
    refused(get(service, "/" + "a" * 8192), 414, code="target_too_long", is_closed=True)
    refused(get(service, "/" + "a" * 60000), 414, 431, None, is_closed=True)


def test_h25_many_and_large_headers(service):
    assert get(service, "/judges", *[b"X-%d: y" % i for i in range(99)]).status == 200
    refused(get(service, "/judges", *[b"X-%d: y" % i for i in range(100)]), 431,
            code="headers_too_large", is_closed=True)
    refused(get(service, "/judges", *[b"X-%d: y" % i for i in range(1500)]), 431, 413, None, is_closed=True)
    refused(get(service, "/judges", b"X: " + b"y" * 60000), 431, 413, None, is_closed=True)


def test_h26_many_parameters(service):
    def many(n):
        return get(service, "/judges?" + "&".join(f"p{i}=1" for i in range(n)))

    assert many(64).status == 200
    refused(many(65), 400, code="too_many_parameters")
    refused(many(2000), 400, 414, 431, 413, None)


def test_h27_repeated_parameter(service):
    refused(get(service, "/canary/executions?limit=1&limit=2"), 400, code="repeated_parameter")


@pytest.mark.parametrize("data", [
    b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTX/1.1\r\nHost: localhost\r\n\r\n", b"GET /\r\n\r\n"])
def test_h28_versions(service, data):
    refused(send_raw(service, data), 505, 400, None, is_closed=True)


def test_h32_media_types(service):
    for content_type in (b"Content-Type: text/plain", None, b"Content-Type: application/json; charset=utf-16"):
        answer = post(service, "/canary", b"{}", content_type=content_type)
        refused(answer, 415, code="unsupported_media_type")
        assert answer.json()["title"] == "Unsupported Media Type"
    answer = post(service, "/canary", b"{}", content_type=b"Content-Type: application/json;charset=UTF-8")
    assert answer.status == 400  # the body is read: its halves are missing
    assert answer.json()["message"] == "canaryConfig must be provided for ad-hoc requests"


def test_h33_coded_bodies(service):
    refused(post(service, "/canary", b"\x1f\x8b\x08", b"Content-Encoding: gzip"), 415,
            code="unsupported_media_type")


def test_h34_accept_is_not_looked_at(service):
    answer = get(service, "/judges", b"Accept: text/xml")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("target", ["/nope", "/judges/", "//judges", "/canary/a/b", "/canary/"])
def test_h35_unknown_paths(service, target):
    answer = get(service, target)
    refused(answer, 404, code="unknown_path", is_closed=False)
    assert answer.json()["detail"] == f"No static resource {target[1:]}."
    assert answer.json()["instance"] == answer.json()["path"] == target


@pytest.mark.parametrize("limit", ["0", "-1", "abc", "1e3", "999999999999", "201"])
def test_h36_limits_of_paging(service, limit):
    answer = get(service, f"/canary/executions?limit={limit}")
    refused(answer, 400, code="bad_parameter")
    assert "'limit'" in answer.json()["message"]


def test_h37_a_body_nobody_asked_for(service):
    data = request(b"GET /judges", b"Content-Length: 1048576", body=b"x" * 1048576)
    answer = send_raw(service, data + request(b"GET /judges"))
    assert answer.status == 200
    assert answer.n_answers() == 2
    refused(send_raw(service, request(b"GET /judges", b"Content-Length: 1048577")), 413,
            code="body_too_large", is_closed=True)


def test_h38_10000_pipelined_requests(service):
    answer = send_raw(service, request(b"GET /judges") * 10000, wait_s=20)
    assert answer.is_closed
    assert answer.n_answers() <= 1000
    assert answer.raw.count(b"HTTP/1.1 200") == answer.n_answers()


def test_h39_expectations(service):
    assert get(service, "/judges", b"Expect: 200-ok").status in (200, 417)
    answer = send_raw(service, request(START, JSON_TYPE.strip(), b"Content-Length: 2", b"Expect: 100-continue"))
    assert answer.status == 100  # and then it waits for the body


def test_h40_empty_body(service):
    answer = post(service, "/canary", b"")
    refused(answer, 400, code="json_syntax")
    assert answer.json()["detail"] == "Failed to read request"


def drip(service, head):
    """One byte a second after `head`; for how long the service stood it. Others are served meanwhile."""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(head)
        connection.settimeout(1)
        while time.monotonic() - started < PATIENCE_S:
            try:
                if not connection.recv(4096):
                    break
            except socket.timeout:
                pass
            except ConnectionResetError:
                break
            try:
                connection.sendall(b"a")
            except OSError:
                break
            assert get(service, "/livez").seconds < 1
    return time.monotonic() - started


def test_h29_h30_h31_slow_clients_and_strange_protocols(service):
    body = request(b"POST /canaryConfig", JSON_TYPE.strip(), b"Content-Length: 1000", body=b"{\"")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        tls = pool.submit(send_raw, service, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
                          wait_s=PATIENCE_S)
        noise = pool.submit(send_raw, service, b"\x00\xff" * 500, wait_s=PATIENCE_S)
        head_drip = pool.submit(drip, service, b"GET /judges HTTP/1.1\r\nHost: localhost\r\nX: ")
        body_drip = pool.submit(drip, service, body)
        for strange in (tls, noise):
            assert strange.result().is_closed
            assert strange.result().seconds < 12
        assert 9 <= head_drip.result() <= 13
        assert 28 <= body_drip.result() <= 33


# --- who may call ---

@pytest.mark.smoke
@pytest.mark.parametrize("header", [b"Origin: https://evil", b"Origin: null", b"Sec-Fetch-Site: cross-site",
                                    b"Sec-Fetch-Site: same-site"])
@pytest.mark.parametrize("target", ["/canary", "/fetch/prometheus/query?metricSetName=a&metricName=b&step=60"])
def test_a14_pages_of_other_sites_change_nothing(service, target, header):
    refused(post(service, target, b"{}", header, b"Cookie: a=b"), 403, code="cross_site")
    assert get(service, "/judges", header).status == 200


def test_a14_our_own_pages_may(service):
    for headers in ((b"Origin: http://localhost",), (b"Sec-Fetch-Site: same-origin", b"Origin: https://deck")):
        assert post(service, "/canary", b"{}", *headers).json()["code"] == "bad_request"


def test_a15_no_cors_without_a_list(service):
    answer = send_raw(service, request(b"OPTIONS /canary", b"Origin: https://evil",
                                       b"Access-Control-Request-Method: POST"))
    assert answer.status == 200
    assert answer.body == b""
    assert answer.headers["allow"] == "POST, OPTIONS"
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_listed_origins_may(start_serinus):
    server = start_serinus(kayenta_yml({"p": "http://127.0.0.1:1"}, "cors: {origins: ['https://deck.example']}\n"))
    listed, other = b"Origin: https://deck.example", b"Origin: https://deck.example.evil"
    preflight = send_raw(server, request(b"OPTIONS /canary", listed, b"Access-Control-Request-Method: POST"))
    assert preflight.status == 200
    assert preflight.headers["access-control-allow-origin"] == "https://deck.example"
    assert preflight.headers["access-control-allow-methods"] == "POST, GET, OPTIONS, DELETE, PUT, PATCH"
    assert preflight.headers["access-control-max-age"] == "3600"
    assert preflight.headers["access-control-allow-headers"] == "x-requested-with, content-type, idempotency-key"
    answer = post(server, "/canary", b"{}", listed, b"Sec-Fetch-Site: cross-site")
    assert answer.json()["message"] == "canaryConfig must be provided for ad-hoc requests"
    assert answer.headers["access-control-allow-origin"] == "https://deck.example"
    refused(post(server, "/canary", b"{}", other), 403, code="cross_site")
    answer = get(server, "/judges", other)
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.smoke
def test_a16_foreign_host_names(service):
    for host in (b"evil.example", b"localhost.evil.example", b"127.0.0.1.evil.example:80"):
        data = request(b"GET /livez", host=b"Host: " + host + b"\r\n")
        refused(send_raw(service, data), 403, code="bad_host")
    for host in (b"localhost", b"127.0.0.1:8090", b"[::1]:8090", b"LOCALHOST"):
        assert send_raw(service, request(b"GET /livez", host=b"Host: " + host + b"\r\n")).status == 200


# --- JSON ---

def nested(depth):
    return b"[" * depth + b"]" * depth


@pytest.mark.smoke
@pytest.mark.parametrize("body, code", [
    pytest.param(b"{", "json_syntax", id="J1 brace"),
    pytest.param(b'{"a":', "json_syntax", id="J1 colon"),
    pytest.param(b"[1,]", "json_syntax", id="J1 comma"),
    pytest.param(b"{'a':1}", "json_syntax", id="J1 quotes"),
    pytest.param(b"/*x*/{}", "json_syntax", id="J1 comment"),
    pytest.param(b"nul", "json_syntax", id="J1 nul"),
    pytest.param(b"{} x", "json_syntax", id="J2 text"),
    pytest.param(b"{}{}", "json_syntax", id="J2 two"),
    pytest.param(b"1", None, id="J3 number"),
    pytest.param(b'"x"', None, id="J3 text"),
    pytest.param(b"null", None, id="J3 null"),
    pytest.param(b"[]", None, id="J3 array"),
    pytest.param(b'{"a":{"b":1,"b":2}}', "json_duplicate_key", id="J4"),
    pytest.param(b'{"a":' + nested(65) + b"}", "json_too_deep", id="J5 65"),
    pytest.param(b"[" * 1000000, "json_too_deep", id="J5 a million"),
    pytest.param(b"[" + b"{},[]," * 349000 + b"{}]", "json_too_large", id="J6"),
    pytest.param(b'{"a":9223372036854775808}', "json_number", id="J7 above"),
    pytest.param(b'{"a":-9223372036854775809}', "json_number", id="J7 below"),
    pytest.param(b'{"a":1e999}', None, id="J8 1e999"),
    pytest.param(b'{"a":NaN}', "json_syntax", id="J8 NaN"),
    pytest.param(b'{"a":Infinity}', "json_syntax", id="J8 Infinity"),
    pytest.param(b'{"a":01}', "json_syntax", id="J8 01"),
    pytest.param(b'{"a":+1}', "json_syntax", id="J8 plus"),
    pytest.param(b'{"a":.5}', "json_syntax", id="J8 .5"),
    pytest.param(b'{"a":1.}', "json_syntax", id="J8 1."),
    pytest.param(b'{"a":0x1}', "json_syntax", id="J8 hex"),
    pytest.param(b'{"a":"\\u0000"}', None, id="J10 value"),
    pytest.param(b'{"a\\u0000":1}', None, id="J10 key"),
    pytest.param(b'{"a":"\0"}', None, id="J10 raw"),
    pytest.param(b'{"a":"\xff"}', None, id="J11 ff"),
    pytest.param(b'{"a":"\xc0\xaf"}', None, id="J11 overlong"),
    pytest.param(b'{"a":"\xed\xa0\x80"}', None, id="J11 surrogate"),
    pytest.param(b'{"a":"\\ud800"}', None, id="J11 escaped surrogate"),
    pytest.param(b'{"a":"\xf4\x90\x80\x80"}', None, id="J11 above U+10FFFF"),
    pytest.param("{}".encode("utf-16"), None, id="J12 UTF-16"),
    pytest.param(b'{"' + b"k" * 1025 + b'":1}', "json_too_large", id="J13 key"),
    pytest.param(b'{"a":"' + b"v" * (256 * 1024 + 1) + b'"}', "json_too_large", id="J13 text"),
    pytest.param(b"{" + b",".join(b'"%d":1' % i for i in range(10001)) + b"}", "json_too_large", id="J13 keys"),
    pytest.param(b'{"a":' + b"1" * 100000 + b"}", "json_number", id="J16"),
])
def test_bodies_that_are_not_json_we_take(service, body, code):
    before = resident_kib(service)
    answer = post(service, "/canary", body)
    refused(answer, 400, code=code, is_closed=False)
    assert answer.json()["title"] == "Bad Request"
    assert answer.json()["detail"] == "Failed to read request"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.seconds < 3
    assert resident_kib(service) < before + 32 * 1024


def test_j1_says_where(service):
    message = post(service, "/canary", b'{\n "a" 1}').json()["message"]
    assert "line 2" in message and "column" in message


def test_j4_says_where(service):
    details = post(service, "/canary", b'{"a":[0,{"b":1,"b":2}]}').json()["details"]
    assert details[0]["pointer"] == "/a/1/b"


def test_j15_null_halves_are_missing(service):
    answer = post(service, "/canary", b'{"canaryConfig":null,"executionRequest":{}}')
    refused(answer, 400, code="bad_request")
    assert answer.json()["message"] == "canaryConfig must be provided for ad-hoc requests"
    answer = post(service, "/canary", b'{"canaryConfig":{},"executionRequest":null}')
    assert answer.json()["message"] == "executionRequest must be provided for ad-hoc requests"


def resident_kib(service):
    with open(f"/proc/{service.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


# --- the good ones ---

def test_head_is_get_without_a_body(service):
    answer = send_raw(service, request(b"HEAD /judges"))
    assert answer.status == 200
    assert answer.body == b""
    assert int(answer.headers["content-length"]) > 0


def test_every_answer_carries_the_security_headers(service):
    for target in ("/judges", "/nope", "/livez"):
        headers = get(service, target).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-xss-protection"] == "0"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-cache, no-store, max-age=0, must-revalidate"
        assert headers["pragma"] == "no-cache"
        assert headers["expires"] == "0"
        assert headers["referrer-policy"] == "no-referrer"


def test_request_ids_are_taken_only_when_harmless(service):
    assert get(service, "/livez", b"X-Request-Id: a.B-1_c").headers["x-request-id"] == "a.B-1_c"
    for strange in (b"a b", b'"', b"x" * 129, b""):
        assert len(get(service, "/livez", b"X-Request-Id: " + strange).headers["x-request-id"]) == 26


def test_form_parameters_count_as_well(service):
    form = b"Content-Type: application/x-www-form-urlencoded"
    answer = post(service, "/fetch/prometheus/query?metricSetName=a", b"metricName=b", content_type=form)
    assert answer.json()["detail"] == "Required parameter 'step' is not present."
    answer = post(service, "/fetch/prometheus/query?metricSetName=a&step=1", b"step=2&metricName=b",
                  content_type=form)
    refused(answer, 400, code="repeated_parameter")
    refused(post(service, "/fetch/prometheus/query", b"x" * 65537, content_type=form), 413, code="body_too_large")


def test_http_1_0(service):
    answer = send_raw(service, b"GET /livez HTTP/1.0\r\n\r\n")
    assert answer.status == 200
    assert answer.is_closed


FETCH = ("/fetch/prometheus/query?metricSetName=a&metricName=up&step=60&scope=x&customFilter=a%3D%22b%22"
         "&start=2026-01-01T01:00:00Z&end=2026-01-01T02:00:00Z")


def slow(seconds):
    def answer(path, query):
        time.sleep(seconds)
        return 200, {}, matrix([1])

    return answer


@pytest.mark.smoke
def test_a_stop_answers_what_is_in_hand(start_serinus, scripted_store):
    server = start_serinus(kayenta_yml({"p": scripted_store.url}))
    scripted_store.answer = slow(2)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(send_raw, server, request(b"POST " + FETCH.encode()), wait_s=20)
        time.sleep(0.5)
        assert server.stop() == 0
        assert answer.result().status == 200, answer.result().raw
        assert answer.result().headers["connection"] == "close"
    with pytest.raises(OSError):
        get(server, "/livez")


def test_a_second_signal_ends_it_at_once(tmp_path, scripted_store):
    server = Serinus(tmp_path, kayenta_yml({"p": scripted_store.url}))
    scripted_store.answer = slow(5)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pool.submit(send_raw, server, request(b"POST " + FETCH.encode()), wait_s=20)
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert server.process.poll() is None
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(1) == 143


def test_four_fetches_at_a_time(start_serinus, scripted_store):
    server = start_serinus(kayenta_yml({"p": scripted_store.url}))
    scripted_store.answer = slow(1)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        fetches = [pool.submit(send_raw, server, request(b"POST " + FETCH.encode()), wait_s=20) for _ in range(6)]
        answers = [fetch.result() for fetch in fetches]
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 200, 503, 503]
    for answer in answers:
        if answer.status == 503:
            assert answer.json()["code"] == "overloaded"
            assert 1 <= int(answer.headers["retry-after"]) <= 5


def test_idle_memory(service):
    with open(f"/proc/{service.pid}/status", encoding="ascii") as status:
        fields = dict(line.split(":", 1) for line in status)
    assert int(fields["VmRSS"].split()[0]) < 64 * 1024  # after all that was thrown at it
