"""The settings of one stand-in cloud."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from translation_pipeline.localcloud.faults import FaultPlan

DEFAULT_ACCESS_KEYS: Mapping[str, str] = MappingProxyType({"localcloud": "localcloud-secret"})
"""Access key ids and their secrets. Known to everybody: the server is for one machine."""

CONTROL_PREFIX = "/-/"
"""Paths that belong to no cloud: see `control`."""


@dataclass(frozen=True)
class LocalCloudConfig:
    """Where a stand-in cloud keeps its data, where it listens and whom it believes.

    `port` 0 takes a free one. `workers` is the number of processes that do media work, and
    `instant` replaces that work by a copy, for load tests; then a job takes between the two times
    of `instant_duration_s`, always the same for the same job. `faults` is what goes wrong at
    first. Raises FaultPlanError for faults that are only offered with `instant`.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 0
    region: str = "cn-shanghai"
    access_keys: Mapping[str, str] = field(default_factory=lambda: DEFAULT_ACCESS_KEYS)
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    instant: bool = False
    instant_duration_s: tuple[float, float] = (0.0, 0.0)
    faults: FaultPlan = field(default_factory=FaultPlan)

    def __post_init__(self) -> None:
        self.faults.require_offered(instant=self.instant)

    @property
    def jobs_database(self) -> Path:
        """The SQLite file with jobs and media assets."""
        return self.data_dir / "jobs.sqlite"
