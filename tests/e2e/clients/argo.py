"""Argo Rollouts: the `kayenta` provider of one measurement, and the `web` provider. Statuses other
than 200, types that Go's decoder refuses and a missing score are errors."""
import http.client
import json
import time
import urllib.parse

from clients.wire import ClientError, Node, parse

SUCCESSFUL, FAILED, INCONCLUSIVE, ERROR = "Successful", "Failed", "Inconclusive", "Error"


def send(method, url, body=None, timeout_s=15):
    """(status, text). The URL goes out as it is: values are not escaped."""
    split = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(split.hostname, split.port, timeout=timeout_s)
    target = split.path + ("?" + split.query if split.query else "")
    try:
        connection.request(method, target, body=json.dumps(body) if body is not None else None,
                           headers={"Content-Type": "application/json"} if body is not None else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class Kayenta:
    def __init__(self, address, application, config_name, passing=90, marginal=75, metrics_account="",
                 storage_account="", configuration_account="", poll_s=0.02):
        self.address, self.application, self.config_name = address, application, config_name
        self.passing, self.marginal, self.poll_s = passing, marginal, poll_s
        self.metrics_account, self.storage_account = metrics_account, storage_account
        self.configuration_account = configuration_account

    def _exactly_200(self, method, path, body=None):
        status, text = send(method, self.address + path, body)
        if status != 200:
            raise ClientError(f"Invalid Response: {status} {text}")
        return Node(parse(text))

    def config_id(self):
        """The storage account's name is sent as the configuration account's."""
        listed = self._exactly_200("GET", f"/canaryConfig?application={self.application}"
                                          f"&configurationAccountName={self.storage_account}")
        configs = [(one["id"].text(), one["name"].text(), one["updatedTimestamp"].integer(),
                    [name.text() for name in one["applications"].items()]) for one in listed.items()]
        for config_id, name, _, _ in configs:
            if name == self.config_name:
                return config_id
        raise ClientError("Canary Config Name is not found")

    def start(self, scopes):
        answer = self._exactly_200(
            "POST", f"/canary/{self.config_id()}?application={self.application}"
                    f"&metricsAccountName={self.metrics_account}&configurationAccountName={self.configuration_account}"
                    f"&storageAccountName={self.storage_account}",
            {"scopes": scopes, "thresholds": {"pass": self.passing, "marginal": self.marginal}})
        return answer.object().get("canaryExecutionId", "<nil>")

    def poll(self, execution):
        """None while it runs, else (phase, value)."""
        body = self._exactly_200("GET", f"/canary/{execution}")
        if not body["complete"].boolean():
            return None
        try:
            score = body["result"]["judgeResult"]["score"]["score"].number()
        except ClientError as why:
            raise ClientError("Missing Score") from why
        whole = int(score)
        phase = SUCCESSFUL if whole >= self.passing else INCONCLUSIVE if whole >= self.marginal else FAILED
        return phase, str(whole)

    def measure(self, scopes, on_poll=lambda execution: None):
        """(phase, value or message)."""
        try:
            execution = self.start(scopes)
            while True:
                measured = self.poll(execution)
                if measured:
                    return measured
                on_poll(execution)
                time.sleep(self.poll_s)
        except ClientError as why:
            return ERROR, str(why)


def scopes(experiment, start, end, control=("v41", "baseline")):
    """Whole seconds, no extendedScopeParams."""
    def side(scope):
        return {"scope": scope[0], "location": scope[1], "step": 60, "start": start, "end": end}

    return {"default": {"controlScope": side(control), "experimentScope": side(experiment)}}


def json_path(document, path):
    """`{$.a.b[0].c}`, the part of Kubernetes' JSONPath that such measurements use."""
    found = document
    for step in path.strip("{}").lstrip("$.").replace("[", ".[").split("."):
        try:
            found = found[int(step[1:-1])] if step[0] == "[" else found[step]
        except (KeyError, IndexError, TypeError) as why:
            raise ClientError(f"{step} is not found") from why
    return found


def web(url, path, success=None, failure=None, method="GET", body=None):
    """One request; the conditions see `result`. (phase, value or message)."""
    status, text = send(method, url, body, timeout_s=10)
    if not 200 <= status < 300:
        return ERROR, f"received non 2xx response code: {status}"
    try:
        value = json_path(parse(text), path)
        failed = failure(value) if failure else False
        succeeded = success(value) if success else not failed
    except ClientError as why:
        return ERROR, str(why)
    except TypeError as why:  # as the expression language: text is not compared with a number
        return ERROR, str(why)
    return (FAILED if failed else SUCCESSFUL if succeeded else INCONCLUSIVE), value
