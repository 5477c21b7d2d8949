"""What every table shares: the declarative base, names of constraints, column types."""

from datetime import datetime
from typing import Annotated

from sqlalchemy import BigInteger, DateTime, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, mapped_column

Nanos = Annotated[int, mapped_column(BigInteger)]
"""Money: integer nano-dollars."""
Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]
"""Aware UTC."""
Id = Annotated[str, mapped_column(Text, primary_key=True)]
"""A prefixed, time-ordered id."""


class Base(DeclarativeBase):
    """All tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
