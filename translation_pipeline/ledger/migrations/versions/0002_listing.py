"""What listing a catalog of a million videos piece by piece needs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from translation_pipeline.ledger.models import OBJECT_KEY, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TO_INSPECT = sa.text("inspected_etag IS NULL OR inspected_etag <> etag")


def upgrade() -> None:
    """To this revision."""
    op.add_column("videos", sa.Column("modified_at", UtcDateTime(), nullable=True))
    op.add_column("videos", sa.Column("gone_at", UtcDateTime(), nullable=True))
    if op.get_context().dialect.name == "postgresql":
        for table in ("videos", "captions"):
            op.alter_column(table, "key", type_=OBJECT_KEY)
    op.create_index("videos_by_key", "videos", ["bucket", "key"])
    op.create_index(
        "videos_to_inspect",
        "videos",
        ["seen_at"],
        sqlite_where=TO_INSPECT,
        postgresql_where=TO_INSPECT,
    )
    op.create_index("captions_by_key", "captions", ["bucket", "key"])
    op.create_table(
        "folders",
        sa.Column("bucket", sa.String(), nullable=False),
        sa.Column("prefix", OBJECT_KEY, nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "prefix"),
    )
    op.create_index("folders_by_change", "folders", ["bucket", "changed_at"])


def downgrade() -> None:
    """Back to the revision before."""
    op.drop_table("folders")
    op.drop_index("captions_by_key", "captions")
    op.drop_index("videos_to_inspect", "videos")
    op.drop_index("videos_by_key", "videos")
    op.drop_column("videos", "gone_at")
    op.drop_column("videos", "modified_at")
