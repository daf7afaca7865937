"""Dagster pipeline that translates catalogs of videos in Alibaba Cloud OSS and pays once."""

__version__ = "0.1.0"
