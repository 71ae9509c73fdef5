"""Files that people write: configurations, suites, those of other tools, checksum lists; and answers of servers."""

from __future__ import annotations

import hashlib
import http.server
import threading
from pathlib import Path
from typing import Any

from tests.campaign.kind import PROJECT, Kind, command, picture
from tests.campaign.mutations import mutate_bytes, mutate_text, mutate_values


def _configuration(folder: Path) -> Path:
    path = folder / "config.yml"
    path.write_bytes((PROJECT / "configs" / "devices.yml").read_bytes())
    return path


def _use_configuration(path: Path) -> object:
    from harness.config import load_config

    return load_config(path)


def _with_files(folder: Path) -> Path:
    """Return a configuration whose files are there, beside the model that ``prepare`` made."""
    import yaml

    plain = yaml.safe_load((PROJECT / "configs" / "demo.yml").read_text())
    graph, ir = str(folder.parent / "tiny.pb"), str(folder.parent / "tiny.xml")
    images = folder / "images"
    images.mkdir()
    for number in range(3):
        (images / f"{number}.jpg").write_bytes(picture(number))
    (folder / "images.txt").write_text("".join(f"{number}.jpg {number}\n" for number in range(3)))
    plain["dataset"] |= {"path": "images", "labels": "images.txt"}
    plain["reference"]["model"], plain["candidates"][0]["model"] = graph, ir
    plain.pop("checksums", None)
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(plain))
    return path


def _override(folder: Path) -> Path:
    """Return a file that holds what stands behind `--set`, beside the configuration."""
    _configuration(folder)
    path = folder / "override"
    path.write_text("gates.parity.max_abs_diff=0.01")
    return path


def _use_override(path: Path) -> object:
    from harness.config import load_config

    return load_config(path.with_name("config.yml"), [path.read_bytes().decode("utf-8", "surrogateescape")])


def _check(path: Path) -> object:
    return command("config", "check", path)


def _suite(folder: Path) -> Path:
    for name in ("a", "b"):
        (folder / f"{name}.yml").write_bytes((PROJECT / "configs" / "demo.yml").read_bytes())
    path = folder / "suite.yml"
    path.write_text(
        "version: 1\nname: s\nsets:\n  small: {path: images, images: 100}\n  large: {path: others}\n"
        "runs:\n  - a.yml\n  - {config: b.yml, id: bb, sets: [small, large], limit: 32}\n"
        "  - {config: b.yml, set: {gates.drop: null}, certify: 0.5}\npixels: {share: true, max_gb: 5}\n"
    )
    return path


def _use_suite(path: Path) -> object:
    from harness.config.suite import load_suite

    return load_suite(path).runs


def _accuracy_check(folder: Path) -> Path:
    from tests.importing.conftest import MINIMAL

    path = folder / "accuracy-check.yml"
    path.write_text(MINIMAL)
    return path


def _model_yml(folder: Path) -> Path:
    _accuracy_check(folder)
    path = folder / "model.yml"
    path.write_text(
        "description: a network\ntask_type: classification\nfiles:\n  - name: net.tgz\n    size: 100\n"
        f"    checksum: {'ab' * 48}\n    source: https://example.com/net.tgz\nframework: tf\nmodel_optimizer_args:\n"
        "  - --input_shape=[1,224,224,3]\n  - --input=input\n  - --mean_values=input[127.5,127.5,127.5]\n"
        "  - --scale_values=input[127.5]\n  - --reverse_input_channels\n  - --input_model=$dl_dir/net.pb\n"
        "license: https://example.com/LICENSE\n"
    )
    return path


def _import(path: Path) -> object:
    return command("import", path.with_name("accuracy-check.yml"))


def _definitions(folder: Path) -> Path:
    _accuracy_check(folder)
    path = folder / "dataset_definitions.yml"
    path.write_text(
        "datasets:\n  - name: imagenet_1000_classes\n    annotation_conversion:\n      converter: imagenet\n"
        "      annotation_file: val.txt\n    annotation: imagenet1000.pickle\n    data_source: val\n"
        "    metrics:\n      - name: accuracy@top1\n        type: accuracy\n        top_k: 1\n"
    )
    return path


