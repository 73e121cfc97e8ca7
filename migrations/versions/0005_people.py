"""Contacts that fall silent, people merged and parted, cards.

Revision: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade():
    pass


def downgrade():
    pass
