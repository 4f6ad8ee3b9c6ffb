"""Bodies as clients send them, the hostile ones too: parameters come out, or an ApiError."""

from collections.abc import Iterable
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openai._qs import Querystring
from starlette.requests import ClientDisconnect, Request

from proxy.errors import ApiError
from proxy.exchange import Exchange
from proxy.forms import MAX_FIELDS, nested, read_json, read_params
from translators.core import FormText, Source
from translators.values import MAX_DEPTH

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
MIB = 1 << 20
MULTIPART, END = "multipart/form-data; boundary=b", b"\r\n--b--\r\n"


def request(chunks: Iterable[bytes], kind: str | None, length: int | None = None) -> Request:
    headers = [(b"content-type", kind.encode("latin-1"))] if kind is not None else []
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    parts = list(chunks) or [b""]
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": one, "more_body": place < len(parts) - 1}
        for place, one in enumerate(parts)
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": b""}
    scope["anygate"] = Exchange(given=dict(headers))
    return Request(scope, receive)


async def json(raw: bytes, kind: str | None = "application/json", limit: int = MIB) -> Any:
    return await read_json(request([raw], kind), limit)


async def form(fields: list[tuple[str, Any]], data: dict[str, Any] | None = None) -> dict[str, Any]:
    """As httpx, and so the SDK, writes a form."""
    sent = httpx.Request("POST", "http://x", files=fields, data=data)
    return await read_params(request([sent.read()], sent.headers["content-type"]), MIB)


def text(*pairs: tuple[str, str]) -> list[tuple[str, Any]]:
    return [(name, (None, value)) for name, value in pairs]


async def refused(reading: Any, status: int, code: str) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await reading
    assert (caught.value.status, caught.value.code) == (status, code)
    assert caught.value.kind == "invalid_request_error"
    return caught.value


class TestJson:
    async def test_an_object_without_what_is_null(self) -> None:
        assert await json(b'{"a": 1, "b": null, "c": {"d": null}}') == {"a": 1, "c": {"d": None}}

    @pytest.mark.parametrize(
        "kind",
        [
            "application/json; charset=utf-8",
            'Application/JSON;charset="UTF-8"',
            "application/vnd.api+json",
        ],
    )
    async def test_json_types(self, kind: str) -> None:
        assert await json(b'{"a":1}', kind) == {"a": 1}

    @pytest.mark.parametrize(
        "kind",
        [
            None,
            "",
            "text/plain",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded",
            "application/json; charset=utf-16",
            "x" * 5000,
        ],
    )
    async def test_other_types(self, kind: str | None) -> None:
        error = await refused(json(b'{"a":1}', kind), 400, "invalid_json")
        assert "application/json" in error.message or "UTF-8" in error.message
        assert len(error.message) < 300

    @pytest.mark.parametrize(
        "raw",
        [b"", b"{", b"\xff", b'{"a":"\xc3"}', b'{"a":NaN}', b"\xef\xbb\xbf{}", b'{"\\ud800":1}'],
    )
    async def test_no_json(self, raw: bytes) -> None:
        await refused(json(raw), 400, "invalid_json")

    @pytest.mark.parametrize("raw", [b"[]", b"1", b"null", b'"a"', b"true"])
    async def test_no_object(self, raw: bytes) -> None:
        await refused(json(raw), 400, "invalid_type")

    @pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 1000, 1100, 100_000])
    async def test_too_deep(self, depth: int) -> None:
        raw = b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"
        await refused(json(raw), 400, "invalid_json")

    async def test_deep_enough(self) -> None:
        assert await json(b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH)
        assert await json(b'{"a":[' + b"[]," * 500 + b"{}]}")

    async def test_too_large_by_its_length_is_not_read(self) -> None:
        asked = request([], "application/json", 11)
        await refused(read_json(asked, 10), 413, "request_too_large")
        assert await asked.receive()  # the body is still to be received

    async def test_an_absurd_length(self) -> None:
        await refused(
            read_json(request([], "application/json", 10**4000), 10), 413, "request_too_large"
        )

    async def test_too_large_in_chunks(self) -> None:
        asked = request([b'{"a":', b'"12345"', b"}"], "application/json")
        await refused(read_json(asked, 10), 413, "request_too_large")
        assert (await asked.receive())["body"] == b"}"  # no more was read than showed it

    async def test_just_within_the_limit(self) -> None:
        assert await read_json(request([b'{"a":', b"12345}"], "application/json"), 11) == {
            "a": 12345
        }

    async def test_a_client_that_went_away(self) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        exchange = Exchange(given={b"content-type": b"application/json"})
        scope = {"type": "http", "headers": [], "anygate": exchange}
        with pytest.raises(ClientDisconnect):
            await read_json(Request(scope, receive), 10)

    @given(st.binary(max_size=200))
    @example(b'{"a":' * 2000)
    async def test_anything(self, raw: bytes) -> None:
        try:
            assert isinstance(await json(raw), dict)
        except ApiError as exc:
            assert exc.status == 400


