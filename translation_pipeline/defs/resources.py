"""The product's parts as one Dagster resource."""

from functools import lru_cache

import dagster as dg

from translation_pipeline.pipeline import Pipeline
from translation_pipeline.settings import Settings


class PipelineResource(dg.ConfigurableResource["PipelineResource"]):
    """Opens catalog, storage, ledger and providers as the environment names them.

    Nothing is opened before it is used, and everything once per process.
    """

    def open(self) -> Pipeline:
        """The pipeline of this process; raises `ConfigurationError`."""
        return _open(Settings.from_environment())


@lru_cache(maxsize=4)
def _open(settings: Settings) -> Pipeline:
    return Pipeline.from_settings(settings)
