"""The shape of a receipt: how durable a write was when it was answered."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import fields, missing

from scheduler import Receipt


def receipt_out(receipt: Receipt) -> dict[str, Any]:
    return {"asked": receipt.asked.word, "reached": {"fsync": receipt.fsync, "replicas": receipt.replicas}}


class ReceiptField(fields.Field[Receipt]):
    """Told only in the answer to what asked for one."""

    json_schema: ClassVar = {
        "type": "object",
        "description": "of the answer to what set it with a durability other than memory: what was reached by then",
        "required": ["asked", "reached"],
        "properties": {
            "asked": {"type": "string"},
            "reached": {
                "type": "object",
                "required": ["fsync", "replicas"],
                "properties": {
                    "fsync": {"type": "boolean", "description": "it is on the disk; false where the store cannot tell"},
                    "replicas": {"type": "integer", "description": "so many are known to have it"},
                },
            },
        },
    }

    def __init__(self) -> None:
        super().__init__(attribute="receipt")

    def _serialize(self, value: Receipt | None, *args: Any, **kwargs: Any) -> Any:
        return missing if value is None else receipt_out(value)
