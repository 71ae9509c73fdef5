"""A configuration whose images and models are at URLs, with paths on disk in their place."""

from __future__ import annotations

from typing import TypeVar

from harness.backends.registry import facts_of
from harness.config import Candidate, Config, Reference
from harness.config.urls import url_of
from harness.dataset.remote.local import local_dataset, local_model
from harness.dataset.remote.mirror import RemoteCache
from harness.engine.identity import cache_folder

M = TypeVar("M", Reference, Candidate)


def remote_cache(config: Config) -> RemoteCache:
    """Return where a configuration keeps what it reads from URLs, and how much of it."""
    return RemoteCache(cache_folder(config), int(config.cache.remote_gb * 1e9))


def has_urls(config: Config) -> bool:
    """Return whether images, labels or models are at URLs."""
    dataset = config.dataset
    places = [dataset.path, dataset.label_source, dataset.class_names or "", *(item.model for item in config.models)]
    return any(url_of(str(place)) for place in places)


def fetched(config: Config) -> Config:
    """Return a configuration that no longer needs URLs: models are fetched, images when they are read.

    Raises ConfigError, DatasetError or ModelError if one cannot be read.
    """
    if not has_urls(config):
        return config
    cache, before = remote_cache(config), config.dataset
    dataset = local_dataset(before, cache)
    pairs = [(before.path, dataset.path), (before.label_source, dataset.label_source)]
    pairs += [(before.class_names, dataset.class_names)] if before.class_names and dataset.class_names else []
    reference = config.reference and _local(config.reference, cache)
    candidates = tuple(_local(candidate, cache) for candidate in config.candidates)
    now = [*([reference] if reference else []), *candidates]
    pairs += [(old.model, new.model) for old, new in zip(config.models, now, strict=True)]
    urls = {str(new): url for old, new in pairs if (url := url_of(str(old)))}
    return config.with_urls(urls, dataset=dataset, reference=reference, candidates=candidates)


def with_reference_fetched(config: Config) -> Config:
    """Return a configuration whose reference, which is converted, is on disk. Raises what ``fetched`` does."""
    if config.reference is None or url_of(config.reference.model) is None:
        return config
    local = _local(config.reference, remote_cache(config))
    return config.with_urls({str(local.model): url_of(config.reference.model) or ""}, reference=local)


def _local(model: M, cache: RemoteCache) -> M:
    path = local_model(model.model, cache, facts_of(model.backend).files_of)
    return model if path == model.model else model.model_copy(update={"model": path})
