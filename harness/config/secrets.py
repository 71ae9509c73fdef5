"""Secrets that a configuration may hold, kept out of records and messages.

Secret are: the value of a ``${VARIABLE}`` that is named like a secret (TOKEN, PASSWORD, API_KEY, ...), the value of a
key with such a name, and user info and query of a URL, also in its fragment. Code that reads one passes it to
:func:`remember` or :func:`remember_urls`; code that writes a record or a message passes the text through
:func:`redact`, which also finds secrets in the queries, assignments and headers that libraries print. Nothing is
written to disk; what is remembered lasts as long as the process.
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, unquote

SHOWN = "***"
_SHORTEST = 4  # characters: a shorter value occurs in many words, and protects nothing
_OPAQUE = 16  # characters from which any parameter of a URL counts as a secret
_WORDS = re.compile(
    "TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|PASS|PW|PAT|KEY|APIKEY|CREDENTIAL|CRED|AUTH|AUTHORIZATION|BEARER|SIG|"
    "SIGNATURE|COOKIE|SESSION|SAS|JWT|DSN|WEBHOOK|CSRF|XSRF|OTP|PWD|CONNECTIONSTRING"
)
_FOLDERS = ("PWD", "OLDPWD")  # of every shell
_ENDS = (
    "PWD",
    "DEPLOYKEY",
    "SSHKEY",
    "AUTHKEY",
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "APIKEY",
    "ACCESSKEY",
    "PRIVATEKEY",
    "SECRETKEY",
    "CREDENTIAL",
    "SIGNATURE",
)
# Or with one slash, as a path has it that was made of a URL.
_SCHEME = (
    r"[A-Za-z][A-Za-z0-9+.\-]*://|(?<![A-Za-z])(?i:https?|s3|gs|gcs|s?ftp|hdfs|hf|az|abfs|adl|file|github|git|ssh):/"
)
_URL = re.compile(
    rf"(?P<scheme>{_SCHEME})"
    r"(?P<user>[^\s/?#\"'<>`]*@)?(?P<path>[^\s?#\"'<>`]*)(?P<query>\?[^\s#\"'<>`]*)?(?P<fragment>#[^\s\"'<>`=]+=[^\s\"'<>`]*)?"
)
_PARAMETER = re.compile(r";([^;/=]+)=([^;/]+)")  # within a part of a path
# What libraries print of a request: a query without its server, as after a redirect, an assignment, and headers.
_QUERY = re.compile(r"(?P<before>[?&](?P<name>[\w.\-]{1,80})=)(?P<value>[^\s&#\"'<>`()\[\]{}]+)")
_ASSIGNED = re.compile(
    r"(?i)(?P<before>\b[\w\-]*(?:token|secret|passw(?:or)?d|passphrase|api_?key|access_?key|private_?key|credential)"
    r"[\w\-]*[\"']?\s?[=:]\s?[\"']?)(?P<value>[^\s,;&\"'<>`()\[\]{}]{8,})"
)
_HEADER = re.compile(
    r"(?i)(?P<before>\b(?:(?:proxy-)?authorization|(?:set-)?cookie)[\"']?\s?[:=]\s?(?:b?[\"'])?)(?P<value>[^\"'\r\n<>`]+)"
)
_BEARER = re.compile(r"(?i)(?P<before>\bbearer\s)(?P<value>[\w.~+/=\-]{8,})")
_MARKS = ("=", ":", "earer", "EARER")  # without one of them, none of these patterns fits
_known: set[str] = set()

T = TypeVar("T")


def named_like_a_secret(name: str) -> bool:
    """Return whether a variable, key or parameter of this name holds a secret."""
    if name.upper() in _FOLDERS:
        return False
    whole = name.upper().replace("CONNECTION_STRING", "CONNECTIONSTRING")
    words = [spelt for word in re.split(r"[^A-Z]+", whole) for spelt in (word, word.removesuffix("S"))]
    return any(_WORDS.fullmatch(word) or word.endswith(_ENDS) for word in words)


def is_secret_key(name: str) -> bool:
    """Tell whether the value of this key of a configuration is a secret; the signature of a SavedModel is none."""
    return name != "signature" and named_like_a_secret(name)


def remember(value: str) -> None:
    """Redact a secret value from now on; shorter than 4 characters, it cannot be."""
    if len(value) < _SHORTEST:
        return
    _known.update((value, quote(value), quote(value, safe=""), repr(value)[1:-1], json.dumps(value)[1:-1]))


def remember_urls(text: str) -> None:
    """Remember what is secret in the URLs of a text: libraries repeat parts of them in their messages."""
    for url in _URL.finditer(text):
        user = (url["user"] or "")[:-1]
        query = (url["query"] or "")[1:]
        password = user.partition(":")[2]
        fragment = (url["fragment"] or "")[1:]
        whole = [part for part in (user, query, fragment) if len(part) >= _OPAQUE or ":" in part or "=" in part]
        for part in (password, *whole):
            remember(part)
            remember(unquote(part))
        for name, value in _PARAMETER.findall(url["path"]):
            if named_like_a_secret(name):
                remember(value)
        remember(f"{user}%40" if user else "")  # as libraries quote it
        for name, value in parse_qsl(f"{query}&{fragment}", keep_blank_values=True):
            if named_like_a_secret(name) or len(value) >= _OPAQUE:
                remember(value)


def redact(text: str) -> str:
    """Return a text with every secret in it written as ``***``."""
    for value in sorted(_known, key=len, reverse=True):
        text = text.replace(value, SHOWN)
    if ":/" in text:
        text = _URL.sub(_without_secrets, text)
    if any(mark in text for mark in _MARKS):
        text = _QUERY.sub(_without_value, text)
        for pattern in (_HEADER, _BEARER, _ASSIGNED):
            text = pattern.sub(rf"\g<before>{SHOWN}", text)
    return text


def redact_all(value: T) -> T:
    """Return plain values (texts, lists, tuples, mappings) with every text in them redacted; keys stay."""
    result: Any = value
    if isinstance(value, str):
        result = redact(value)
    elif isinstance(value, dict):
        result = {key: redact_all(item) for key, item in value.items()}
    elif isinstance(value, (list, tuple)):
        result = type(value)(redact_all(item) for item in value)
    return result  # type: ignore[no-any-return]


def forget() -> None:
    """Forget what was remembered."""
    _known.clear()


def _without_value(parameter: re.Match[str]) -> str:
    secret = named_like_a_secret(parameter["name"])
    return f"{parameter['before']}{SHOWN}" if secret else parameter[0]


def _without_secrets(url: re.Match[str]) -> str:
    user = f"{SHOWN}@" if url["user"] else ""
    query = f"?{SHOWN}" if url["query"] else ""
    fragment = f"#{SHOWN}" if url["fragment"] else ""
    return f"{url['scheme']}{user}{url['path']}{query}{fragment}"
