"""Secrets of a configuration: in no record, no message, no step summary."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.commands import validate
from harness.config import load_config
from harness.config.secrets import forget, named_like_a_secret, redact, redact_all, remember, remember_urls
from harness.errors import ConfigError, DownloadError
from harness.record.store import to_json
from tests.conftest import Tiny, require, write_config, write_images
from tests.judging.baseline.runs import run

Example = Callable[..., Path]
SECRET = "s3cr3t/T0ken+value"
ARCHIVE = "archive: {{url: '{}', bytes: 1, sha384: " + "a" * 96 + "}}\ngates:"


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    forget()
    yield
    forget()


@pytest.mark.parametrize(
    "name",
    [
        *(
            "TOKEN",
            "API_TOKEN",
            "HF_TOKEN2",
            "GITHUB_TOKENS",
            "MY_SECRET",
            "DB_PASSWORD",
            "PASSWD",
            "DB_PASS",
            "API_KEY",
        ),
        *(
            "AWS_SECRET_ACCESS_KEY",
            "APIKEY",
            "KEYS",
            "CREDENTIALS",
            "HTTP_AUTH",
            "authorization",
            "X-Amz-Signature",
            "DB_PWD",
            "USERPWD",
            "SESSION_JWT",
            "SENTRY_DSN",
            "SLACK_WEBHOOK",
            "X_CSRF",
            "DEPLOYKEY",
            "AZURE_STORAGE_CONNECTION_STRING",
            "sig",
        ),
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert named_like_a_secret(name)


@pytest.mark.parametrize(
    "name", ["PWD", "OLDPWD", "HOME", "IMAGENET_VAL", "KEYBOARD", "MONKEY", "AUTHOR", "PATH", "", "COMPASS"]
)
def test_names_of_what_is_none(name: str) -> None:
    assert not named_like_a_secret(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:pw@host/a.tgz", "https://***@host/a.tgz"),
        ("https://token@host:80/a", "https://***@host:80/a"),
        ("see https://h/a?token=1&x=2#f, then", "see https://h/a?***#f, then"),
        ("see https://h/a#access_token=1&x=2 then", "see https://h/a#*** then"),
        ("https://json-schema.org/draft/2020-12/schema#", "https://json-schema.org/draft/2020-12/schema#"),
        ("/w/https:/token@host/a: no such file", "/w/https:/***@host/a: no such file"),
        ("HTTPS:/Token@host/a?k=v", "HTTPS:/***@host/a?***"),
        ("c.yml:7: s3:/key:secret@bucket/val", "c.yml:7: s3:/***@bucket/val"),
        ("C:/Users/me@home and key:/a@b", "C:/Users/me@home and key:/a@b"),
        ("'s3://h/a?x' and ftp://u@h", "'s3://h/a?***' and ftp://***@h"),
        ("https://h/a", "https://h/a"),
        ("a@b.c: what? /x?y", "a@b.c: what? /x?y"),
    ],
)
def test_urls(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "Max retries exceeded with url: /a?x=1&X-Amz-Signature=ab12 (x)",
            "Max retries exceeded with url: /a?x=1&X-Amz-Signature=*** (x)",
        ),
        ("GET /a?sig=ab%2B12&se=2030 404", "GET /a?sig=***&se=2030 404"),
        ("?page=2&size=5", "?page=2&size=5"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: ***"),
        ("{'Authorization': 'Basic dXNlcjpwdw==', 'Accept': '*'}", "{'Authorization': '***', 'Accept': '*'}"),
        ("{b'Proxy-Authorization': b'Basic dXNlcjpwdw=='}", "{b'Proxy-Authorization': b'***'}"),
        ("Set-Cookie: a=b; c=d\nnext", "Set-Cookie: ***\nnext"),
        ("sent a bearer abcdefgh12", "sent a bearer ***"),
        ("aws_secret_access_key=AKIA1234567890 x", "aws_secret_access_key=*** x"),
        ("AccountKey: x; X-Auth-Token: abcdefghij, y", "AccountKey: x; X-Auth-Token: ***, y"),
        ('{"password": "hunter2222"}', '{"password": "***"}'),
        (
            "write KEY=VALUE, such as --set dataset.path=/data/val",
            "write KEY=VALUE, such as --set dataset.path=/data/val",
        ),
        ("top1: 12345678 tokens: [1] key: 12345678", "top1: 12345678 tokens: [1] key: 12345678"),
    ],
)
def test_what_libraries_print_of_a_request(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


def test_the_value_of_a_key_that_is_named_like_a_secret(example: Example) -> None:
    path = example(("device: CPU", "device: CPU\n    properties: {MY_API_KEY: abcd1234}"))
    config = load_config(path, environment={"IMAGENET_VAL": "/x"})
    assert config.candidates[0].properties["MY_API_KEY"] == "abcd1234"
    assert config.resolved()["candidates"][0]["properties"]["MY_API_KEY"] == "***"


@pytest.mark.parametrize("how", ["file", "set"])
def test_the_signature_of_a_saved_model_is_no_secret(example: Example, how: str) -> None:
    changes = [("backend: tensorflow", "backend: saved_model\n  signature: serving_default")] if how == "file" else []
    overrides = ["reference.backend=saved_model", "reference.signature=serving_default"] if how == "set" else []
    config = load_config(example(*changes), overrides, {"IMAGENET_VAL": "/x"})
    assert config.resolved()["reference"]["signature"] == "serving_default"


def test_urls_of_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["track", str(tmp_path), "--to", "wandb", "--uri", "https://me:hunter22@host/?sig=abcd1234"]
    assert main(arguments) == 2
    capsys.readouterr()
    assert redact("me:hunter22 said hunter22 and abcd1234") == "*** said *** and ***"


def test_a_value_in_every_spelling() -> None:
    remember(SECRET)
    quoted = "s3cr3t%2FT0ken%2Bvalue"
    assert redact(f"a {SECRET} b {quoted} c") == "a *** b *** c"
    remember('with"quote\\and\n')
    assert "quote" not in redact(json.dumps({"a": 'with"quote\\and\n'}))
    assert "quote" not in redact(repr('with"quote\\and\n'))


def test_a_value_that_is_too_short_to_tell_is_left() -> None:
    remember("1")
    remember("")
    assert redact("1 of 10") == "1 of 10"


def test_the_parts_of_a_url_that_libraries_repeat() -> None:
    remember_urls("get https://me:pass%20word@h/a?X-Amz-Signature=abcdef&v=1&long=0123456789abcdef")
    told = redact("url: /a?X-Amz-Signature=abcdef&v=1&long=0123456789abcdef; abcdef; 0123456789abcdef; pass word; v1")
    assert told == "url: /a?***; ***; ***; ***; v1"


def test_a_user_without_password_in_the_spelling_of_libraries() -> None:
    remember_urls("https://tok12345@host/val")
    assert redact("Cannot connect to host tok12345%40host:443") == "Cannot connect to host ***host:443"
    assert redact("a tok12345 elsewhere") == "a tok12345 elsewhere"  # a user's name may be any word


def test_parameters_within_a_path() -> None:
    remember_urls("https://host/val;token=semi1234;v=12345/a")
    assert redact("https://host/val;token=semi1234;v=12345/a") == "https://host/val;token=***;v=12345/a"


def test_plain_values() -> None:
    remember(SECRET)
    assert redact_all({"a": [SECRET, 1, None], "b": (SECRET,), "c": {"d": 0.5}}) == {
        "a": ["***", 1, None],
        "b": ("***",),
        "c": {"d": 0.5},
    }


def test_the_resolved_configuration(example: Example) -> None:
    path = example(("gates:", ARCHIVE.format("https://u:${PASSWORD}@h/${API_TOKEN}/a.tgz?sig=abcd1234")))
    config = load_config(path, environment={"IMAGENET_VAL": "/x", "PASSWORD": "hunter22", "API_TOKEN": SECRET})
    assert config.archive is not None
    assert config.archive.url == f"https://u:hunter22@h/{SECRET}/a.tgz?sig=abcd1234"  # what is fetched is the real one
    assert config.resolved()["archive"]["url"] == "https://***@h/***/a.tgz?***"
    assert not {"hunter22", SECRET, "abcd1234"} & set(json.dumps(config.resolved()).split("/"))
    config = load_config(
        path,
        ["archive.url=https://h/a?token=abcd5678"],
        {"IMAGENET_VAL": "/x"} | dict.fromkeys(("PASSWORD", "API_TOKEN"), "xxxx"),
    )
    assert config.resolved()["archive"]["url"] == "https://h/a?***"


def test_a_configuration_that_is_refused(
    example: Example, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("API_TOKEN", SECRET)
    path = example(
        ("labels: auto", "labels: ${API_TOKEN}"), ("background_class: true", "background_class: ${API_TOKEN}")
    )
    overrides = ["--set=dataset.path=/nowhere", "--set=archive.url=ftp://me:hunter22@h/a?k=v"]
    assert main(["config", "check", str(path), *overrides]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "***" in err
    assert SECRET not in err
    assert "hunter22" not in err


def test_an_option_that_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["validate", "c.yml", "--sett", "archive.url=https://me:hunter22@h/a?k=v"])
    assert "https://***@h/a?***" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"), [(DownloadError(f"h: no answer from url: /{SECRET}"), 3), (ValueError(SECRET), 70)]
)
def test_a_bug_and_an_error_of_a_library(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: Any) -> Any:
        remember(SECRET)
        raise error

    monkeypatch.setattr(validate, "run", run)
    assert main(["validate", "c.yml"]) == code
    assert SECRET not in capsys.readouterr().err


def test_a_whole_run(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    require("tensorflow")
    require("openvino")
    write_images(tmp_path / "images", 6, seed=1)
    secrets = ("hunter22", SECRET, "abcd1234", "namesecret77")

    def change(data: dict[str, Any]) -> None:
        data["name"] = "${NAME_TOKEN}"
        data["archive"] = {"url": "https://u:hunter22@h/${API_TOKEN}/a", "bytes": 1, "sha384": "a" * 96}

    config = write_config(tmp_path, tiny, change)
    monkeypatch.setenv("API_TOKEN", SECRET)
    monkeypatch.setenv("NAME_TOKEN", "namesecret77")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    override = "--set=archive.mirrors=['https://h/a?token=abcd1234']"
    code = main(["validate", str(config), override, "--out", str(tmp_path / "run")])
    out, err = capsys.readouterr()
    assert code in (0, 1, 5), err
    written = [
        path.read_bytes() for path in [*(tmp_path / "run").rglob("*"), tmp_path / "summary.md"] if path.is_file()
    ]
    record = json.loads((tmp_path / "run/run.json").read_text(encoding="utf-8"))
    assert record["config"]["archive"]["url"] == "https://***@h/***/a"
    assert "--set=archive.mirrors=['https://h/a?***']" in record["command"]
    for secret in secrets:
        assert not any(secret.encode() in data for data in written)
        assert secret not in out + err
    # and where the run cannot be completed
    assert (
        main(["validate", str(config), override, "--set=dataset.path=/no/abcd1234", "--out", str(tmp_path / "b")]) == 2
    )
    assert "abcd1234" not in capsys.readouterr().err


def test_whatever_part_of_a_record_holds_one() -> None:
    remember(SECRET)
    text = to_json(run(error=f"{SECRET} is not a folder", command=("harness", f"--set=x={SECRET}")))
    assert SECRET not in text
    assert json.loads(text)["error"] == "*** is not a folder"


def test_a_details_line_cannot_be_broken() -> None:
    error = ConfigError("a\nb", ["c\n::error::", "\u202e"])
    assert str(error) == "a\\nb\n  c\\n::error::\n  \\u202e"


def test_the_address_that_is_fetched(example: Example, capsys: pytest.CaptureFixture[str]) -> None:
    """Progress names it; nothing answers on port 9."""
    url = f"http://u:hunter22@127.0.0.1:9/a.tgz?sig={SECRET}#access_token=abcd1234"
    path = example(("gates:", f"archive: {{url: '{url}', bytes: 1, sha384: {'a' * 96}}}\ngates:"))
    assert main(["fetch", str(path), "--set=dataset.path=/"]) == 3
    err = capsys.readouterr().err
    assert "downloading http://***@127.0.0.1:9/a.tgz?***#***" in err
    assert not any(secret in err for secret in ("hunter22", SECRET, "abcd1234"))
