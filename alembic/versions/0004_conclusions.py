"""The network that a search names, its conclusion, and the simple choices beside it

Revision: 0004
Follows: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was stored of ended searches is computed again: it had no conclusion. Test accuracies are of winners."""
    op.add_column("effscale_searches", sa.Column("chosen", sa.Integer(), nullable=True))
    op.add_column("effscale_findings", sa.Column("conclusion", sa.JSON(), nullable=True))
    op.add_column("effscale_findings", sa.Column("controls", sa.JSON(), nullable=True))
    op.execute(sa.text("DELETE FROM effscale_findings"))
    op.execute(sa.text("UPDATE effscale_trials SET test_accuracy = NULL WHERE ties IS NOT NULL"))


def downgrade() -> None:
    """Back to one statement."""
    op.drop_column("effscale_findings", "controls")
    op.drop_column("effscale_findings", "conclusion")
    op.drop_column("effscale_searches", "chosen")
