"""Runs gql, Python's GraphQL client, for tests in another process: a line of JSON in for each order, one out for each outcome.

Orders: open, query, subscribe, leave, close. Outcomes carry the order's id: {"id", "data"}, {"id", "errors"}, {"id", "done"}.
"""

import asyncio
import json
import sys

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.aiohttp_websockets import AIOHTTPWebsocketsTransport
from gql.transport.exceptions import TransportClosed, TransportConnectionFailed, TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.requests import RequestsHTTPTransport
from gql.transport.websockets import WebsocketsTransport

TRANSPORTS = {
    "aiohttp": AIOHTTPTransport,
    "aiohttp-websockets": AIOHTTPWebsocketsTransport,
    "httpx": HTTPXAsyncTransport,
    "requests": RequestsHTTPTransport,
    "websockets": WebsocketsTransport,
}

sessions = {}
running = {}


def say(order, **outcome):
    print(json.dumps({"id": order["id"], **outcome}), flush=True)


def texts(error):
    """What an exception says: the GraphQL errors in it, or itself."""
    if isinstance(error, TransportQueryError) and error.errors:
        return [one.get("message", str(one)) for one in error.errors]
    return [f"{type(error).__name__}: {error}"]


async def open_client(order):
    transport = TRANSPORTS[order["transport"]](url=order["url"], **order.get("options", {}))
    client = Client(transport=transport, execute_timeout=10)
    if order["transport"] == "requests":
        sessions[order["client"]] = (client, None)
    else:
        sessions[order["client"]] = (client, await client.connect_async(**order.get("session", {})))
    say(order, done=True)


async def query(order):
    client, session = sessions[order["client"]]
    request = gql(order["query"])
    if session is None:
        say(order, data=await asyncio.to_thread(client.execute, request))
    else:
        say(order, data=await session.execute(request))


async def subscribe(order):
    """With `again` it subscribes once more after a lost connection, as gql's guide does it by a decorator."""
    _, session = sessions[order["client"]]
    while True:
        try:
            async for data in session.subscribe(gql(order["query"])):
                say(order, data=data)
            say(order, done=True)
            return
        except (TransportClosed, TransportConnectionFailed):
            if not order.get("again"):
                raise
            await asyncio.sleep(0.05)


async def leave(order):
    task = running.pop(order["of"], None)
    if task:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    say(order, done=True)


async def close(order):
    client, session = sessions.pop(order["client"])
    if session is not None:
        await client.close_async()
    say(order, done=True)


ORDERS = {"open": open_client, "query": query, "subscribe": subscribe, "leave": leave, "close": close}


async def carry_out(order):
    try:
        await ORDERS[order["do"]](order)
    except Exception as error:  # whatever it is, the test is to see it
        say(order, errors=texts(error))


async def main():
    reader = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        running[order["id"]] = asyncio.create_task(carry_out(order))


asyncio.run(main())