class TestForm:
    async def test_json_too(self) -> None:
        assert await read_params(request([b'{"a":1}'], "application/json"), 10) == {"a": 1}

    async def test_text_keeps_its_type_open(self) -> None:
        got = await form(text(("prompt", "Grüße"), ("seed", "42"), ("options", '{"a": 1}')))
        assert got == {"prompt": "Grüße", "seed": "42", "options": '{"a": 1}'}
        assert all(type(one) is FormText for one in got.values())

    async def test_a_file_is_what_its_bytes_say(self) -> None:
        got = await form([("image", ("a.jpg", PNG, "image/jpeg"))])
        assert got == {"image": Source(data=PNG, mime="image/png")}

    @pytest.mark.parametrize(
        ("said", "mime"),
        [
            ("Text/Plain; charset=utf-8", "text/plain"),
            ("a b", "application/octet-stream"),
            ("", "application/octet-stream"),
        ],
    )
    async def test_or_its_part(self, said: str, mime: str) -> None:
        assert (await form([("f", ("a", b"\x00\x01", said))]))["f"].mime == mime

    async def test_a_picture_without_a_file_name(self) -> None:
        assert (await form([("image", (None, PNG, "image/png"))]))["image"].data == PNG

    async def test_several_files_in_order(self) -> None:
        one, two = ("a.png", PNG + b"1"), ("b.png", PNG + b"2")
        for name in ("image", "image[]"):
            got = (await form([(name, one), (name, two)]))["image"]
            assert [source.data[-1:] for source in got] == [b"1", b"2"]
        assert len((await form([("image[]", one)]))["image"]) == 1

    async def test_an_empty_file(self) -> None:
        error = await refused(form([("image", ("a.png", b"", "image/png"))]), 400, "invalid_value")
        assert error.param == "image"

    async def test_no_text(self) -> None:
        await refused(form([("a", (None, b"\xff"))]), 400, "invalid_json")

    async def test_urlencoded(self) -> None:
        asked = request([b"a=1"], "application/x-www-form-urlencoded")
        error = await refused(read_params(asked, 10), 400, "invalid_json")
        assert "multipart/form-data" in error.message and "urlencoded" in error.message

    @pytest.mark.parametrize(
        "kind",
        ["", "; boundary=", "; boundary=other", "; boundary=" + "x" * 10_000, '; boundary="\xff"'],
    )
    async def test_no_boundary_or_a_wrong_one(self, kind: str) -> None:
        raw = b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'
        assert await read_params(request([raw], "multipart/form-data; boundary=b"), MIB) == {
            "a": "1"
        }
        asked = request([raw], "multipart/form-data" + kind)
        await refused(read_params(asked, MIB), 400, "invalid_json")

    async def test_cut_off_anywhere(self) -> None:
        sent = httpx.Request("POST", "http://x", files=[("f", ("a", PNG)), *text(("b", "1"))])
        raw, kind = sent.read(), sent.headers["content-type"]
        for length in range(len(raw) - 4):
            await refused(read_params(request([raw[:length]], kind), MIB), 400, "invalid_json")

    async def test_byte_by_byte(self) -> None:
        sent = httpx.Request("POST", "http://x", files=[("f", ("a", PNG)), *text(("b[c]", "é"))])
        raw, kind = sent.read(), sent.headers["content-type"]
        asked = request([raw[place : place + 1] for place in range(len(raw))], kind)
        got = await read_params(asked, MIB)
        assert got == {"f": Source(data=PNG, mime="image/png"), "b": {"c": "é"}}

    async def test_too_large(self) -> None:
        sent = httpx.Request("POST", "http://x", files=[("f", ("a", bytes(2000)))])
        asked = request([sent.read()], sent.headers["content-type"])
        await refused(read_params(asked, 1000), 413, "request_too_large")

    @pytest.mark.parametrize(
        "named",
        ["filename*=utf-8''%D0%B0.mp3", "FileName*=UTF-8''a.mp3", "filename*0=a; filename*1=b"],
    )
    async def test_a_file_whose_name_is_not_ascii(self, named: str) -> None:
        """As urllib3 wrote it before 1.25."""
        head = f'--b\r\nContent-Disposition: form-data; name="file"; {named}\r\n\r\n'.encode()
        params = await read_params(request([head + PNG + END], MULTIPART), MIB)
        assert params == {"file": Source(data=PNG, mime="image/png")}

    async def test_a_field_that_is_called_like_a_file_s_name(self) -> None:
        head = b'--b\r\nContent-Disposition: form-data; name="a; filename*=b"\r\n\r\n'
        params = await read_params(request([head + b"text" + END], MULTIPART), MIB)
        assert params == {"a; filename*=b": "text"}

    async def test_a_quote_without_an_end_is_read_once(self) -> None:
        """It goes to the header's end. Looked for anew behind each of its quotes, the end of a thousand such
        headers would take minutes in which nobody else is served."""
        head = b'--b\r\nContent-Disposition: form-data; name=f%d; x="' + b'\\"' * 2000
        head += b" filename*=a\r\n\r\n"
        parts = b"\r\n".join([head % place + b"text" for place in range(MAX_FIELDS)])
        params = await read_params(request([parts + END], MULTIPART), 8 * MIB)
        assert params == {f"f{place}": "text" for place in range(MAX_FIELDS)}

    async def test_too_many_fields(self) -> None:
        pairs = [(f"f{place}", "") for place in range(MAX_FIELDS)]
        assert len(await form(text(*pairs))) == MAX_FIELDS
        await refused(form(text(*pairs, ("one", "more"))), 400, "invalid_json")

    @given(st.binary(max_size=120))
    @example(b'content-disposition: form-data; name="a"; filename="\xff')
    @example(b"content-disposition: \r\n\r\n")
    async def test_any_part(self, part: bytes) -> None:
        raw = b"--b\r\n" + part + b"\r\n--b--\r\n"
        try:
            got = await read_params(request([raw], "multipart/form-data; boundary=b"), MIB)
            assert isinstance(got, dict)
        except ApiError as exc:
            assert exc.status == 400


