"""The product's parts as one Dagster resource."""

import gc
from functools import lru_cache

import dagster as dg

from translation_pipeline.pipeline import Pipeline
from translation_pipeline.settings import Settings

# New objects after which Python looks for cycles among them. A page of a listing alone makes tens
# of thousands, without any cycle: with the usual 700, a third of a scan's time goes into that.
COLLECT_AFTER = 50_000


class PipelineResource(dg.ConfigurableResource["PipelineResource"]):
    """Opens catalog, storage, ledger and providers as the environment names them.

    Nothing is opened before it is used, and everything once per process.
    """

    def open(self) -> Pipeline:
        """The pipeline of this process; raises `ConfigurationError`."""
        return _open(Settings.from_environment())


@lru_cache(maxsize=4)
def _open(settings: Settings) -> Pipeline:
    gc.set_threshold(COLLECT_AFTER)
    return Pipeline.from_settings(settings)
