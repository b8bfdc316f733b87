"""Authenticates the requests. An operation that ends the session or the account gets a new user each time. All other operations
share a user for a while."""

import base64
import json
import os
import re
import threading
import uuid

import schemathesis

with open(os.environ["KAI_FUZZ_USERS"], encoding="utf-8") as file:
    USERS = iter(json.load(file))
LOCK = threading.Lock()

# Operations after which the session no longer works.
ENDS_SESSION = {"auth-logout", "auth-refresh", "auth-password", "account-delete"}
# A user may send thirty messages a minute.
MESSAGES_PER_USER = 20


class UserPool:
    """One user for the operations that keep the session, one for some messages, and one for each end of a session."""

    def __init__(self):
        self.shared = next(USERS)
        self.chatting = None
        self.messages = 0

    def user(self, operation):
        with LOCK:
            if operation in ENDS_SESSION:
                return next(USERS)
            if operation != "chat-send":
                return self.shared
            if self.messages % MESSAGES_PER_USER == 0:
                self.chatting = next(USERS)
            self.messages += 1
            return self.chatting


POOL = UserPool()


@schemathesis.auth(refresh_interval=None)
class Session:
    """Sends the bearer token of the user."""

    def get(self, case, context):
        return POOL.user(case.operation.definition.raw.get("operationId"))

    def set(self, case, user, context):
        case.headers["Authorization"] = f"Bearer {user['token']}"


@schemathesis.hook
def before_call(context, case, kwargs):
    if is_positive(case):
        make_plausible(case)


def is_positive(case):
    """Whether the whole request is valid by the document."""
    return case.meta is None or case.meta.generation.mode.is_positive


def caller(case):
    """Returns the user id at the beginning of the token, if the token is valid."""
    token = str(case.headers.get("Authorization", "")).removeprefix("Bearer ")
    return str(uuid.UUID(bytes=base64.urlsafe_b64decode(token)[:16])) if len(token) == 64 else None


def make_plausible(case):
    """Adjusts values that depend on each other, which the document cannot express."""
    path, query, body = case.path_parameters or {}, case.query or {}, case.body
    # Every second id stays another user's.
    named = path.get("user_id")
    if isinstance(named, str) and named[-1:] in set("01234567"):
        path["user_id"] = caller(case) or named
    # A key that is used again with another body would be rejected.
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    # A list is requested by page or by cursor.
    if "cursor" in query or "limit" in query:
        query.pop("page", None)
        query.pop("page_size", None)
    # A day that every month has, in a year that exists.
    for name in ("cursor", "before"):
        if isinstance(query.get(name), str):
            query[name] = re.sub(r"^(?:0000|(\d{4}))-(\d{2})-\d{2}T", lambda m: f"{m[1] or '0001'}-{m[2]}-15T", query[name])
    # Random ranges would often be empty.
    if "mood_min" in query and "mood_max" in query:
        query.pop("mood_max")
    if "start_date" in query and "end_date" in query:
        query.pop("end_date")
    if isinstance(body, dict) and "old_password" in body:
        body["old_password"] = os.environ["KAI_FUZZ_PASSWORD"]
