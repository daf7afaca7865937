"""One run of the product in a process of its own, as Dagster's launcher starts it.

`python -m translation_pipeline.benchmarks.one_dagster_run box|translate_catalog|cell [KEY]`, with
the environment of an instant catalog and its DAGSTER_HOME. `box` materializes every cell of
`translated_videos` by one run, `cell` the one with this partition key. Prints what the whole
process used, loading included.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
from collections.abc import Sequence
from typing import Any

BOX, TRANSLATE_CATALOG, CELL = "box", "translate_catalog", "cell"


def main(arguments: Sequence[str]) -> None:
    """Run, and print one JSON object."""
    import dagster as dg

    from translation_pipeline.definitions import defs
    from translation_pipeline.stages.cells import TRANSLATED_VIDEOS

    logging.disable(logging.CRITICAL)
    started = time.monotonic()
    way, *keys = arguments
    options: dict[str, Any] = {}
    job = defs.resolve_job_def(TRANSLATE_CATALOG)
    with dg.DagsterInstance.get() as instance:
        if way != TRANSLATE_CATALOG:
            job = defs.resolve_implicit_global_asset_job_def()
            partitions = defs.resolve_assets_def(TRANSLATED_VIDEOS).partitions_def
            if partitions is not None and not keys:
                keys = list(partitions.get_partition_keys(dynamic_partitions_store=instance))
            options = {
                "asset_selection": [dg.AssetKey(TRANSLATED_VIDEOS)],
                "tags": {
                    "dagster/asset_partition_range_start": keys[0],
                    "dagster/asset_partition_range_end": keys[-1],
                },
            }
        result = job.execute_in_process(instance=instance, **options)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "success": result.success,
                "cpu_s": round(used.ru_utime + used.ru_stime, 2),
                "peak_memory_mb": round(used.ru_maxrss / 1024, 1),
                "wall_s": round(time.monotonic() - started, 1),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1:])
