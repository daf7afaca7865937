"""The Definitions object that `workspace.yaml` names."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Sequence
from importlib import resources

import dagster as dg

from translation_pipeline.catalog.config import Catalog, load_catalog
from translation_pipeline.defs.assets import build_assets
from translation_pipeline.defs.boxes import translate_box
from translation_pipeline.defs.checks import build_checks
from translation_pipeline.defs.coverage import coverage
from translation_pipeline.defs.jobs import translate_catalog
from translation_pipeline.defs.labels import labelled
from translation_pipeline.defs.resources import PipelineResource
from translation_pipeline.defs.schedules import build_schedules
from translation_pipeline.defs.sensors import build_sensors
from translation_pipeline.pipeline import read_catalog
from translation_pipeline.settings import PREFIX, Nightly, Settings

# They work in the range of versions that pyproject.toml allows, and a user can do nothing about
# them. Other warnings of Dagster are shown.
BETA_FEATURES = (
    "Class `MultiToSingleDimensionPartitionMapping`",
    "Parameter `owners` of initializer `SensorDefinition.__init__`",
    "Function `with_source_code_references`",
    "Class `LocalFileCodeReference`",
    "Class `CodeReferencesMetadataValue`",
)
for feature in BETA_FEATURES:
    warnings.filterwarnings("ignore", message=re.escape(feature), category=dg.BetaWarning)


def build_definitions(
    catalog: Catalog,
    pipeline: PipelineResource | None = None,
    sensor_interval_s: int = 30,
    nightly: Nightly | None = Nightly(),  # noqa: B008 - it is frozen
    owners: Sequence[str] = Settings.owners,
) -> dg.Definitions:
    """Everything that Dagster loads, made from its parts so that tests can swap them."""
    return dg.Definitions(
        assets=labelled([*build_assets(catalog), coverage], owners),
        asset_checks=build_checks(),
        jobs=[translate_catalog, translate_box],
        sensors=build_sensors(sensor_interval_s),
        schedules=build_schedules(nightly),
        resources={"pipeline": pipeline or PipelineResource()},
        executor=dg.in_process_executor,
    )


def _catalog(settings: Settings) -> Catalog:
    """The catalog file; without one, the sample's, so that a newcomer sees the asset graph."""
    if settings.catalog_path.exists() or PREFIX + "CATALOG" in os.environ:
        return read_catalog(settings.catalog_path)
    logging.getLogger(__name__).warning(
        "There is no catalog file at %s: showing the sample catalog.", settings.catalog_path
    )
    sample = resources.files("translation_pipeline.sample_title").joinpath("catalog.yaml")
    return load_catalog(sample.read_text("utf-8"), source="the sample catalog")


_settings = Settings.from_environment()
defs = build_definitions(
    _catalog(_settings),
    nightly=_settings.nightly,
    owners=_settings.owners,
    sensor_interval_s=int(os.environ.get(PREFIX + "SENSOR_INTERVAL_S", "30")),
)
