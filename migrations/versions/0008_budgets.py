"""Sources, budgets and the ledger.

Revision: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade():
    pass


def downgrade():
    pass
