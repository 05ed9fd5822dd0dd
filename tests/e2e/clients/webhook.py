"""Spinnaker's Webhook stage, as generic as such clients are: a POST, then the address in the Location
header until a word in its JSON says that it is over."""
import time
import urllib.parse

import requests
from clients.argo import json_path
from clients.wire import ClientError, Refused, parse


class Webhook:
    def __init__(self, status_path="$.status", success=("succeeded",), canceled=("canceled",), terminal=("terminal",),
                 poll_s=0.02):
        self.status_path, self.poll_s = status_path, poll_s
        self.words = {word: outcome for words, outcome in ((success, "SUCCEEDED"), (canceled, "CANCELED"),
                                                           (terminal, "TERMINAL")) for word in words}
        self.session = requests.Session()
        self.session.trust_env = False

    def start(self, url, body):
        """The address to poll."""
        answer = self.session.post(url, json=body, timeout=30)
        if not 200 <= answer.status_code < 300:
            raise Refused(answer.status_code, answer.text)
        if "Location" not in answer.headers:
            raise ClientError("no status URL")
        return urllib.parse.urljoin(url, answer.headers["Location"])

    def run(self, url, body):
        """(outcome, the last answer)."""
        status_url = self.start(url, body)
        while True:
            answer = self.session.get(status_url, timeout=30)
            if answer.status_code == 429 or answer.status_code >= 500:
                time.sleep(self.poll_s)
                continue
            shown = parse(answer.text)
            word = json_path(shown, self.status_path)
            if word in self.words:
                return self.words[word], shown
            time.sleep(self.poll_s)
