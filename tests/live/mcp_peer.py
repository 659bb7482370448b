"""A server or a client of the official Python SDK, for test_live_real.py; runs in a virtual environment that has the SDK.

usage: mcp_peer.py serve TRANSPORT ADDRESS PORT
       mcp_peer.py call MODE URL [MODE URL ...]   one after the other; prints a JSON line {"url", "began"} before each
MODE: sse, or what the SDK calls the ways over Streamable HTTP: legacy, auto, or a revision.
"""
import asyncio, json, sys, time
from mcp.client.client import Client
from mcp.client.sse import sse_client
from mcp.server.mcpserver import MCPServer


def serve(transport, address, port):
    server = MCPServer("adder", version="1.2.3")

    @server.tool()
    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    server.run(transport, host=address, port=port)


async def call(mode, url):
    print(json.dumps({"url": url, "began": time.time()}), flush=True)
    client = Client(sse_client(url), mode="legacy") if mode == "sse" else Client(url, mode=mode)
    async with client:
        tools = await client.list_tools()
        result = await client.call_tool(tools.tools[0].name, {"a": 2, "b": 3})
        if "5" not in str(result.content):
            sys.exit("2 + 3 is %s" % result.content)
        await asyncio.sleep(1.2)  # the connection stays open: what is recorded is not due to its end


if sys.argv[1] == "serve":
    serve(sys.argv[2], sys.argv[3], int(sys.argv[4]))
else:
    for i in range(2, len(sys.argv), 2):
        asyncio.run(call(*sys.argv[i:i + 2]))
