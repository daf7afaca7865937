"""What judging captions, glossaries and comparing translations keep."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from translation_pipeline.ledger.models import OBJECT_KEY, UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    with op.batch_alter_table("captions") as captions:
        captions.add_column(
            sa.Column("finding_count", sa.Integer(), nullable=False, server_default="0")
        )
        captions.add_column(sa.Column("doubt", sa.JSON(), nullable=True))
        captions.add_column(sa.Column("judged_by", sa.String(length=64), nullable=True))
        captions.add_column(sa.Column("glossary_version", sa.String(length=64), nullable=True))
        captions.add_column(sa.Column("glossary_terms", sa.JSON(), nullable=True))
    op.create_table(
        "glossaries",
        sa.Column("bucket", sa.String(), nullable=False),
        sa.Column("key", OBJECT_KEY, nullable=False),
        sa.Column("etag", sa.String(), nullable=True),
        sa.Column("version", sa.String(length=64), nullable=True),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "key"),
    )
    op.create_table(
        "compared",
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("video", sa.String(), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("cue_count", sa.Integer(), nullable=False),
        sa.Column("finding_count", sa.Integer(), nullable=False),
        sa.Column("error_count", sa.Integer(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("compared_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("title", "language", "video"),
    )


def downgrade() -> None:
    """Back to the revision before."""
    op.drop_table("compared")
    op.drop_table("glossaries")
    with op.batch_alter_table("captions") as captions:
        for column in ("glossary_terms", "glossary_version", "judged_by", "doubt", "finding_count"):
            captions.drop_column(column)
