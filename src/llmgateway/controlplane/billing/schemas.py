"""What billing takes and shows."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class StatementWish(BaseModel):
    """Which part of the books."""

    model_config = ConfigDict(populate_by_name=True)

    since: AwareDatetime | None = Field(None, alias="from")
    until: AwareDatetime | None = Field(None, alias="to")
