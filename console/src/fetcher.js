// How a run of an operation reaches the router: queries and mutations by HTTP POST, subscriptions by
// graphql-transport-ws. What stands in the Headers pane goes into the HTTP headers and into connection_init,
// since a browser cannot set headers on a WebSocket.

import { getOperationAST, parse } from "graphql";
import { createClient } from "graphql-ws";

const RETRIES = 5;

function isSubscription({ query, operationName }) {
  try {
    return getOperationAST(parse(query), operationName)?.operation === "subscription";
  } catch {
    return false; // the router's own message about the syntax is better than ours
  }
}

async function post(url, request, headers) {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/graphql-response+json, application/json;q=0.9",
      ...headers,
    },
    body: JSON.stringify(request),
  });
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return { errors: [{ message: `HTTP ${response.status}: the answer is not JSON`, extensions: { body: text.slice(0, 500) } }] };
  }
}

function webSocketUrl(path) {
  const url = new URL(path, window.location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

function describe(error) {
  if (Array.isArray(error)) return error.map((one) => one.message).join("; ");
  if (error && typeof error.code === "number") return `${error.code} ${error.reason}`.trim();
  return error?.message ?? "the connection failed";
}

function subscribe(path, request, headers, report) {
  const client = createClient({
    url: webSocketUrl(path),
    connectionParams: headers,
    retryAttempts: RETRIES,
    on: {
      connecting: (isRetry) => isRetry && report.retrying(),
      connected: () => report.connected(),
    },
  });
  const events = client.iterate(request);
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      try {
        const step = await events.next();
        if (step.done) report.ended();
        else report.event();
        return step;
      } catch (error) {
        const message = describe(error);
        if (Array.isArray(error)) report.refused(message);
        else report.lost(message);
        throw Array.isArray(error) ? error : { message }; // an Error would show its stack to the user
      }
    },
    return() {
      report.ended();
      return events.return();
    },
  };
}

export function createFetcher(endpoint, beginStatus) {
  return (request, options) => {
    const headers = options?.headers ?? {};
    if (isSubscription(request)) return subscribe(endpoint, request, headers, beginStatus());
    return post(endpoint, request, headers);
  };
}
