"""Spinnaker Orca's canary stage: resolve the config's name, then for each interval start, poll once a
second and decide; at the end compare the last score."""
import dataclasses
import datetime
import time

from clients.wire import ClientError, Http, Refused, is_2xx

STATUSES = {"NOT_STARTED", "RUNNING", "PAUSED", "SUSPENDED", "SUCCEEDED", "FAILED_CONTINUE", "TERMINAL",
            "CANCELED", "REDIRECT", "STOPPED", "SKIPPED", "BUFFERED"}
HALTED = {"TERMINAL", "CANCELED", "STOPPED"}
MINUTE = datetime.timedelta(minutes=1)
NOT_ABOVE_MARGINAL = "Canary score is not above the marginal score threshold."
FEW_POINTS = "fewer than 50 data points"


@dataclasses.dataclass
class Stage:
    """The user's settings of a canary stage."""
    application: str
    config_id: str = None
    config_name: str = None
    control: tuple = ("v41", "baseline")
    experiment: tuple = ("v42", "canary")
    start: str = None
    end: str = None
    lifetime_mins: int = None
    interval_mins: int = 0
    warmup_mins: int = 0
    lookback_mins: int = 0
    baseline_offset_mins: int = 0
    passing: int = 95
    marginal: int = 75
    metrics_account: str = None
    storage_account: str = None
    configuration_account: str = None
    continues: bool = False


