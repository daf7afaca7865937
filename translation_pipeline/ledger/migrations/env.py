"""What Alembic runs: migrations on the connection that the caller brings, in its transaction."""

from __future__ import annotations

from alembic import context

from translation_pipeline.ledger.migrations import VERSION_TABLE
from translation_pipeline.ledger.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    user_module_prefix="",
)
with context.begin_transaction():
    context.run_migrations()
