"""The parts that every stage works with, as one object."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from translation_pipeline.catalog.config import Catalog, load_catalog
from translation_pipeline.errors import ConfigurationError
from translation_pipeline.ledger.budget import Prices, load_prices
from translation_pipeline.ledger.database import Database
from translation_pipeline.ledger.inventory import Inventory
from translation_pipeline.ledger.ledger import Ledger
from translation_pipeline.providers.base import Provider
from translation_pipeline.providers.ims import ImsProvider
from translation_pipeline.settings import PREFIX, Settings
from translation_pipeline.storage import Storage


@dataclass(frozen=True)
class Pipeline:
    """Catalog, storage, ledger and providers of one product home."""

    settings: Settings
    catalog: Catalog
    storage: Storage
    ledger: Ledger
    inventory: Inventory
    providers: Mapping[str, Provider]
    prices: Prices

    @classmethod
    def from_settings(cls, settings: Settings) -> Pipeline:
        """Open everything that the settings name; raises `ConfigurationError`."""
        catalog = read_catalog(settings.catalog_path)
        providers: dict[str, Provider] = {"ims": ImsProvider.from_settings(settings)}
        _require_providers(catalog, providers)
        database = Database(settings.database_url)
        return cls(
            settings=settings,
            catalog=catalog,
            storage=Storage.from_settings(settings),
            ledger=Ledger(database, lease_s=settings.pace.lease_s),
            inventory=Inventory(database),
            providers=providers,
            prices=load_prices(_prices_path()),
        )

    def close(self) -> None:
        """Give database connections back."""
        self.ledger.database.close()


def read_catalog(path: Path) -> Catalog:
    """The catalog file; raises `ConfigurationError` with all of its problems."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigurationError(
            f"There is no catalog file at {path}. Write one (docs/catalog.md has an example), or "
            f"name yours in {PREFIX}CATALOG."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The catalog file {path} cannot be read: {error}.") from error
    return load_catalog(text, source=str(path))


def _require_providers(catalog: Catalog, providers: Mapping[str, Provider]) -> None:
    absent = sorted({rule.provider for rule in catalog.titles} - set(providers))
    if absent:
        raise ConfigurationError(
            f"The catalog names provider {', '.join(absent)}, which this version cannot drive. "
            f"Choose {', '.join(providers)}."
        )


def _prices_path() -> Path | None:
    named = os.environ.get(PREFIX + "PRICES")
    return Path(named).expanduser() if named else None
