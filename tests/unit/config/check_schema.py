"""Checks that the settings schema is a valid JSON schema, takes the example, and refuses what it should.

Usage: check_schema.py FOLDER, where clawbridge.schema.json and clawbridge.example.yaml lie.
"""

import json
import pathlib
import sys

import jsonschema
import yaml


def main():
    folder = pathlib.Path(sys.argv[1])
    schema = json.loads((folder / "clawbridge.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)

    def drop_empty(settings):
        return {key: value for key, value in settings.items() if value is not None}

    validator.validate(drop_empty(yaml.safe_load((folder / "clawbridge.example.yaml").read_text("utf-8"))))
    validator.validate(defaults_of(schema))
    for good in (
        {"broker": {"protocol": 5}},
        {"broker": {"protocol": "3.1.1"}},
        {"log": {"level": "${env:LEVEL}"}},
        {"peers": {"macbook": {"fingerprint": "4f0c"}}},
    ):
        validator.validate(good)
    for bad in (
        {"brokr": {}},
        {"broker": {"usrname": "x"}},
        {"log": {"level": "loud"}},
        {"limits": {"runs": 0}},
        {"store": {"keep": "7 days"}},
        {"expose": "jarvis"},
        {"peers": {"macbook": {"colour": "red"}}},
        {"version": 2},
    ):
        assert not validator.is_valid(bad), f"the schema takes {bad}"


def defaults_of(schema):
    """An instance made of every default that the schema names."""
    values = {}
    for name, part in schema.get("properties", {}).items():
        if "default" in part:
            values[name] = part["default"]
        elif part.get("type") == "object":
            values[name] = defaults_of(part)
    return values


main()
