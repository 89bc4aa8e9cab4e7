"""Metrics of unequal classes: what a trial is ranked by may be another figure than its accuracy

Revision: 0005
Follows: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLE, INDEX = "effscale_trials", "ix_effscale_trials_rank"


def upgrade() -> None:
    """Trials of before were all ranked by accuracy."""
    op.drop_index(INDEX, TABLE)
    op.add_column(TABLE, sa.Column("metric", sa.String(length=20), nullable=False, server_default="accuracy"))
    for name in ("score", "balanced_accuracy", "macro_f1", "test_score"):
        op.add_column(TABLE, sa.Column(name, sa.Float(), nullable=True))
    op.add_column(TABLE, sa.Column("per_class_recall", sa.JSON(), nullable=True))
    op.execute("UPDATE effscale_trials SET score = accuracy, test_score = test_accuracy")
    op.create_index(INDEX, TABLE, ["search_id", "standing", sa.text("coalesce(score, -1.0) DESC"), "number"])


def downgrade() -> None:
    """Back to accuracy alone."""
    op.drop_index(INDEX, TABLE)
    for name in ("per_class_recall", "test_score", "macro_f1", "balanced_accuracy", "score", "metric"):
        op.drop_column(TABLE, name)
    op.create_index(INDEX, TABLE, ["search_id", "standing", sa.text("coalesce(accuracy, -1.0) DESC"), "number"])
