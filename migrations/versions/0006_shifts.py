"""Paired devices, PINs and shifts.

Revision: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade():
    pass


def downgrade():
    pass
