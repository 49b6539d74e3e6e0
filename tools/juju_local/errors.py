# SPDX-License-Identifier: GPL-3.0-only
"""The one error that ends up before a person: what is wrong, where, and the way out."""


class JujuLocalError(Exception):
    """A verb cannot do what it was asked."""


class ToolError(Exception):
    """A hook tool fails: 'ERROR message' on stderr and this exit status."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code

    def line(self) -> bytes:
        """What the tool prints to standard error."""
        return f"ERROR {self}\n".encode("utf-8", "surrogateescape")


def usage(message: str) -> ToolError:
    """An error in how a hook tool was called (exit status 2)."""
    return ToolError(message, 2)
