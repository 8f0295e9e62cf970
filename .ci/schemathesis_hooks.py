"""What the schema of one request cannot say, for schemathesis."""

import json

import jsonschema
import schemathesis

# Reasons that depend on what happened before, not on the form of an event.
OF_THE_STATE = ("is deleted", "ahead of this folder's clock", "own id", "itself", "is not known", "already", "not in")


def yes(query, name):
    return query.get(name) not in (None, False, "false", "0")


def contradicts(query):
    """What is refused as a whole: two flags, a record of a feed that only looks, a cursor that the service did not make."""
    if yes(query, "video_only") and yes(query, "exclude_videos"):
        return True
    if query.get("now") is not None and yes(query, "record"):
        return True
    return query.get("cursor") is not None


def has_fraction(value):
    """Whether a number is written with a fraction: 1.0 is an integer to JSON Schema, but ids would lose bits in that form."""
    if isinstance(value, dict):
        return any(has_fraction(v) for v in value.values())
    if isinstance(value, list):
        return any(has_fraction(v) for v in value)
    return isinstance(value, float) and value.is_integer()


@schemathesis.hook
def filter_query(context, query):
    return not (isinstance(query, dict) and contradicts(query))


@schemathesis.hook
def filter_body(context, body):
    return not (isinstance(body, dict) and contradicts(body)) and not has_fraction(body)


@schemathesis.check
def events_are_judged(context, response, case):
    if case.path != "/v1/events" or response.status_code != 200:
        return
    schema = dict(case.operation.schema.raw_schema["components"]["schemas"]["SentEvent"])
    schema["components"] = case.operation.schema.raw_schema["components"]
    judge = jsonschema.Draft202012Validator(schema)
    rejected = {entry["index"]: entry["reason"] for entry in response.json()["rejected"]}
    for index, event in enumerate(json.loads(response.request.body)["events"]):
        fits, reason = judge.is_valid(event), rejected.get(index)
        assert fits or reason, f"taken, but not of the schema: {event}"
        if fits and reason:
            assert any(words in reason for words in OF_THE_STATE), f"refused, but of the schema: {event}: {reason}"
