"""Who computes: this process, workers beside it on this machine, or those of a cluster."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bench.base.errors import UserError
from bench.base.invalid_option import invalid_option

_ADDRESS = re.compile(r"(?:tcp|tls|ucx|wss?)://[^/\s]+:\d+")


class Workers(BaseModel):
    """The workers that a command is given.

    Attributes:
        jobs: workers side by side, each a process on this machine; 1 for this process alone.
        scheduler: address of a running Dask scheduler, whose workers compute instead.
        scheduler_file: the file in which it has written its address.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    jobs: int = Field(default=1, ge=1)
    scheduler: str | None = None
    scheduler_file: Path | None = None

    @model_validator(mode="after")
    def _one_kind_of_workers(self) -> Self:
        given = ("jobs" in self.model_fields_set, self.scheduler, self.scheduler_file)
        if sum(map(bool, given)) > 1:
            raise ValueError(
                "--jobs starts workers here, --scheduler and --scheduler-file name those of a "
                "cluster; give one of the three"
            )
        return self

    @property
    def cluster(self) -> bool:
        """Whether it is the workers of a running cluster."""
        return bool(self.scheduler or self.scheduler_file)

    @property
    def on_workers(self) -> bool:
        """Whether Dask workers compute, and not this process."""
        return self.cluster or self.jobs > 1

    @field_validator("scheduler")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and not _ADDRESS.fullmatch(value):
            raise ValueError("give the address of a Dask scheduler as tcp://HOST:PORT")
        return value


def load_workers(words: dict[str, Any]) -> Workers:
    """The workers that the command line names; None means not given.

    Raises:
        UserError: a value is not valid, or two of the options do not go together.
    """
    given = {key: value for key, value in words.items() if value is not None}
    try:
        return Workers.model_validate(given)
    except ValidationError as error:
        raise UserError(invalid_option(error)) from error
