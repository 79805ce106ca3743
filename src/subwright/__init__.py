"""Cast, check and prove Claude Code subagents."""

__version__ = "0.1.0"

TYPE_CHECKING = False  # type checkers take it for true; `typing` would cost more than all else here
if TYPE_CHECKING:
    from subwright.api import (
        Agent,
        Edit,
        Finding,
        Fix,
        Lint,
        Related,
        Rendered,
        lint,
        lint_text,
        load,
        render,
    )
    from subwright.errors import SubwrightError

__all__ = [
    "Agent",
    "Edit",
    "Finding",
    "Fix",
    "Lint",
    "Related",
    "Rendered",
    "SubwrightError",
    "__version__",
    "lint",
    "lint_text",
    "load",
    "render",
]

if not TYPE_CHECKING:  # to a type checker it would make every name a good one

    def __getattr__(name: str) -> object:
        """The names of `subwright.api`, which is imported when the first of them is asked for."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        found = globals()[name] = getattr(import_module("subwright.api"), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
