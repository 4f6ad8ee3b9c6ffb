"""The doubles' small parts by themselves, and what befalls a server besides faults."""

import logging
import socket

import pytest

from proxy.sandbox import checks as c
from proxy.sandbox.chat import plain_answer, prompt_of, split
from proxy.sandbox.sample import sample, schema_in

TREE = {"type": "object", "properties": {"below": {"$ref": "#"}}}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"const": 5}, 5),
        ({"default": "a"}, "a"),
        ({"enum": [3, 4]}, 3),
        ({"type": "array", "items": {"type": "null"}, "minItems": 2}, [None, None]),
        ({"type": "array"}, ["sandbox"]),
        ({"type": "string", "minLength": 9}, "sandbox.."),
        ({"type": "string", "maxLength": 4}, "sand"),
        ({"type": "integer", "exclusiveMinimum": 6}, 7),
        ({"properties": {"a": {"type": "boolean"}}}, {"a": True}),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"const": 1}}}, 1),
        (True, None),
    ],
)
def test_samples(schema, value):
    assert sample(schema) == value


def test_recursive_samples_end():
    value, depth = sample(TREE), 0
    while value:
        value, depth = value["below"], depth + 1
    assert 0 < depth < 20


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("no schema", None),
        ('{"a": 1} and {"type": "object"}', {"type": "object"}),
        ('{"name": "x", "schema": {"type": "array"}}', {"type": "array"}),
        ('{"type": "json_schema", "schema": {"type": "null"}}', {"type": "null"}),
        ('{broken {"type": "string", "x": "}\\""}', {"type": "string", "x": '}"'}),
        ('{"type": ', None),
    ],
)
def test_schemas_in_prompts(text, schema):
    assert schema_in(text) == schema


def test_plain_answers():
    assert plain_answer("Answer with a JSON object.", None).startswith('{"answer"')
    assert plain_answer("a", lambda prompt: prompt * 2) == "aa"
    assert "You said: hi" in plain_answer("hi", None)


@pytest.mark.parametrize("text", ["", " ", "a", " a b\n", "ä" * 30, "a  b"])
def test_splitting_loses_nothing(text):
    assert "".join(split(text)) == text


def test_prompts():
    parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {}}]
    assert prompt_of({"messages": [{"content": parts}, {"content": None}]}) == "a "
    assert prompt_of({"messages": [{"content": ""}]}) == ""


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (c.text(1, 2), "ab", "abc"),
        (c.text(1, 2), "a", ""),
        (c.choice(1, "a"), 1, True),
        (c.choice(1, "a"), 1, 1.0),
        (c.number(0, 1), 0.5, True),
        (c.number(0), 5, "5"),
        (c.integer(1), 1, 1.0),
        (c.boolean, False, 0),
        (c.url, "https://a.b/c", "ftp://a.b/c"),
        (c.url, "http://127.0.0.1:1/a", "data:image/png;base64,AAAA"),
        (c.url_or_data, "data:image/png;base64,AAAA", "data:image/png,AAAA"),
        (c.url_or_data, "data:image/svg+xml;base64,AAAA", "data:image/png;base64,A"),
        (c.base64_data, "AAAA", ""),
        (c.array(c.text(), 1, 2), ["a"], ["a", "b", "c"]),
        (c.array(c.text(), 1), ["a"], []),
        (c.array(c.text()), [], [1]),
        (c.record({"a": c.need(c.text())}), {"a": ""}, {}),
        (c.record(), {}, []),
        (c.either(c.boolean, c.choice(None)), None, 0),
        (c.RATIO, "21:9", "16:0"),
    ],
)
def test_checks(check, good, bad):
    assert check(good) is None
    assert isinstance(check(bad), str)


async def test_a_client_that_leaves_within_its_request(double):
    api = await double("onysoft")
    port = int(api.double.origin.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"POST /v1/video/generate HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
        await api.double.until(lambda d: d.active)
    await api.double.until(lambda d: not d.active)
    assert api.double.log == []


async def test_a_bug_in_a_double_is_told(double, caplog):
    api = await double("onysoft", reply=lambda prompt: 1 / 0)
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
    with caplog.at_level(logging.CRITICAL):
        assert (await api.post("/chat/completions", body)).status_code == 500
    assert "a bug in the double of onysoft" in caplog.text


async def test_the_limits_of_the_json_body(double):
    api = await double("apiin.one")
    form = await api.form("/images/generations", {"model": "flux-2", "prompt": "a cat"}, None)
    assert (form.status_code, form.json()["error"]["code"]) == (415, 415)
