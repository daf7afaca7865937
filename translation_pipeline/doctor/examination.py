"""All checks of settings, account, network, buckets and machine, in the order of their causes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from translation_pipeline.catalog.config import Catalog
from translation_pipeline.doctor.account import check_credentials, check_ims
from translation_pipeline.doctor.buckets import check_buckets
from translation_pipeline.doctor.findings import Finding, misconfigured, well
from translation_pipeline.doctor.machine import check_database, check_home
from translation_pipeline.doctor.network import IMS, OSS, check_network, check_proxies
from translation_pipeline.errors import ConfigurationError
from translation_pipeline.pipeline import read_catalog
from translation_pipeline.settings import Settings
from translation_pipeline.storage import Storage


def examine(settings: Settings, catalog: Catalog | None, *, write: bool) -> Iterator[Finding]:
    """Every check but that of the catalog file, one after the other; nothing paid is called.

    `write` allows to put a few bytes into the output bucket and to delete them again. Without a
    catalog no buckets are known, and none are looked at.
    """
    yield check_home(settings.home)
    yield check_database(settings.database_url)
    yield from check_proxies(os.environ)
    network = list(check_network(settings))
    yield from network
    unusable = {finding.name for finding in network if not finding.ok}
    credentials = check_credentials()
    yield credentials
    if not credentials.ok:
        return  # every further call needs them
    if catalog is not None and OSS not in unusable:
        yield from check_buckets(Storage.from_settings(settings), catalog, write=write)
    if IMS not in unusable:
        yield from check_ims(settings)


def check_catalog(settings: Settings) -> tuple[Catalog | None, Finding]:
    """The catalog file, if it can be used."""
    try:
        catalog = read_catalog(settings.catalog_path)
    except ConfigurationError as error:
        advice = "Buckets, fonts and translation are not checked until then."
        return None, misconfigured("catalog", str(error), advice)
    rules, codes = len(catalog.titles), ", ".join(catalog.languages)
    return catalog, well("catalog", f"{settings.catalog_path}: {rules} rules, into {codes}.")


def exit_code(findings: Sequence[Finding]) -> int:
    """0 all is well, 2 a setting, a file or keys are wrong, 1 something else is."""
    if any(finding.is_configuration for finding in findings):
        return ConfigurationError.exit_code
    return 0 if all(finding.ok for finding in findings) else 1