@dataclasses.dataclass
class Outcome:
    status: str
    scores: list = dataclasses.field(default_factory=list)
    executions: list = dataclasses.field(default_factory=list)
    durations: list = dataclasses.field(default_factory=list)
    warnings: list = dataclasses.field(default_factory=list)
    message: str = None
    exception: dict = None


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def iso(time_):
    """As Java prints an instant; Orca's carry fractions of a second."""
    return time_.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Orca:
    def __init__(self, base_url, poll_s=0.02, wait=lambda minutes: None):
        """`wait` stands for the waits between intervals, `poll_s` for the second between polls."""
        self.http = Http(base_url, 30, is_2xx)
        self.poll_s, self.wait = poll_s, wait

    # --- the name of the config ---

    def configs(self):
        """One element that cannot be decoded breaks the list."""
        return [{"id": one["id"].text(), "name": one["name"].text(),
                 "applications": [name.text() for name in one["applications"].items()],
                 "updatedTimestamp": one["updatedTimestamp"].integer()}
                for one in self.http.json("GET", "/canaryConfig").items()]

    def resolve(self, name, application):
        found = [one["id"] for one in self.configs() if one["name"] == name and application in one["applications"]]
        if len(found) != 1:
            raise ClientError(f"{len(found)} canary configs are called {name} in {application}")
        return found[0]

    # --- windows ---

    @staticmethod
    def windows(stage):
        """(start, end, minutes to wait before) of each interval."""
        start = instant(stage.start) if stage.start else datetime.datetime.now(datetime.timezone.utc)
        end = instant(stage.end) if stage.end else None
        lifetime = int((end - start) / MINUTE) if end else stage.lifetime_mins
        interval = stage.interval_mins
        if not interval or interval > lifetime:
            interval = lifetime
        begin = start if end else start + stage.warmup_mins * MINUTE
        for i in range(1, lifetime // interval + 1):
            until = begin + i * interval * MINUTE
            since = until - stage.lookback_mins * MINUTE if stage.lookback_mins else begin
            yield since, until, 0 if end else interval

    @staticmethod
    def request(stage, since, until):
        offset = stage.baseline_offset_mins * MINUTE

        def side(scope, shift):
            return {"scope": scope[0], "location": scope[1], "start": iso(since - shift), "end": iso(until - shift),
                    "step": 60, "extendedScopeParams": {"type": "asg", "dataset": "regional", "accountId": None}}

        return {"scopes": {"default": {"controlScope": side(stage.control, offset),
                                       "experimentScope": side(stage.experiment, 0 * MINUTE)}},
                "thresholds": {"pass": stage.passing, "marginal": stage.marginal}, "siteLocal": {}}

    # --- one interval ---

    def start(self, config_id, stage, since, until):
        answer = self.http.json("POST", f"/canary/{config_id}", {
            "application": stage.application, "parentPipelineExecutionId": "01M0F9MJGEVT2KVKJ34J3MHVBD",
            "metricsAccountName": stage.metrics_account, "configurationAccountName": stage.configuration_account,
            "storageAccountName": stage.storage_account}, self.request(stage, since, until))
        return {name: value.text() for name, value in answer.members().items()}["canaryExecutionId"]

    def status(self, execution, storage_account=None):
        return self.decode(self.http.json("GET", f"/canary/{execution}", {"storageAccountName": storage_account}))

    @staticmethod
    def decode(body):
        """The members that Orca's classes have, by their types."""
        out = {"complete": body["complete"].boolean(), "status": body["status"].text().upper(),
               "application": body["application"].text()}
        if out["status"] not in STATUSES:
            raise ClientError(f"no status is called {out['status']}")
        for name in ("buildTimeIso", "startTimeIso", "endTimeIso"):
            if body.maybe(name):
                out[name] = body[name].instant()
        if body.maybe("storageAccountName"):
            body["storageAccountName"].text()
        if body.maybe("exception"):
            out["exception"] = body["exception"].object()
        request = body.maybe("canaryExecutionRequest")
        if request:
            for pair in request["scopes"].members().values():
                for side in ("controlScope", "experimentScope"):
                    pair[side]["start"].instant()
                    pair[side]["end"].instant()
            request["thresholds"]["pass"].number()
            request["thresholds"]["marginal"].number()
        result = body.maybe("result")
        if result:
            judged = result["judgeResult"]
            out["score"] = int(judged["score"]["score"].number())  # an integer in Orca's class
            judged["score"]["classification"].text()
            out["reason"] = judged["score"]["classificationReason"].text()
            out["counts"] = [one["controlMetadata"]["stats"]["count"].integer() for one in judged["results"].items()]
            if result.maybe("canaryDuration"):
                out["duration"] = result["canaryDuration"].duration()
        return out

    def cancel(self, execution):
        """Failure is only logged."""
        try:
            self.http.call("PUT", f"/pipelines/{execution}/cancel", data=b'""')
        except Refused:
            return False
        return True

    def account_types(self):
        return {one["name"].text(): one["type"].text() for one in self.http.json("GET", "/credentials").items()}

    # --- the stage ---

    def run(self, stage, on_poll=None):
        """`on_poll(execution, status)` is called between polls; when it gives True the user cancels."""
        outcome = Outcome("RUNNING")
        config_id = stage.config_id or self.resolve(stage.config_name, stage.application)
        for since, until, minutes in self.windows(stage):
            if minutes:
                self.wait(minutes)
            execution = self.start(config_id, stage, since, until)
            outcome.executions.append(execution)
            if not self._finish_interval(stage, execution, outcome, on_poll):
                return outcome
        last = outcome.scores[-1]
        outcome.status = "SUCCEEDED" if last > stage.marginal and last >= stage.passing else "TERMINAL"
        return outcome

    def _finish_interval(self, stage, execution, outcome, on_poll):
        while True:
            status = self.status(execution, stage.storage_account)
            if status["status"] in HALTED:
                outcome.status, outcome.exception = "TERMINAL", status.get("exception")
                if status["status"] == "CANCELED":
                    outcome.exception = {"details": {"errors": ["Canary execution was canceled."]}}
                return False
            if status["status"] == "SUCCEEDED":
                break
            if on_poll and on_poll(execution, status):
                self.cancel(execution)
            time.sleep(self.poll_s)
        outcome.scores.append(status["score"])
        outcome.durations.append(status.get("duration"))
        if stage.metrics_account and any(count < 50 for count in status["counts"]):
            if self.account_types()[stage.metrics_account] != "datadog":
                outcome.warnings.append(FEW_POINTS)
        if status["score"] <= stage.marginal:
            outcome.status = "FAILED_CONTINUE" if stage.continues else "TERMINAL"
            outcome.message = NOT_ABOVE_MARGINAL
            return False
        return True
