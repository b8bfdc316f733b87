"""Authenticates the requests of schemathesis.

Each call of an operation that ends a session or an account has a new user. All other operations
share a user.
"""

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

# Operations that end the session.
ENDS_SESSION = {"auth-logout", "auth-refresh", "auth-password", "account-delete"}
# A user may send thirty messages per minute.
MESSAGES_PER_USER = 20


class UserPool:
    """Chooses the user of each request.

    The operations that keep the session share one user. A user of the chat is replaced after
    MESSAGES_PER_USER messages. Each operation that ends a session has a new user.
    """

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
    """Adds the bearer token of the user to a request."""

    def get(self, case, context):
        return POOL.user(case.operation.definition.raw.get("operationId"))

    def set(self, case, user, context):
        case.headers["Authorization"] = f"Bearer {user['token']}"


@schemathesis.hook
def before_call(context, case, kwargs):
    if is_positive(case):
        make_plausible(case)


def is_positive(case):
    """Returns whether the OpenAPI document allows the whole request."""
    return case.meta is None or case.meta.generation.mode.is_positive


def caller(case):
    """Returns the user id at the beginning of the token, or `None` if the token is malformed."""
    token = str(case.headers.get("Authorization", "")).removeprefix("Bearer ")
    return str(uuid.UUID(bytes=base64.urlsafe_b64decode(token)[:16])) if len(token) == 64 else None


def make_plausible(case):
    """Adjusts values with dependencies that the OpenAPI document cannot express."""
    path, query, body = case.path_parameters or {}, case.query or {}, case.body
    # Half of the ids stay those of other users.
    named = path.get("user_id")
    if isinstance(named, str) and named[-1:] in set("01234567"):
        path["user_id"] = caller(case) or named
    # The API rejects a key that is repeated with another body.
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    # A request for a list has a page or a cursor, and not both.
    if "cursor" in query or "limit" in query:
        query.pop("page", None)
        query.pop("page_size", None)
    # The day is one that every month has, and the year is not 0000, which does not exist.
    for name in ("cursor", "before"):
        if isinstance(query.get(name), str):
            query[name] = re.sub(r"^(?:0000|(\d{4}))-(\d{2})-\d{2}T", lambda m: f"{m[1] or '0001'}-{m[2]}-15T", query[name])
    # A random range would often be empty.
    if "mood_min" in query and "mood_max" in query:
        query.pop("mood_max")
    if "start_date" in query and "end_date" in query:
        query.pop("end_date")
    if isinstance(body, dict) and "old_password" in body:
        body["old_password"] = os.environ["KAI_FUZZ_PASSWORD"]
