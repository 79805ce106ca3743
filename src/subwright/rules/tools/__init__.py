"""Rules about the tools that an agent asks for, and those that it gives up."""

# in the order in which documentation shows their rules
from subwright.rules.tools import names, lists, servers, given, disallowed  # noqa: F401, I001
