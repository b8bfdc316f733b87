"""Prints the tokens that botocore generates at fixed times.

shared/aws/src/token.rs has to generate the same tokens.
"""

import datetime
import json
import os
import sys
from unittest import mock

# Selects the signer that is written in Python. The native signer has a clock of its own, which this
# script cannot stop.
os.environ["BOTO_DISABLE_CRT"] = "true"

import botocore.auth
import botocore.session
from botocore.credentials import Credentials
from botocore.model import ServiceId
from botocore.signers import RequestSigner

KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
TEMPORARY = "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJHMEUCIQ+/=="


def at(seconds):
    """Stops botocore's clock at a time."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return mock.patch.object(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: moment.replace(tzinfo=None))


def case(region, session_token, seconds, user, **target):
    credentials = Credentials(*KEYS, session_token)
    with at(seconds):
        if "host" in target:
            client = botocore.session.get_session().create_client(
                "rds", region_name=region, aws_access_key_id=KEYS[0], aws_secret_access_key=KEYS[1],
                aws_session_token=session_token)
            token = client.generate_db_auth_token(target["host"], target["port"], user)
        else:
            # botocore has no method for ElastiCache. These steps are those of AWS's documentation.
            session = botocore.session.get_session()
            signer = RequestSigner(ServiceId("elasticache"), region, "elasticache", "v4", credentials, session.get_component("event_emitter"))
            kind = "&ResourceType=ServerlessCache" if target["serverless"] else ""
            url = f"https://{target['cache']}/?Action=connect&User={user}{kind}"
            request = {"method": "GET", "url": url, "body": {}, "headers": {}, "context": {}}
            token = signer.generate_presigned_url(request, "connect", expires_in=900, region_name=region)
            token = token.removeprefix("https://")
    return {"region": region, "access_key_id": KEYS[0], "secret_access_key": KEYS[1], "session_token": session_token,
            "unix_seconds": seconds, "user": user, **target, "token": token}


PROXY = "kai-prod.proxy-abcdefghijkl.eu-central-1.rds.amazonaws.com"
cases = [
    case("eu-central-1", None, 1_764_201_600, "kai", host=PROXY, port=5432),
    case("eu-central-1", TEMPORARY, 1_764_201_600, "kai", host=PROXY, port=5432),
    case("us-east-1", TEMPORARY, 1_767_225_599, "kai app+1~ä", host="db.cluster-x.us-east-1.rds.amazonaws.com", port=6432),
    case("us-east-1", None, 951_782_400, "kai", host="localhost", port=443),
    case("eu-central-1", None, 1_764_201_600, "kai-prod", cache="kai-prod", serverless=True),
    case("eu-central-1", TEMPORARY, 1_764_201_600, "kai-prod", cache="kai-prod", serverless=True),
    case("ap-southeast-2", TEMPORARY, 1_767_225_600, "kai-prod", cache="kai-prod", serverless=False),
    case("us-gov-west-1", None, 1_709_164_799, "u", cache="c", serverless=False),
]
json.dump(cases, sys.stdout, indent=1, ensure_ascii=False)
print()
