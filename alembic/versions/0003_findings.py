"""What ended searches have shown, and indexes for counts and ranks

Revision: 0003
Follows: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ACCURACY_OR_LESS = sa.text("coalesce(accuracy, -1.0) DESC")


def upgrade() -> None:
    """A row for each search that has ended, filled when it ends or is next looked at."""
    op.create_table(
        "effscale_findings",
        sa.Column("search_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=True),
        sa.Column("importance", sa.JSON(), nullable=True),
        sa.Column("front", sa.JSON(), nullable=True),
        sa.Column("transfer", sa.JSON(), nullable=True),
        sa.Column("config", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["search_id"], ["effscale_searches.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("search_id"),
    )
    op.drop_index("ix_effscale_trials_standing", "effscale_trials")
    op.create_index("ix_effscale_trials_rank", "effscale_trials", ["search_id", "standing", ACCURACY_OR_LESS, "number"])
    op.create_index("ix_effscale_trials_counts", "effscale_trials", ["search_id", "standing", "state", "diagnosis"])
    op.create_index("ix_effscale_runs_counts", "effscale_runs", ["search_id", "role", "state"])


def downgrade() -> None:
    """Back to searches whose conclusion is computed at every look."""
    op.drop_index("ix_effscale_runs_counts", "effscale_runs")
    op.drop_index("ix_effscale_trials_counts", "effscale_trials")
    op.drop_index("ix_effscale_trials_rank", "effscale_trials")
    op.create_index("ix_effscale_trials_standing", "effscale_trials", ["search_id", "standing", "accuracy", "number"])
    op.drop_table("effscale_findings")
