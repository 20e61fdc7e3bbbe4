from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from brains.config import Config, find_config, load_config
from brains.errors import ConfigError
from brains.session import SessionLimits


def load(folder: Path, file: str | None = None, environ: dict[str, str] | None = None, **overrides: Any) -> Config:
    return load_config(file, folder=folder, environ=environ or {}, **overrides)


def write(path: Path, text: str, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert (config.host, config.port, config.model) == ("127.0.0.1", 8765, "auto")
    assert config.trees == str(tmp_path / "trees")
    assert config.prompts == str(tmp_path / "prompts")
    assert config.token is None
    assert config.limits == SessionLimits()
    assert config.file is None


def test_the_nearest_file_upwards_is_taken_and_its_paths_are_relative_to_it(tmp_path: Path) -> None:
    file = write(tmp_path / "brains.toml", 'trees = "ai/trees"\nport = 9000\n[limits]\nmax_agents = 5\n')
    deep = tmp_path / "game" / "scenes"
    deep.mkdir(parents=True)
    config = load(deep)
    assert config.file == str(file)
    assert config.trees == str(tmp_path / "ai" / "trees")
    assert config.prompts == str(tmp_path / "prompts")
    assert config.port == 9000
    assert config.limits.max_agents == 5
    assert config.limits.max_events == SessionLimits().max_events


def test_pyproject_counts_only_with_our_table(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", '[tool.brains]\nmodel = "scripted"\n')
    inner = tmp_path / "inner"
    write(inner / "pyproject.toml", '[project]\nname = "x"\n')
    config = load(inner)
    assert config.model == "scripted"
    assert find_config(inner) == tmp_path / "pyproject.toml"


def test_brains_toml_comes_before_pyproject(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[tool.brains]\nport = 1\n")
    write(tmp_path / "brains.toml", "port = 2\n")
    assert load(tmp_path).port == 2


def test_options_come_first_and_are_relative_to_the_current_folder(tmp_path: Path) -> None:
    write(tmp_path / "brains.toml", 'port = 9000\ntrees = "a"\nhost = "localhost"\n')
    inner = tmp_path / "inner"
    inner.mkdir()
    config = load(inner, port=1, trees="b", host=None)
    assert (config.port, config.trees, config.host) == (1, str(inner / "b"), "localhost")


def test_default_folders_may_be_in_the_current_folder_too(tmp_path: Path) -> None:
    write(tmp_path / "brains.toml", "")
    inner = tmp_path / "inner"
    (inner / "trees").mkdir(parents=True)
    (tmp_path / "prompts").mkdir()
    config = load(inner)
    assert config.trees_folder == inner / "trees"
    assert config.prompts_folder == tmp_path / "prompts"


def test_a_missing_folder_is_said_with_what_to_do(tmp_path: Path) -> None:
    config = load(tmp_path)
    with pytest.raises(ConfigError, match="--trees"):
        _ = config.trees_folder
    with pytest.raises(ConfigError, match="--prompts"):
        _ = config.prompts_folder


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('modle = "x"', "did you mean 'model'"),
        ("[limits]\nmax_agent = 1", "did you mean 'max_agents'"),
        ('qqq = "x"', "there are: trees"),
        ('file = "x"', "no setting 'file'"),
        ('\nport = "x"', r"brains\.toml:2: port: expected a whole number, got text$"),
        ("port = 70000", r"brains\.toml:1: port: expected a whole number of 65535 or less$"),
        ('"port" = 1.5', r"brains\.toml: port: expected a whole number, got a number with a point$"),
        ("port = 1\n[limits]\nmax_agents = 0", r":3: limits\.max_agents: expected a whole number of 1 or more$"),
        ('limits = {max_agents = ""}', r":1: limits\.max_agents: expected a whole number, got text$"),
        ("[limits]\nmax_agent = 1", r":2: there is no setting 'max_agent' in limits"),
        ('log_level = "loud"', "log_level: expected one of debug, info, warning, error, got 'loud'$"),
        (
            'label_way = "letters"',
            "label_way: expected one of completion, chat, schema, text, systemone, got 'letters'$",
        ),
        ('[models.big]\nmodel = "x"\nlabelway = "chat"', r":3: .*'labelway' in models\.big; did you mean 'label_way'"),
        ('[models.big]\nmodel = "x"\nslots = 0', r":3: models\.big\.slots: expected a whole number of 1 or more$"),
        ('[models.big]\nmodel = "x"\nlabel_way = "y"', r":3: models\.big\.label_way: expected one of completion"),
        ("[models.big]\nslots = 2", r":1: models\.big: .*missing required field `model`"),
        ('[models]\nbig = "x"', r":2: models\.big: expected a table, got text$"),
        ('[models."a b"]\nmodel = "x"', "a model cannot be named 'a b': take letters"),
        ('[models.a]\nmodel = "x"\nhost = "h"\nhosts = ["i"]', r":3: models\.a: say either host or hosts$"),
        ("models = 3", r":1: models: expected a table"),
        ("[otel]\nendpont = 1", r":2: .*'endpont' in otel; did you mean 'endpoint'"),
        ('[otel]\ncontent = "x"', r":2: otel\.content: expected true or false, got text$"),
        ("cache_ttl = -1", "cache_ttl: "),
        ("questions_per_minute = -1", "questions_per_minute: expected a whole number of 0 or more$"),
        ("limits = 3", "limits: expected a table, got a whole number$"),
        ("port = 1\nallow_origins = [\n3]", r":2: allow_origins\[0\]: expected text, got a whole number$"),
        ("host = 1979-05-27", "host: expected text, got a date$"),
        ("threads = 0", "threads: expected a whole number of 1 or more$"),
        ("slots = true", "slots: expected a whole number, got true or false$"),
        ("port = \nhost = 3", r"brains\.toml:1: this is not TOML: .* \(column 8\)$"),
        ("port = 1\n[x", r"brains\.toml:2: this is not TOML: .*\(at the end of the file\)$"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path / "brains.toml", text)
    with pytest.raises(ConfigError, match=message):
        load(tmp_path)


def test_in_pyproject_the_line_of_our_own_table_is_named(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", '[tool.x]\nport = 1\n\n[tool.brains]\nport = "x"\n')
    with pytest.raises(ConfigError, match=r"pyproject\.toml:5: port: expected"):
        load(tmp_path)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "brains.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"brains\.toml is not UTF-8"):
        load(tmp_path)


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    """Editors of Windows write one; a token with it would fit nobody's."""
    write(tmp_path / "brains.toml", '\ufeffport = 9000\r\ntoken_file = "token"\r\n')
    write(tmp_path / "token", "\ufeffsecret\r\n", 0o600)
    config = load(tmp_path)
    assert (config.port, config.token) == (9000, "secret")
    write(tmp_path / "game" / "pyproject.toml", "\ufeff[tool.brains]\nport = 9001\n")
    assert load(tmp_path / "game").port == 9001


def test_a_home_folder_that_nobody_has_is_said(tmp_path: Path) -> None:
    write(tmp_path / "brains.toml", 'port = 9000\ntrees = "~nobody-of-this-name/trees"\n')
    with pytest.raises(ConfigError, match=r"brains\.toml:2: no home folder .* write the whole path"):
        load(tmp_path)
    (tmp_path / "brains.toml").unlink()
    with pytest.raises(ConfigError, match="--token-file: no home folder"):
        load(tmp_path / "elsewhere", token_file="~nobody-of-this-name/token")


def test_what_the_model_is_loaded_with(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert (config.threads, config.slots, config.context) == (None, None, None)
    write(tmp_path / "brains.toml", "threads = 2\nslots = 3\ncontext = 1024\n")
    config = load(tmp_path, slots=4)
    assert (config.threads, config.slots, config.context) == (2, 4, 1024)


def test_a_named_file_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load(tmp_path, "other.toml")
    write(tmp_path / "other.toml", "port = 3")
    assert load(tmp_path, "other.toml").port == 3


def test_a_wrong_option_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the options: port: expected a whole number of 0 or more"):
        load(tmp_path, port=-1)


def test_the_environment_gives_the_token_and_the_host_of_ollama(tmp_path: Path) -> None:
    write(tmp_path / "brains.toml", 'ollama_host = "a:1"\ntoken_file = "missing"\n')
    env = {"BRAINS_TOKEN": "secret", "OLLAMA_HOST": "b:2", "BRAINS_PORT": "1"}
    config = load(tmp_path, environ=env)
    assert (config.token, config.ollama_host, config.port) == ("secret", "b:2", 8765)


def test_the_token_file_of_the_command_line_comes_before_the_environment(tmp_path: Path) -> None:
    write(tmp_path / "t", " other \n", 0o600)
    assert load(tmp_path, environ={"BRAINS_TOKEN": "secret"}, token_file="t").token == "other"


def test_a_token_file_is_relative_to_the_settings(tmp_path: Path) -> None:
    write(tmp_path / "brains.toml", 'token_file = "t"')
    write(tmp_path / "t", "secret", 0o600)
    inner = tmp_path / "inner"
    inner.mkdir()
    assert load(inner).token == "secret"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606, 0o610])
def test_a_token_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    write(tmp_path / "t", "secret", mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        load(tmp_path, token_file="t")


def test_a_token_in_the_settings_file_needs_the_same(tmp_path: Path) -> None:
    file = write(tmp_path / "brains.toml", 'token = "secret"')
    with pytest.raises(ConfigError, match="chmod 600"):
        load(tmp_path)
    file.chmod(0o600)
    assert load(tmp_path).token == "secret"


@pytest.mark.parametrize(("text", "message"), [(" \n", "empty"), (None, "cannot read")])
def test_a_token_file_without_a_token_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        write(tmp_path / "t", text, 0o600)
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, token_file="t")


# Models


def test_models_by_name_and_where_they_are(tmp_path: Path) -> None:
    text = """
model = "llama3.2"
hosts = ["http://a:11434", "http://b:11434"]
[models.big]
model = "llama3.1:70b"
host = "http://c:11434"
context = 8192
[models.near]
model = "qwen2.5"
[models.many]
model = "qwen2.5"
hosts = ["http://d:11434"]
"""
    write(tmp_path / "brains.toml", text)
    config = load(tmp_path)
    assert config.model_names == ("big", "near", "many")
    assert config.models["big"].context == 8192
    assert config.hosts_of() == config.hosts_of("near") == ["http://a:11434", "http://b:11434"]
    assert config.hosts_of("big") == ["http://c:11434"]
    assert config.hosts_of("many") == ["http://d:11434"]


def test_without_hosts_a_model_is_where_ollama_is(tmp_path: Path) -> None:
    write(tmp_path / "brains.toml", '[models.big]\nmodel = "x"\n')
    config = load_config(folder=tmp_path, environ={"OLLAMA_HOST": "http://there"})
    assert config.hosts_of() == config.hosts_of("big") == ["http://there"]
    assert load(tmp_path).hosts_of("big") == [None]


@pytest.mark.parametrize("name", ["ollama:tiny", "tiny:latest", "tiny"])
def test_one_model_of_one_server_has_one_context(tmp_path: Path, name: str) -> None:
    """Otherwise Ollama would load it again for each question: load-time options are frozen per model."""
    text = f'model = "tiny"\ncontext = 2048\n[models.long]\nmodel = "{name}"\ncontext = 4096\n'
    write(tmp_path / "brains.toml", text)
    with pytest.raises(ConfigError, match=r"brains\.toml:5: models\.long: the default and long are one model"):
        load(tmp_path)
    write(tmp_path / "brains.toml", text + 'host = "http://elsewhere"\n')
    assert load(tmp_path).models["long"].context == 4096
    write(tmp_path / "brains.toml", text.replace("4096", "2048"))
    assert load(tmp_path).models["long"].context == 2048


def test_models_without_a_server_may_have_any_context(tmp_path: Path) -> None:
    write(tmp_path / "brains.toml", 'model = "scripted"\n[models.b]\nmodel = "scripted"\ncontext = 9\n')
    assert load(tmp_path).model_names == ("b",)