def pairs(*fields: tuple[str, str]) -> dict[str, Any]:
    return nested([(name, FormText(value)) for name, value in fields])


class TestNesting:
    @pytest.mark.parametrize(
        ("fields", "wanted"),
        [
            ([("provider_options[cfg_scale]", "0.5")], {"provider_options": {"cfg_scale": "0.5"}}),
            ([("image_urls[]", "a"), ("image_urls[]", "b")], {"image_urls": ["a", "b"]}),
            ([("n", "1"), ("n", "2")], {"n": ["1", "2"]}),
            ([("a[b][]", "1")], {"a": {"b": ["1"]}}),
            ([("a[b][]", "1"), ("a[c][d]", "2")], {"a": {"b": ["1"], "c": {"d": "2"}}}),
            ([("a[1]", "y"), ("a[0]", "x")], {"a": ["x", "y"]}),
            ([("a[50256]", "-100")], {"a": {"50256": "-100"}}),
            (
                [("__proto__", "1"), ("a[__proto__]", "2")],
                {"__proto__": "1", "a": {"__proto__": "2"}},
            ),
            ([("a.b c", "1")], {"a.b c": "1"}),
            (
                [("d[0][text]", "a"), ("d[0][voice]", "x"), ("d[1][text]", "b")],
                {"d": [{"text": "a", "voice": "x"}, {"text": "b"}]},
            ),
            (
                [("d[][text]", "a"), ("d[][text]", "b"), ("d[][v][id]", "x"), ("d[][v][id]", "y")],
                {"d": [{"text": "a", "v": {"id": "x"}}, {"text": "b", "v": {"id": "y"}}]},
            ),
            ([("d[0][tags][]", "a"), ("d[0][tags][]", "b")], {"d": [{"tags": ["a", "b"]}]}),
        ],
    )
    def test_brackets(self, fields: list[tuple[str, str]], wanted: dict[str, Any]) -> None:
        assert pairs(*fields) == wanted

    @pytest.mark.parametrize(
        "fields",
        [
            [("a", "1"), ("a[b]", "2")],
            [("a[b]", "1"), ("a", "2")],
            [("a", "1"), ("a[]", "2")],
            [("a[]", "1"), ("a[b]", "2")],
            [("a[]", "1"), ("a[0]", "2")],
            [("a[][b]", "1"), ("a[]", "2")],
            [("a[][b]", "1"), ("a[][b][c]", "2")],
            [("a[b]", "1"), ("a[b][c]", "2")],
            [("a[][]", "1"), ("a[][]", "2")],
            [("a[][b][]", "1")],
        ],
    )
    def test_a_clash(self, fields: list[tuple[str, str]]) -> None:
        with pytest.raises(ApiError) as caught:
            pairs(*fields)
        assert (caught.value.status, caught.value.code) == (400, "invalid_type")
        assert (caught.value.param or "").startswith("a")

    def test_lists_of_unequal_length_say_so(self) -> None:
        with pytest.raises(ApiError, match="unequal length: 2 of 'text', 1 of 'voice'") as caught:
            pairs(("d[][text]", "a"), ("d[][text]", "b"), ("d[][voice]", "x"))
        assert (caught.value.code, caught.value.param) == ("invalid_type", "d")

    @pytest.mark.parametrize(
        "name", ["", "[", "]", "a[", "a]", "[a]", "a[[b]]", "a[b]c", "a[b][", "[]", "a" + "[b]" * 8]
    )
    def test_no_names(self, name: str) -> None:
        with pytest.raises(ApiError) as caught:
            pairs((name, "1"))
        assert (caught.value.status, caught.value.code) == (400, "invalid_json")

    def test_deep_names(self) -> None:
        assert pairs(("a" + "[b]" * 7, "1"))

    @given(st.lists(st.text("ab01[]", max_size=8), max_size=8))
    def test_any_names(self, names: list[str]) -> None:
        try:
            orjson.dumps(pairs(*((name, "x") for name in names)), default=str)
        except ApiError as exc:
            assert exc.status == 400

    @given(
        st.recursive(
            st.text("xy", min_size=1),
            lambda inner: st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3),
            max_leaves=8,
        ),
        st.lists(st.text("xy", min_size=1), min_size=1, max_size=4),
        st.lists(
            st.fixed_dictionaries({"text": st.text("xy"), "voice": st.text("xy")}), min_size=1
        ),
    )
    def test_what_the_sdk_writes_comes_back(self, tree: Any, plain: list[str], rows: Any) -> None:
        params = {"tree": tree, "list": plain, "rows": rows}
        written = Querystring(array_format="brackets").stringify_items(params)
        assert pairs(*written) == params
