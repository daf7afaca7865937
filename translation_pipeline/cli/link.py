"""`translation-pipeline link`: signed addresses, on standard output and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from translation_pipeline.cli.ledger import open_pipeline
from translation_pipeline.cli.local_home import LocalHome
from translation_pipeline.cli.output import err, out, print_json, print_table
from translation_pipeline.errors import ConfigurationError
from translation_pipeline.settings import Settings
from translation_pipeline.stages.links import Link, link_of_object, links_of_title
from translation_pipeline.storage import Storage

COLUMNS = ("title", "video", "what", "language", "object", "link")


def show_links(
    named: str,
    videos: Collection[str],
    languages: Collection[str],
    home: Path | None,
    *,
    as_json: bool,
) -> bool:
    """Print links to one object by its address, or to what there is of a title; False for none."""
    if "://" in named:
        if videos or languages:
            raise ConfigurationError("--video and --language narrow a title, not an address.")
        environment = os.environ if home is None else LocalHome(home.resolve()).environment()
        settings = Settings.from_environment(environment)
        found: Iterable[Link] = [link_of_object(Storage.from_settings(settings), named)]
        valid_s = settings.signed_url_s
    else:
        pipeline = open_pipeline(home)
        found = links_of_title(pipeline, named, videos, languages)
        valid_s = pipeline.settings.signed_url_s
    rows = [_row(link) for link in found]
    if as_json:
        print_json({"links": rows, "valid_s": valid_s})
    elif out.is_terminal:
        for row in rows:  # whole lines, to be copied; the columns of a table would cut them
            words = (row[name] for name in ("video", "what", "language", "object"))
            out.print(f"{'  '.join(filter(None, words))}\n  {row['link']}", markup=False)
    else:
        print_table(rows, COLUMNS)
    err.print(
        f"{len(rows)} links. Whoever has one can read its object for {valid_s} s, without keys."
    )
    return bool(rows)


def _row(link: Link) -> dict[str, Any]:
    thing = link.thing
    return {
        "title": thing.title,
        "video": thing.video,
        "what": thing.what,
        "language": thing.language,
        "object": thing.address.to_oss(),
        "link": link.url,
    }
