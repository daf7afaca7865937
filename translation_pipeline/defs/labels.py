"""What the assets have on their labels in Dagster's UI: owners, tags, and where their code is."""

from collections.abc import Sequence

import dagster as dg

from translation_pipeline.stages.cells import (
    EXTRACTED_CAPTIONS,
    REVIEWED_CAPTIONS,
    SOURCE_VIDEOS,
    TRANSLATED_VIDEOS,
)
from translation_pipeline.stages.coverage_report import COVERAGE

STEP, SPENDS_MONEY = "translation_pipeline/step", "translation_pipeline/spends_money"

# The step of the flow that an asset is, and whether materializing it may cost money.
TAGS = {
    SOURCE_VIDEOS: {STEP: "see", SPENDS_MONEY: "no"},
    EXTRACTED_CAPTIONS: {STEP: "extract", SPENDS_MONEY: "yes"},
    REVIEWED_CAPTIONS: {STEP: "review", SPENDS_MONEY: "no"},
    TRANSLATED_VIDEOS: {STEP: "translate", SPENDS_MONEY: "yes"},
    COVERAGE: {STEP: "report", SPENDS_MONEY: "no"},
}


def labelled(
    assets: Sequence[dg.AssetsDefinition], owners: Sequence[str]
) -> list[dg.AssetsDefinition]:
    """The assets with their labels."""

    def with_labels(spec: dg.AssetSpec) -> dg.AssetSpec:
        tags = TAGS[spec.key.to_user_string()]
        return spec.replace_attributes(owners=owners, tags=tags)

    found = dg.with_source_code_references([asset.map_asset_specs(with_labels) for asset in assets])
    return [asset for asset in found if isinstance(asset, dg.AssetsDefinition)]
