"""Cast, check and prove Claude Code subagents."""

__version__ = "0.1.0"
