"""A product home on one machine: folders, a Dagster home, and the embedded cloud to work with."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from translation_pipeline.errors import ConfigurationError
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.process import RunningServer
from translation_pipeline.settings import PREFIX

PACKAGE = Path(__file__).parent.parent
LOCAL_POLL_S = "1"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy")


@dataclass(frozen=True)
class LocalHome:
    """Everything below one folder: ledger, Dagster's home, the embedded cloud's data, logs."""

    path: Path

    @property
    def dagster_home(self) -> Path:
        """The folder to name in DAGSTER_HOME."""
        return self.path / "dagster"

    @property
    def catalog(self) -> Path:
        """The catalog file of this home."""
        return self.path / "catalog.yaml"

    @property
    def cloud_data(self) -> Path:
        """Objects and jobs of the embedded cloud."""
        return self.path / "localcloud"

    def log(self, name: str) -> Path:
        """The log file of a server."""
        return self.path / "logs" / f"{name}.log"

    def prepare(self) -> None:
        """Make the folders and put the files of the product in place; keeps what is there."""
        self.dagster_home.mkdir(parents=True, exist_ok=True)
        target = self.dagster_home / "dagster.yaml"
        if not target.exists():
            shutil.copyfile(product_file("dagster.yaml"), target)
        if not self.catalog.exists():
            sample = resources.files("translation_pipeline.sample_title").joinpath("catalog.yaml")
            self.catalog.write_text(sample.read_text("utf-8"), "utf-8")

    def environment(self, cloud: RunningServer | None = None) -> dict[str, str]:
        """The environment of processes that work in this home, with the embedded cloud if given.

        Proxies are left out: the RPC SDK would use them even for this machine (sdk-wire.md A1).
        """
        env = {name: value for name, value in os.environ.items() if name not in PROXIES}
        return env | {
            "DAGSTER_HOME": str(self.dagster_home),
            PREFIX + "HOME": str(self.path),
            PREFIX + "CATALOG": str(self.catalog),
            PREFIX + "POLL_INTERVAL_S": env.get(PREFIX + "POLL_INTERVAL_S", LOCAL_POLL_S),
            PREFIX + "SETTLE_S": env.get(PREFIX + "SETTLE_S", "0"),
            **(cloud.environment if cloud else {}),
        }


def product_file(name: str) -> Path:
    """A file that ships beside the package in a checkout and inside it in an installed wheel."""
    for folder in (PACKAGE.parent, PACKAGE):
        if (folder / name).is_file():
            return folder / name
    raise ConfigurationError(f"{name} is missing: install translation-pipeline again.")


def cloud_config(home: LocalHome, port: int = 0, *, instant: bool = False) -> LocalCloudConfig:
    """The embedded cloud of a home. Port 0 takes a free one; `instant` only copies videos."""
    return LocalCloudConfig(data_dir=home.cloud_data, port=port, instant=instant)
