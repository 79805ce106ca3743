"""A stdio MCP server in plain Python that lists Serena's tools and does nothing else."""

import json
import sys

TOOLS = (
    "replace_content",
    "replace_in_files",
    "replace_symbol_body",
    "insert_after_symbol",
    "insert_before_symbol",
    "get_symbols_overview",
    "find_symbol",
    "find_referencing_symbols",
    "find_implementations",
    "find_declaration",
    "get_diagnostics_for_file",
    "rename_symbol",
    "safe_delete_symbol",
    "write_memory",
    "read_memory",
    "list_memories",
    "delete_memory",
    "rename_memory",
    "edit_memory",
    "onboarding",
    "initial_instructions",
)


def answer(method: str, params: dict[str, object]) -> dict[str, object] | None:
    """The result of a request, or None when the method is not known."""
    if method == "initialize":
        return {
            "protocolVersion": params.get("protocolVersion", "2025-06-18"),
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "serena", "version": "2.1.0"},
        }
    if method == "tools/list":
        schema = {"type": "object", "properties": {}}
        return {
            "tools": [{"name": name, "description": name, "inputSchema": schema} for name in TOOLS]
        }
    if method == "ping":
        return {}
    return None


def main() -> None:
    """Answer requests, one JSON object a line, until standard input ends."""
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message:
            continue
        result = answer(message.get("method", ""), message.get("params") or {})
        reply: dict[str, object] = {"jsonrpc": "2.0", "id": message["id"]}
        if result is None:
            reply["error"] = {"code": -32601, "message": "method not found"}
        else:
            reply["result"] = result
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
