"""What is asked about the service itself: how many minutes back, and which moments ahead."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from scheduler import MOST_MINUTES
from timer_service.web.input.fields import HowMany, Moment

#: How long a bucket of a forecast can be, ms.
STEPS = {"second": 1000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000}


class NothingIn(Schema):
    """A call that takes no parameters, and refuses those that are sent all the same."""


class MinutesIn(Schema):
    minutes = HowMany(MOST_MINUTES, 60, "how many, up to now")


class ForecastIn(Schema):
    from_ = Moment(data_key="from", metadata={"description": "now unless said"})
    to = Moment(metadata={"description": "later than that; 60 buckets later unless said"})
    by = fields.String(
        validate=validate.OneOf(tuple(STEPS)), load_default="minute", metadata={"description": "how long a bucket is"}
    )
