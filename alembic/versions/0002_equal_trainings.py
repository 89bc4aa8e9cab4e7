"""Equal trainings

Revision: 0002
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A key that equal trainings of an owner share, at most one of them at a time, and where a result came from."""
    with op.batch_alter_table("effscale_runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cache_key", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("cached_from", sa.String(length=80), nullable=True))
        batch_op.create_index("ix_effscale_runs_cache", ["cache_key", "state"], unique=False)
        batch_op.create_index(
            "uq_effscale_runs_training",
            ["cache_key"],
            unique=True,
            sqlite_where=sa.text("state = 'running'"),
            postgresql_where=sa.text("state = 'running'"),
        )
    with op.batch_alter_table("effscale_trials", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cached_from", sa.String(length=80), nullable=True))


def downgrade() -> None:
    """Back to runs that know nothing of each other."""
    # not in batches: SQLite would make the tables anew, and dropping the old ones deletes what refers to them
    op.drop_column("effscale_trials", "cached_from")
    op.drop_index("uq_effscale_runs_training", "effscale_runs")
    op.drop_index("ix_effscale_runs_cache", "effscale_runs")
    op.drop_column("effscale_runs", "cached_from")
    op.drop_column("effscale_runs", "cache_key")
