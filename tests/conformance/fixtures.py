"""What the official suite wants to call: its own tools, resources and prompts, laid over the product's server.

Each handler answers for the suite's own names and hands everything else to the product's handler, which stays in place:
transport, limits, lists, errors and the product's own answers are the product's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import mcp_types as types
from mcp.server.lowlevel import Server

PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
"""A picture of one point."""
SOUND = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA="
"""A sound of no length."""
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": {"$anchor": "addressDef", "type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
SCHEMAS = {
    "json_schema_2020_12_tool": SCHEMA,
    "test_header": {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}},
}
Handler = Callable[[Any, Any], Awaitable[Any]]


def text(words: str) -> types.TextContent:
    return types.TextContent(text=words)


def embedded(uri: str, words: str, media: str = "text/plain") -> types.EmbeddedResource:
    return types.EmbeddedResource(resource=types.TextResourceContents(uri=uri, mime_type=media, text=words))


IMAGE = types.ImageContent(data=PICTURE, mime_type="image/png")
TOOLS: dict[str, list[Any]] = {
    "test_simple_text": [text("This is a simple text response for testing.")],
    "test_image_content": [IMAGE],
    "test_audio_content": [types.AudioContent(data=SOUND, mime_type="audio/wav")],
    "test_embedded_resource": [embedded("test://embedded-resource", "This is an embedded resource content.")],
    "test_multiple_content_types": [
        text("Multiple content types test:"),
        IMAGE,
        embedded("test://mixed-content-resource", '{"test":"data","value":123}', "application/json"),
    ],
    "test_error_handling": [text("This tool intentionally returns an error for testing")],
    "test_tool_with_progress": [text("done")],
    "json_schema_2020_12_tool": [text("done")],
    "test_header": [text("done")],
}
PROMPTS: dict[str, tuple[str, ...]] = {
    "test_simple_prompt": (),
    "test_prompt_with_arguments": ("arg1", "arg2"),
    "test_prompt_with_embedded_resource": ("resourceUri",),
    "test_prompt_with_image": (),
}


def with_fixtures(server: Server[Any]) -> Server[Any]:
    """The same server, which also knows what the suite calls."""
    wrap(server, "tools/list", types.PaginatedRequestParams, tools_listed)
    wrap(server, "tools/call", types.CallToolRequestParams, tool_called)
    wrap(server, "resources/read", types.ReadResourceRequestParams, resource_read)
    wrap(server, "prompts/list", types.PaginatedRequestParams, prompts_listed)
    wrap(server, "prompts/get", types.GetPromptRequestParams, prompt_got)
    return server


def wrap(server: Server[Any], method: str, params: type[Any], made: Callable[[Handler], Handler]) -> None:
    known = server.get_request_handler(method)
    assert known is not None, method
    server.add_request_handler(method, params, made(known.handler))


def tools_listed(product: Handler) -> Handler:
    async def listed(ctx: Any, params: Any) -> types.ListToolsResult:
        found: types.ListToolsResult = await product(ctx, params)
        more = [types.Tool(name=name, description=f"A fixture of the suite: {name}.", input_schema=SCHEMAS.get(name, {"type": "object"})) for name in TOOLS]
        return types.ListToolsResult(tools=[*found.tools, *more])

    return listed


def tool_called(product: Handler) -> Handler:
    async def called(ctx: Any, params: types.CallToolRequestParams) -> Any:
        if params.name not in TOOLS:
            return await product(ctx, params)
        for done in (0.0, 50.0, 100.0) if params.name == "test_tool_with_progress" else ():
            await ctx.session.report_progress(done, 100.0, "")
            await anyio.sleep(0.05)
        return types.CallToolResult(content=TOOLS[params.name], is_error=params.name == "test_error_handling")

    return called


def resource_read(product: Handler) -> Handler:
    async def read(ctx: Any, params: types.ReadResourceRequestParams) -> Any:
        uri = str(params.uri)
        one = re.fullmatch(r"test://template/([^/]+)/data", uri)
        if uri == "test://static-text":
            content: Any = types.TextResourceContents(uri=uri, mime_type="text/plain", text="This is the content of the static text resource.")
        elif uri == "test://static-binary":
            content = types.BlobResourceContents(uri=uri, mime_type="image/png", blob=PICTURE)
        elif one:
            said = {"id": one[1], "templateTest": True, "data": f"Data for ID: {one[1]}"}
            content = types.TextResourceContents(uri=uri, mime_type="application/json", text=json.dumps(said))
        else:
            return await product(ctx, params)
        return types.ReadResourceResult(contents=[content])

    return read


def prompts_listed(product: Handler) -> Handler:
    async def listed(ctx: Any, params: Any) -> types.ListPromptsResult:
        found: types.ListPromptsResult = await product(ctx, params)
        more = [
            types.Prompt(name=name, description=f"A fixture of the suite: {name}.", arguments=[types.PromptArgument(name=each, description="Anything.", required=True) for each in takes])
            for name, takes in PROMPTS.items()
        ]
        return types.ListPromptsResult(prompts=[*found.prompts, *more])

    return listed


def prompt_got(product: Handler) -> Handler:
    async def got(ctx: Any, params: types.GetPromptRequestParams) -> Any:
        given = params.arguments or {}
        said: dict[str, list[Any]] = {
            "test_simple_prompt": [text("This is a simple prompt for testing.")],
            "test_prompt_with_arguments": [text(f"Prompt with arguments: arg1='{given.get('arg1')}', arg2='{given.get('arg2')}'")],
            "test_prompt_with_embedded_resource": [embedded(given.get("resourceUri", ""), "Embedded resource content for testing."), text("Please process the embedded resource above.")],
            "test_prompt_with_image": [IMAGE, text("Please analyze the image above.")],
        }
        if params.name not in said:
            return await product(ctx, params)
        return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=content) for content in said[params.name]])

    return got
