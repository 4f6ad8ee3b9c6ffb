"""config.yaml: what parses, and every way to get it wrong, with the line and the words.

In the texts of wrong configs `# !` marks the line that the message must name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from proxy.config import SECTIONS, Config, ConfigError, Target, load, parse


@dataclass(frozen=True)
class FakeRow:
    base_url: str
    rpm: int | None = None
    min_read_timeout: float | None = None


ROWS = {
    "alpha": FakeRow("https://api.alpha.example/v1/", rpm=60),
    "slow": FakeRow("https://slow.example:8443/v1", min_read_timeout=960),
    "plain": FakeRow("https://plain.example/v1"),
}
SECRET = "sk-do-not-print-me"
ENV = {"ALPHA_KEY": SECRET, "WEB_KEY": "client-key-1"}
BASE = "providers: {one: {translator: alpha, api_key: k-123456}, two: {translator: slow, api_key: none}}\n"

EXAMPLE = """\
server: {host: 127.0.0.1, port: 8080, public_url: null, max_body_mb: 32, allow_anonymous: false}
providers:
  apiin:    {translator: alpha, api_key: "${ALPHA_KEY}", usd_per_credit: 0.005}   # base_url: optional
  onysoft:  {translator: plain, api_key: "${ALPHA_KEY}", timeout: {connect: 5, read: 120},
             max_concurrency: 100, rpm: 600}
  ai-gate:  {translator: plain, api_key: "${ALPHA_KEY}"}
  shop:     {translator: slow, api_key: "${ALPHA_KEY}", prices: {klingai/kling-v3.0-t2v: {per_second: 0.07}}}
  local:    {translator: plain, api_key: none, base_url: http://127.0.0.1:11434/v1}
models:
  gpt-4o-mini: apiin/gemini                              # one target
  sora-2: [onysoft/sora-2, ai-gate/Sora2]                # tried in this order
  kling: {targets: [shop/klingai/kling-v3.0-t2v], params: {quality: std, size: 1280x720}, strict: true}
  flux: apiin/flux-2
  eleven: ai-gate/voice
defaults: {chat: gpt-4o-mini, image: flux, image_edit: flux, video: sora-2, video_edit: kling, speech: eleven}
keys:
  - {name: web, key: "${WEB_KEY}", models: ["gpt-*", sora-2], rpm: 600, budget_usd: 50, budget_window: 30d}
store: sqlite:anygate.db                                 # or memory:, or redis://host:6379/0
jobs: {poll_min: 1.0, poll_max: 10.0, timeout: 1800, retention: 7d}
media: {dir: media, keep: auto, max_mb: 512}
webhooks: {secret: "${WEBHOOK_SECRET:-}", allow_private: false}
"""


def config(text: str, environ: Mapping[str, str] = ENV, name: str = "config.yaml") -> Config:
    return parse(text, name, environ, ROWS)


def problems(text: str, environ: Mapping[str, str] = ENV) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config(text, environ)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def marked(text: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if "# !" in line)


def test_the_example_of_the_design() -> None:
    c = config(EXAMPLE)
    assert c.models["gpt-4o-mini"].targets == (Target("apiin", "gemini"),)
    assert c.models["sora-2"].targets == (Target("onysoft", "sora-2"), Target("ai-gate", "Sora2"))
    kling = c.models["kling"]
    assert str(kling.targets[0]) == "shop/klingai/kling-v3.0-t2v"
    assert (kling.params, kling.strict) == ({"quality": "std", "size": "1280x720"}, True)
    assert c.providers["apiin"].api_key.get_secret_value() == SECRET
    assert c.providers["apiin"].usd_per_credit == 0.005
    assert c.providers["shop"].prices["klingai/kling-v3.0-t2v"].per_second == 0.07
    assert c.providers["local"].base_url == "http://127.0.0.1:11434/v1"
    assert (c.defaults.chat, c.defaults.video_edit) == ("gpt-4o-mini", "kling")
    assert c.keys is not None and c.keys[0].models == ("gpt-*", "sora-2")
    assert c.keys[0].budget_window == 30 * 86400
    assert c.webhooks.secret is None
    assert c.jobs.retention == 7 * 86400


def test_defaults() -> None:
    c = config(BASE)
    assert c.server.model_dump() == {
        "host": "127.0.0.1",
        "port": 8080,
        "public_url": None,
        "max_body_mb": 32,
        "allow_anonymous": False,
        "limits": {"when_store_down": "open", "reserve_usd": 0.1},
        "timeout": {"headers": 20.0, "body": 30.0, "write": 60.0, "idle": 75.0},
        "metrics_key": None,
        "log_level": "info",
        "log_requests": False,
        "traces": False,
    }
    assert c.jobs.model_dump() == {
        "poll_min": 1.0,
        "poll_max": 10.0,
        "timeout": 1800.0,
        "retention": 604800.0,
        "usage_retention": 34_560_000.0,
        "drain": 960.0,
        "lease": 20.0,
    }
    assert c.media.model_dump() == {"dir": Path("media"), "keep": "auto", "max_mb": 512}
    assert c.webhooks.model_dump() == {"secret": None, "allow_private": False}
    assert (c.keys, c.models, c.store) == (None, {}, "sqlite:anygate.db")
    assert set(c.defaults.model_dump().values()) == {None}
    one = c.providers["one"]
    assert (one.max_concurrency, one.submit, one.prices) == (100, "auto", {})
    assert (one.timeout.connect, one.timeout.read) == (5.0, 120.0)


def test_a_row_gives_url_rate_and_least_read_timeout() -> None:
    c = config(BASE)
    one, two = c.providers["one"], c.providers["two"]
    assert (one.base_url, one.rpm, one.read_timeout) == ("https://api.alpha.example/v1", 60, 120.0)
    assert (two.base_url, two.rpm, two.read_timeout) == (ROWS["slow"].base_url, None, 960.0)


@pytest.mark.parametrize(
    ("given", "attribute", "value"),
    [
        ("rpm: null", "rpm", None),
        ("rpm: 5", "rpm", 5),
        ("base_url: http://localhost:1/v1/", "base_url", "http://localhost:1/v1"),
        ("base_url: null", "base_url", "https://slow.example:8443/v1"),
        ('base_url: "${NOT_THERE:-}"', "base_url", "https://slow.example:8443/v1"),
        ("timeout: {read: 20m}", "read_timeout", 1200.0),
        ("timeout: {read: 90s}", "read_timeout", 960.0),
        ("submit: async", "submit", "async"),
    ],
)
def test_a_provider_says_otherwise(given: str, attribute: str, value: object) -> None:
    c = config(f"providers: {{x: {{translator: slow, api_key: none, {given}}}}}")
    assert getattr(c.providers["x"], attribute) == value


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("90", 90.0),
        ("0.5", 0.5),
        ('"90"', 90.0),
        ("90s", 90.0),
        ("15m", 900.0),
        ("12h", 43200.0),
        ("7d", 604800.0),
        ("1.5h", 5400.0),
    ],
)
def test_durations(written: str, seconds: float) -> None:
    assert config(f"{BASE}jobs: {{timeout: {written}}}").jobs.timeout == seconds


@pytest.mark.parametrize(
    ("written", "value"), [("auto", "auto"), ("true", True), ("false", False), ('"true"', True)]
)
def test_media_keep(written: str, value: object) -> None:
    assert config(f"{BASE}media: {{keep: {written}}}").media.keep is value or value == "auto"


@pytest.mark.parametrize(
    ("store", "folder", "becomes"),
    [
        ('"memory:"', "/etc/anygate/", "memory:"),
        ("memory", "/etc/anygate/", "memory:"),
        ("memory:", "/etc/anygate/", "memory:"),
        ("memory:   # not on disk", "/etc/anygate/", "memory:"),
        ("memory:\r\n", "/etc/anygate/", "memory:"),
        ("sqlite:data/a.db", "/etc/anygate/", "sqlite:/etc/anygate/data/a.db"),
        ("sqlite:/var/a.db", "/etc/anygate/", "sqlite:/var/a.db"),
        ("sqlite:a.db", "", "sqlite:a.db"),
        ("redis://h:6379/0", "/etc/anygate/", "redis://h:6379/0"),
        ("rediss://u:p@h", "/etc/anygate/", "rediss://u:p@h"),
    ],
)
def test_the_store_stands_beside_the_config(store: str, folder: str, becomes: str) -> None:
    assert config(f"{BASE}store: {store}", name=f"{folder}config.yaml").store == becomes


@pytest.mark.parametrize(("written", "folder"), [("", "/etc/media"), ("/srv/m", "/srv/m")])
def test_media_stand_beside_the_config(written: str, folder: str) -> None:
    text = f"{BASE}media: {{dir: {written}}}" if written else BASE
    assert config(text, name="/etc/config.yaml").media.dir == Path(folder)


def test_numbers_are_those_of_yaml_1_2() -> None:
    text = (
        BASE
        + "models: {m: {targets: one/x, params: {aspect_ratio: 16:9, on: yes, n: 2, f: 1.5, z: null, t: true}}}"
    )
    expected = {"aspect_ratio": "16:9", "on": "yes", "n": 2, "f": 1.5, "z": None, "t": True}
    assert config(text).models["m"].params == expected


def test_names_stay_as_written_and_empty_sections_count_as_absent() -> None:
    c = config(BASE + "server:\nkeys:\nmodels: {4.0: one/x, on: one/y}")
    assert list(c.models) == ["4.0", "on"]
    assert (c.server.port, c.keys) == (8080, None)


def test_a_default_may_name_a_target() -> None:
    assert config(BASE + "defaults: {chat: one/some/model}").defaults.chat == "one/some/model"


def test_aliases_work() -> None:
    c = config(BASE + "models: {a: &t [one/x, two/y], b: *t}")
    assert c.models["a"] == c.models["b"]


# --- ${VAR} and .env


@pytest.mark.parametrize(
    ("written", "environ", "becomes"),
    [
        ("${V}", {"V": "x"}, "x"),
        ("a-${V}-${W}", {"V": "1", "W": "2"}, "a-1-2"),
        ("${V:-d}", {}, "d"),
        ("${V:-d}", {"V": ""}, "d"),
        ("${V:-d}", {"V": "x"}, "x"),
        ("${V:-}", {}, ""),
        ("${V:-a:-b}", {}, "a:-b"),
        ("$$", {}, "$"),
        ("$${V}", {"V": "x"}, "${V}"),
        ("$$$${V}", {}, "$${V}"),
        ("$V $", {"V": "x"}, "$V $"),
        ("${V}", {"V": "${W} $$ {a: [1]} # x\ny: 1"}, "${W} $$ {a: [1]} # x\ny: 1"),
        ("${V}", {"V": "42"}, "42"),
    ],
)
def test_variables(written: str, environ: dict[str, str], becomes: str) -> None:
    text = f'{BASE}models: {{m: {{targets: one/x, params: {{p: "{written}"}}}}}}'
    assert config(text, environ).models["m"].params["p"] == becomes


def test_variables_become_what_the_setting_is() -> None:
    text = (
        BASE
        + "server:\n  port: ${PORT:-9000}\n  allow_anonymous: ${OPEN}\nmedia: {max_mb: '${MB}'}"
    )
    c = config(text, {"OPEN": "true", "MB": "7"})
    assert (c.server.port, c.server.allow_anonymous, c.media.max_mb) == (9000, True, 7)
    c = config(BASE + "models: {m: [{target: one/x, weight: '${W}'}]}", {"W": "3"})
    assert c.models["m"].targets[0].weight == 3.0


def test_a_variable_in_a_comment_needs_no_value() -> None:
    assert config(BASE + "# ${NOPE}\n").providers


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    text = "providers: {one: {translator: alpha, api_key: '${K}'}}\n"
    (tmp_path / "config.yaml").write_text(text)
    return tmp_path


def key_of(folder: Path, environ: Mapping[str, str]) -> str:
    c = load(folder / "config.yaml", environ=environ, rows=ROWS)
    return c.providers["one"].api_key.get_secret_value()


def test_load_reads_dotenv_and_the_environment_wins(folder: Path) -> None:
    (folder / ".env").write_text("K=from-dotenv\n")
    assert key_of(folder, {}) == "from-dotenv"
    assert key_of(folder, {"K": "from-environ"}) == "from-environ"


def test_load_takes_the_process_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K", "from-process")
    c = load(folder / "config.yaml", rows=ROWS)
    assert c.providers["one"].api_key.get_secret_value() == "from-process"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("K=abc", "abc"),
        ("export K=abc", "abc"),
        ("  K = abc  ", "abc"),
        ("K=abc # comment", "abc"),
        ("K=ab#c", "ab#c"),
        ("K='a b # c'".replace("a b # c", "a#b"), "a#b"),
        ('K="a#b" # comment', "a#b"),
        ("K='a\\tb'", "a\\tb"),
        ('K="a\\"b"', 'a"b'),
        ('K="a\\\\b"', "a\\b"),
        ("K=a$B${C}", "a$B${C}"),
        ("# first\n\nK=abc\r", "abc"),
        ("K=first\nK=last", "last"),
        ("\ufeffK=abc", "abc"),
    ],
)
def test_dotenv(folder: Path, line: str, value: str) -> None:
    (folder / ".env").write_text(line + "\n", encoding="utf-8", newline="")
    assert key_of(folder, {}) == value


def test_dotenv_nothing_after_the_sign_is_empty(folder: Path) -> None:
    (folder / ".env").write_text("K= # to be filled in\n")
    with pytest.raises(ConfigError, match=r"config\.yaml:1: providers\.one\.api_key: must not be"):
        key_of(folder, {})


def test_dotenv_problems_have_lines_and_no_content(folder: Path) -> None:
    (folder / ".env").write_text(f"A=1\n{SECRET}\nB='{SECRET}\n")
    with pytest.raises(ConfigError) as caught:
        key_of(folder, {})
    name = folder / ".env"
    expected = [f"{name}:2: must be NAME=value", f"{name}:3: B: the quotes do not match"]
    assert caught.value.problems == expected


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"no such file: copy .* or run `anygate serve --sandbox`"
    ):
        load(tmp_path / "config.yaml", environ={}, rows=ROWS)


def test_unreadable_and_not_utf8(folder: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: "):
        load(folder, environ={}, rows=ROWS)
    (folder / "config.yaml").write_bytes(b"server: {}\n# caf\xe9\n")
    with pytest.raises(ConfigError, match=r"config\.yaml:2: must be UTF-8 text"):
        load(folder / "config.yaml", environ={}, rows=ROWS)


# --- what is wrong, and where

TEXT = "must be text (in quotes, if it looks like a number)"
NUMBER = "must be a whole number"
DURATION = "must be seconds, or a number with s, m, h or d as in 90s"
URL = "must be an http:// or https:// URL without login, query and fragment"
STORE = 'store: must be "memory:", sqlite:PATH or redis://host:6379/0'
MOST = "must be at most 1000000000"
LONGEST = "must be at most 3153600000"
MAPPING = "must be a mapping of names to values"
GARBLED = "too large or nested too deeply, with its aliases written out"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # unknown keys, everywhere
        ("server:\n  host: x\n  prot: 1 # !", "server.prot: unknown key (did you mean 'port'?)"),
        ("modells: {} # !", "modells: unknown key (did you mean 'models'?)"),
        (
            "media:\n  zzz: 1 # !",
            "media.zzz: unknown key (known: dir, keep, max_mb)",
        ),
        (
            "keys:\n- name: a\n  key: k\n- name: b\n  key: l\n  budget: 1 # !",
            "keys[1].budget: unknown key (did you mean 'budget_usd'?)",
        ),
        (
            "models:\n  m:\n    target: one/x # !\n    targets: one/x",
            "models.m.target: unknown key (did you mean 'targets'?)",
        ),
        ("defaults: {vidio: one/x} # !", "defaults.vidio: unknown key (did you mean 'video'?)"),
        ("jobs: {poll_mni: 1} # !", "jobs.poll_mni: unknown key (did you mean 'poll_min'?)"),
        ("webhooks: {Secret: x} # !", "webhooks.Secret: unknown key (did you mean 'secret'?)"),
        # targets and names
        (
            "models:\n  sora-2: onne/sora-2 # !",
            "models.sora-2: unknown provider 'onne' (did you mean 'one'?)",
        ),
        ("models:\n  m:\n  - one/x\n  - zzz/x # !", "models.m: unknown provider 'zzz'"),
        (
            "models:\n  m:\n    targets:\n    - onee/x # !",
            "models.m: unknown provider 'onee' (did you mean 'one'?)",
        ),
        ("models: {m: gemini} # !", "models.m: target 'gemini' must read provider/model"),
        ("models: {m: one/} # !", "models.m: target 'one/' must read provider/model"),
        ("models: {m: /x} # !", "models.m: target '/x' must read provider/model"),
        ("models: {m: []} # !", "models.m: must not be empty"),
        ("models: {m: {strict: true}} # !", "models.m: targets is missing"),
        ("models: {m: [1]} # !", "models.m: a target must be text such as provider/model"),
        (
            "models: {m: } # !",
            "models.m: must be provider/model, a list of them, or a mapping with targets",
        ),
        ("models: {m: {targets: one/x, params: 5}} # !", f"models.m.params: {MAPPING}, not a number"),
        (
            "models: {flux: one/flux}\ndefaults:\n  image: flix # !",
            "defaults.image: 'flix' is neither a model here nor provider/model "
            "(did you mean 'flux'?)",
        ),
        (
            "defaults: {chat: one/} # !",
            "defaults.chat: 'one/' is neither a model here nor provider/model",
        ),
        # values
        ("server: {port: x} # !", f"server.port: {NUMBER}, not 'x'"),
        ("server: {port: 1.5} # !", f"server.port: {NUMBER}, not 1.5"),
        ("server: {port: true} # !", "server.port: must be a number, not true or false"),
        ("server: {port: 70000} # !", "server.port: must be at most 65535, not 70000"),
        ("server: {port: [1]} # !", f"server.port: {NUMBER}, not a list"),
        ("server: {host: 1} # !", f"server.host: {TEXT}, not 1"),
        ("server: {host: ''} # !", "server.host: must not be empty"),
        ("server: {allow_anonymous: maybe} # !", "server.allow_anonymous: must be true or false, not 'maybe'"),
        ("server: {max_body_mb: 0} # !", "server.max_body_mb: must be at least 1, not 0"),
        ("server: {public_url: ftp://x} # !", f"server.public_url: {URL}"),
        ("server: {public_url: 'https://u:p@x'} # !", f"server.public_url: {URL}"),
        ("server: {public_url: 'https://x?key=1'} # !", f"server.public_url: {URL}"),
        ("server: {public_url: 'https://x:99999'} # !", f"server.public_url: {URL}"),
        ('server: {public_url: "https://x\\u200b.example"} # !', f"server.public_url: {URL}"),
        ('server: {public_url: "https://x.example/\\x01"} # !', f"server.public_url: {URL}"),
        ("server: [] # !", f"server: {MAPPING}, not a list"),
        ("models: [] # !", f"models: {MAPPING}, not a list"),
        ("jobs: {poll_min: 0} # !", "jobs.poll_min: must be more than 0, not 0"),
        ("jobs: {poll_min: 1w} # !", f"jobs.poll_min: {DURATION}; not '1w'"),
        ("jobs: {poll_min: 1.1.1s} # !", f"jobs.poll_min: {DURATION}; not '1.1.1s'"),
        ("jobs: {timeout: true} # !", "jobs.timeout: must be a number, not true or false"),
        ("jobs: {timeout: 1e999} # !", "jobs.timeout: must be a finite number, not inf"),
        ("jobs: {timeout: [1]} # !", "jobs.timeout: must be a number, not a list"),
        ("jobs:\n  poll_min: 20\n", "jobs: poll_max (10 s) is below poll_min (20 s)"),
        ("media: {keep: 3} # !", "media.keep: must be auto, true or false"),
        ("media: {dir: ''} # !", "media.dir: must not be empty"),
        ("media: {dir: 5} # !", "media.dir: must be a path, not 5"),
        ("store: 'sqlite:' # !", STORE),
        ("store: 'sqlite:///a.db' # !", STORE),
        ("store: 'sqlite::memory:' # !", STORE),
        ("store: 'redis://h:x' # !", STORE),
        ("store: postgres://h # !", STORE),
        ("store: redis://h/abc # !", STORE),
        ('server: {host: "a\\0b"} # !', "server.host: must not hold the character #x0000"),
        # more than a store or a clock can hold
        ("media: {max_mb: 99999999999999999999} # !", f"media.max_mb: {MOST}, not 99999999999999999999"),
        ("keys: [{name: a, key: k, rpm: 1000000001}] # !", f"keys[0].rpm: {MOST}, not 1000000001"),
        ("jobs: {usage_retention: 36501d} # !", f"jobs.usage_retention: {LONGEST}, not '36501d'"),
        ("jobs: {drain: 1.0e+300} # !", f"jobs.drain: {LONGEST}, not 1e+300"),
        ("server: {limits: {reserve_usd: 1.0e+10}} # !", f"server.limits.reserve_usd: {MOST}, not 10000000000.0"),
        # keys
        ("keys: [] # !", "keys: must not be empty"),
        ("keys: {web: k} # !", "keys: must be a list, not a mapping"),
        (f"keys:\n- {SECRET} # !", f"keys[0]: {MAPPING}, not text"),
        ("keys:\n- {name: a} # !", "keys[0]: key is missing"),
        ("keys: [{name: a, key: 12345678}] # !", f"keys[0].key: {TEXT}"),
        ("keys: [{name: a, key: k, models: []}] # !", "keys[0].models: must not be empty"),
        ("keys: [{name: a, key: k, models: gpt}] # !", "keys[0].models: must be a list, not text"),
        ("keys: [{name: a, key: k, budget_usd: -1}] # !", "keys[0].budget_usd: must be at least 0, not -1"),
        ("keys: [{name: a, key: 'sha256:abc'}] # !", "keys[0].key: must be sha256: and 64 hexadecimal digits"),
        ("keys: [{name: a, key: 'two words'}] # !", "keys[0].key: must be printable ASCII without spaces"),
        ("keys:\n- {name: a, key: k}\n- name: a # !\n  key: l", "keys[1].name: is another key's, too"),
        ("keys:\n- {name: a, key: k}\n- name: b\n  key: k # !", "keys[1].key: is another key's, too"),
        (
            f"keys:\n- {{name: a, key: k}}\n- name: b\n  key: sha256:{sha256(b'k').hexdigest().upper()} # !",
            "keys[1].key: is another key's, too",
        ),
        # variables
        (
            "server:\n  host: ${NOPE} # !",
            "server.host: NOPE is not set in the environment or .env",
        ),
        (
            "webhooks:\n  secret: ${WEB_KEI} # !",
            "webhooks.secret: WEB_KEI is not set in the environment or .env (did you mean 'WEB_KEY'?)",
        ),
        ("server: {host: '${A:?x}'} # !", "server.host: write ${NAME} or ${NAME:-default}, not nested"),
        ("server: {host: '${A:-${B}}'} # !", "server.host: write ${NAME} or ${NAME:-default}, not nested"),
        ("models:\n  ${M}: one/x # !", "models.${M}: ${…} and << have no meaning in a key"),
        # YAML
        ("server: {}\nserver: {} # !", "server: is given twice (first on line 2)"),
        ("models:\n  m: one/x\n  m: one/y # !", "models.m: is given twice (first on line 3)"),
        ("server: !!python/object:os.x {} # !", "server: YAML tags (!…) are not supported"),
        ("server: {port: !!int x} # !", "server.port: is not of YAML's type int"),
        ("media: {keep: !!bool yes} # !", "media.keep: is not of YAML's type bool"),
        ("models:\n  [a]: one/x # !", "models: a key must be text"),
    ],
)  # fmt: skip
def test_problems(text: str, message: str) -> None:
    text = BASE + text
    line = marked(text) if "# !" in text else 2
    assert problems(text) == [f"config.yaml:{line}: {message}"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("translator: alpah # !\napi_key: x", ".translator: unknown translator 'alpah' (did you mean 'alpha'?)"),
        ("translator: z # !\napi_key: x", ".translator: unknown translator 'z' (known: alpha, slow, plain)"),
        ("rpm: 1\napi_key: x", ": translator is missing"),
        ("translator: alpha", ": api_key is missing"),
        ("translator: alpha\napi_key: # !", f".api_key: {TEXT}, not empty"),
        ("translator: alpha\napi_key: '' # !", ".api_key: must not be empty (is its variable set to nothing?)"),
        ("translator: alpha\napi_key: 123456 # !", f".api_key: {TEXT}"),
        ("translator: alpha\napi_key: a b # !", ".api_key: must be printable ASCII without spaces"),
        ("..\nbase_url: api.x # !", f".base_url: {URL}"),
        ("..\nsubmit: sync # !", ".submit: must be 'auto' or 'async', not 'sync'"),
        ("..\nrpm: 0 # !", ".rpm: must be at least 1, not 0"),
        ("..\nmax_concurency: 1 # !", ".max_concurency: unknown key (did you mean 'max_concurrency'?)"),
        ("..\ntimeout:\n  raed: 1 # !", ".timeout.raed: unknown key (did you mean 'read'?)"),
        (
            "..\nprices:\n  kling/v3:\n    per_secnd: 1 # !",
            ".prices.kling/v3.per_secnd: unknown key (did you mean 'per_second'?)",
        ),
        ("..\nprices: {m: {per_image: -1}} # !", ".prices.m.per_image: must be at least 0, not -1"),
    ],
)  # fmt: skip
def test_provider_problems(text: str, message: str) -> None:
    text = text.replace("..", "translator: alpha\napi_key: x")
    text = "providers:\n  acme:\n    " + text.replace("\n", "\n    ")
    line = marked(text) if "# !" in text else 2
    assert problems(text) == [f"config.yaml:{line}: providers.acme{message}"]


def test_a_provider_is_a_mapping() -> None:
    text = f"providers:\n  acme: {SECRET}"
    assert problems(text) == [f"config.yaml:2: providers.acme: {MAPPING}, not text"]


def test_a_provider_name_fits_a_target() -> None:
    expected = "a provider's name is made of letters, digits, '.', '_' and '-'"
    text = "providers:\n  a/b: {translator: alpha, api_key: x}"
    assert problems(text) == [f"config.yaml:2: providers.a/b: {expected}"]


NOTHING = (
    "config.yaml:1: nothing is configured: write providers: {NAME: {translator: ROW, api_key: "
    '"${NAME_API_KEY}"}} and models: {MODEL: NAME/MODEL}, where ROW is one of alpha, slow, plain'
)
ROOT = "config.yaml:1: must be a mapping with sections such as providers: and models:"


YAML = ["", "config.yaml:1: not YAML: ", "config.yaml:2: not YAML: "]
NO_NODE = "while parsing a flow node: expected the node content, but found '<stream end>'"
TAB = "while scanning for the next token: found character '\\t' that cannot start any token"
BRACE = "while parsing a flow mapping: expected ',' or '}'"
COLON = (
    "mapping values are not allowed here (put a value that ends with ':', or holds ': ', in quotes)"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", NOTHING),
        ("# only a comment\n", NOTHING),
        ("server: {port: 1}", NOTHING),
        ("providers:\nmodels:\n", NOTHING),
        ("- a", ROOT),
        ("text", ROOT),
        ("null", ROOT),
        ("a: &a [*a]", f"config.yaml:1: {GARBLED}"),
        ("a: 1\nb: [", YAML[2] + NO_NODE),
        ("[" * 5000, "config.yaml:1: nested too deeply"),
        ("server:\n\tport: 1", YAML[2] + TAB),
        ("a: 1\nb: \x00", YAML[2] + "the character #x0000"),
        ("store: other:", YAML[1] + COLON),
        ("a: {b: ${C}}", YAML[1] + BRACE + """, but got '{' (put a value such as ${NAME} in quotes: "${NAME}")"""),
        ("a: {b: 'hunter2', c", YAML[1] + BRACE + ", but got '<stream end>'"),
        ("a: 1\n---\nb: 2", YAML[2] + "expected a single document in the stream: but found another document"),
    ],
)  # fmt: skip
def test_texts_that_are_no_config(text: str, message: str) -> None:
    assert problems(text) == [message]


def test_alias_bomb() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (problem,) = problems("\n".join(lines))
    assert problem.endswith(GARBLED)


def test_all_problems_at_once_by_line() -> None:
    text = """\
server: {prot: 1}
providers:
  one: {translator: alhpa, api_key: "${NOPE}", rpm: x}
models:
  m: [oen/x, two]
"""
    assert problems(text) == [
        "config.yaml:1: server.prot: unknown key (did you mean 'port'?)",
        "config.yaml:3: providers.one.api_key: NOPE is not set in the environment or .env",
        "config.yaml:3: providers.one.rpm: must be a whole number, not 'x'",
        "config.yaml:3: providers.one.translator: unknown translator 'alhpa' "
        "(did you mean 'alpha'?)",
        "config.yaml:5: models.m: target 'two' must read provider/model",
        "config.yaml:5: models.m: unknown provider 'oen' (did you mean 'one'?)",
    ]


@pytest.mark.parametrize("section", [at for at in SECTIONS if at])
def test_every_section_refuses_unknown_keys(section: tuple[str, ...]) -> None:
    """Also where a test above forgot one: the table of sections is complete and right."""
    tree: object = {"zzqqx": 1}
    for part in reversed(section):
        tree = [tree] if section[0] == "keys" and part == "*" else {part.replace("*", "n"): tree}
    shown = ".".join(section).replace("models.*", "models.n").replace(".*", ".n")
    shown = shown.replace("keys.n", "keys[0]")
    known = ", ".join(SECTIONS[section].model_fields)
    assert f"config.yaml:1: {shown}.zzqqx: unknown key (known: {known})" in problems(repr(tree))


# --- secrets


@pytest.mark.parametrize(
    "text",
    [
        f"server: {{port: '{SECRET}'}}".replace(SECRET, "${ALPHA_KEY}"),
        "models: {m: '${ALPHA_KEY}'}",
        "models: {m: '${ALPHA_KEY}/x'}",
        "models: {m: {targets: ['${ALPHA_KEY}/x']}}",
        "defaults: {chat: '${ALPHA_KEY}'}",
        "jobs: {timeout: '${ALPHA_KEY}'}",
        "store: '${ALPHA_KEY}'",
        "server: {public_url: '${ALPHA_KEY}'}",
        "server: '${ALPHA_KEY}'",
        "media: {keep: '${ALPHA_KEY}'}",
        f"keys: ['{SECRET}']",
        f"keys: [{{name: a, key: ['{SECRET}']}}]",
        f"keys: [{{name: a, key: '{SECRET} x'}}]",
        f"keys: [{{name: a, key: 'sha256:{SECRET}'}}]",
        f"keys: [{{name: a, key: '{SECRET}'}}, {{name: b, key: '{SECRET}'}}]",
        f"keys: '{SECRET}'",
        f"keys: [{{name: a, key: *{SECRET}}}]",
        f"keys: [{{name: a, key: !{SECRET}!x y}}]",
        f"store: redis://:{SECRET}@h:x",
        f"webhooks: {{secret: ['{SECRET}']}}",
        f"webhooks: '{SECRET}'",
        f"webhooks: {{secrets: '{SECRET}'}}",
        f"server: {{public_url: 'https://u:{SECRET}@'}}",
    ],
)
def test_no_message_quotes_a_secret(text: str) -> None:
    assert SECRET not in "\n".join(problems(BASE + text))


def test_no_text_of_a_config_shows_a_secret() -> None:
    c = config(EXAMPLE.replace("sqlite:anygate.db", f"redis://:{SECRET}@h/0"))
    for text in (repr(c), str(c), repr(c.providers), str(c.keys), repr(c.webhooks)):
        assert SECRET not in text and "client-key-1" not in text


def test_pydantics_own_error_holds_no_value() -> None:
    with pytest.raises(ConfigError) as caught:
        config(f"providers: {{x: {{translator: alpha, api_key: ['{SECRET}']}}}}")
    assert caught.value.__context__ is None


def test_secrets_for_the_redactor() -> None:
    text = """
providers:
  one: {translator: alpha, api_key: provider-key}
  two: {translator: slow, api_key: none}
  short: {translator: slow, api_key: abc}
keys:
- {name: a, key: client-key}
- {name: b, key: "sha256:HASH"}
store: redis://u:p%40ssword@h/0
webhooks: {secret: hook-secret}
server: {metrics_key: metrics-key}
""".replace("HASH", "ab" * 32)
    expected = {
        "provider-key",
        "client-key",
        "hook-secret",
        "metrics-key",
        "p%40ssword",
        "p@ssword",
    }
    assert config(text).secrets() == expected


@pytest.mark.parametrize(
    ("store", "shown", "secrets"),
    [
        ("redis://:secr@t-hunter22@h:6379/1", "redis://h:6379/1", {"secr@t-hunter22"}),
        ("redis://h/0?password=hunter22%40", "redis://h/0", {"hunter22%40", "hunter22@"}),
        ("rediss://[::1]:1?ssl_password=a+hunter22", "rediss://[::1]:1", {"a+hunter22", "a hunter22"}),
        ("redis://user:hunter22@h?socket_timeout=1", "redis://h", {"hunter22"}),
        ("sqlite:/a@b.db", "sqlite:/a@b.db", set()),
        ("'memory:'", "memory:", set()),
    ],
)  # fmt: skip
def test_what_is_shown_of_a_store(store: str, shown: str, secrets: set[str]) -> None:
    c = config(
        f"models: {{}}\nproviders: {{x: {{translator: slow, api_key: none}}}}\nstore: {store}"
    )
    assert c.store_shown() == shown
    assert c.secrets() == secrets


@pytest.mark.parametrize("secret", ["whsec_YWJj", "whsec_YWI=", " whsec_YQ==\n", "any tëxt"])
def test_secrets_to_sign_webhooks_with(secret: str) -> None:
    found = config(f"{BASE}webhooks: {{secret: '${{S}}'}}", {"S": secret}).webhooks.secret
    assert found is not None
    assert found.get_secret_value() == secret.strip()


@pytest.mark.parametrize(
    "secret", ["", "!!!notbase64", "abc", "YW Jj", "YWJj=", "my-secret", "YQ=", "===="]
)
def test_a_secret_that_cannot_sign_is_refused(secret: str) -> None:
    (problem,) = problems(f"{BASE}webhooks: {{secret: 'whsec_{secret}'}}")
    assert problem.endswith(
        "webhooks.secret: must have base64 with its padding after whsec_, or be text without whsec_"
    )


def test_a_key_as_a_hash_and_in_plain_have_one_digest() -> None:
    digest = sha256(b"client-key").hexdigest()
    for written in ("client-key", f"sha256:{digest}", f"sha256:{digest.upper()}"):
        c = config(f"{BASE}keys: [{{name: a, key: '{written}'}}]")
        assert c.keys is not None and c.keys[0].digest == digest


def test_surrounding_space_of_a_key_is_cut() -> None:
    c = config("providers: {x: {translator: alpha, api_key: '${K}'}}", {"K": " key-123\n"})
    assert c.providers["x"].api_key.get_secret_value() == "key-123"


# --- what others ask of a config


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("127.example.com", False),
    ],
)
def test_binding(host: str, loopback: bool) -> None:
    text = f"{BASE}server: {{host: '{host}'"
    found = config(text + "}").check_binding(1)
    assert found == [] if loopback else found[0].startswith(f"server.host: {host} is open to the")
    assert config(text + ", allow_anonymous: true}").check_binding(1) == []
    assert config(text + "}\nkeys: [{name: a, key: k}]").check_binding(1) == []


def test_memory_is_for_one_worker() -> None:
    c = config(BASE + "store: 'memory:'")
    assert c.check_binding(1) == []
    assert c.check_binding(2) == ["store: memory: is one process's own, not shared by 2 workers"]


def test_origins() -> None:
    text = "server: {public_url: 'https://Any.Example/gate/'}\n" + BASE
    assert config(text).server.public_url == "https://Any.Example/gate"
    assert config(text).origins() == {
        ("https", "any.example", 443),
        ("https", "api.alpha.example", 443),
        ("https", "slow.example", 8443),
    }


def test_a_config_never_changes_and_equals_its_like() -> None:
    c = config(EXAMPLE)
    with pytest.raises(ValidationError, match="frozen"):
        c.server.port = 1
    assert c == config("# a comment\n" + EXAMPLE)
    assert c != config(EXAMPLE.replace("8080", "8081"))


@settings(max_examples=150, deadline=None, database=None)
@given(st.text(alphabet="serv:modlpikyt{}[]&*!|>-#'\"\n\t ${}1.", max_size=60))
def test_any_text_is_a_config_or_a_config_error(text: str) -> None:
    try:
        assert isinstance(config(text), Config)
    except ConfigError as exc:
        assert all(problem.startswith("config.yaml:") for problem in exc.problems)
