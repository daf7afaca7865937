"""Dagster around a product, in process: what tests of assets and jobs work with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.definitions import build_definitions
from translation_pipeline.defs.partitions import add_titles
from translation_pipeline.stages.review import approved_address
from translation_pipeline_tests.integration.product import Product


class Workshop:
    """A product with Dagster around it."""

    def __init__(self, shop: Product, instance: dg.DagsterInstance) -> None:
        self.shop = shop
        self.instance = instance
        self._defs = build_definitions(shop.pipeline.catalog)

    def put_video(self, title: str, video: str, data: bytes) -> ObjectAddress:
        """Upload a source video; its title is a partition from then on, as the sensor sees to."""
        add_titles(self.instance, self.shop.pipeline.catalog, [title])
        return self.shop.put(f"incoming/{title}/{video}.mp4", data)

    def approve(self, title: str, video: str, srt: bytes) -> None:
        """Put a reviewed SRT where a reviewer puts it."""
        address = approved_address(self.shop.pipeline, title, video)
        self.shop.put(address.key, srt, results=True)

    def materialize(self, asset: str, key: str, **config: Any) -> dg.ExecuteInProcessResult:
        """Materialize one partition, with its checks, as the UI's button does."""
        return self._run(
            partition_key=key,
            asset_selection=[dg.AssetKey(asset)],
            run_config={"ops": {asset: {"config": config}}} if config else {},
        )

    def materialize_range(self, first: str, last: str) -> dg.ExecuteInProcessResult:
        """Materialize the box of translated_videos between two corners in one run."""
        return self._run(
            tags={
                "dagster/asset_partition_range_start": first,
                "dagster/asset_partition_range_end": last,
            },
            asset_selection=[dg.AssetKey("translated_videos")],
        )

    def translate_catalog(self) -> dg.ExecuteInProcessResult:
        """The job that sensors start."""
        job = self._defs.resolve_job_def("translate_catalog")
        return job.execute_in_process(instance=self.instance, raise_on_error=False)

    def translate_box(self, **config: Any) -> dg.ExecuteInProcessResult:
        """The job for boxes that people write down."""
        job = self._defs.resolve_job_def("translate_box")
        return job.execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            run_config={"ops": {"translate_the_box": {"config": config}}},
        )

    def materialized(self, asset: str) -> set[str]:
        """The partitions that Dagster was told of."""
        return set(self.instance.get_materialized_partitions(dg.AssetKey(asset)))

    def _run(self, **arguments: Any) -> dg.ExecuteInProcessResult:
        job = self._defs.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(instance=self.instance, raise_on_error=False, **arguments)


Open = Callable[..., Workshop]


def failure(result: dg.ExecuteInProcessResult) -> str:
    """What the failed steps of a run said."""
    assert not result.success
    return "\n".join(
        event.step_failure_data.error.to_string()
        for event in result.all_events
        if event.is_step_failure and event.step_failure_data.error
    )


def evaluation(
    result: dg.ExecuteInProcessResult, check: str, asset: str = "translated_videos"
) -> tuple[bool, list[dict[str, Any]]]:
    """Whether a check of an asset passed, and its table of findings."""
    (found,) = [
        one
        for one in result.get_asset_check_evaluations()
        if one.check_name == check and one.asset_key.path == [asset]
    ]
    findings = found.metadata.get("findings")
    rows = findings.records if isinstance(findings, dg.TableMetadataValue) else []
    return found.passed, [dict(row.data) for row in rows]
