"""Who asks: somebody new where the session or the account ends with the answer, and otherwise the same person for a while."""

import base64
import json
import os
import re
import threading
import uuid

import schemathesis

with open(os.environ["KAI_FUZZ_PEOPLE"], encoding="utf-8") as file:
    PEOPLE = iter(json.load(file))
LOCK = threading.Lock()

# Their answer leaves nobody to ask for the next example.
ENDING = {"auth-logout", "auth-refresh", "auth-password", "account-delete"}
# Somebody may speak thirty times in a minute.
SPOKEN_BY_ONE = 20


class Cast:
    """One person for the operations that leave a session alive, one for some messages, and one for each end."""

    def __init__(self):
        self.resident = next(PEOPLE)
        self.speaker = None
        self.said = 0

    def person(self, operation):
        with LOCK:
            if operation in ENDING:
                return next(PEOPLE)
            if operation != "chat-send":
                return self.resident
            if self.said % SPOKEN_BY_ONE == 0:
                self.speaker = next(PEOPLE)
            self.said += 1
            return self.speaker


CAST = Cast()


@schemathesis.auth(refresh_interval=None)
class Session:
    """The bearer token of whoever asks, and their id where the path has one that could be somebody's."""

    def get(self, case, context):
        return CAST.person(case.operation.definition.raw.get("operationId"))

    def set(self, case, person, context):
        case.headers["Authorization"] = f"Bearer {person['token']}"


@schemathesis.hook
def before_call(context, case, kwargs):
    if is_positive(case):
        make_plausible(case)


def is_positive(case):
    """Whether everything in the request keeps to the document."""
    return case.meta is None or case.meta.generation.mode.is_positive


def caller(case):
    """The id that the token begins with, if it is one of ours."""
    token = str(case.headers.get("Authorization", "")).removeprefix("Bearer ")
    return str(uuid.UUID(bytes=base64.urlsafe_b64decode(token)[:16])) if len(token) == 64 else None


def make_plausible(case):
    """Mends what the document cannot say: values that belong together."""
    path, query, body = case.path_parameters or {}, case.query or {}, case.body
    # Every second id is left as it is: somebody else's.
    named = path.get("user_id")
    if isinstance(named, str) and named[-1:] in set("01234567"):
        path["user_id"] = caller(case) or named
    # The same key with another body is refused, as it must be.
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    # By page or by cursor.
    if "cursor" in query or "limit" in query:
        query.pop("page", None)
        query.pop("page_size", None)
    # A day that every month has, in a year that there was.
    for name in ("cursor", "before"):
        if isinstance(query.get(name), str):
            query[name] = re.sub(r"^(?:0000|(\d{4}))-(\d{2})-\d{2}T", lambda m: f"{m[1] or '0001'}-{m[2]}-15T", query[name])
    # From less to more, from earlier to later.
    if "mood_min" in query and "mood_max" in query:
        query.pop("mood_max")
    if "start_date" in query and "end_date" in query:
        query.pop("end_date")
    if isinstance(body, dict) and "old_password" in body:
        body["old_password"] = "nine quiet herons"
