"""What a strict decoder lets through. A client that is written in Kotlin, Go or TypeScript has types
for what it reads: a missing member, a null, or a number in quotes ends it there."""
import json
import re

import requests

INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$")
DURATION = re.compile(r"^P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?$")


class ClientError(Exception):
    """What the real client would end with."""


class Refused(ClientError):
    """An answer whose status the client takes for an error."""

    def __init__(self, status, text):
        super().__init__(f"{status}: {text}")
        self.status, self.text = status, text


def _reject(token):
    raise ClientError(f"{token} is not JSON")


def _object(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ClientError(f"a member is there twice: {sorted(names)}")
    return dict(pairs)


def parse(text):
    try:
        return json.loads(text, parse_constant=_reject, object_pairs_hook=_object)
    except ValueError as why:
        raise ClientError(f"not JSON: {why}: {text[:200]!r}") from why


class Node:
    """A value with its place, read by type."""

    def __init__(self, value, path="$"):
        self.value, self.path = value, path

    def _typed(self, kinds, what):
        if not isinstance(self.value, kinds) or (isinstance(self.value, bool) and kinds is not bool):
            raise ClientError(f"{self.path} is {self.value!r}, not {what}")
        return self.value

    def text(self):
        return self._typed(str, "text")

    def number(self):
        return self._typed((int, float), "a number")

    def integer(self):
        return self._typed(int, "an integer")

    def boolean(self):
        return self._typed(bool, "a boolean")

    def object(self):
        return self._typed(dict, "an object")

    def matching(self, pattern, what):
        if not pattern.match(self.text()):
            raise ClientError(f"{self.path} is {self.value!r}, not {what}")
        return self.value

    def instant(self):
        return self.matching(INSTANT, "an instant")

    def duration(self):
        return self.matching(DURATION, "a duration")

    def __getitem__(self, name):
        if name not in self.object():
            raise ClientError(f"{self.path}.{name} is missing")
        return Node(self.value[name], f"{self.path}.{name}")

    def maybe(self, name):
        """The member, or None when it is left out. Null is no way to leave out."""
        if name not in self.object():
            return None
        if self.value[name] is None:
            raise ClientError(f"{self.path}.{name} is null")
        return self[name]

    def items(self):
        return [Node(value, f"{self.path}[{i}]") for i, value in enumerate(self._typed(list, "a list"))]

    def members(self):
        return {name: Node(value, f"{self.path}.{name}") for name, value in self.object().items()}


class Http:
    """One base URL, one time-out, the statuses that count as good."""

    def __init__(self, base_url, timeout_s, is_good):
        self.base_url, self.timeout_s, self.is_good = base_url, timeout_s, is_good
        self.session = requests.Session()
        self.session.trust_env = False
        self.calls = []

    def call(self, method, path, params=None, body=None, data=None):
        """The text of the answer. `params` without value are left out."""
        given = [(name, value) for name, value in (params or {}).items() if value is not None]
        data = json.dumps(body).encode() if body is not None else data
        self.calls.append((method, path))
        answer = self.session.request(
            method, self.base_url + path, params=given, data=data, timeout=self.timeout_s, allow_redirects=False,
            headers={"Content-Type": "application/json", "Accept": "application/json"})
        if not self.is_good(answer.status_code):
            raise Refused(answer.status_code, answer.text)
        return answer.text

    def json(self, *args, **kwargs):
        return Node(parse(self.call(*args, **kwargs)))


def is_2xx(status):
    return 200 <= status < 300
