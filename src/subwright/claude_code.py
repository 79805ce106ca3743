"""Claude Code's own rules for agent files, as data, of one version of the client."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

from subwright.patterns import lazy

VERSION = "2.1.330"

# What becomes of a value that a field does not take.
Effect: TypeAlias = Literal[
    "rejected",  # the file does not load, and only the debug log says so
    "logged",  # the value is dropped, and only the debug log says so
    "silent",  # the value is dropped, and nothing says so
    "no-tools",  # the agent is left without any tool, and nothing says so
]
Kind: TypeAlias = Literal["text", "integer", "boolean", "list", "map"]


class Field(NamedTuple):
    """One key of the frontmatter."""

    name: str
    kinds: tuple[Kind, ...]  # as YAML 1.2 reads them, where `yes` and `on` are text
    bad: Effect
    values: tuple[str, ...] = ()  # the texts that are taken, where not every one is
    minimum: int | None = None
    required: bool = False
    any_case: bool = False
    documented: bool = True
    in_plugin: bool = True  # False: ignored for an agent that a plugin brings


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODEL_ALIASES = ("sonnet", "opus", "haiku", "fable", "inherit", "opusplan", "best", "default")
MODEL_SUFFIXES = ("[1m]",)
# Requests for these fail, or will within days, by the client's own table and the API's list of deprecations.
RETIRED_MODEL = lazy(
    r"claude-(?:instant|v?[12](?![\d-])|3-(?:\d-)?(?P<family>opus|sonnet|haiku)"
    r"|(?P<family4>opus|sonnet)-4[-@](?:0|1|20250514)(?!\d)|(?P<family45>sonnet)-4-5(?!\d))"
)
COLORS = ("red", "blue", "green", "yellow", "purple", "orange", "pink", "cyan")
EFFORTS = ("low", "medium", "high", "xhigh", "max")
PERMISSION_MODES = (  # `manual` is another word for `default`
    "acceptEdits",
    "auto",
    "bypassPermissions",
    "default",
    "dontAsk",
    "plan",
    "manual",
)

FIELDS = {
    field.name: field
    for field in (
        Field("name", ("text",), "rejected", required=True),  # silently when missing or empty
        Field("description", ("text",), "rejected", required=True),
        Field("tools", ("text", "list"), "no-tools"),
        Field("disallowedTools", ("text", "list"), "silent"),
        Field("model", ("text",), "silent"),  # but any text is passed on to the API
        Field("permissionMode", ("text",), "logged", PERMISSION_MODES, in_plugin=False),
        Field("maxTurns", ("integer",), "logged", minimum=1),
        Field("effort", ("text", "integer"), "logged", (*EFFORTS, "med"), any_case=True),
        Field("isolation", ("text",), "logged", ("worktree", "remote")),
        Field("memory", ("text",), "logged", ("user", "project", "local")),
        Field("background", ("boolean", "text"), "logged", ("true", "false")),
        Field("omitClaudeMd", ("boolean",), "silent"),
        Field("color", ("text",), "silent", COLORS),
        Field("skills", ("text", "list"), "silent"),
        Field("initialPrompt", ("text",), "silent", in_plugin=False),
        Field("mcpServers", ("list",), "silent", in_plugin=False),
        Field("hooks", ("map",), "rejected", in_plugin=False),
        Field("autoCompactWindow", ("integer",), "logged", minimum=100_000),
        Field("experimental", ("map",), "silent"),
        Field("observer", ("text",), "silent", documented=False, in_plugin=False),
        Field("observerMessage", ("text",), "silent", documented=False, in_plugin=False),
        Field("observeSubagents", ("boolean",), "silent", documented=False, in_plugin=False),
        Field("observeToolResults", ("boolean",), "silent", documented=False, in_plugin=False),
    )
}

OTHER_KEYS = {  # what other programs, and people, call a field: in lower case, without hyphens
    "allowedtools": "tools",
    "allowedtool": "tools",
    "tool": "tools",
    "disallowed": "disallowedTools",
    "deniedtools": "disallowedTools",
    "excludedtools": "disallowedTools",
    "desc": "description",
    "title": "name",
    "mcp": "mcpServers",
    "maxiterations": "maxTurns",
    "maxsteps": "maxTurns",
    "steps": "maxTurns",
    "reasoningeffort": "effort",
    "permission": "permissionMode",
    "permissions": "permissionMode",
    "mode": "permissionMode",
}
KEYS_OF_OTHER_HOSTS = {  # documented by them, and nothing here
    "target": "GitHub Copilot",
    "handoffs": "GitHub Copilot",
    "argument-hint": "Claude Code's commands and of GitHub Copilot",
    "infer": "GitHub Copilot",
    "agents": "GitHub Copilot",
    "user-invocable": "Claude Code's skills",
    "disable-model-invocation": "Claude Code's skills",
    "readonly": "Cursor",
    "is_background": "Cursor",
    "globs": "Cursor's rules",
    "alwaysApply": "Cursor's rules",
    "temperature": "opencode",
    "top_p": "opencode",
    "prompt": "opencode",
    "kind": "Gemini CLI",
    "max_turns": "Gemini CLI",
    "timeout_mins": "Gemini CLI",
    "license": "skills",
    "compatibility": "skills",
}
LONG_DESCRIPTION = 1024  # characters; the limit of a skill's description, an agent's has none
# What the entry of a server must have, by its `type`; `stdio` where there is none.
SERVER_TYPES = {
    "stdio": "command",
    **dict.fromkeys(("http", "streamable-http", "sse", "sse-ide", "ws", "ws-ide"), "url"),
    "claudeai-proxy": "url",
    "sdk": "name",
}
SERVER_OPTIONS = {  # what may stand beside it, and what that takes
    "args": "a list",
    "env": "a mapping of texts",
    "headers": "a mapping of texts",
    "timeout": "a number above 0",
}

MAX_BYTES = 1_048_576  # a longer file is skipped
MAX_NAME = 256  # in UTF-16 units, as JavaScript counts
WARN_TOKENS = 15_000  # of all `name: description` together; a warning, nothing is cut
SUFFIX = ".md"  # in lower case; the folders are read recursively
BUILT_IN_AGENTS = ("claude", "Explore", "general-purpose", "Plan", "statusline-setup")
MORE_BUILT_IN_AGENTS = ("claude-code-guide", "output-style-setup")  # in other set-ups or versions

# An unquoted one-line value with one of these is quoted, once, when the YAML does not parse.
QUOTED_ON_RETRY = ("{", "}", "[", "]", "*", "&", "#", "!", "|", ">", "%", "@", "`", ": ")

TOOLS = _words(
    """
    Agent Artifact AskUserQuestion Bash ClaudeDesign CronCreate CronDelete CronList Edit
    EndConversation EnterPlanMode EnterWorktree ExitPlanMode ExitWorktree Glob Grep ListAgents
    ListMcpResourcesTool LSP Monitor NotebookEdit OfferChromeSetup PowerShell Projects
    propose_skills PushNotification Read ReadMcpResourceDirTool ReadMcpResourceTool
    ReadNotifications RemoteTrigger ReportFindings ScheduleWakeup SendFeedback SendMessage
    SendUserFile SendUserMessage SetGoal ShareOnboardingGuide ShowOnboardingRolePicker Skill
    SubagentHandback TaskCreate TaskGet TaskList TaskStop TaskUpdate TodoWrite ToolSearch
    WaitForMcpServers WebFetch WebSearch Workflow Write
    """
)
ALIASES = {  # old names that still resolve
    "Task": "Agent",
    "KillShell": "TaskStop",
    "KillBash": "TaskStop",
    "ListPeers": "ListAgents",
    "Brief": "SendUserMessage",
    "ListMcpResources": "ListMcpResourcesTool",
    "ReadMcpResource": "ReadMcpResourceTool",
    "ReadMcpResourceDir": "ReadMcpResourceDirTool",
    "ProposeGoal": "SetGoal",
}
RETIRED_TOOLS = _words(  # dropped without a word
    """
    MultiEdit LS NotebookRead BashOutput BashOutputTool AgentOutput AgentOutputTool TaskOutput
    TeamCreate TeamDelete Frame FrameRead SuggestBackgroundPR AutofixPr
    """
)
SUCCESSORS = {  # what does now what a retired tool did, where something does
    "MultiEdit": ("Edit",),
    "LS": ("Glob", "Bash"),
    "NotebookRead": ("Read",),
    **dict.fromkeys(
        ("BashOutput", "BashOutputTool", "AgentOutput", "AgentOutputTool", "TaskOutput"), ("Read",)
    ),
}
FOREIGN_TOOLS = {  # what other programs call their tools, in lower case, and what does that here
    name: tuple(tools.split())
    for tools, names in {
        "Read": """
            read_file readfile view_file view_line_range view_code_item read_many_files get_file
            file_read fileread open_file view fs_read read_notebook_cell_output view_image
            """,
        "Write": """
            write_file write_to_file create_file createfile new_file file_write save_file fs_write
            create_text_file
            """,
        "Edit": """
            edit_file editfile editfiles edit_files file_edit search_replace search_and_replace
            replace replace_in_file replace_file_content replace_string_in_file apply_diff patch
            apply_patch insert_content insert_edit_into_file multiedit multi_edit
            multi_replace_string_in_file str_replace strreplace
            """,
        "Edit Write": "str_replace_editor str_replace_based_edit_tool text_editor",
        "Bash": """
            run_terminal_cmd run_in_terminal runinterminal run_terminal_command runterminalcommand
            run_command run_commands terminalcommand runcommand runcommands run_shell_command execute_command
            executecommand shell terminal execute exec command_line local_shell execute_bash
            runtasks run_task runtests run_tests
            """,
        "Glob Bash": "ls list list_dir listdir list_directory list_files listfiles",
        "Grep": """
            grep_search text_search textsearch search_file_content search_files searchfiles
            ripgrep rg
            """,
        "Glob": "file_search filesearch find_by_name find_files findfiles find_file glob_file_search",
        "Grep Glob": """
            search codebase codebase_search semantic_search code_search searchcode
            search_codebase
            """,
        "LSP Grep": """
            usages list_code_usages list_code_definition_names go_to_definition find_references
            """,
        "LSP Bash": "problems get_errors",
        "WebFetch": "fetch fetch_webpage read_url_content url_fetch fetch_url http_get",
        "WebSearch": "google_web_search search_web internet_search searchweb",
        "WebFetch WebSearch": "web browser",
        "Agent": "new_task runsubagent run_subagent subagent delegate",
        "NotebookEdit": "edit_notebook edit_notebook_file editnotebook",
        "TaskCreate TaskUpdate": """
            todo todos todo_list update_todo_list manage_todo_list todoread todo_read update_plan
            """,
        "AskUserQuestion": "ask_followup_question ask_questions askquestions",
        "": """
            changes get_changed_files delete_file new opensimplebrowser open_simple_browser vscode vscodeapi
            vscode_api extensions findtestfiles test_failure testfailure githubrepo github_repo
            terminallastcommand terminalselection get_terminal_output terminal_last_command
            browser_action browser_preview use_mcp_tool access_mcp_resource attempt_completion
            switch_mode save_memory fetch_rules reapply create_diagram code_execution computer
            command_status suggested_responses propose_code activepullrequest copilotcodingagent
            runnotebooks readcelloutput searchresults sequentialthinking think
            updateuserpreferences
            """,
    }.items()
    for name in names.split()
}
FOREIGN_GROUPS = frozenset(  # of VS Code, before a slash: `search/codebase`
    ("agent", "browser", "edit", "execute", "read", "search", "todo", "vscode", "web")
)
NEVER_IN_SUBAGENTS = _words(  # ExitPlanMode is, where permissionMode is plan
    """
    AskUserQuestion EndConversation EnterPlanMode ExitPlanMode ScheduleWakeup WaitForMcpServers
    Workflow
    """
)
OFF_BY_DEFAULT = frozenset({"TodoWrite"})
SUBAGENT_TOOLS = TOOLS - NEVER_IN_SUBAGENTS - OFF_BY_DEFAULT
NOT_BESIDE_BASH = frozenset({"Glob", "Grep"})  # on Linux, and there only when they are listed
NEEDS_BASH = frozenset({"Monitor"})  # goes with it where `disallowedTools` removes it
MEMORY_TOOLS = ("Read", "Write", "Edit")  # what `memory` adds to a `tools` list

HOOK_EVENTS = _words(
    """
    PreToolUse PostToolUse PostToolUseFailure PostToolBatch Notification UserPromptSubmit
    UserPromptExpansion SessionStart SessionEnd Stop StopFailure SubagentStart SubagentStop
    PreCompact PostCompact PreModelSwitch PostModelSwitch PermissionRequest PermissionDenied Setup
    TeammateIdle TaskCreated TaskCompleted Elicitation ElicitationResult ConfigChange WorktreeCreate
    WorktreeRemove InstructionsLoaded CwdChanged FileChanged DirectoryAdded MessageDisplay
    """
)
GUARDING_EVENTS = frozenset({"PreToolUse", "PermissionRequest"})  # a bad entry stops the agent
# What a hook of each type must have, and what may stand beside it, each with what it takes.
HOOK_TYPES: dict[str, dict[str, str]] = {
    "command": {"command": "a text"},
    "http": {"url": "a URL"},
    "mcp_tool": {"server": "a text", "tool": "a text"},
    "prompt": {"prompt": "a text"},
    "agent": {"prompt": "a text"},
}
HOOK_OPTIONS: dict[str, dict[str, str]] = {
    "": {  # of every type
        "if": "a text",
        "once": "true or false",
        "statusMessage": "a text",
        "timeout": "a number above 0",
    },
    "command": {
        "args": "a list",
        "async": "true or false",
        "asyncRewake": "true or false",
        "rewakeMessage": "a text",
        "rewakeSummary": "a text",
        "shell": "`bash` or `powershell`",
    },
    "http": {"allowedEnvVars": "a list", "headers": "a mapping of texts"},
    "mcp_tool": {"input": "a mapping"},
    "prompt": {"continueOnBlock": "true or false", "model": "a text"},
    "agent": {"model": "a text"},
}

SERENA_VERSION = "2.1.0"
SERENA_TOOLS = _words(  # without `--agent-interface tools` only the last of these is served
    """
    replace_content replace_in_files replace_symbol_body insert_after_symbol insert_before_symbol
    get_symbols_overview find_symbol find_referencing_symbols find_implementations find_declaration
    get_diagnostics_for_file rename_symbol safe_delete_symbol write_memory read_memory list_memories
    delete_memory rename_memory edit_memory onboarding initial_instructions
    """
)
SERENA_RETIRED = (  # gone since 1.x; a `*` stands for any ending
    "replace_regex",
    "think_about_*",
    "switch_modes",
    "summarize_changes",
    "check_onboarding_performed",
    "prepare_for_new_conversation",
)

# Servers that no `.mcp.json` lists: of the IDE, the browser, claude.ai and plugins.
MCP_SERVERS_FROM_ELSEWHERE = lazy(r"ide|claude-in-chrome|computer-use|claude_ai_.*|plugin_.*")

# What JavaScript's `trim` takes away, which is not what Python's `strip` does.
BLANKS = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)

_ENTRIES = lazy(r"(?:\([^)]*(?:\)|\Z)|[^, (])+")
_SPECIFIED = lazy(r"([^(]+)(?<!\\)\(.*(?<!\\)\)", re.DOTALL)
_MCP = "mcp__"
_MCP_SERVER = lazy(rf"{_MCP}(.+?)(?:__.*)?")


@lru_cache(maxsize=1)
def name_problem(name: str) -> str | None:
    """What keeps an agent of this name from loading, or None."""
    if not name:
        return "is empty"
    if len(name.encode("utf-16-le", "surrogatepass")) // 2 > MAX_NAME:
        return f"is longer than {MAX_NAME} characters"
    if name.startswith("-"):
        return "starts with `-`"
    if ":" in name:
        return "contains `:`"
    if not name.isascii():
        from unicodedata import normalize

        if ":" in normalize("NFKC", name):
            return "contains a letter that stands for `:`"
    return None


def description_read(description: str) -> str:
    """A description as the client keeps it: a backslash and an n become a line end."""
    return description.replace("\\n", "\n")


def model_read(model: str) -> str | None:
    """A model as the client keeps it, or None where it ignores the value."""
    model = model.strip(BLANKS)
    return "inherit" if model.lower() == "inherit" else model or None


def split_tools(value: str) -> list[str]:
    """The entries of a tools string.

    Commas and spaces separate outside parentheses; tabs and line ends do not; parentheses do not
    nest, and one that is not closed swallows the rest.
    """
    entries = _ENTRIES.findall(value) if "(" in value else value.replace(",", " ").split(" ")
    return [entry for found in entries if (entry := found.strip(BLANKS))]


def asked_tools(value: object) -> list[str] | None:
    """The entries of a `tools` value; None where they include `*`, which asks for all."""
    texts = value if isinstance(value, list) else [value]
    entries = [entry for text in texts if isinstance(text, str) for entry in split_tools(text)]
    return None if "*" in entries else entries


def bare_tool(entry: str) -> str:
    """An entry without its specifier: `Bash` for `Bash(git:*)`; the entry where there is none."""
    if not entry.endswith(")"):
        return entry
    found = _SPECIFIED.fullmatch(entry)
    return found[1] if found else entry


def mcp_server(entry: str) -> str | None:
    """The server of an MCP entry: `serena` for `mcp__serena__find_symbol` and `mcp__serena`."""
    found = _MCP_SERVER.fullmatch(bare_tool(entry)) if entry.startswith(_MCP) else None
    return found[1] if found else None


def named_tool(entry: str) -> str:
    """The tool that an entry names, without its specifier and by its present name."""
    bare = bare_tool(entry)
    return ALIASES.get(bare, bare)


def resolve(data: Mapping[str, object], offered: Set[str] | None = None) -> frozenset[str]:
    """The tools that an agent ends with, of those that its session offers (observed on Linux).

    Args:
        data: the fields of its frontmatter.
        offered: all tools of the session, MCP tools among them; without it, those of the client that it gives to a
            subagent.
    """
    if offered is None:
        plan = data.get("permissionMode") == "plan"
        offered = SUBAGENT_TOOLS | {"ExitPlanMode"} if plan else SUBAGENT_TOOLS
    # with a `*` among them all entries of `disallowedTools` are void
    removed = {named_tool(entry) for entry in asked_tools(data.get("disallowedTools")) or ()}
    removed |= NEEDS_BASH if "Bash" in removed else set()
    left = offered - _covered(offered, removed)
    if "mcp__*" in removed:
        left = {tool for tool in left if not tool.startswith(_MCP)}
    asked = asked_tools(data["tools"]) if "tools" in data else None
    if asked is None:
        return frozenset(left) - NOT_BESIDE_BASH
    memory = FIELDS["memory"].values
    entries = {named_tool(entry) for entry in asked}
    entries |= set(MEMORY_TOOLS) if data.get("memory") in memory else set()
    given = _covered(left, entries)
    return frozenset(given - NOT_BESIDE_BASH if "Bash" in given else given)


def _covered(tools: Set[str], entries: Set[str]) -> Set[str]:
    """Those of some tools that entries stand for: `mcp__serena` and `mcp__serena__*` do for all of that server."""
    found = tools & entries
    servers = {entry.removesuffix("__*") for entry in entries if entry.startswith(_MCP)}
    if not servers:
        return found
    return found | {
        tool
        for tool in tools
        if (server := mcp_server(tool)) is not None and f"{_MCP}{server}" in servers
    }