def _checksums(folder: Path) -> Path:
    lines = []
    for number in range(4):
        (folder / f"{number}.jpg").write_bytes(data := picture(number))
        lines.append(f"{hashlib.sha256(data).hexdigest()}  {number}.jpg\n")
    path = folder / "SHA256SUMS"
    path.write_text("".join(lines))
    return path


def _use_checksums(path: Path) -> object:
    from harness.dataset.checksums import verify_checksums

    return verify_checksums(path)


class _Answering(http.server.BaseHTTPRequestHandler):
    """Answers a folder with a page that is read anew each time, and its images with themselves."""

    page: Path

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.send_response(200)
        data = picture(0) if name.endswith(".jpg") else self.page.read_bytes()
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Type", "image/jpeg" if name.endswith(".jpg") else "text/html")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *arguments: Any) -> None:
        pass


class _Bucket(_Answering):
    """Answers as S3 does: a listing from a file that is read each time, and images."""

    def do_GET(self) -> None:
        place, _, query = self.path.partition("?")
        if place.endswith(".jpg"):
            self._send(200, picture(0), "image/jpeg")
        elif "list-type" in query or "prefix" in query:
            self._send(200, self.page.read_bytes(), "application/xml")
        else:
            self._send(404, b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>", "application/xml")

    def _send(self, code: int, data: bytes, kind: str) -> None:
        self.send_response(code)
        headers = {"Content-Length": str(len(data)), "Content-Type": kind, "ETag": '"ab"'}
        for name, value in {**headers, "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    do_HEAD = do_GET  # noqa: N815


def _served(path: Path, answering: type[_Answering] = _Answering) -> str:
    handler = type("Handler", (answering,), {"page": path})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


_servers: dict[Path, str] = {}


def _listing(folder: Path) -> Path:
    links = "".join(f'<a href="{number}.jpg">{number}.jpg</a> 1K\n' for number in range(4))
    path = folder / "index.html"
    path.write_text(f"<html><body><h1>Index of /images</h1><pre><a href='../'>..</a>\n{links}</pre></body></html>")
    (folder / "val.txt").write_text("".join(f"{number}.jpg {number}\n" for number in range(4)))
    return path


def _use_remote(path: Path, url: str) -> object:
    import shutil

    from harness.config.schema import Dataset
    from harness.dataset.image_set import open_image_set
    from harness.dataset.remote import mirror, store
    from harness.dataset.remote.local import local_dataset

    store._WAITS = (0.0, 0.0, 0.0)
    cache = mirror.RemoteCache(path.parent / "cache", 10**8)
    try:
        dataset = Dataset(path=Path(url), labels=str(path.parent / "val.txt"), classes=10)
        images = open_image_set(local_dataset(dataset, cache))
        return [images.read(row) for row in range(len(images.manifest))]
    finally:
        mirror._open.clear()
        shutil.rmtree(cache.folder, ignore_errors=True)


def _use_listing(path: Path) -> object:
    if path not in _servers:
        _servers[path] = _served(path)
    return _use_remote(path, f"{_servers[path]}/images")


def _bucket(folder: Path) -> Path:
    contents = "".join(
        f"<Contents><Key>images/{number}.jpg</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;ab&quot;</ETag><Size>{len(picture(0))}</Size><StorageClass>STANDARD</StorageClass></Contents>\n"
        for number in range(4)
    )
    path = folder / "listing.xml"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">\n'
        "<Name>bucket</Name><Prefix>images/</Prefix><KeyCount>4</KeyCount>\n<MaxKeys>1000</MaxKeys>"
        f"<IsTruncated>false</IsTruncated>\n{contents}</ListBucketResult>\n"
    )
    (folder / "val.txt").write_text("".join(f"{number}.jpg {number}\n" for number in range(4)))
    return path


def _use_bucket(path: Path) -> object:
    import os

    if path not in _servers:
        _servers[path] = _served(path, _Bucket)
    settings = {
        "ENDPOINT_URL": _servers[path],
        "ACCESS_KEY_ID": "an-id",
        "SECRET_ACCESS_KEY": "a-key-of-no-use",
        "MAX_ATTEMPTS": "1",
    }
    os.environ |= {f"AWS_{name}": value for name, value in {**settings, "DEFAULT_REGION": "us-east-1"}.items()}
    return _use_remote(path, "s3://bucket/images")


def _runnable(folder: Path) -> Path:
    """Return a configuration that can be run, of the models that ``prepare`` made."""
    from tests.conftest import Tiny, the_network, write_config, write_images

    write_images(folder / "images", 6)
    return write_config(folder, Tiny(folder.parent / "tiny.pb", folder.parent / "tiny.xml", the_network()))


def _diagnose(path: Path) -> object:
    return command("diagnose", path, "--json")


def _mirror_index(folder: Path) -> Path:
    """Return what is kept of a mirror of a folder, `tree.json`."""
    from harness.dataset.remote import mirror

    for number in range(4):
        (folder / "images").mkdir(exist_ok=True)
        (folder / "images" / f"{number}.jpg").write_bytes(picture(number))
    mirror.mirrored(f"file://{folder / 'images'}", mirror.RemoteCache(folder / "cache", 10**8))
    mirror._open.clear()
    return next((folder / "cache").rglob("tree.json"))


def _use_mirror_index(path: Path) -> object:
    from harness.dataset.remote import mirror

    folder = path.parents[3]
    try:
        cache = mirror.RemoteCache(folder / "cache", 10**8)
        return sorted(each.name for each in mirror.mirrored(f"file://{folder / 'images'}", cache).iterdir())
    finally:
        mirror._open.clear()


def _contract(folder: Path) -> Path:
    from harness.conversion.formats.contract_file import contract_file, contract_text

    path = contract_file(folder / "tiny.onnx")
    path.write_text(contract_text({"color": "RGB", "mean_inside": "127.5", "layout": "NHWC", "file_sha256": "ab" * 32}))
    return path


def _use_contract(path: Path) -> object:
    from harness.conversion.formats.contract_file import read_contract_file

    return read_contract_file(path.with_name("tiny.onnx"))


DOCUMENTS: tuple[Kind, ...] = (
    Kind("configuration", _configuration, mutate_text, _use_configuration),
    Kind("configuration, values", _configuration, mutate_values, _use_configuration),
    Kind("configuration, checked", _with_files, mutate_values, _check, share=0.4),
    Kind("an override", _override, mutate_text, _use_override),
    Kind("suite", _suite, mutate_text, _use_suite),
    Kind("suite, values", _suite, mutate_values, _use_suite),
    Kind("accuracy-check.yml", _accuracy_check, mutate_text, _import, share=0.4),
    Kind("accuracy-check.yml, values", _accuracy_check, mutate_values, _import, share=0.4),
    Kind("model.yml", _model_yml, mutate_values, _import, share=0.4),
    Kind("dataset_definitions.yml", _definitions, mutate_values, _import, share=0.4),
    Kind("contract beside a model", _contract, mutate_values, _use_contract),
    Kind("list of checksums", _checksums, mutate_text, _use_checksums),
    Kind("list of checksums, bytes", _checksums, mutate_bytes, _use_checksums),
    Kind("listing of a web server", _listing, mutate_text, _use_listing, ("fsspec", "aiohttp"), 0.03),
    Kind("listing of S3", _bucket, mutate_text, _use_bucket, ("s3fs",), 0.03),
    Kind("configuration, diagnosed", _runnable, mutate_values, _diagnose, ("tensorflow", "openvino"), 0.03, None),
    Kind("index of a mirror", _mirror_index, mutate_values, _use_mirror_index, ("fsspec",), 0.5),
)
