"""The MCP server: tools, resources and prompts of the agent door, in both revisions of the protocol, as one object.

Nothing is decided here. Arguments go to the door as they came, so that nothing is dropped on the way; whoever calls is
looked up anew for every call. The server asks its client nothing: no elicitation, no sampling, no roots.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import anyio
import anyio.from_thread
import anyio.to_thread
import mcp_types as types
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from gonogo.control.agents.reception import Desk
from gonogo.reports.agent_addresses import TEMPLATES, Resource
from gonogo.reports.agent_answers import CODES, Answer
from gonogo.reports.agent_prompts import INSTRUCTIONS, PROMPTS
from gonogo.reports.agent_tools import Tool

Context = ServerRequestContext[Any, Any]
Who = Callable[[Context], str]
"""The text of the token that a call comes with; empty where the surface needs none."""

MOST_AT_ONCE: Final = 100
CONSTANT: Final = CacheHint(ttl_ms=3_600_000, scope="private")
ENVELOPE: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["ok", "code", "data", "blocked_by", "next_actions", "truncated"],
    "properties": {
        "ok": {"type": "boolean"},
        "code": {"type": "string", "enum": list(CODES)},
        "message": {"type": "string"},
        "run_id": {"type": ["string", "null"]},
        "revision": {"type": ["integer", "null"]},
        "state": {"type": ["string", "null"]},
        "data": {"type": "object"},
        "blocked_by": {"type": "array", "items": {"type": "object"}},
        "next_actions": {"type": "array", "items": {"type": "object"}},
        "retry": {"type": ["string", "null"]},
        "retry_after_ms": {"type": ["integer", "null"]},
        "truncated": {"type": "boolean"},
        "cursor": {"type": ["string", "null"]},
    },
}


def build_server(door: Desk, who: Who, version: str) -> Server[Any]:
    """A server for the agent door; `who` says for each call whose it is."""
    limiter = anyio.CapacityLimiter(MOST_AT_ONCE)

    async def list_tools(ctx: Context, _params: object) -> types.ListToolsResult:
        tools = await anyio.to_thread.run_sync(lambda: door.tools_as(who(ctx)), limiter=limiter)
        return types.ListToolsResult(tools=[_tool(tool) for tool in tools])

    async def call_tool(ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        def heard(done: int, of: int, state: str) -> None:
            anyio.from_thread.run(ctx.session.report_progress, float(done), float(of), state)

        def called() -> Answer:
            return door.call_as(who(ctx), params.name, params.arguments, heard)

        return _result(await anyio.to_thread.run_sync(called, limiter=limiter))

    async def list_resources(_ctx: Context, _params: object) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=[])

    async def list_templates(_ctx: Context, _params: object) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(
            resource_templates=[
                types.ResourceTemplate(
                    name=item.name, uri_template=item.address, description=item.says, mime_type=item.media
                )
                for item in TEMPLATES
            ]
        )

    async def read_resource(ctx: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        address = str(params.uri)
        found = await anyio.to_thread.run_sync(lambda: door.read_as(who(ctx), address), limiter=limiter)
        if not isinstance(found, Resource):
            raise MCPError(types.INVALID_PARAMS, CODES[found.code][1], {"code": found.code})
        content = types.TextResourceContents(uri=params.uri, mime_type=found.media, text=found.text)
        return types.ReadResourceResult(contents=[content])

    return Server(
        "gonogo",
        version=version,
        title="gonogo: release go/no-go",
        instructions=INSTRUCTIONS,
        cache_hints={"tools/list": CONSTANT, "prompts/list": CONSTANT, "resources/templates/list": CONSTANT},
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
        on_list_prompts=_list_prompts,
        on_get_prompt=_get_prompt,
    )


async def _list_prompts(_ctx: Context, _params: object) -> types.ListPromptsResult:
    return types.ListPromptsResult(
        prompts=[
            types.Prompt(
                name=prompt.name,
                description=prompt.says,
                arguments=[
                    types.PromptArgument(name=name, description=form.says, required=True)
                    for name, form in prompt.takes.items()
                ],
            )
            for prompt in PROMPTS.values()
        ]
    )


async def _get_prompt(_ctx: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
    prompt = PROMPTS.get(params.name)
    words = prompt.filled(params.arguments or {}) if prompt else None
    if prompt is None or words is None:
        raise MCPError(types.INVALID_PARAMS, CODES["BAD_ARGUMENTS"][1], {"code": "BAD_ARGUMENTS"})
    message = types.PromptMessage(role="user", content=types.TextContent(text=words))
    return types.GetPromptResult(description=prompt.says, messages=[message])


def _tool(tool: Tool) -> types.Tool:
    schema: Mapping[str, Any] = tool.schema()
    hints = types.ToolAnnotations(
        title=tool.title,
        read_only_hint=not tool.changes,
        destructive_hint=tool.destroys,
        idempotent_hint=True,
        open_world_hint=False,
    )
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.says,
        input_schema=dict(schema),
        output_schema=ENVELOPE,
        annotations=hints,
    )


def _result(answer: Answer) -> types.CallToolResult:
    body = answer.as_json()
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    content = types.TextContent(text=text)
    return types.CallToolResult(content=[content], structured_content=body, is_error=not answer.ok)
