"""The benchmark of partitions, at its smallest: a real webserver over a generated catalog."""

from __future__ import annotations

from translation_pipeline.benchmarks import partitions


def test_the_pages_of_an_asset_are_measured_over_graphql() -> None:
    (found,) = partitions.run([25])["sizes"]
    assert (found["cells"], found["titles"], found["materialized"]) == (25, 1, 22)
    # One more became materialized while the page was asked.
    assert found["shown"]["numPartitions"] == 25
    assert found["shown"]["numMaterialized"] == 23
    assert found["launched_cells"] == 25
    took_s = [value for name, value in found.items() if name.endswith("_s")]
    assert len(took_s) == 10
    assert min(took_s) > 0
